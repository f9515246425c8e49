"""Pydantic AI: `Agent.run_stream_events` with a model class of its own.

A minimal subclass of `Model` is cheaper than its `FunctionModel`, which counts tokens.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle
from typing import Any

from pydantic_ai import Agent
from pydantic_ai.messages import ModelRequest, ModelResponse, TextPart, UserPromptPart
from pydantic_ai.models import Model, StreamedResponse
from pydantic_ai.run import AgentRunResultEvent

from benchmarks.turns import Turn

REQUIRES = ("pydantic-ai-slim",)
NOW = datetime.now(UTC)


@dataclass
class Answer(StreamedResponse):
    turn: Turn = field(default_factory=list)
    model_name = "script"
    provider_name = None
    provider_url = None
    timestamp = NOW

    async def _get_event_iterator(self) -> AsyncIterator[Any]:
        parts = self._parts_manager
        for part in self.turn:
            if isinstance(part, str):
                for event in parts.handle_text_delta(vendor_part_id="text", content=part):
                    yield event
                continue
            id, name, pieces = part
            for number, piece in enumerate(pieces):
                for event in parts.handle_tool_call_delta_events(
                    vendor_part_id=id,
                    tool_name=None if number else name,
                    tool_call_id=None if number else id,
                    args=piece,
                ):
                    yield event

    async def close_stream(self) -> None:
        pass


class Script(Model):
    model_name = "script"
    system = "script"

    def __init__(self, turns: Sequence[Turn]) -> None:
        super().__init__()
        self.turns = cycle(turns)

    async def request(self, *arguments: Any) -> ModelResponse:
        raise NotImplementedError("it streams")

    @asynccontextmanager
    async def request_stream(
        self, messages: Any, settings: Any, parameters: Any, context: Any = None
    ) -> AsyncIterator[Answer]:
        _, parameters = self.prepare_request(settings, parameters)
        yield Answer(model_request_parameters=parameters, turn=next(self.turns))


async def add(a: int, b: str) -> str:
    """Add."""
    return b


class System:
    def agent(self, turns: Sequence[Turn], tools: bool) -> Any:
        return Agent(Script(turns), tools=[add] if tools else [])

    def history(self, length: int) -> list[Any]:
        return [
            ModelResponse(parts=[TextPart(f"message {n}")])
            if n % 2
            else ModelRequest(parts=[UserPromptPart(f"message {n}")])
            for n in range(length)
        ]

    async def run(self, agent: Any, history: list[Any]) -> None:
        async with agent.run_stream_events("go", message_history=history or None) as events:
            async for event in events:
                if isinstance(event, AgentRunResultEvent):
                    history[:] = event.result.all_messages()
