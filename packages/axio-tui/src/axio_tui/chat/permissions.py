"""`Permissions`: one policy for every front end on what a tool may do, and whom to ask.

Rules decide first (`axio_tui_guards.default_policy`), then what a person has decided before, then
the person. What a call would change in files is shown with the question, and only that is done.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from axio.agent import Agent
from axio.context import MemoryContextStore
from axio.events import ToolOutputDelta
from axio.exceptions import GuardError, message_of
from axio.permission import PermissionGuard
from axio.run import RUN, Run
from axio.tool import AnyTool
from axio_tui.chat.entries import DECISION
from axio_tui_guards import Decision, Decisions, LLMGuard, Rule, RuleGuard, default_policy
from axio_tui_guards.asking import Reply, choice_of
from axio_tui_guards.paths import resolve
from axio_tui_guards.protected import belongs_to
from axio_tui_guards.question import Question, question_in_words

if TYPE_CHECKING:
    from axio_tools_local.changes import Change

__all__ = ("Ask", "Asked", "Mode", "Permissions")

Mode: TypeAlias = Literal["ask", "plan", "accept-edits", "auto"]
"""Plan: only tools that change nothing run. Accept-edits: files in the folder may be changed
unasked. Auto: a second model is asked before the person."""

_ROOM = 60_000  # characters of a call that are shown: a terminal scrolls

_SAID = {
    "once": "allowed once",
    "run": "allowed for this run",
    "session": "allowed for this session",
    "project": "allowed in this project",
    "no": "refused",
    "never": "refused for good",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and what the call would change. `problem` says why that cannot be told: then the
    call is not able to change a file either."""

    question: Question
    changes: Sequence[Change] = ()
    problem: str = ""
    agent: str = ""
    """The name of the sub-agent that wants to make the call; empty for the agent itself."""
    task: str = ""
    """The task of the sub-agent."""


Ask: TypeAlias = Callable[[Asked], Awaitable[str]]
"""Puts a question to the person. The answer is one of `question.choices`, or a `Reply` that begins
so; any other text refuses, and is the reason that the model is told."""


