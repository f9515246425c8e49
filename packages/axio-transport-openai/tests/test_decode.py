"""Streams that the recordings do not show, or not alone."""

from __future__ import annotations

import base64
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
from axio_transport_openai.decode import ChatDecoder

DONE = b"data: [DONE]\n\n"


def sse(*payloads: Any) -> bytes:
    return b"".join(b"data: %b\n\n" % json.dumps(payload).encode() for payload in payloads)


def chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def call(**call: Any) -> dict[str, Any]:
    return chunk(tool_calls=[call])


def decode(body: bytes, **options: Any) -> list[StreamEvent]:
    decoder = ChatDecoder(**options)
    return decoder.feed(body) + decoder.close()


def end(stop: StopReason = StopReason.end_turn, *counts: int) -> IterationEnd:
    return IterationEnd(0, stop, Usage(*counts) if counts else Usage(0, 0))


def failure(body: bytes) -> BaseException:
    last = decode(body)[-1]
    assert isinstance(last, Error)
    return last.exception


# ── text and reasoning ────────────────────────────────────────────────────────────────────────


def test_text_comes_as_it_is_sent() -> None:
    body = sse(
        chunk(role="assistant", content=""), chunk(content="a"), chunk(content="ä"), chunk("stop")
    )
    assert decode(body + DONE) == [TextDelta(0, "a"), TextDelta(0, "ä"), end()]


def test_think_tags_are_told_from_text() -> None:
    pieces = ["<th", "ink>deep", "er</thi", "nk>\n\nanswer <", "b> 1<2"]
    body = sse(*[chunk(content=piece) for piece in pieces], chunk("stop"))
    assert decode(body + DONE) == [
        ReasoningDelta(0, "deep"),
        ReasoningDelta(0, "er"),
        TextDelta(0, "\n\nanswer <"),
        TextDelta(0, "b> 1<2"),
        end(),
    ]


def test_a_tag_that_never_came_is_text_at_the_end() -> None:
    for ending in (sse(chunk("stop")), sse(chunk("stop")) + DONE, b""):
        events = decode(sse(chunk(content=" <thin")) + ending)
        assert events[:2] == [TextDelta(0, " "), TextDelta(0, "<thin")]
        assert len(events) == 3


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning_comes_before_the_text_of_its_chunk(field: str) -> None:
    body = sse(chunk(**{field: "so", "content": "then"}), chunk("stop"))
    assert decode(body + DONE) == [ReasoningDelta(0, "so"), TextDelta(0, "then"), end()]


def test_reasoning_in_several_fields_at_once_is_told_once() -> None:
    details = [{"type": "reasoning.text", "text": "so"}]
    body = sse(chunk(reasoning="so", reasoning_content="so", reasoning_details=details))
    assert decode(body + DONE) == [ReasoningDelta(0, "so"), end()]


def test_content_may_be_a_list_of_parts() -> None:
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "so"}]}
    summary = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "so "}]}
    text = {"type": "text", "text": "then"}
    body = sse(chunk(content=[thought]), chunk(content=[summary, text, "!", {}, 5]), chunk("stop"))
    assert decode(body + DONE) == [
        ReasoningDelta(0, "so"),
        ReasoningDelta(0, "so "),
        TextDelta(0, "then"),
        TextDelta(0, "!"),
        end(),
    ]


def test_a_refusal_is_text() -> None:
    body = sse(chunk(refusal="I "), chunk(refusal="won't"), chunk("stop"))
    assert decode(body + DONE) == [TextDelta(0, "I "), TextDelta(0, "won't"), end()]


def test_generated_images_are_media() -> None:
    url = "data:image/png;base64," + base64.b64encode(b"\x89PNG").decode()
    images: list[Any] = [{"type": "image_url", "image_url": {"url": url}}]
    odd: list[Any] = [
        {"image_url": {"url": "https://x"}},
        {"image_url": {"url": "data:image/png;base64,é"}},
        5,
    ]
    body = sse(chunk(content="", images=images), chunk(images=[*odd, 5]), chunk("stop"))
    assert decode(body + DONE) == [ImageOutput(0, b"\x89PNG", "image/png"), end()]


