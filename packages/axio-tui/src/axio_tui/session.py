"""One conversation: an agent, its history, and who is asked before something changes.

Nothing here prints or reads; a front end shows the events of `send` and answers `Ask`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeAlias

from axio.agent import Agent
from axio.context import ContextStore, MemoryContextStore
from axio.exceptions import GuardError
from axio.permission import ConcurrentGuard
from axio.stream import AgentStream
from axio.tool import AnyTool
from axio.transport import CompletionTransport
from axio_tui.prompt import LAST_ITERATION_MESSAGE

__all__ = ("Ask", "AskBeforeChange", "ChatSession")

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


class ChatSession:
    """Send one prompt after another; each run sees what was said before.

    With `ask`, every tool that is not `read_only` asks first; without, none does.
    """

    def __init__(
        self,
        transport: CompletionTransport,
        tools: Iterable[AnyTool],
        *,
        system: str,
        max_iterations: int,
        ask: Ask | None = None,
        store: ContextStore | None = None,
    ) -> None:
        if ask is not None:
            guard = AskBeforeChange(ask)
            tools = [tool if tool.read_only else _guarded(tool, guard) for tool in tools]
        self.store = store if store is not None else MemoryContextStore()
        self.agent = Agent(
            system=system,
            transport=transport,
            tools=list(tools),
            max_iterations=max_iterations,
            last_iteration_message=LAST_ITERATION_MESSAGE,
        )

    def send(self, prompt: str) -> AgentStream:
        """Start a run; close the stream, or read it to its end, before the next."""
        return self.agent.run_stream(prompt, self.store)


def _guarded(tool: AnyTool, guard: AskBeforeChange) -> AnyTool:
    # Last, so that the person sees what the tool's own guards made of the arguments.
    return dataclasses.replace(tool, guards=(*tool.guards, guard))
