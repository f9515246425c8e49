"""The run that is going on, as tools, guards, stores and wrappers see it."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from axio.blocks import ToolResultBlock
from axio.events import StreamEvent, ToolOutputDelta
from axio.messages import Prompt
from axio.types import JSONObject, ToolCallID, ToolName

if TYPE_CHECKING:
    from asyncio import Task

    from axio.agent import Agent
    from axio.context import ContextStore
    from axio.run.budget import Budget
    from axio.run.call import Call
    from axio.run.dispatch import ToolDispatch

__all__ = ("RUN", "Run")


class Run:
    """One run of `agent` on `store`, seen from inside it.

    `parent` is the run around it, `budget` the one that it shares with every run inside it.
    """

    __slots__ = ("_dispatch", "agent", "budget", "parent", "store")

    current: Call | None = None
    """The call that is being handled; None outside of one."""

    def __init__(
        self,
        store: ContextStore,
        agent: Agent,
        budget: Budget | None = None,
        parent: Run | None = None,
    ) -> None:
        self.store = store
        self.agent = agent
        self.budget = budget
        self.parent = parent
        self._dispatch: ToolDispatch | None = None

    can_be_resumed = False
    """True if a call may be put off until a person has decided."""

    @property
    def call_id(self) -> ToolCallID | None:
        """The id of the call that is being handled."""
        return None if self.current is None else self.current.id

    @property
    def tool_name(self) -> ToolName | None:
        """The name of the tool whose call is being handled."""
        return None if self.current is None else self.current.name

    @property
    def whole(self) -> Run:
        """This run outside of any call."""
        return self

    def _refusal(self, count: int) -> str | None:
        """The reason why `count` more calls may not run."""
        return None

    def inside(self, call: Call) -> Run:
        """This run as the tool of `call` sees it."""
        return _InCall(self, call)

    def emit(self, event: StreamEvent) -> None:
        """Show `event` to the consumer of the run at once. Any thread may call it."""
        if self._dispatch is not None:
            self._dispatch.emit(event)

    def progress(self, text: str, key: str = "progress") -> None:
        """Show `text` as live output of the tool call that is being handled."""
        if self.current is None:
            raise RuntimeError("progress can only be shown from inside a tool call")
        self.emit(ToolOutputDelta(self.current.id, self.current.name, key, text))

    async def call(self, name: ToolName, arguments: JSONObject) -> ToolResultBlock:
        """Run another tool of this run from inside a tool call, and return its result.

        The tool's guards are asked, budgets count the call, the consumer sees its events, and a
        cancel of the call around it cancels it. Its id begins with that of the call around it and a
        slash, and tells name and arguments. It is not part of the history. A failed call is a
        result with `is_error`.

        One that has to wait for a person, or for its result, does not return. Once the handler's
        other calls have ended, the handler is cancelled, the call around waits too, and
        `agent.resume` runs it again from its start when all are decided and answered: calls that
        change something and were made before have the result that they had then. Effects that must
        not come twice therefore belong into calls. Where a call cannot wait, outside of a run or
        after the handler has ended, it is a failed one.
        """
        if self.current is None or self._dispatch is None:
            raise RuntimeError("a tool can only be called from inside a tool call of a run")
        return await self._dispatch.call_inside(self, name, arguments)

    def stop(self, reason: str = "") -> None:
        """End the run, successfully, once the results of this turn are stored."""

    def steer(self, prompt: Prompt) -> bool:
        """Put a user message in before the next model call; False if the run has ended."""
        return False

    def adopt(self, task: Task[Any]) -> None:
        """Cancel `task` when this run is cancelled or left. Its maker still has to await it."""

    def budgets(self) -> tuple[Budget, ...]:
        """The budget of this run and those of the runs around it."""
        found: list[Budget] = []
        run: Run | None = self
        while run is not None:
            if run.budget is not None and run.budget not in found:
                found.append(run.budget)
            run = run.parent
        return tuple(found)


class _InCall(Run):
    """A run, seen from inside one of its calls."""

    __slots__ = ("_whole", "current")

    def __init__(self, whole: Run, call: Call) -> None:
        self._whole = whole
        self.current = call

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)  # Of its own it has the call alone.

    @property
    def whole(self) -> Run:
        return self._whole

    def stop(self, reason: str = "") -> None:
        self._whole.stop(reason)

    def steer(self, prompt: Prompt) -> bool:
        return self._whole.steer(prompt)

    def adopt(self, task: Task[Any]) -> None:
        self._whole.adopt(task)


RUN: ContextVar[Run] = ContextVar("axio.RUN")
"""The current `Run`. Set while tools and guards work, when a transport's stream starts and while
the store is used between two turns; `RUN.get(None)` is None outside of any run."""