def test_other_choices_are_other_answers() -> None:
    both = {"choices": [{"index": 1, "delta": {"content": "x"}, "finish_reason": "stop"}, None]}
    assert decode(sse(both, chunk(content="a"), chunk("stop")) + DONE) == [TextDelta(0, "a"), end()]


# ── reasoning that goes back ──────────────────────────────────────────────────────────────────


def replayed(events: list[StreamEvent]) -> list[dict[str, Any]]:
    return [event.block.data for event in events if isinstance(event, ReasoningEnd)]


def test_reasoning_details_are_put_together_and_kept_for_the_provider() -> None:
    text = {"type": "reasoning.text", "format": "anthropic-claude-v1", "index": 0}
    secret = {"type": "reasoning.encrypted", "data": "xyz", "id": "r1", "index": 1}
    body = sse(
        chunk(reasoning="a", reasoning_details=[text | {"text": "a"}]),
        chunk(reasoning="b", reasoning_details=[text | {"text": "b", "signature": None}]),
        chunk(reasoning_details=[text | {"signature": "sig"}]),
        chunk(reasoning_details=[secret, 7]),
        call(index=0, id="c", function={"name": "f", "arguments": "{}"}),
        chunk("tool_calls"),
    )
    events = decode(body + DONE, provider="openrouter", replays="reasoning_details")
    assert replayed(events) == [
        {"reasoning_details": [text | {"text": "ab", "signature": "sig"}, secret]}
    ]
    block = next(event.block for event in events if isinstance(event, ReasoningEnd))
    assert (block.text, block.provider) == ("ab", "openrouter")
    assert isinstance(events[-1], IterationEnd)


def test_summaries_are_put_together_too_and_entries_kept_apart() -> None:
    def summary(index: int, words: str) -> dict[str, Any]:
        return {"type": "reasoning.summary", "index": index, "summary": words}

    body = sse(
        *[chunk(reasoning_details=[summary(i, w)]) for i, w in ((0, "a"), (0, "b"), (1, "c"))]
    )
    events = decode(body + DONE, replays="reasoning_details")
    assert replayed(events) == [{"reasoning_details": [summary(0, "ab"), summary(1, "c")]}]
    assert events[:3] == [ReasoningDelta(0, word) for word in "abc"]


def test_reasoning_content_is_kept_where_the_provider_wants_it_back() -> None:
    body = sse(
        chunk(reasoning_content="a"), chunk(reasoning_content="b"), chunk("stop", content="c")
    )
    assert replayed(decode(body + DONE)) == []
    events = decode(body + DONE, provider="deepseek", replays="reasoning_content")
    assert replayed(events) == [{"reasoning_content": "ab"}]


def test_details_of_a_kind_that_is_not_known_are_kept_as_they_are() -> None:
    odd: list[Any] = [{"type": ["x"], "index": {}}, {"type": None}, {"text": "a"}, {}]
    events = decode(sse(chunk(reasoning_details=odd)) + DONE, replays="reasoning_details")
    assert replayed(events) == [{"reasoning_details": odd}]


@pytest.mark.parametrize("field", ["reasoning_details", "reasoning_content"])
def test_reasoning_that_the_output_limit_cut_is_not_kept(field: str) -> None:
    value: Any = [{"type": "reasoning.text", "text": "a"}] if field == "reasoning_details" else "a"
    cut = sse(chunk(**{field: value}), chunk("length")) + DONE
    assert replayed(decode(cut, replays=field)) == []
    said = sse(chunk(**{field: value}), chunk("length", content="b")) + DONE
    assert len(replayed(decode(said, replays=field))) == 1


# ── calls ─────────────────────────────────────────────────────────────────────────────────────


def starts(events: list[StreamEvent]) -> list[tuple[int, str, str]]:
    return [(e.index, e.tool_use_id, e.name) for e in events if isinstance(e, ToolUseStart)]


def arguments(events: list[StreamEvent]) -> dict[int, str]:
    joined: dict[int, str] = {}
    for event in events:
        if isinstance(event, ToolInputDelta):
            joined[event.index] = joined.get(event.index, "") + event.partial_json
    return joined


