"""The run that is going on: what tools, guards and wrappers may know of it, and tell it."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from axio.events import StreamEvent, ToolOutputDelta
from axio.types import ToolCallID, ToolName

if TYPE_CHECKING:
    from axio.agent import Agent
    from axio.budget import Budget
    from axio.context import ContextStore

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

    def stop(self) -> None:
        """End the run, successfully, once the results of this turn are stored."""
        (self.whole or self).stopped = True

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
the store counts tokens; `RUN.get(None)` is None outside of any run."""
