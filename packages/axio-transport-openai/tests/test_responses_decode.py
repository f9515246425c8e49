"""The decoder of Responses streams against recorded answers, and what no recording shows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from axio.events import (
    Error,
    ImageOutput,
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
from axio_transport_openai.responses import ResponsesDecoder
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

ANSWERS = [r for r in recordings("openai-responses") if r.status == 200]

# Its shell ran in the provider's container and its output is in the same answer, which ends in
# text. The expectation counts these calls as the caller's to run; an agent that did so would answer
# calls that are answered.
RAN_THERE = "openai-responses-openai-openai-shell-skills-1"


def decode(*chunks: bytes, **options: Any) -> list[StreamEvent]:
    decoder = ResponsesDecoder(**options)
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    events += decoder.close()
    assert decoder.done
    return events


@pytest.fixture(scope="module", autouse=True)
def _streams() -> None:
    requires("streams")


# ── recordings ────────────────────────────────────────────────────────────────────────────────


def test_there_are_recordings_of_all_kinds() -> None:
    features = {feature for recording in ANSWERS for feature in recording.features}
    assert len(ANSWERS) > 100
    assert features >= {
        "annotations",
        "args_without_deltas",
        "builtin_client_tool",
        "compaction",
        "encrypted_reasoning",
        "error_in_stream",
        "parallel_tool_calls",
        "phase",
        "refusal_text",
    }


def expected_outcome(recording: Recording) -> Outcome:
    outcome = wanted(recording)
    expected = recording.expected["tool_calls"]
    outcome.calls = [
        # Arguments of built-in tools are no text on the wire but an object.
        (call["id"], call["name"], call["arguments_raw"] or json.dumps(call["arguments"]))
        for call in expected
    ]
    if recording.name == RAN_THERE:
        outcome.calls, outcome.stop = [], StopReason.end_turn
    return outcome


@pytest.mark.parametrize("recording", ANSWERS, ids=lambda recording: recording.name)
def test_a_recording_decodes_to_its_outcome_however_it_is_cut(recording: Recording) -> None:
    for how, chunks in choppings(recording.body):
        assert observed(decode(*chunks)) == expected_outcome(recording), how


SMALL = [r for r in ANSWERS if len(r.body) < 6200]


def test_there_are_small_recordings() -> None:
    assert len(SMALL) >= 20


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


@pytest.mark.parametrize("recording", ANSWERS, ids=lambda recording: recording.name)
def test_what_is_kept_of_an_answer_are_its_items_as_they_came(recording: Recording) -> None:
    kept = [e.block for e in decode(recording.body) if isinstance(e, ReasoningEnd)]
    done = []
    for line in recording.body.decode().splitlines():
        if line.startswith("data: {") and '"response.output_item.done"' in line:
            try:
                done.append(json.loads(line[6:])["item"])
            except ValueError:
                assert "cut" in recording.name
    encrypted = [item for item in done if item.get("encrypted_content")]
    whole = [b.data for b in kept if b.data in done]
    assert [data for data in whole if data.get("encrypted_content")] == encrypted
    expected = [b["id"] for b in recording.expected["reasoning_blocks"] if b["encrypted"]]
    assert [b.data["id"] for b in kept if b.data["type"] == "reasoning"] == expected
    assert all(block.provider == "openai-responses" for block in kept)
    frames = [b.data for b in kept if b.data not in done]
    assert all(any(frame.items() <= item.items() for item in done) for frame in frames)


# ── what no recording shows ───────────────────────────────────────────────────────────────────


def sse(*events: dict[str, Any]) -> bytes:
    """Events as the API frames them."""
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (event["type"].encode(), json.dumps(event).encode())
        for event in events
    )


def event(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", **fields}


def added(index: int, **item: Any) -> dict[str, Any]:
    return event("output_item.added", output_index=index, item=item)


def ended(index: int, **item: Any) -> dict[str, Any]:
    return event("output_item.done", output_index=index, item=item)


def completed(**response: Any) -> dict[str, Any]:
    return event("completed", response={"status": "completed", **response})


TEXT = event("output_text.delta", output_index=0, delta="hi")
CALL = {"type": "function_call", "call_id": "c1", "name": "f", "id": "fc_1"}


def test_a_call_goes_with_its_output_index_and_makes_the_answer_a_tool_use() -> None:
    body = sse(
        added(3, **CALL, arguments=""),
        event("function_call_arguments.delta", output_index=3, item_id="fc_1", delta='{"a":'),
        event("function_call_arguments.delta", output_index=3, item_id="fc_1", delta="1}"),
        event("function_call_arguments.done", output_index=3, arguments='{"a":1}'),
        ended(3, **CALL, arguments='{"a":1}'),
        completed(usage={"input_tokens": 7, "output_tokens": 2}),
    )
    assert decode(body) == [
        ToolUseStart(3, "c1", "f"),
        ToolInputDelta(3, "c1", '{"a":'),
        ToolInputDelta(3, "c1", "1}"),
        IterationEnd(0, StopReason.tool_use, Usage(7, 2)),
    ]


def test_names_that_were_changed_for_the_wire_come_back_as_their_own() -> None:
    events = decode(sse(added(0, **CALL), completed()), own_names={"f": "my tool"})
    assert events[0] == ToolUseStart(0, "c1", "my tool")


def test_arguments_of_a_custom_tool_are_one_argument_and_the_kind_is_kept() -> None:
    call = {"type": "custom_tool_call", "call_id": "c1", "name": "sql", "id": "ctc_1"}
    for pieces in (['say "', 'hi"\n'], []):
        body = sse(
            added(0, **call, input=""),
            *(event("custom_tool_call_input.delta", output_index=0, delta=p) for p in pieces),
            ended(0, **call, input='say "hi"\n', status="completed"),
            completed(),
        )
        events = decode(body)
        arguments = "".join(e.partial_json for e in events if isinstance(e, ToolInputDelta))
        assert json.loads(arguments) == {"input": 'say "hi"\n'}
        [frame] = [e.block.data for e in events if isinstance(e, ReasoningEnd)]
        assert frame["type"] == "custom_tool_call" and "input" not in frame
        assert observed(events).stop is StopReason.tool_use


def test_an_answer_whose_items_come_only_at_the_end_is_read_there() -> None:
    output = [
        {"type": "reasoning", "summary": [{"text": "hm"}], "encrypted_content": "x"},
        {"type": "message", "content": [{"type": "output_text", "text": "hi"}]},
        {**CALL, "arguments": "{}"},
    ]
    events = decode(sse(event("created", response={}), completed(output=output)))
    assert events[0] == ReasoningDelta(0, "hm")
    assert isinstance(events[1], ReasoningEnd) and events[1].block.data == output[0]
    assert events[2:5] == [
        TextDelta(0, "hi"),
        ToolUseStart(2, "c1", "f"),
        ToolInputDelta(2, "c1", "{}"),
    ]


def test_calls_that_were_streamed_count_even_if_the_last_event_lists_none() -> None:
    events = decode(sse(added(0, **CALL), completed(output=[])))
    assert observed(events).stop is StopReason.tool_use


@pytest.mark.parametrize(
    ("last", "stop"),
    [
        ({"status": "completed"}, StopReason.end_turn),
        ({"status": "end_turn"}, StopReason.end_turn),
        ({"status": "stop"}, StopReason.end_turn),
        ({"status": "max_output_tokens"}, StopReason.max_tokens),
        ({"status": "length"}, StopReason.max_tokens),
        ({"status": "whatever"}, StopReason.end_turn),
        ({}, StopReason.end_turn),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            StopReason.max_tokens,
        ),
    ],
)
def test_a_status_is_a_stop_reason(last: dict[str, Any], stop: StopReason) -> None:
    assert decode(sse(TEXT, event("completed", response=last)))[-1] == (
        IterationEnd(0, stop, Usage(0, 0))
    )


@pytest.mark.parametrize(
    ("last", "error", "words"),
    [
        (
            event("incomplete", response={"incomplete_details": {"reason": "content_filter"}}),
            ContentFiltered,
            "content filter",
        ),
        (event("incomplete", response={}), ProviderError, "incomplete"),
        (
            event("failed", response={"error": {"code": "server_error", "message": "oops"}}),
            ProviderError,
            "oops",
        ),
        (event("failed", response={"error": None}), ProviderError, "failed"),
        (event("failed"), ProviderError, "failed"),
        (completed(status="cancelled"), ProviderError, "cancelled"),
        (
            {"type": "error", "code": "rate_limit_exceeded", "message": "slow"},
            ProviderError,
            "slow",
        ),
        ({"type": "error", "error": {"type": "t", "message": "m"}}, ProviderError, "m"),
        ({"type": "error", "error": {"code": "content_filter"}}, ContentFiltered, "content_filter"),
    ],
)
def test_a_failure_is_told_as_what_it_is(
    last: dict[str, Any], error: type[Exception], words: str
) -> None:
    *_, end = decode(sse(TEXT, last))
    assert isinstance(end, Error) and type(end.exception) is error
    assert words in str(end.exception)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", TruncatedStream),
        (b"data: [DONE]\n\n", TruncatedStream),
        (b": ping\n\n", TruncatedStream),
        (sse(TEXT), TruncatedStream),
        (sse(TEXT, completed())[:-30], TruncatedStream),
        (b"data: {oops}\n\n", ProtocolError),
        (b"data: 1\n\n", ProtocolError),
        (b'data: {"choices": []}\n\n', ProtocolError),
        (b'data: {"type": "response.created", "output_index": "x"}\n\n', ProtocolError),
        (b"data: " + b"[" * 100_000 + b"\n\n", ProtocolError),
        (b"event: error\ndata: {}\n\n", ProviderError),
        (b"event: error\ndata: overloaded\n\n", ProviderError),
        (b'data: {"error": {"message": "full"}}\n\n', ProviderError),
    ],
)
def test_what_is_no_answer_is_a_typed_error(body: bytes, error: type[Exception]) -> None:
    *_, end = decode(body)
    assert isinstance(end, Error) and type(end.exception) is error


@pytest.mark.parametrize("words", ["overloaded", "try again, please"])
def test_an_error_in_words_is_told_in_these_words(words: str) -> None:
    *_, end = decode(sse(TEXT) + f"event: error\ndata: {words}\n\n".encode())
    assert isinstance(end, Error) and type(end.exception) is ProviderError
    assert words in str(end.exception)
    assert "not JSON" not in str(end.exception)


def test_a_whole_last_event_without_its_blank_line_counts() -> None:
    assert decode(sse(TEXT, completed()).rstrip())[-1] == (
        IterationEnd(0, StopReason.end_turn, Usage(0, 0))
    )


def test_what_follows_the_end_is_not_read() -> None:
    assert decode(sse(completed(), TEXT)) == decode(sse(completed()))


def test_the_end_mark_alone_ends_an_answer() -> None:
    assert decode(sse(TEXT) + b"data: [DONE]\n\n")[-1] == (
        IterationEnd(0, StopReason.end_turn, Usage(0, 0))
    )


def test_blank_lines_between_events_may_be_missing() -> None:
    body = sse(TEXT, TEXT, completed())
    assert decode(body.replace(b"\n\n", b"\n")) == decode(body)
    assert decode(body.replace(b"\n\n", b"\n").rstrip()) == decode(body)


def test_an_event_may_be_spread_over_lines() -> None:
    lines = json.dumps(TEXT, indent=1).encode().replace(b"\n", b"\ndata: ")
    assert decode(b"data: " + lines + b"\n\n" + sse(completed()))[0] == TextDelta(0, "hi")


def test_garbage_may_be_passed_over() -> None:
    body = sse(TEXT) + b"data: {oops\n\n" + sse(completed())
    assert decode(body, skips_garbage=True)[0] == TextDelta(0, "hi")
    assert isinstance(decode(body)[-1], Error)


def test_a_generated_image_is_media_and_its_frame_goes_without_it() -> None:
    item = {"type": "image_generation_call", "id": "ig_1", "result": "eA==", "status": "completed"}
    image, kept, _ = decode(sse(added(0, type=item["type"]), ended(0, **item), completed()))
    assert image == ImageOutput(0, b"x", "image/png")
    assert isinstance(kept, ReasoningEnd)
    assert kept.block.data == {key: item[key] for key in ("type", "id", "status")}


def test_half_a_character_waits_for_its_other_half() -> None:
    body = (
        b'data: {"type":"response.output_text.delta","output_index":0,"delta":"\\ud83d"}\n\n'
        b'data: {"type":"response.output_text.delta","output_index":0,"delta":"\\ude00"}\n\n'
    )
    text = observed(decode(body + sse(completed()))).text
    assert text.encode("utf-16", "surrogatepass").decode("utf-16") == "😀"


def test_reasoning_that_is_not_encrypted_is_kept_only_for_those_who_want_it() -> None:
    item = {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "hm"}]}
    body = sse(added(0, type="reasoning"), ended(0, **item), completed())
    assert decode(body)[:1] == [ReasoningDelta(0, "hm")]
    assert not any(isinstance(e, ReasoningEnd) for e in decode(body))
    [kept] = [e for e in decode(body, keeps_raw=True) if isinstance(e, ReasoningEnd)]
    assert kept.block.data == item and kept.block.text == "hm"
