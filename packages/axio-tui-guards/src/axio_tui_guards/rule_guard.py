"""`RuleGuard`: rules decide, the person where they do not, and decisions are kept."""

from __future__ import annotations

import json
import os
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any, Literal
from uuid import uuid4

from axio.exceptions import GuardError
from axio.permission import ConcurrentGuard
from axio.run import RUN, Run
from axio.tool import AnyTool
from axio_tui_guards.asking import PromptFn, Reply, ask_user, choice_of, put
from axio_tui_guards.audit import AuditLog
from axio_tui_guards.calls import Call, read_call
from axio_tui_guards.decisions import Decision, Decisions, Lifetime
from axio_tui_guards.judging import Judgement, judge
from axio_tui_guards.paths import resolve
from axio_tui_guards.question import Question, question_about
from axio_tui_guards.redaction import without_secrets
from axio_tui_guards.rules import Effect, Rule
from axio_tui_guards.showing import MAX_SHOWN

__all__ = ("RuleGuard",)

_MAX_RUNS = 100
_AROUND = 1000  # characters of a question besides the arguments


class RuleGuard(ConcurrentGuard):
    """Allows, asks about or refuses calls by `rules` and by what the person decided before.

    Asked, the person answers "y" (this call once), "run", "session" or "project" (such calls from
    now on, for so long), "never" (never again in this project), "n" or nothing, or any other text,
    which refuses and is the reason. `prompt_fn` gets a `Question`, which says what each answer
    remembers, and may return a `Reply`. A sub-agent belongs to the run and session that it was
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
        room: int = MAX_SHOWN,
    ) -> None:
        """`room` is how many characters of arguments a host shows to the person. Calls that have
        more are refused instead of being asked about."""
        super().__init__()
        self.rules: Sequence[Rule] = tuple(rules)
        self.decisions = decisions if decisions is not None else Decisions()
        self._project = resolve(project)
        self._audit = audit
        self._prompt_fn = prompt_fn or ask_user
        self._room = room
        self._above: RuleGuard | None = None
        # Runs have no names; the oldest may be forgotten, then the person is asked again.
        self._runs: OrderedDict[int, tuple[Run, str]] = OrderedDict()

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

    def narrowed(self, rules: Iterable[Rule]) -> RuleGuard:
        """A guard for a sub-agent: it allows what these rules and this guard both allow.

        What either denies is denied, what either asks about is asked about, once. Person, decisions
        and audit log are shared, and the rules of this guard count as they are at each call.
        """
        guard = RuleGuard(
            rules,
            decisions=self.decisions,
            project=self._project,
            audit=self._audit,
            prompt_fn=self._prompt_fn,
            room=self._room,
        )
        guard._above, guard._semaphore = self, self._semaphore
        return guard

    def _judge(self, call: Call) -> Judgement:
        """The verdict, with each call counted against the decisions that it needs."""
        while True:
            decisions = self.decisions.within(self._scopes())
            verdict = self._verdict(call, [one.rule for one in decisions])
            counted = [one for one in decisions if one.uses is not None]
            if verdict.effect != "allow" or not counted:
                return verdict
            free = [one.rule for one in decisions if one.uses is None]
            if self._verdict(call, free).effect == "allow":
                return verdict
            # All that speak of it: which of them was needed cannot be told.
            speaking = [one for one in counted if _speaks(one, call)] or counted
            if all(self.decisions.use(one.id) for one in speaking):
                return verdict

    def _verdict(self, call: Call, remembered: Sequence[Rule]) -> Judgement:
        verdict = judge(call, self.rules, remembered)
        if self._above is None:
            return verdict
        return min(verdict, self._above._verdict(call, remembered), key=_leniency)

    def _scopes(self) -> dict[Lifetime, str]:
        """Where this call belongs; outside of a run only to the project."""
        if self._above is not None:
            return self._above._scopes()
        scopes: dict[Lifetime, str] = {"project": self._project}
        run = RUN.get(None)
        if run is None:
            return scopes
        while run.parent is not None:
            run = run.parent
        run = run.whole
        scopes["session"] = run.store.session_id
        if id(run) not in self._runs:  # held, so that its id stays its own
            self._runs[id(run)] = run, uuid4().hex
            if len(self._runs) > _MAX_RUNS:
                self._runs.popitem(last=False)
        scopes["run"] = self._runs[id(run)][1]
        return scopes

    async def _ask(self, tool: AnyTool, call: Call, why: Judgement) -> Judgement:
        """The person's judgement, remembered if they want it."""
        scopes = self._scopes()

        def grants(rule: Rule) -> bool:
            return self._verdict(call, [rule]).effect == "allow"

        lifetimes = list(reversed(scopes))
        try:
            question = question_about(tool, call, why.reason, lifetimes, grants, self._room)
            answer = await put(self._prompt_fn, question, self._room + _AROUND)
        except GuardError as error:
            return Judgement("deny", str(error).removeprefix("denied: "))
        if read_call(tool, call.arguments).fingerprint != call.fingerprint:
            return Judgement("deny", "a path led somewhere else while the person was asked")
        try:
            return self._answered(question, answer)
        except (ValueError, OSError) as error:
            return Judgement("deny", f"the answer cannot be remembered: {error}")

    def _answered(self, question: Question, answer: str) -> Judgement:
        choice = choice_of(answer)
        if choice == "once":
            return Judgement("allow", "the person allowed it once")
        if choice == "no":
            return Judgement("deny", f"the person refused this call: {question.reason}")
        if choice is None or choice not in question.choices:
            return Judgement("deny", answer)
        self._remember(question, choice, answer if isinstance(answer, Reply) else Reply(answer))
        if choice == "never":
            return Judgement("deny", "the person refused this call for good")
        return Judgement("allow", f"the person allowed it for this {choice}")

    def _remember(self, question: Question, choice: Lifetime | Literal["never"], by: Reply) -> None:
        rule = by.rule or question.rule_for(choice)
        if rule is None:
            raise ValueError("the call holds too much to be known again")
        effect: Effect = "deny" if choice == "never" else "allow"
        if rule.effect != effect:
            raise ValueError(f"{choice!r} takes a rule to {effect}, got one to {rule.effect}")
        lifetime: Lifetime = "project" if choice == "never" else choice
        call = question.call
        note = f"{call.tool} {json.dumps(without_secrets(call.arguments))}"
        self.decisions.remember(
            rule, lifetime, self._scopes()[lifetime], note, until=by.until, uses=by.uses
        )


def _leniency(judgement: Judgement) -> int:
    return ("deny", "ask", "allow").index(judgement.effect)


def _speaks(decision: Decision, call: Call) -> bool:
    return any(decision.rule.covers(call, part) for part in call.parts)
