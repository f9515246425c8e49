"""The agent of the command."""

from __future__ import annotations

from collections.abc import Iterable

from axio.agent import Agent
from axio.tool import AnyTool
from axio.transport import CompletionTransport
from axio_tui.chat.permissions import Permissions
from axio_tui.prompt import LAST_ITERATION_MESSAGE

__all__ = ("make_agent",)


def make_agent(
    transport: CompletionTransport,
    tools: Iterable[AnyTool],
    *,
    system: str,
    max_iterations: int,
    permissions: Permissions | None = None,
) -> Agent:
    """An agent whose tools are guarded by `permissions`; without, each has its own guards alone."""
    return Agent(
        system=system,
        transport=transport,
        tools=list(tools) if permissions is None else permissions.guarded(tools),
        max_iterations=max_iterations,
        last_iteration_message=LAST_ITERATION_MESSAGE,
    )
