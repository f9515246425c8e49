"""The agent of the command: who is asked before one of its tools changes something."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeAlias

from axio.agent import Agent
from axio.exceptions import GuardError
from axio.permission import ConcurrentGuard
from axio.tool import AnyTool
from axio.transport import CompletionTransport
from axio_tui.prompt import LAST_ITERATION_MESSAGE

__all__ = ("Ask", "AskBeforeChange", "make_agent")

Ask: TypeAlias = Callable[[str, dict[str, Any]], Awaitable[str | None]]
"""Asked with a tool's name and the arguments of a call; None allows it, a text refuses it and says
why."""


class AskBeforeChange(ConcurrentGuard):
    """Asks a person before each call, one question at a time."""

    def __init__(self, ask: Ask) -> None:
        super().__init__()
        self._ask = ask

    # Positional only: an argument of the tool may itself be called `tool`.
    async def check(  # type: ignore[override]
        self, tool: AnyTool, /, **kwargs: Any
    ) -> dict[str, Any]:
        refusal = await self._ask(tool.name, kwargs)
        if refusal is not None:
            raise GuardError(refusal)
        return kwargs


def make_agent(
    transport: CompletionTransport,
    tools: Iterable[AnyTool],
    *,
    system: str,
    max_iterations: int,
    ask: Ask | None = None,
) -> Agent:
    """With `ask`, every tool that is not `read_only` asks first; without, none does."""
    if ask is not None:
        guard = AskBeforeChange(ask)
        tools = [tool if tool.read_only else _guarded(tool, guard) for tool in tools]
    return Agent(
        system=system,
        transport=transport,
        tools=list(tools),
        max_iterations=max_iterations,
        last_iteration_message=LAST_ITERATION_MESSAGE,
    )


def _guarded(tool: AnyTool, guard: AskBeforeChange) -> AnyTool:
    # Last, so that the person sees what the tool's own guards made of the arguments.
    return dataclasses.replace(tool, guards=(*tool.guards, guard))
