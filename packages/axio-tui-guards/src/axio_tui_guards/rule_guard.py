"""`RuleGuard`: rules decide, the person where they do not, and decisions are kept."""

from __future__ import annotations

import json
import os
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any

from axio.exceptions import GuardError
from axio.permission import ConcurrentGuard
from axio.run import RUN, Run
from axio.tool import AnyTool
from axio_tui_guards.asking import PromptFn, ask_user, put, says_no, says_yes
from axio_tui_guards.audit import AuditLog
from axio_tui_guards.calls import Call, read_call
from axio_tui_guards.decisions import Decisions, Lifetime
from axio_tui_guards.judging import Judgement, judge
from axio_tui_guards.paths import resolve
from axio_tui_guards.redaction import without_secrets
from axio_tui_guards.rules import Rule
from axio_tui_guards.showing import beside, visible, whole

__all__ = ("RuleGuard",)

_MAX_RUNS = 100


class RuleGuard(ConcurrentGuard):
    """Allows, asks about or refuses calls by `rules` and by what the person decided before.

    Asked, the person answers "y" (this call once), "run", "session" or "project" (this very call
    from now on, for so long), "deny" (never again in this project), "n" or nothing, or any other
    text, which refuses and is the reason. A sub-agent belongs to the run and session that it was
    started from. `decisions` lists what is remembered and takes it back.

    Arguments called `command` or `cmd` are read as shell text; those called `code` or `script` may
    do anything. A rule that names a program trusts it with all that the program can do.
    """

    def __init__(
        self,
        rules: Iterable[Rule] = (),
        *,
        decisions: Decisions | None = None,
        project: str | os.PathLike[str] = ".",
        audit: AuditLog | None = None,
        prompt_fn: PromptFn | None = None,
    ) -> None:
        super().__init__()
        self.rules: Sequence[Rule] = tuple(rules)
        self.decisions = decisions if decisions is not None else Decisions()
        self._project = resolve(project)
        self._audit = audit
        self._prompt_fn = prompt_fn or ask_user
        # Runs have no names; the oldest may be forgotten, then the person is asked again.
        self._runs: OrderedDict[int, tuple[Run, str]] = OrderedDict()
        self._counted = 0

    async def check(  # type: ignore[override]
        self, tool: AnyTool, /, **kwargs: Any
    ) -> dict[str, Any]:
        call = read_call(tool, kwargs)
        judgement = self._judge(call)
        asked = judgement.effect == "ask"
        if asked:
            judgement = await self._ask(tool, call, judgement)
        if self._audit is not None:
            try:
                self._audit.record(call.tool, kwargs, judgement.effect, judgement.reason, asked)
            except OSError as error:
                raise GuardError(f"denied: the audit log cannot be written: {error}") from error
        if judgement.effect != "allow":
            raise GuardError(f"denied: {judgement.reason}")
        return kwargs

    def _judge(self, call: Call) -> Judgement:
        return judge(call, self.rules, self.decisions.rules(self._scopes()))

    def _scopes(self) -> dict[Lifetime, str]:
        """Where this call belongs; outside of a run only to the project."""
        scopes: dict[Lifetime, str] = {"project": self._project}
        run = RUN.get(None)
        if run is None:
            return scopes
        while run.parent is not None:
            run = run.parent
        run = run.whole
        scopes["session"] = run.store.session_id
        if id(run) not in self._runs:  # held, so that its id stays its own
            self._counted += 1
            self._runs[id(run)] = run, f"run {self._counted} of {id(self):x}"
            if len(self._runs) > _MAX_RUNS:
                self._runs.popitem(last=False)
        scopes["run"] = self._runs[id(run)][1]
        return scopes

    async def _ask(self, tool: AnyTool, call: Call, why: Judgement) -> Judgement:
        """The person's judgement, remembered if they want it."""
        scopes = self._scopes()
        try:
            answer = await put(self._prompt_fn, _question(call, why, scopes))
        except GuardError as error:
            return Judgement("deny", str(error).removeprefix("denied: "))
        if read_call(tool, call.arguments).fingerprint != call.fingerprint:
            return Judgement("deny", "a path led somewhere else while the person was asked")
        if says_yes(answer):
            return Judgement("allow", "the person allowed it once")
        if says_no(answer):
            return Judgement("deny", f"the person refused this call: {why.reason}")
        for lifetime, scope in scopes.items():
            if answer.lower() == lifetime:
                if not call.fingerprint:
                    return Judgement("deny", "the call holds too much to be known again")
                self._remember("allow", call, lifetime, scope)
                return Judgement("allow", f"the person allowed it for this {lifetime}")
        if answer.lower() == "deny":
            if call.fingerprint:
                self._remember("deny", call, "project", self._project)
            return Judgement("deny", "the person refused this call for good")
        return Judgement("deny", answer)

    def _remember(self, effect: Any, call: Call, lifetime: Lifetime, scope: str) -> None:
        rule = Rule(effect, call=call.fingerprint)
        note = f"{call.tool} {json.dumps(without_secrets(call.arguments))}"
        self.decisions.remember(rule, lifetime, scope, note)


def _question(call: Call, why: Judgement, scopes: Iterable[str]) -> str:
    name = visible(repr(call.tool))
    choices = " / ".join(["y", *reversed(list(scopes)), "n", "deny", "why not"])
    return (
        f"{name} wants to run with\n{whole(call.arguments)}\n{visible(why.reason)}\n"
        f"{' '.join(['Allow', name, *beside(call.subjects)])}? [{choices}]"
    )
