"""Strands Agents: `Agent.stream_async` with a model class of its own; it keeps all history."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from itertools import count, cycle
from typing import Any

from strands import Agent, tool
from strands.agent.conversation_manager import NullConversationManager
from strands.models.model import Model

from benchmarks.turns import Turn

REQUIRES = ("strands-agents",)

unique = count()


class Script(Model):
    def __init__(self, turns: Sequence[Turn]) -> None:
        self.turns = cycle(turns)
        self.config: dict[str, Any] = {"model_id": "script", "context_window_limit": 10_000_000}

    def update_config(self, **options: Any) -> None:
        self.config.update(options)

    def get_config(self) -> dict[str, Any]:
        return self.config

    def structured_output(self, *arguments: Any, **options: Any) -> Any:
        raise NotImplementedError("it streams text and calls")

    async def stream(self, *arguments: Any, **options: Any) -> AsyncIterator[dict[str, Any]]:
        yield {"messageStart": {"role": "assistant"}}
        turn = next(self.turns)
        reason = "end_turn"
        if isinstance(turn[0], str):
            yield {"contentBlockStart": {"start": {}}}
        for part in turn:
            if isinstance(part, str):
                yield {"contentBlockDelta": {"delta": {"text": part}}}
                continue
            reason = "tool_use"
            id, name, pieces = part
            use = {"name": name, "toolUseId": f"{id}_{next(unique)}"}
            yield {"contentBlockStart": {"start": {"toolUse": use}}}
            for piece in pieces:
                yield {"contentBlockDelta": {"delta": {"toolUse": {"input": piece}}}}
            yield {"contentBlockStop": {}}
        if reason == "end_turn":
            yield {"contentBlockStop": {}}
        yield {"messageStop": {"stopReason": reason}}
        usage = {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15}
        yield {"metadata": {"usage": usage, "metrics": {"latencyMs": 1}}}


@tool
async def add(a: int, b: str) -> str:
    """Add.

    Args:
        a: a number
        b: a text
    """
    return b


class System:
    def agent(self, turns: Sequence[Turn], tools: bool) -> Any:
        return Agent(
            model=Script(turns),
            tools=[add] if tools else [],
            callback_handler=None,
            conversation_manager=NullConversationManager(),
            load_tools_from_directory=False,
        )

    def history(self, length: int) -> list[Any]:
        return [
            {"role": "assistant" if n % 2 else "user", "content": [{"text": f"message {n}"}]}
            for n in range(length)
        ]

    async def run(self, agent: Any, history: list[Any]) -> None:
        if agent.messages is not history:
            agent.messages = history
        async for _ in agent.stream_async("go"):
            pass
