"""OpenAI Agents SDK: `Runner.run_streamed` with a model class of its own, tracing off."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from itertools import count, cycle
from typing import Any

from agents import Agent, Runner, function_tool, set_tracing_disabled
from agents.models.interface import Model
from openai.types import responses
from openai.types.responses.response_usage import (
    InputTokensDetails,
    OutputTokensDetails,
    ResponseUsage,
)

from benchmarks.turns import Turn

REQUIRES = ("openai-agents",)
set_tracing_disabled(True)

unique = count()
USAGE = ResponseUsage(
    input_tokens=10,
    output_tokens=5,
    total_tokens=15,
    input_tokens_details=InputTokensDetails(cached_tokens=0, cache_write_tokens=0),
    output_tokens_details=OutputTokensDetails(reasoning_tokens=0),
)


def message(text: str) -> responses.ResponseOutputMessage:
    content = responses.ResponseOutputText(type="output_text", text=text, annotations=[])
    return responses.ResponseOutputMessage(
        id="m", type="message", role="assistant", status="completed", content=[content]
    )


class Script(Model):
    def __init__(self, turns: Sequence[Turn]) -> None:
        self.turns = cycle(turns)

    async def get_response(self, *arguments: Any, **options: Any) -> Any:
        raise NotImplementedError("it streams")

    async def stream_response(self, *arguments: Any, **options: Any) -> AsyncIterator[Any]:
        output: list[Any] = []
        number = 0
        text: list[str] = []
        for index, part in enumerate(next(self.turns)):
            if isinstance(part, str):
                text.append(part)
                yield responses.ResponseTextDeltaEvent(
                    type="response.output_text.delta", item_id="m", output_index=0,
                    content_index=0, delta=part, logprobs=[], sequence_number=number,
                )  # fmt: skip
                number += 1
                continue
            id, name, pieces = part
            id = f"{id}_{next(unique)}"  # ids must be unique over a run
            call = responses.ResponseFunctionToolCall(
                type="function_call", call_id=id, name=name, arguments="", id=id
            )
            yield responses.ResponseOutputItemAddedEvent(
                type="response.output_item.added", output_index=index, item=call,
                sequence_number=number,
            )  # fmt: skip
            for piece in pieces:
                yield responses.ResponseFunctionCallArgumentsDeltaEvent(
                    type="response.function_call_arguments.delta", item_id=id,
                    output_index=index, delta=piece, sequence_number=number,
                )  # fmt: skip
                number += 1
            call = call.model_copy(update={"arguments": "".join(pieces)})
            yield responses.ResponseOutputItemDoneEvent(
                type="response.output_item.done", output_index=index, item=call,
                sequence_number=number,
            )  # fmt: skip
            output.append(call)
        if text:
            output.append(message("".join(text)))
        yield responses.ResponseCompletedEvent(
            type="response.completed",
            sequence_number=number,
            response=responses.Response(
                id="r", created_at=0, model="script", object="response", output=output,
                tool_choice="auto", tools=[], parallel_tool_calls=True, usage=USAGE,
            ),
        )  # fmt: skip


@function_tool
async def add(a: int, b: str) -> str:
    """Add."""
    return b


class System:
    def agent(self, turns: Sequence[Turn], tools: bool) -> Any:
        return Agent(name="a", model=Script(turns), tools=[add] if tools else [])

    def history(self, length: int) -> list[Any]:
        return [
            message(f"message {n}").model_dump()
            if n % 2
            else {"role": "user", "content": f"message {n}"}
            for n in range(length)
        ]

    async def run(self, agent: Any, history: list[Any]) -> None:
        request = [*history, {"role": "user", "content": "go"}]
        result = Runner.run_streamed(agent, request, max_turns=50)
        async for _ in result.stream_events():
            pass
        history[:] = result.to_input_list()
