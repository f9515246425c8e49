"""The agent of the command."""

from __future__ import annotations

from collections.abc import Iterable

from axio.agent import Agent
from axio.tool import AnyTool
from axio.transport import CompletionTransport
from axio_tui.prompt import LAST_ITERATION_MESSAGE

__all__ = ("make_agent",)


def make_agent(
    transport: CompletionTransport,
    tools: Iterable[AnyTool],
    *,
    system: str,
    max_iterations: int,
) -> Agent:
    """An agent that is told when its last turn has come. Its tools have only their own guards."""
    return Agent(
        system=system,
        transport=transport,
        tools=list(tools),
        max_iterations=max_iterations,
        last_iteration_message=LAST_ITERATION_MESSAGE,
    )
