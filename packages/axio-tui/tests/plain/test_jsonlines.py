"""`--json`: names and fields that scripts may rely on."""

from __future__ import annotations

import dataclasses
import json
from typing import get_args

import pytest

from axio import events
from axio.blocks import ReasoningBlock
from axio.events import (
    Error,
    ImageOutput,
    IterationEnd,
    ReasoningEnd,
    SessionEndEvent,
    StreamEvent,
    TextDelta,
    ToolResult,
    ToolUseStart,
)
from axio.exceptions import StreamError
from axio.types import StopReason, Usage
from axio_tui.plain.jsonlines import to_line, to_record

USAGE = {
    "input_tokens": 3,
    "output_tokens": 4,
    "cache_read_tokens": 0,
    "cache_write_tokens": 0,
    "reasoning_tokens": 0,
}
RECORDS = [
    (TextDelta(0, "hi"), {"type": "text_delta", "index": 0, "delta": "hi"}),
    (
        ToolUseStart(1, "call_1", "shell"),
        {"type": "tool_use_start", "index": 1, "tool_use_id": "call_1", "name": "shell"},
    ),
    (
        ToolResult("call_1", "shell", False, "ok", {"command": "ls"}),
        {
            "type": "tool_result",
            "tool_use_id": "call_1",
            "name": "shell",
            "is_error": False,
            "content": "ok",
            "input": {"command": "ls"},
        },
    ),
    (
        IterationEnd(1, StopReason.tool_use, Usage(3, 4)),
        {"type": "iteration_end", "iteration": 1, "stop_reason": "tool_use", "usage": USAGE},
    ),
    (
        SessionEndEvent(StopReason.error, Usage(3, 4), "max_iterations"),
        {
            "type": "session_end",
            "stop_reason": "error",
            "total_usage": USAGE,
            "reason": "max_iterations",
        },
    ),
    (
        Error(StreamError("no\nway")),
        {"type": "error", "exception": {"class": "StreamError", "message": "no way"}},
    ),
    (
        ImageOutput(0, b"\x00\xff", "image/png"),
        {"type": "image_output", "index": 0, "data": "AP8=", "media_type": "image/png"},
    ),
]


@pytest.mark.parametrize(("event", "record"), RECORDS, ids=lambda value: type(value).__name__)
def test_an_event_is_its_name_and_its_fields(event: StreamEvent, record: object) -> None:
    line = to_line(event)
    assert json.loads(line) == record
    assert line.endswith("\n") and line.count("\n") == 1


def test_every_event_there_is_has_a_name_of_its_own() -> None:
    kinds = get_args(events.StreamEvent)
    made = [kind(*(None for _ in dataclasses.fields(kind))) for kind in kinds]
    names = [to_record(event)["type"] for event in made]
    assert len(set(names)) == len(kinds)
    assert all(name == name.lower() and "event" not in name for name in names)


def test_a_line_holds_no_control_and_no_line_end_of_any_kind() -> None:
    line = to_line(TextDelta(0, "\x1b[2J\u2028\x85\u202e\ud800\x9b"))
    assert line.isascii() and len(line.splitlines()) == 1
    assert json.loads(line)["delta"] == "\x1b[2J\u2028\x85\u202e\ud800\x9b"


def test_blocks_inside_events_have_the_form_of_the_stores() -> None:
    record = to_record(ReasoningEnd(0, ReasoningBlock("hm", "anthropic", {"signature": "x"})))
    assert record["block"]["type"] == "reasoning"
    assert json.dumps(record)


def test_an_argument_that_json_does_not_know_does_not_end_the_stream() -> None:
    assert "object" in to_line(ToolResult("1", "t", False, "", {"x": object()}))


def test_a_key_that_a_server_repeats_is_not_passed_on() -> None:
    class Transport:
        api_key = "sk-secret-123"

    line = to_line(Error(StreamError("Incorrect API key: sk-secret-123")), Transport())
    assert "sk-secret-123" not in line
