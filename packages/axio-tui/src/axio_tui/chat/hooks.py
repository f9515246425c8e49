"""Hooks: programs of a person, or of a trusted folder, that are told what happens and may refuse.

    [[hooks]]
    event = "before_tool"
    command = ["~/bin/check-call"]

A hook reads one JSON object on standard input. Its exit code 0 agrees, 2 refuses with what it wrote
to standard error; everything else is a failure, which is shown.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from axio.events import Error, SessionEndEvent, StreamEvent, ToolResult
from axio.exceptions import GuardError
from axio.permission import PermissionGuard
from axio.run import RUN
from axio.tool import AnyTool
from axio.types import JSONObject, StopReason, Usage
from axio_tui.chat.entries import Note
from axio_tui.chat.trust import Brought, content_of
from axio_tui.config.file import HookTable
from axio_tui.harmless import one_line

if TYPE_CHECKING:
    from axio_tui.chat.hooked import HookedSession
    from axio_tui.chat.session import ChatSession

__all__ = ("LIMIT", "Hook", "HookFailed", "HookRefused", "Hooks", "read_hooks")

Event: TypeAlias = Literal["before_tool", "after_tool", "turn_end", "session_start"]

LIMIT = 30.0
"""Seconds after which a hook is killed, with all that it has started."""

_EVENTS: dict[str, Event] = {event: event for event in get_args(Event)}
_REFUSED = 2
_WORDS = 2000  # characters of what a hook says
_HEARD = 64 << 10  # bytes of its standard error


class HookFailed(Exception):
    """A hook did not do its work: the words say which, and why."""


class HookRefused(GuardError):
    """A hook refuses, with its own words."""


@dataclass(frozen=True, slots=True)
class Hook:
    """One program and the event that it is told of. `folder` is the trusted one that it belongs to;
    `files` are what the words of its command name there, as it was when the folder was trusted.

    One with a `problem` fails: it is not known what it was to be.
    """

    event: Event
    command: tuple[str, ...]
    where: str
    folder: Path | None = None
    files: Mapping[str, str | None] = field(default_factory=dict)
    problem: str = ""

    async def run(self, said: JSONObject, limit: float = LIMIT) -> None:
        """Tell the program. `HookRefused`, or `HookFailed`."""
        # Only where there is a hook: the package brings more than this.
        from axio_tools_local.process import Process

        try:
            argv = self._argv()
            told = json.dumps({"event": self.event, **said}, default=str).encode() + b"\n"
            process = Process(
                argv,
                cwd=str(self.folder or Path.cwd()),
                stdin=told,
                timeout=limit,
                environment=dict(os.environ),
            )
            heard = b""
            async with process:
                async for output in process:
                    if output.stream == "stderr":
                        heard = (heard + output.data)[:_HEARD]
        except (OSError, ValueError) as error:
            raise self._failed(str(error)) from error
        words = one_line(heard.decode("utf-8", "replace"), _WORDS)
        if process.timed_out:
            raise self._failed(f"it did not end within {limit:g} s")
        if process.exit_code == _REFUSED:
            raise HookRefused(f"refused by a hook: {words or self._name}")
        if process.exit_code != 0:
            raise self._failed(f"exit code {process.exit_code}{': ' if words else ''}{words}")

    def _argv(self) -> list[str]:
        """The command line, with the program's absolute path: nothing is looked for in the current
        folder, which may be a stranger's."""
        if self.problem:
            raise ValueError(self.problem)
        for name, content in self.files.items():
            if self.folder is None or content_of(self.folder, name) != content:
                raise ValueError(f"{name} has changed since the folder was trusted")
        program, *rest = self.command
        if "/" in program:
            path = os.path.expanduser(program)
            if self.folder is not None:
                path = os.path.join(self.folder, path)
        else:
            places = os.environ.get("PATH", os.defpath).split(os.pathsep)
            path = shutil.which(program, path=os.pathsep.join(filter(os.path.isabs, places))) or ""
        if not os.path.isabs(path) or not os.access(path, os.X_OK):
            raise ValueError(f"there is no program {program!r}")
        return [path, *rest]

    @property
    def _name(self) -> str:
        return f"{self.where} ({self.command[0] if self.command else self.event})"

    def _failed(self, why: str) -> HookFailed:
        return HookFailed(f"the hook {self._name} failed: {why}")


# ── from the configuration ────────────────────────────────────────────────────────────────────


def read_hooks(
    own: Iterable[HookTable], trusted: Iterable[Brought]
) -> tuple[list[Hook], list[str]]:
    """The hooks of the person, then those of trusted folders, and one line for each that is wrong.

    One that may have been there to refuse calls is a hook that fails."""
    hooks: list[Hook] = []
    problems: list[str] = []
    tables: list[tuple[HookTable, Brought | None]] = [(table, None) for table in own]
    for brought in trusted:
        tables += [(t, brought) for t in (brought.config.hooks if brought.config else [])]
    for table, owner in tables:
        try:
            hook = _hook_of(table, owner)
        except ValueError as error:
            problems.append(f"{table.where}: {error}")
            if table.table.get("event") not in ("after_tool", "turn_end", "session_start"):
                problem = f"it is not known what it is for ({error})"
                hooks.append(Hook("before_tool", (), table.where, problem=problem))
        else:
            hooks.append(hook)
            unknown = [key for key in table.table if key not in ("event", "command")]
            problems += [f"{table.where}: there is no {key!r} in a hook" for key in unknown]
    return hooks, problems