def test_calls_may_be_interleaved() -> None:
    body = sse(
        call(index=0, id="a", function={"name": "f", "arguments": ""}),
        call(index=1, id="b", function={"name": "g", "arguments": '{"'}),
        call(index=0, function={"arguments": '{"x":'}),
        call(index=1, function={"arguments": 'y":2}'}),
        call(index=0, id=None, function={"name": None, "arguments": "1}"}),
        chunk("tool_calls"),
    )
    events = decode(body + DONE)
    assert starts(events) == [(0, "a", "f"), (1, "b", "g")]
    assert arguments(events) == {0: '{"x":1}', 1: '{"y":2}'}
    assert events[-1] == end(StopReason.tool_use)


def test_an_id_in_every_piece_starts_one_call() -> None:
    body = sse(
        call(index=0, id="a", function={"name": "f", "arguments": '{"x"'}),
        call(index=0, id="a", function={"name": "f", "arguments": ":1}"}),
    )
    events = decode(body + DONE)
    assert starts(events) == [(0, "a", "f")]
    assert arguments(events) == {0: '{"x":1}'}


def test_calls_that_share_an_index_get_their_own() -> None:
    body = sse(
        call(index=0, id="a", function={"name": "f", "arguments": "{}"}),
        call(index=0, id="b", function={"name": "g", "arguments": "{"}),
        call(index=0, function={"arguments": "}"}),
    )
    events = decode(body + DONE)
    assert starts(events) == [(0, "a", "f"), (1, "b", "g")]
    assert arguments(events) == {0: "{}", 1: "{}"}


def test_two_calls_with_one_id_stay_two() -> None:
    body = sse(
        call(index=0, id="a", function={"name": "f", "arguments": "{}"}),
        call(index=1, id="a", function={"name": "f", "arguments": '{"x":1}'}),
    )
    assert arguments(decode(body + DONE)) == {0: "{}", 1: '{"x":1}'}


def test_calls_without_an_index_are_told_apart_by_their_ids_or_names() -> None:
    body = sse(
        call(id="a", function={"name": "f", "arguments": "{"}),
        call(function={"arguments": "}"}),
        call(id="b", function={"name": "g", "arguments": "["}),
        call(id="a", function={"arguments": " "}),
        call(function={"name": "h", "arguments": "{}"}),
    )
    events = decode(body + DONE)
    assert [(index, name) for index, _, name in starts(events)] == [(0, "f"), (1, "g"), (2, "h")]
    assert arguments(events) == {0: "{} ", 1: "[", 2: "{}"}


def test_a_call_without_an_id_gets_one() -> None:
    one = call(index=0, function={"name": "f", "arguments": "{}"})
    ids = {starts(decode(sse(one) + DONE))[0][1] for _ in range(20)}
    assert len(ids) == 20
    assert all(0 < len(call_id) <= 40 for call_id in ids)


def test_a_name_that_comes_late_is_waited_for() -> None:
    body = sse(
        call(index=0, id="a", function={"arguments": '{"x'}),
        call(index=0, function={"name": "f", "arguments": '":1}'}),
    )
    assert decode(body + DONE)[:-1] == [
        ToolUseStart(0, "a", "f"),
        ToolInputDelta(0, "a", '{"x'),
        ToolInputDelta(0, "a", '":1}'),
    ]


def test_a_call_that_never_got_a_name_is_handed_over_without() -> None:
    body = sse(call(index=0, id="a", function={"arguments": "{}"}))
    assert starts(decode(body + DONE)) == [(0, "a", "")]


def test_arguments_may_come_as_an_object() -> None:
    body = sse(call(index=0, id="a", function={"name": "f", "arguments": {"x": "ä"}}))
    assert arguments(decode(body + DONE)) == {0: '{"x": "ä"}'}


def test_the_old_form_of_a_call_is_read_too() -> None:
    body = sse(
        chunk(function_call={"name": "f", "arguments": ""}),
        chunk(function_call={"arguments": '{"x":1}'}),
        chunk("function_call"),
    )
    events = decode(body + DONE)
    assert [name for _, _, name in starts(events)] == ["f"]
    assert arguments(events) == {0: '{"x":1}'}
    assert events[-1] == end(StopReason.tool_use)


