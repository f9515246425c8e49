"""The run that is going on: what tools, guards and wrappers may know of it, and tell it."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from axio.events import StreamEvent, ToolOutputDelta
from axio.messages import Prompt, as_message
from axio.types import ToolCallID, ToolName

if TYPE_CHECKING:
    from asyncio import Task

    from axio.agent import Agent
    from axio.budget import Budget
    from axio.context import ContextStore
    from axio.stream import Control

__all__ = ("RUN", "Run")


@dataclass(slots=True, eq=False)
class Run:
    """One run of an agent, as seen from inside it.

    `call_id` and `tool_name` are those of the call that is being handled; None outside of one.
    """

    store: ContextStore
    agent: Agent
    emit: Callable[[StreamEvent], None]
    """Show an event to the consumer of the run at once. Callable from the run's event loop."""
    budget: Budget | None = None
    call_id: ToolCallID | None = None
    tool_name: ToolName | None = None
    parent: Run | None = None
    stopped: bool = False
    whole: Run | None = None
    """Inside a tool call: the same run as it is outside of one."""
    control: Control | None = field(default=None, repr=False)
    children: set[Task[Any]] | None = field(default=None, repr=False)
    stop_reason: str = ""
    approved: bool = False
    """Whether a person has approved the tool call that is being handled."""

    def inside(
        self,
        call_id: ToolCallID,
        tool_name: ToolName,
        emit: Callable[[StreamEvent], None],
        approved: bool = False,
    ) -> Run:
        """This run as a tool call sees it."""
        # fmt: off
        return Run(
            self.store, self.agent, emit, self.budget, call_id, tool_name, self.parent,
            False, self, None, None, "", approved,
        )
        # fmt: on

    def stop(self, reason: str = "") -> None:
        """End the run, successfully, once the results of this turn are stored."""
        run = self.whole or self
        run.stopped, run.stop_reason = True, reason

    def steer(self, prompt: Prompt) -> bool:
        """Put a user message in before the next model call; False if the run has ended."""
        control = (self.whole or self).control
        if control is None or control.ended:
            return False
        control.steering += (as_message(prompt),)
        return True

    def adopt(self, task: Task[Any]) -> None:
        """Cancel `task` when this run is cancelled or left. Who made it still has to await it."""
        run = self.whole or self
        if run.children is None:
            run.children = set()
        run.children.add(task)
        task.add_done_callback(run.children.discard)

    def budgets(self) -> tuple[Budget, ...]:
        """This run's budget and those of the runs around it."""
        found: list[Budget] = []
        run: Run | None = self
        while run is not None:
            if run.budget is not None and run.budget not in found:
                found.append(run.budget)
            run = run.parent
        return tuple(found)

    def progress(self, text: str, key: str = "progress") -> None:
        """Show `text` as live output of the tool call that is being handled."""
        if self.call_id is None or self.tool_name is None:
            raise RuntimeError("progress can only be shown from inside a tool call")
        self.emit(ToolOutputDelta(self.call_id, self.tool_name, key, text))


RUN: ContextVar[Run] = ContextVar("axio.RUN")
"""The current `Run`. Set while tools and guards work, when a transport's stream starts and while
the store is used between two turns; `RUN.get(None)` is None outside of any run."""
