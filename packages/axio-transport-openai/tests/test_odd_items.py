"""Items that are damaged, doubled or without a name: passed over, and the rest goes on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from axio.blocks import ContentBlock, ReasoningBlock, TextBlock
from axio.events import (
    ImageOutput,
    IterationEnd,
    StreamEvent,
    ToolInputDelta,
    ToolUseStart,
    TurnComplete,
)
from axio.exceptions import UnsupportedContent
from axio.messages import Message
from axio.types import StopReason, Usage
from axio_transport_openai import OpenAITransport
from axio_transport_openai.realtime_events import RealtimeDecoder
from axio_transport_openai.responses import ResponsesDecoder

CALL = {"type": "function_call", "id": "i1", "call_id": "c1", "name": "f"}


def spoken(*messages: dict[str, Any]) -> list[StreamEvent]:
    decoder = RealtimeDecoder()
    return [event for message in messages for event in decoder.feed(json.dumps(message))]


def added(item: Any) -> dict[str, Any]:
    return {"type": "response.output_item.added", "item": item}


@pytest.mark.parametrize(
    "item",
    [
        *(None, [], "function_call", {"type": "message"}),
        *({**CALL, "name": ""}, {**CALL, "name": 5}, {**CALL, "id": "", "call_id": ""}),
    ],
    ids=repr,
)
def test_what_is_no_call_with_a_name_and_an_id_begins_none(item: Any) -> None:
    pieces = {"type": "response.function_call_arguments.delta", "item_id": "i1", "delta": "{}"}
    assert spoken({"type": "response.created"}, added(item), pieces) == []


def test_a_call_that_is_announced_twice_is_one() -> None:
    pieces = {"type": "response.function_call_arguments.delta", "item_id": "i1", "delta": "{}"}
    assert spoken({"type": "response.created"}, added(CALL), added(CALL), pieces) == [
        ToolUseStart(0, "c1", "f"),
        ToolInputDelta(0, "c1", "{}"),
    ]


def test_arguments_find_their_call_by_its_own_id_where_the_item_has_none() -> None:
    bare = {"type": "function_call", "call_id": "c1", "name": "f"}
    other = {"type": "function_call", "id": "i2", "call_id": "c2", "name": "f"}
    pieces = {"type": "response.function_call_arguments.delta", "item_id": "", "delta": "{"}
    assert spoken(
        *({"type": "response.created"}, added(bare), added(other)),
        *({**pieces, "call_id": "c2"}, {**pieces, "call_id": "c1"}, {**pieces, "call_id": "c3"}),
    )[2:] == [ToolInputDelta(1, "c2", "{"), ToolInputDelta(0, "c1", "{")]


@pytest.mark.parametrize(
    ("response", "stop"),
    [
        ({"status_details": {"reason": "max_output_tokens"}}, StopReason.max_tokens),
        ({"status_details": {"reason": "content_filter"}}, StopReason.error),
        ({"status_details": "odd", "output": "odd"}, StopReason.end_turn),
        ({"output": [{**CALL, "status": "incomplete"}, None]}, StopReason.end_turn),
        ({"output": [CALL]}, StopReason.tool_use),
    ],
)
def test_the_end_of_a_spoken_response_tells_how_it_came(
    response: dict[str, Any], stop: StopReason
) -> None:
    *_, end = spoken({"type": "response.created"}, {"type": "response.done", "response": response})
    assert isinstance(end, TurnComplete)
    assert end.stop_reason is stop


@pytest.mark.parametrize("result", ["not base64!", "eA", "\u00e4", "", None, 5, []])
def test_a_generated_image_that_cannot_be_read_is_none(result: Any) -> None:
    item = {"type": "image_generation_call", "id": "ig", "result": result, "status": "completed"}
    decoder = ResponsesDecoder()
    body = ""
    for event in (
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": {"status": "completed", "output": [item]}},
    ):
        body += f"data: {json.dumps(event)}\n\n"
    events = [*decoder.feed(body.encode()), *decoder.close()]
    assert not any(isinstance(event, ImageOutput) for event in events)
    assert events[-1] == IterationEnd(0, StopReason.end_turn, Usage(0, 0))


def test_blocks_that_no_wire_knows_are_refused_before_the_request() -> None:
    class Chart(ContentBlock):
        """A kind of block of another package."""

    llm = OpenAITransport(api_key="k", model="gpt-5", wire="responses")
    odd = [Message("user", [Chart()])]
    with pytest.raises(UnsupportedContent, match="Chart"):
        llm.build_payload(odd, [], "")
    thoughts = [Message("user", [ReasoningBlock("hidden", "p", {}), TextBlock("shown")])]
    sent = json.dumps(llm.build_payload(thoughts, [], ""))
    assert "shown" in sent
    assert "hidden" not in sent
