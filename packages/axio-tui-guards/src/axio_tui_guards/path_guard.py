"""`PathGuard`: paths inside the allowed directories pass, the person is asked about others."""

from __future__ import annotations

from typing import Any, ClassVar

from axio.exceptions import GuardError
from axio.permission import ConcurrentGuard
from axio.tool import AnyTool
from axio_tui_guards.arguments import Claim, claims
from axio_tui_guards.asking import PromptFn, ask_user, put, says_no, says_yes
from axio_tui_guards.paths import Identities, PathSet, Unresolvable, leads_anywhere
from axio_tui_guards.showing import visible
from axio_tui_guards.values import Unreadable

__all__ = ("PathGuard",)


class PathGuard(ConcurrentGuard):
    """Looks at every path argument of a call, wherever it really leads.

    `allowed` holds directories, `denied` paths; both are resolved as they are put in, and both
    change with the person's answers: "y" allows the directories of the paths in question, "deny"
    refuses these paths for good, "n" or nothing refuses once, any other text refuses and is the
    reason. A denied path is refused even inside an allowed directory, and a directory that holds
    one is asked about each time.

    It sees arguments, not what a command or a program does (`RuleGuard` reads commands, a sandbox
    holds them). A path is looked at again after the person's answer; a link that is changed between
    the check and the tool's own access is beyond any guard, and takes a sandbox too.
    """

    PATH_FIELDS: ClassVar[tuple[str, ...]] = ("file_path", "filename", "directory", "path", "cwd")
    """Arguments that are paths. Others are found by the last word of their names, such as
    `output_dir` or `sourceFile`, by their type, and by their look."""

    def __init__(self, prompt_fn: PromptFn | None = None) -> None:
        super().__init__()
        self.allowed: PathSet = PathSet()
        self.denied: PathSet = PathSet()
        self._prompt_fn = prompt_fn or ask_user

    async def check(  # type: ignore[override]
        self, tool: AnyTool, /, **kwargs: Any
    ) -> dict[str, Any]:
        found = self._claims(tool, kwargs)
        unknown = self._unknown(found)
        if unknown:
            await self._ask(tool, unknown)
            if self._claims(tool, kwargs) != found:
                raise GuardError("denied: a path led somewhere else while the person was asked")
            self.allowed.update(
                claim.directory_of(place) for claim in unknown for place in claim.places
            )
        return kwargs

    def _claims(self, tool: AnyTool, kwargs: dict[str, Any]) -> list[Claim]:
        try:
            found = claims(tool, kwargs, self.PATH_FIELDS)
        except (Unreadable, Unresolvable) as error:
            raise GuardError(f"denied: {error}") from error
        same = Identities()
        for claim in found:
            if any(self.denied.covers_by_identity(place, same) for place in claim.places):
                raise GuardError(f"denied: {claim.field} {claim.path!r} was refused for good")
        return found

    def _unknown(self, found: list[Claim]) -> list[Claim]:
        """Those that are not allowed, or through which one that is denied may be reached."""
        around = self.denied.parents()
        return [
            claim
            for claim in found
            if not all(
                self.allowed.covers(place) and place not in around and not leads_anywhere(place)
                for place in claim.places
            )
        ]

    async def _ask(self, tool: AnyTool, unknown: list[Claim]) -> None:
        answer = await put(self._prompt_fn, _question(tool, unknown))
        if says_yes(answer):
            return
        if answer.lower() == "deny":
            self.denied.update(place for claim in unknown for place in claim.places)
            raise GuardError("denied: the person refused this path for good")
        reason = "the person refused this path" if says_no(answer) else answer
        raise GuardError(f"denied: {reason}")


def _question(tool: AnyTool, unknown: list[Claim]) -> str:
    lines = [visible(f"{tool.name!r} wants to use:")]
    for claim in unknown:
        lines.append(visible(f"  {claim.field} = {claim.path!r}"))
        lines += [
            visible(f"    {place!r} in directory {claim.directory_of(place)!r}")
            for place in sorted(claim.places)
        ]
    lines.append("Allow all of it in these directories? [y / n / deny / why not]")
    return "\n".join(lines)