class Permissions:
    """Guards tools with the policy for the folder `root`.

    `mode` may be changed at any time, and holds from the next call on. `decisions` lists what is
    remembered, and takes it back. `yes` allows what no rule denies, but neither secrets nor
    protected places. `rules` stand behind those of the policy. `reviewer` is the agent that is
    asked in the mode "auto".
    """

    def __init__(
        self,
        ask: Ask,
        *,
        root: str | os.PathLike[str] = ".",
        mode: Mode = "ask",
        yes: bool = False,
        decisions: Decisions | None = None,
        guards: Iterable[PermissionGuard] = (),
        rules: Iterable[Rule] = (),
        reviewer: Agent | None = None,
    ) -> None:
        self._person = ask
        self._root = root
        self._yes = yes
        self._guards = tuple(guards)
        self._more = tuple(rules)
        self.reviewer = reviewer
        self._rules = RuleGuard(decisions=decisions, project=root, prompt_fn=self._ask, room=_ROOM)
        self.waiting = 0
        """Calls that the rules or the person have not decided about yet. One is asked at a time."""
        self.mode = mode

    @property
    def mode(self) -> Mode:
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        if mode not in get_args(Mode):
            raise ValueError(f"there is no mode {mode!r}, only {', '.join(get_args(Mode))}")
        self._mode = mode
        edits = mode == "accept-edits"
        policy = default_policy(self._root, accept_edits=edits, yes=self._yes)
        self._rules.rules = (*policy, *self._more)

    @property
    def rules(self) -> Sequence[Rule]:
        """The rules behind those of the policy."""
        return self._more

    @rules.setter
    def rules(self, rules: Iterable[Rule]) -> None:
        self._more = tuple(rules)
        self.mode = self._mode

    @property
    def decisions(self) -> Decisions:
        return self._rules.decisions

    def decided_in(self, session_id: str) -> tuple[Decision, ...]:
        """The decisions that hold in this session and its project."""
        return self.decisions.within({"project": resolve(self._root), "session": session_id})

    def carry_over(self, session_id: str, to: str) -> None:
        """Let what was decided for a session hold in the one that goes on with it."""
        for one in self.decisions.within({"session": session_id}):
            until = None if one.until is None else datetime.fromisoformat(one.until)
            self.decisions.remember(one.rule, "session", to, one.note, until=until, uses=one.uses)

    def guarded(self, tools: Iterable[AnyTool]) -> list[AnyTool]:
        """The tools, each with its own guards first, so that a person sees what those have made of
        the arguments."""
        guards = (_Planning(self), *self._guards, _Waiting(self))
        return [replace(tool, guards=(*tool.guards, *guards)) for tool in tools]

    def add(self, guards: Iterable[PermissionGuard]) -> None:
        """Let these be asked too, by tools that are guarded from now on."""
        self._guards += tuple(guards)

    # ── questions ─────────────────────────────────────────────────────────────────────────────

    async def _ask(self, text: str) -> str:
        assert isinstance(text, Question)
        asked = await _with_changes(text)
        return await (self._review(asked) if self._is_for_reviewer(text) else self._put(asked))

    async def put_words(self, words: str) -> str:
        """Put the question of a guard that asks in words about the call it looks at. The answer is
        "y", "n", "deny" or the reason to refuse, and "always" where the guard keeps a yes; outside
        of a call it is "n"."""
        run = RUN.get(None)
        if run is None or run.current is None:
            return "n"
        question = words if isinstance(words, Question) else _in_words(words, run)
        answer = await self._put(Asked(question))
        choice = choice_of(answer)
        if choice is None:
            return answer
        has_conditions = isinstance(answer, Reply) and (answer.uses or answer.until)
        if choice == "session" and question.kept and not has_conditions:  # a guard keeps none
            return "always"
        return {"no": "n", "never": "deny" if "never" in question.choices else "n"}.get(choice, "y")

    async def _put(self, asked: Asked) -> str:
        runs = _runs()
        if len(runs) > 1:
            outer = runs[-2].current
            assert outer is not None
            asked = replace(asked, agent=outer.name, task=str(outer.input.get("task", "")))
        answer = await self._person(asked)
        if runs and (call := runs[-1].current) is not None:
            words = _SAID.get(choice_of(answer) or "", f"refused: {answer}")
            runs[-1].emit(ToolOutputDelta(call.id, call.name, DECISION, words))
        return answer

    def _is_for_reviewer(self, question: Question) -> bool:
        """Secrets and protected places are for the person alone."""
        special = any(
            belongs_to("secrets", place) or belongs_to("protected", place)
            for place in question.call.places
        )
        return self._mode == "auto" and self.reviewer is not None and not special

    async def _review(self, asked: Asked) -> str:
        """The answer of the second model, or of the person where it is not sure."""
        assert self.reviewer is not None
        answers: list[str] = []

        async def person(text: str) -> str:
            answers.append(await self._put(asked))
            allowed = choice_of(answers[0]) not in (None, "no", "never")
            return "y" if allowed else "n"

        guard = LLMGuard(self.reviewer, MemoryContextStore(), person)
        try:
            await guard.check(asked.question.tool, **asked.question.call.arguments)
        except GuardError as error:
            return answers[0] if answers else f"the reviewing model refused: {message_of(error)}"
        return answers[0] if answers else "once"


def _in_words(words: str, run: Run) -> Question:
    assert run.current is not None
    name, arguments = run.current.name, run.current.input or {}
    tool = next(tool for tool in run.agent.tools if tool.name == name)
    return question_in_words(words, tool, arguments)


def _runs() -> list[Run]:
    """The runs that are inside each other here, the outermost first, each in a call."""
    runs: list[Run] = []
    run = RUN.get(None)
    while run is not None:
        if run.current is not None:
            runs.append(run)
        run = run.parent
    return runs[::-1]


async def _with_changes(question: Question) -> Asked:
    """The question with what the call would change; from here on it can change nothing else."""
    from axio_tools_local.preview import can_preview, expect, preview  # Only where it is asked.

    if not can_preview(question.tool):
        return Asked(question)
    try:
        changes = await preview(question.tool, question.call.arguments)
    except (ValueError, OSError) as error:
        expect(())
        return Asked(question, problem=message_of(error))
    expect(changes)
    return Asked(question, changes)


class _Planning(PermissionGuard):
    """Refuses everything that changes something while the mode is "plan"."""

    def __init__(self, permissions: Permissions) -> None:
        self._permissions = permissions

    async def check(  # type: ignore[override]
        self, tool: AnyTool, /, **kwargs: Any
    ) -> dict[str, Any]:
        if self._permissions.mode == "plan" and not tool.read_only:
            raise GuardError(
                f"denied: only a plan is wanted now, and {tool.name} may change something. Say "
                "what you would do"
            )
        return kwargs


class _Waiting(PermissionGuard):
    """The rules, with the calls counted that wait for them."""

    def __init__(self, permissions: Permissions) -> None:
        self._permissions = permissions

    async def check(  # type: ignore[override]
        self, tool: AnyTool, /, **kwargs: Any
    ) -> dict[str, Any]:
        self._permissions.waiting += 1
        try:
            return await self._permissions._rules(tool, **kwargs)
        finally:
            self._permissions.waiting -= 1