def _hook_of(table: HookTable, owner: Brought | None) -> Hook:
    if table.problem:
        raise ValueError(table.problem)
    command = table.table.get("command")
    event: Event | None = _EVENTS.get(str(table.table.get("event")))
    if event is None:
        raise ValueError(f"the event of a hook is one of {', '.join(get_args(Event))}")
    if (
        not isinstance(command, list)
        or not command
        or not all(isinstance(word, str) and "\0" not in word for word in command)
        or not command[0].strip()
    ):
        raise ValueError("the command of a hook is a list of texts, the program first")
    program = command[0]
    if owner is None and "/" in program and not program.startswith(("/", "~/")):
        raise ValueError("the program of a hook of yours has its whole path, or is found in PATH")
    files = {} if owner is None else {word: owner.files.get(word) for word in command if word}
    return Hook(event, tuple(command), table.where, owner.folder if owner else None, files)


# ── around a conversation ─────────────────────────────────────────────────────────────────────


class Hooks:
    """The hooks of a conversation. `say` is told in one line what has failed.

    A hook before a tool that fails refuses the call: what it would have said is not known. After a
    tool the words of a refusal are put before the model; at the start they keep the run from
    beginning; at the end of a turn they are shown.
    """

    def __init__(
        self, hooks: Sequence[Hook], say: Callable[[str], object], limit: float = LIMIT
    ) -> None:
        self._hooks = hooks
        self._say = say
        self._limit = limit
        self._working: asyncio.Future[None] | None = None

    @property
    def guards(self) -> list[PermissionGuard]:
        """The guard that asks the hooks before a tool; none without any."""
        return [_HookGuard(self)] if self._of("before_tool") else []

    def stop(self) -> None:
        """End the hook that the conversation waits for."""
        if self._working is not None:
            self._working.cancel()

    def _of(self, event: Event) -> list[Hook]:
        return [hook for hook in self._hooks if hook.event == event]

    async def before_tool(self, tool: AnyTool, arguments: Mapping[str, Any]) -> None:
        """`GuardError` where a hook refuses, or fails."""
        run = RUN.get(None)
        said = {
            "tool": tool.name,
            "arguments": dict(arguments),
            "call_id": None if run is None else run.call_id,
            "folder": os.getcwd(),
        }
        for hook in self._of("before_tool"):
            try:
                await hook.run(said, self._limit)
            except HookFailed as error:
                self._say(str(error))
                raise GuardError(f"denied: {error}") from error

    async def around(
        self, session: HookedSession, run: AsyncGenerator[StreamEvent, None]
    ) -> AsyncGenerator[StreamEvent, None]:
        """The events of a run of the session, with its hooks before, in it and after it."""
        if not session.is_begun:
            words = await self._told("session_start", session, {})
            if words:
                await session.note(Note("hook", words))
                yield Error(HookRefused(words))
                yield SessionEndEvent(StopReason.error, Usage(0, 0), "hook")
                return
            session.is_begun = True
        end: SessionEndEvent | None = None
        async with aclosing(run) as events:
            async for event in events:
                yield event
                if isinstance(event, ToolResult):
                    await self._after_tool(session, event)
                elif isinstance(event, SessionEndEvent):
                    end = event
        if end is not None:
            said = {"stop_reason": str(end.stop_reason), "reason": end.reason}
            if words := await self._told("turn_end", session, said):
                self._say(words)

    async def _after_tool(self, session: ChatSession, result: ToolResult) -> None:
        said = {
            "tool": result.name,
            "arguments": result.input,
            "call_id": result.tool_use_id,
            "result": result.content,
            "is_error": result.is_error,
        }
        if words := await self._told("after_tool", session, said):
            self._say(words)
            await session.steer(f"After {result.name}: {words}")

    async def _told(self, event: Event, session: ChatSession, said: JSONObject) -> str:
        """The words of all hooks that refuse; "" if none does. Failures are shown."""
        said = {**said, "session_id": session.store.session_id, "folder": os.getcwd()}
        words: list[str] = []
        for hook in self._of(event):
            try:
                await self._until_stopped(hook.run(said, self._limit))
            except HookRefused as error:
                words.append(str(error))
            except HookFailed as error:
                self._say(str(error))
        return "; ".join(words)

    async def _until_stopped(self, work: Coroutine[Any, Any, None]) -> None:
        """Wait for a hook, which `stop` ends without ending more than it."""
        task = self._working = asyncio.ensure_future(work)
        try:
            await asyncio.wait([task])
        finally:
            self._working = None
            if not task.done():
                task.cancel()
                await asyncio.wait([task])
        if not task.cancelled():
            task.result()


class _HookGuard(PermissionGuard):
    """Asks the hooks before a tool."""

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks

    async def check(  # type: ignore[override]
        self, tool: AnyTool, /, **kwargs: Any
    ) -> dict[str, Any]:
        await self._hooks.before_tool(tool, kwargs)
        return kwargs