@pytest.mark.parametrize(
    "odd", [{}, {"index": 0}, {"function": None}, {"function": {"arguments": "x"}}, None]
)
def test_pieces_of_no_call_are_no_trouble(odd: Any) -> None:
    assert decode(sse(chunk(content="a", tool_calls=[odd])) + DONE) == [TextDelta(0, "a"), end()]


def test_names_that_had_to_be_changed_come_back_as_they_were() -> None:
    body = sse(call(index=0, id="a", function={"name": "my_tool_1", "arguments": "{}"}))
    events = decode(body + DONE, own_names={"my_tool_1": "my.tool"})
    assert starts(events) == [(0, "a", "my.tool")]


# ── the end ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("stop", StopReason.end_turn),
        ("eos", StopReason.end_turn),
        ("tool_calls", StopReason.tool_use),
        ("function_call", StopReason.tool_use),
        ("length", StopReason.max_tokens),
        ("model_length", StopReason.max_tokens),
    ],
)
def test_reasons_become_ours(reason: str, stop: StopReason) -> None:
    assert decode(sse(chunk(reason, content="a")) + DONE)[-1] == end(stop)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [("content_filter", ContentFiltered), ("error", ProviderError), ("Safety", ContentFiltered)],
)
def test_other_reasons_are_errors(reason: str, kind: type) -> None:
    error = failure(sse(chunk(reason, content="a")) + DONE)
    assert type(error) is kind
    assert str(error).startswith("Provider error during streaming: ")
    assert reason in str(error)


def test_an_empty_reason_is_none_yet() -> None:
    assert decode(sse(chunk("", content="a"), chunk("stop")) + DONE) == [TextDelta(0, "a"), end()]


def test_an_end_mark_without_a_reason_ends_the_turn() -> None:
    assert decode(sse(chunk(content="a")) + DONE)[-1] == end()
    called = sse(call(index=0, id="a", function={"name": "f", "arguments": "{}"}))
    assert decode(called + DONE)[-1] == end(StopReason.tool_use)


@pytest.mark.parametrize("body", [DONE, sse(chunk(role="assistant")) + DONE])
def test_an_end_mark_after_nothing_is_no_answer(body: bytes) -> None:
    assert type(failure(body)) is TruncatedStream


def test_a_reason_without_an_end_mark_ends_the_turn() -> None:
    assert decode(sse(chunk("stop", content="a")))[-1] == end()


@pytest.mark.parametrize(
    "rest", [b"", b"\n", b"data: ", b'data: {"choices": [{"delta"', b": ping\n\n"]
)
def test_a_body_that_just_stops_was_cut(rest: bytes) -> None:
    assert type(failure(sse(chunk(content="a")) + rest)) is TruncatedStream


def test_a_last_event_without_its_blank_line_counts() -> None:
    body = sse(chunk(content="a"), chunk("stop"))
    assert decode(body.removesuffix(b"\n\n")) == [TextDelta(0, "a"), end()]
    assert decode(body + b"data: [DONE]") == [TextDelta(0, "a"), end()]


def test_nothing_is_read_behind_the_end() -> None:
    decoder = ChatDecoder()
    events = decoder.feed(sse(chunk("stop", content="a")) + DONE + sse(chunk(content="b")))
    assert decoder.done
    assert events == [TextDelta(0, "a"), end()]
    assert decoder.feed(sse(chunk(content="c"))) == []
    assert decoder.close() == []


# ── errors ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "sent",
    [
        b'data: {"error": {"message": "too many", "type": "t", "code": "c"}}\n\n',
        b'data: {"error": "too many"}\n\n',
        b'data: {"object": "error", "message": "too many", "code": 400}\n\n',
        b'event: error\ndata: {"message": "too many"}\n\n',
        b'event: error\ndata: {"error": {"message": "too many"}}\n\n',
        b"event: error\ndata: too many\n\n",
        b'error: {"error": {"message": "too many"}}\n\n',
        b'data: {"id": "x", "choices": [], "error": {"message": "too many"}}\n\n',
        b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "error", '
        b'"error": {"message": "too many"}}]}\n\n',
    ],
)
def test_an_error_in_any_form_ends_the_stream_behind_what_came_before(sent: bytes) -> None:
    events = decode(sse(chunk(content=" <")) + sent + sse(chunk(content="b")) + DONE)
    assert events[:-1] == [TextDelta(0, " "), TextDelta(0, "<")]
    assert isinstance(events[-1], Error)
    error = events[-1].exception
    assert type(error) is ProviderError
    assert str(error) == "Provider error during streaming: too many"


