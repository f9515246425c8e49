"""The decoder against recorded answers, and against what no recording shows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from axio.blocks import ReasoningBlock
from axio.events import (
    Error,
    IterationEnd,
    ReasoningDelta,
    ReasoningEnd,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    ToolUseStart,
)
from axio.exceptions import ContentFiltered, ProtocolError, ProviderError, TruncatedStream
from axio.types import StopReason, Usage
from axio_transport_anthropic.decode import MessagesDecoder
from support.parts import requires
from support.recordings import (
    Outcome,
    Recording,
    choppings,
    observed,
    recordings,
    single_bytes,
    wanted,
)

ANSWERS = [r for r in recordings("anthropic-messages") if r.status == 200]

# Cut off in its second block and begun anew with other ids. The expectation of this recording
# comes from a reader that keeps the blocks by index and hands each out as often as it was begun;
# a stream cannot take back what it said, so ours is written down below.
BEGUN_ANEW = "anthropic-messages-anthropic-spliced-message-start"


def decode(*chunks: bytes) -> list[StreamEvent]:
    decoder = MessagesDecoder()
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    return events + decoder.close()


def sse(*events: dict[str, Any]) -> bytes:
    """Events as the API frames them."""
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (event["type"].encode(), json.dumps(event).encode())
        for event in events
    )


def start(**usage: int) -> dict[str, Any]:
    return {"type": "message_start", "message": {"id": "msg_1", "usage": usage}}


def block(index: int, **content: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": content}


def delta(index: int, **content: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": content}


def stop(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def end(reason: str | None = "end_turn", **usage: Any) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage}


STOP: dict[str, Any] = {"type": "message_stop"}


@pytest.fixture(scope="module", autouse=True)
def _streams() -> None:
    requires("streams")


# ── recordings ────────────────────────────────────────────────────────────────────────────────


def test_there_are_recordings_of_all_kinds() -> None:
    features = {feature for recording in ANSWERS for feature in recording.features}
    assert len(ANSWERS) > 100
    assert features >= {"block_thinking", "signature", "parallel_tool_calls", "server_tools"}


def outcome_of(recording: Recording) -> tuple[Outcome, list[dict[str, Any]]]:
    """The expected outcome, and the reasoning to be kept: the signed blocks."""
    kept = []
    for expected in recording.expected["reasoning_blocks"]:
        if expected["signature"]:
            thinking = {"thinking": expected["text"], "signature": expected["signature"]}
            kept.append({"type": "thinking", **thinking})
    return wanted(recording), kept


def decoded(chunks: list[bytes]) -> tuple[Outcome, list[dict[str, Any]]]:
    events = decode(*chunks)
    blocks = [event.block for event in events if isinstance(event, ReasoningEnd)]
    assert all(block.provider == "anthropic" for block in blocks)
    assert all(block.text == block.data["thinking"] for block in blocks)
    return observed(events), [block.data for block in blocks]


@pytest.mark.parametrize(
    "recording", [r for r in ANSWERS if r.name != BEGUN_ANEW], ids=lambda recording: recording.name
)
def test_a_recording_decodes_to_its_outcome_however_it_is_cut(recording: Recording) -> None:
    for how, chunks in choppings(recording.body):
        assert decoded(chunks) == outcome_of(recording), how


SMALL = [r for r in ANSWERS if len(r.body) < 4096]


@pytest.mark.parametrize("recording", SMALL, ids=lambda recording: recording.name)
def test_a_small_recording_decodes_alike_byte_by_byte_and_cut_anywhere(
    recording: Recording,
) -> None:
    body = recording.body
    outcome = comparable(decode(body))
    assert comparable(decode(*single_bytes(body))) == outcome
    for at in range(1, len(body)):
        assert comparable(decode(body[:at], body[at:])) == outcome, at


def comparable(events: list[StreamEvent]) -> Any:
    """The events, with an error as its class and words: errors have no equality."""
    *others, last = events
    if isinstance(last, Error):
        return others, type(last.exception), str(last.exception)
    return others, last


@pytest.mark.parametrize("recording", SMALL, ids=lambda recording: recording.name)
def test_a_recording_that_ends_early_is_never_taken_for_complete(recording: Recording) -> None:
    complete = recording.body.find(b'"stop_reason":"')  # known from here on
    for at in range(0, complete if complete > 0 else len(recording.body), 7):
        last = decode(recording.body[:at])[-1]
        assert isinstance(last, Error), at
        assert isinstance(last.exception, TruncatedStream | ProviderError), at


# ── tool calls ────────────────────────────────────────────────────────────────────────────────


def test_a_message_that_is_begun_anew_replaces_its_unfinished_call() -> None:
    (recording,) = [r for r in ANSWERS if r.name == BEGUN_ANEW]
    events = decode(recording.body)
    starts = [event for event in events if isinstance(event, ToolUseStart)]
    assert starts == [ToolUseStart(1, "toolu_first", "test-tool")] * 2
    at = len(events) - 1 - events[::-1].index(starts[0])
    assert events[at + 1 :] == [
        ToolInputDelta(1, "toolu_first", '{"value":"Sparkle Day"}'),
        IterationEnd(0, StopReason.tool_use, Usage(17, 65)),
    ]
    kept = [event.block.data["signature"] for event in events if isinstance(event, ReasoningEnd)]
    assert kept == ["sig-first", "sig-second"]


def test_a_call_without_arguments_is_complete_when_the_model_waits_for_its_result() -> None:
    call = block(0, type="tool_use", id="t", name="now", input={})
    assert decode(sse(start(), call, stop(0), end("tool_use"), STOP)) == [
        ToolUseStart(0, "t", "now"),
        ToolInputDelta(0, "t", "{}"),
        IterationEnd(0, StopReason.tool_use, Usage(0, 0)),
    ]


def test_a_call_cut_before_its_arguments_gets_none() -> None:
    call = block(0, type="tool_use", id="t", name="now", input={})
    assert decode(sse(start(), call, stop(0), end("max_tokens"), STOP)) == [
        ToolUseStart(0, "t", "now"),
        IterationEnd(0, StopReason.max_tokens, Usage(0, 0)),
    ]


def test_input_that_comes_whole_with_the_start_is_told_once() -> None:
    call = block(0, type="tool_use", id="t", name="add", input={"a": 1})
    assert decode(sse(start(), call, stop(0), end("tool_use"), STOP))[1:-1] == [
        ToolInputDelta(0, "t", '{"a": 1}')
    ]


def test_input_of_a_server_side_tool_is_no_call() -> None:
    body = sse(
        start(),
        block(0, type="server_tool_use", id="srv", name="web_search", input={}),
        delta(0, type="input_json_delta", partial_json='{"query": "x"}'),
        stop(0),
        block(1, type="web_search_tool_result", tool_use_id="srv", content=[]),
        stop(1),
        block(2, type="mcp_tool_use", id="m", name="n", server_name="s", input={}),
        delta(2, type="input_json_delta", partial_json="{}"),
        stop(2),
        end(),
        STOP,
    )
    assert decode(body) == [IterationEnd(0, StopReason.end_turn, Usage(0, 0))]


def test_a_tool_is_known_by_its_own_name_again() -> None:
    decoder = MessagesDecoder({"fs_read_1": "fs.read"})
    call = block(0, type="tool_use", id="t", name="fs_read_1", input={})
    assert decoder.feed(sse(call)) == [ToolUseStart(0, "t", "fs.read")]


# ── thinking ──────────────────────────────────────────────────────────────────────────────────


def test_signed_thinking_is_kept_as_it_came() -> None:
    body = sse(
        start(),
        block(0, type="thinking", thinking="", signature="", extra=[1]),
        delta(0, type="thinking_delta", thinking="Let me "),
        delta(0, type="thinking_delta", thinking="think…"),
        delta(0, type="signature_delta", signature="Ab/"),
        delta(0, type="signature_delta", signature="+c=="),
        stop(0),
        end(),
        STOP,
    )
    data = {"type": "thinking", "thinking": "Let me think…", "signature": "Ab/+c==", "extra": [1]}
    assert decode(body)[:-1] == [
        ReasoningDelta(0, "Let me "),
        ReasoningDelta(0, "think…"),
        ReasoningEnd(0, ReasoningBlock("Let me think…", "anthropic", data)),
    ]


def test_redacted_thinking_is_kept_as_it_came() -> None:
    data = {"type": "redacted_thinking", "data": "EmwKAhgBEgy3va3pzix/LafPsn4a"}
    body = sse(start(), block(0, **data), stop(0), end(), STOP)
    assert decode(body)[:-1] == [ReasoningEnd(0, ReasoningBlock("", "anthropic", data))]


@pytest.mark.parametrize("finished", [True, False])
def test_thinking_without_a_signature_is_shown_but_not_kept(finished: bool) -> None:
    events = [start(), block(0, type="thinking", thinking="", signature="")]
    events.append(delta(0, type="thinking_delta", thinking="Hm"))
    if finished:
        events += [delta(0, type="signature_delta", signature=""), stop(0), end(), STOP]
    assert decode(sse(*events))[0] == ReasoningDelta(0, "Hm")
    assert not any(isinstance(event, ReasoningEnd) for event in decode(sse(*events)))


def test_signed_thinking_that_is_cut_off_before_its_end_is_not_kept() -> None:
    body = sse(start(), block(0, type="thinking", thinking=""))
    body += sse(delta(0, type="signature_delta", signature="half"))
    (error,) = decode(body)
    assert isinstance(error, Error)
    assert isinstance(error.exception, TruncatedStream)


# ── usage and the end ─────────────────────────────────────────────────────────────────────────


def test_usage_is_cumulative_and_counted_once_with_all_input() -> None:
    first = start(
        input_tokens=10, output_tokens=1, cache_read_input_tokens=100, cache_creation_input_tokens=5
    )
    details = {"thinking_tokens": 7}
    last = end("end_turn", input_tokens=12, output_tokens=50, output_tokens_details=details)
    between = end(None, output_tokens=20)
    usage = decode(sse(first, between, last, STOP))[-1]
    assert usage == IterationEnd(0, StopReason.end_turn, Usage(117, 50, 100, 5, 7))


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("end_turn", StopReason.end_turn),
        ("stop_sequence", StopReason.end_turn),
        ("pause_turn", StopReason.end_turn),
        ("tool_use", StopReason.tool_use),
        ("max_tokens", StopReason.max_tokens),
        ("model_context_window_exceeded", StopReason.max_tokens),
        ("something_new", StopReason.error),
    ],
)
def test_a_stop_reason_becomes_one_of_four(reason: str, expected: StopReason) -> None:
    assert decode(sse(start(), end(reason), STOP)) == [IterationEnd(0, expected, Usage(0, 0))]


def test_a_proper_end_without_a_reason_ends_the_turn_if_there_was_content() -> None:
    text = sse(start(), block(0, type="text", text="Hi"), stop(0), STOP)
    assert decode(text)[-1] == IterationEnd(0, StopReason.end_turn, Usage(0, 0))
    assert decode(sse(start(), STOP)) == [IterationEnd(0, StopReason.error, Usage(0, 0))]


def test_an_answer_is_complete_with_its_stop_reason_though_the_last_event_is_missing() -> None:
    assert decode(sse(start(), end("end_turn"))) == [
        IterationEnd(0, StopReason.end_turn, Usage(0, 0))
    ]


def test_nothing_is_read_after_the_end() -> None:
    decoder = MessagesDecoder()
    decoder.feed(sse(start(), end(), STOP, delta(0, type="text_delta", text="more")))
    assert decoder.done
    assert decoder.feed(sse(delta(0, type="text_delta", text="more"))) == []
    assert decoder.close() == []


# ── errors ────────────────────────────────────────────────────────────────────────────────────


def failure(*chunks: bytes) -> Any:
    last = decode(*chunks)[-1]
    assert isinstance(last, Error), last
    return last.exception


def test_an_error_event_says_what_the_provider_said() -> None:
    body = sse(start(), {"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}})
    error = failure(body)
    assert type(error) is ProviderError
    assert str(error) == "Anthropic error: overloaded_error: Busy"
    assert (error.code, error.retryable) == ("overloaded_error", True)


@pytest.mark.parametrize(
    ("data", "message", "retryable"),
    [
        ({"error": {"type": "invalid_request_error", "message": "No"}}, "No", False),
        ({"error": "just text"}, "just text", False),
        ({"type": "server_error", "code": 500, "message": "Broken"}, "Broken", True),
        ({}, "no message", False),
        ({"error": {"type": 3, "message": None}}, "no message", False),
    ],
)
def test_an_error_of_any_shape_is_the_providers(
    data: dict[str, Any], message: str, retryable: bool
) -> None:
    error = failure(b"event: error\ndata: %b\n\n" % json.dumps(data).encode())
    assert type(error) is ProviderError
    assert str(error).endswith(message)
    assert error.retryable is retryable


def test_a_refusal_is_an_error_that_says_why() -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "Not this."}
    last = {"type": "message_delta", "delta": {"stop_reason": "refusal", "stop_details": details}}
    for body in (sse(start(), last, STOP), sse(start(), last)):
        error = failure(body)
        assert type(error) is ContentFiltered
        assert str(error) == "Anthropic refused to answer (cyber): Not this."
    bare = {"type": "message_delta", "delta": {"stop_reason": "refusal"}}
    assert str(failure(sse(bare, STOP))) == "Anthropic refused to answer"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n\n",
        b": comment\n\n",
        sse(start()),
        sse(start(), block(0, type="text", text="Hi"), stop(0)),
        sse(start()) + b"event: content_block_delta\ndata: {",
        sse(start()) + b"event: message_del",
    ],
)
def test_an_end_in_the_middle_is_told_as_truncation(body: bytes) -> None:
    error = failure(body)
    assert type(error) is TruncatedStream
    assert error.retryable


@pytest.mark.parametrize(
    "body",
    [
        b"event: message_start\ndata: {broken\n\n",
        b"event: content_block_start\ndata: []\n\n",
        b"event: content_block_start\ndata: 3\n\n",
        sse({"type": "content_block_start", "index": 0}),
        sse(block(0, type="tool_use", id="t")),
        sse(delta(3, type="input_json_delta", partial_json="stray")),
        sse({"type": "content_block_start", "index": "x", "content_block": {"type": "text"}}),
        sse({"type": "content_block_delta", "index": 0}),
        sse(delta(0, type="text_delta", text=3)),
        sse({"type": "content_block_delta", "index": [], "delta": {"type": "text_delta"}})
        + sse({"type": "content_block_stop", "index": []}),
    ],
)
def test_what_is_not_the_protocol_is_a_protocol_error(body: bytes) -> None:
    assert type(failure(body)) is ProtocolError


@pytest.mark.parametrize(
    "event",
    [
        {"type": "ping"},
        {"type": "brand_new_event", "index": None},
        block(3, type="brand_new_block"),
        block(3, type=None),
        delta(3, type="brand_new_delta", value=1),
        delta(3, type=["odd"]),
        delta(3, type="text_delta", text=None),
        delta(3, type="citations_delta", citation={"url": "x"}),
        delta(3, type="compaction_delta", content="x"),
        delta(3, type="thinking_delta", thinking=""),
        delta(3, type="signature_delta", signature="stray"),
        delta(3, type="input_json_delta", partial_json=""),
        stop(77),
        end(None, output_tokens=None, input_tokens="many", cache_read_input_tokens=-1),
        {"type": "message_delta", "delta": None, "usage": []},
        {"type": "message_start"},
        {"type": "message_start", "message": {"usage": None}},
    ],
)
def test_what_is_unknown_or_empty_is_passed_over(event: dict[str, Any]) -> None:
    text = delta(0, type="text_delta", text="Hi")
    assert decode(sse(event, text, event, end(), STOP)) == [
        TextDelta(0, "Hi"),
        IterationEnd(0, StopReason.end_turn, Usage(0, 0)),
    ]


def test_unknown_fields_never_hurt() -> None:
    body = sse(
        {**start(input_tokens=1), "new": {}},
        {**block(0, type="text", text="", citations=None), "new": {}},
        {**delta(0, type="text_delta", text="Hi", new=1), "new": {}},
        {**end(), "new": {}},
        STOP,
    )
    assert decode(body) == [
        TextDelta(0, "Hi"),
        IterationEnd(0, StopReason.end_turn, Usage(1, 0)),
    ]


# ── framing ───────────────────────────────────────────────────────────────────────────────────

TEXT = [start(), block(0, type="text", text=""), delta(0, type="text_delta", text="Grüße 👋")]
SAID = [TextDelta(0, "Grüße 👋"), IterationEnd(0, StopReason.end_turn, Usage(0, 0))]


def test_events_without_names_are_known_by_their_data() -> None:
    lines = [json.dumps(event).encode() for event in (*TEXT, end(), STOP)]
    assert decode(b"".join(b"data:%b\r\r" % line for line in lines)) == SAID


@pytest.mark.parametrize("line_end", [b"\r\n", b"\r"])
@pytest.mark.parametrize("recording", SMALL[::5], ids=lambda recording: recording.name)
def test_other_line_ends_change_nothing(recording: Recording, line_end: bytes) -> None:
    body = recording.body.replace(b"\n", line_end).replace(b"data: ", b"data:")
    expected = comparable(decode(recording.body))
    assert comparable(decode(body)) == expected
    assert comparable(decode(*single_bytes(body))) == expected


def test_an_error_without_a_name_is_an_error() -> None:
    assert "Busy" in str(failure(b'data: {"error": {"message": "Busy"}}\n\n'))


def test_done_ends_a_stream_too() -> None:
    assert decode(sse(*TEXT) + b"data: [DONE]\n\n") == SAID


def test_half_a_surrogate_pair_is_a_replacement_character_and_no_error() -> None:
    body = b'data: {"type":"content_block_delta","delta":{"type":"text_delta","text":"a\\ud83d"}}'
    named = b"event: content_block_delta\n" + body + b"\n\n"
    assert decode(named, sse(end(), STOP))[:-1] == [TextDelta(0, "a"), TextDelta(0, "\ufffd")]


def test_a_delta_of_five_megabytes_in_small_pieces_is_one_delta() -> None:
    text = "x" * (5 << 20)
    body = sse(delta(0, type="text_delta", text=text), end(), STOP)
    pieces = [body[at : at + 1000] for at in range(0, len(body), 1000)]
    assert decode(*pieces)[0] == TextDelta(0, text)