@pytest.mark.parametrize(
    "sent",
    ["{nope", "5", '"text"', "[1]", "hello", '{"choices": {}}', '{"choices": [{"delta": "x"}]}'],
)
def test_what_is_no_chunk_is_a_protocol_error(sent: str) -> None:
    error = failure(sse(chunk(content="a")) + f"data: {sent}\n\n".encode() + DONE)
    assert type(error) is ProtocolError
    assert str(error).endswith(f": {sent}")


def test_a_long_piece_of_nonsense_is_told_in_short() -> None:
    assert len(str(failure(b"data: " + b"x" * 100_000 + b"\n\n"))) < 400


@pytest.mark.parametrize(
    "sent",
    [
        b"data:\n\n",
        b": ping\n\n",
        b"event: ping\ndata: {}\n\n",
        sse({"type": "new.thing", "x": [1]}),
        sse({"choices": None}),
        sse({"choices": [None]}),
        sse({"choices": [{"delta": None}]}),
        sse({"choices": [{"index": 0, "delta": {"new": {"x": 1}}, "logprobs": {}}], "y": 1}),
    ],
)
def test_what_is_not_known_is_not_minded(sent: bytes) -> None:
    body = sent + sse(chunk(content="a")) + sent + sse(chunk("stop")) + sent + DONE
    assert decode(body) == [TextDelta(0, "a"), end()]


# ── usage ─────────────────────────────────────────────────────────────────────────────────────

FULL = {
    "prompt_tokens": 100,
    "completion_tokens": 50,
    "total_tokens": 150,
    "prompt_tokens_details": {"cached_tokens": 80, "cache_write_tokens": 10},
    "completion_tokens_details": {"reasoning_tokens": 30},
}


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        (FULL, (100, 50, 80, 10, 30)),
        ({"prompt_tokens": 9, "completion_tokens": None}, (9, 0)),
        ({"prompt_tokens": 9, "prompt_cache_hit_tokens": 4}, (9, 0, 4)),
        ({"prompt_tokens": 9, "cached_tokens": 4}, (9, 0, 4)),
        (
            {"prompt_tokens": 9, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 2},
            (9, 0, 4, 2),
        ),
        ({"prompt_tokens": 9.0, "completion_tokens": -1}, (9, 0)),
        ({"prompt_tokens": True, "completion_tokens": "5"}, (0, 5)),
        ({"prompt_tokens_details": None, "completion_tokens_details": 5}, (0, 0)),
        ("odd", (0, 0)),
    ],
)
def test_counts_are_found_under_their_many_names(usage: Any, counts: tuple[int, ...]) -> None:
    body = sse(chunk("stop", content="a"), {"choices": [], "usage": usage})
    assert decode(body + DONE)[-1] == end(StopReason.end_turn, *counts)


def test_counts_that_grow_with_the_stream_are_not_added_up() -> None:
    counts = [{"prompt_tokens": 10, "completion_tokens": n} for n in (1, 2, 3)]
    body = sse(*[chunk(content="a") | {"usage": count} for count in counts], chunk("stop"))
    assert decode(body + DONE)[-1] == end(StopReason.end_turn, 10, 3)


def test_counts_may_come_in_the_choice_or_under_another_name() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 3}
    in_choice = chunk("stop", content="a")
    in_choice["choices"][0]["usage"] = usage
    elsewhere = chunk("stop", content="a") | {"x_groq": {"id": "r", "usage": usage}}
    for last in (in_choice, elsewhere):
        assert decode(sse(last) + DONE)[-1] == end(StopReason.end_turn, 10, 3)


def test_blank_lines_between_chunks_may_be_missing() -> None:
    body = sse(chunk(content="a"), chunk("stop")) + DONE
    assert decode(body.replace(b"\n\n", b"\n")) == decode(body)
