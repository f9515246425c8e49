"""Chunks of servers and gateways that the documentation does not show."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from axio.events import (
    Error,
    IterationEnd,
    ReasoningDelta,
    ReasoningEnd,
    StreamEvent,
    TextDelta,
)
from axio.exceptions import ContentFiltered, ProtocolError, ProviderError, TruncatedStream
from axio.surrogates import joined
from axio.types import StopReason, Usage
from axio_transport_openai.decode import ChatDecoder
from support.odd_streams import calls_of as calls

DONE = b"data: [DONE]\n\n"


def sse(*payloads: Any) -> bytes:
    return b"".join(b"data: %b\n\n" % json.dumps(payload).encode() for payload in payloads)


def chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def whole(finish: str | None = None, **message: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": message, "finish_reason": finish}]}


def call(**fields: Any) -> dict[str, Any]:
    return chunk(tool_calls=[fields])


def decode(*payloads: Any, done: bool = True, **options: Any) -> list[StreamEvent]:
    decoder = ChatDecoder(**options)
    return decoder.feed(sse(*payloads) + (DONE if done else b"")) + decoder.close()


def text(events: list[StreamEvent]) -> str:
    return "".join(event.delta for event in events if isinstance(event, TextDelta))


def reasoning(events: list[StreamEvent]) -> str:
    return "".join(event.delta for event in events if isinstance(event, ReasoningDelta))


def stop(events: list[StreamEvent]) -> StopReason:
    assert isinstance(events[-1], IterationEnd), events[-1]
    return events[-1].stop_reason


def failure(events: list[StreamEvent]) -> Any:
    assert isinstance(events[-1], Error), events[-1]
    return events[-1].exception


# ── tags in the text ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "answer",
    [
        "Put <think> before it and </think> behind it.",
        "It stops at <think>, and that is all.",
        "</think> closes it.",
        " \n. <think>no</think>",
        "a <thin",
    ],
)
def test_a_tag_in_an_answer_that_has_begun_is_text(answer: str) -> None:
    assert text(decode(chunk(content=answer), chunk("stop"))) == answer
    letters = [chunk(content=letter) for letter in answer]
    events = decode(*letters, chunk("stop"))
    assert (text(events), reasoning(events)) == (answer, "")


def test_tags_count_as_long_as_nothing_visible_was_said() -> None:
    answer = "\n<think>one</think> \n <think>two</think>\nsaid <think>three</think>"
    events = decode(chunk(content=answer), chunk("stop"))
    assert reasoning(events) == "onetwo"
    assert text(events) == "\n \n \nsaid <think>three</think>"


def test_text_in_parts_is_no_different() -> None:
    parts = [{"type": "text", "text": "a "}, {"type": "text", "text": "<think>"}]
    assert text(decode(chunk(content=parts), chunk("stop"))) == "a <think>"


TAGGED = st.lists(
    st.sampled_from(["<think>", "</think>", "<", "think", ">", " ", "\n", "a", "<b>"]), max_size=9
).map("".join)


@given(TAGGED, st.data())
def test_where_an_answer_is_cut_makes_no_difference(answer: str, data: st.DataObject) -> None:
    edges = sorted(data.draw(st.lists(st.integers(0, len(answer)), max_size=5)))
    pieces = [answer[a:b] for a, b in zip([0, *edges], [*edges, len(answer)], strict=True)]
    at_once = decode(chunk(content=answer), chunk("stop"))
    cut = decode(*[chunk(content=piece) for piece in pieces], chunk("stop"))
    assert (text(cut), reasoning(cut)) == (text(at_once), reasoning(at_once))
    begun = len(text(at_once)) - len(text(at_once).lstrip())
    assert answer.endswith(text(at_once)[begun:])


# ── whose arguments ───────────────────────────────────────────────────────────────────────────


def function(name: str | None = None, arguments: Any = None) -> dict[str, Any]:
    return {"name": name, "arguments": arguments}


@pytest.mark.parametrize(
    "pieces",
    [
        [
            {"index": 0, "id": "one", "function": function("find", "")},
            {"index": 0, "id": "two", "function": function("", '{"key"')},
            {"index": 0, "id": "three", "function": function("", ":1}")},
        ],
        [
            {"index": 0, "function": function("find")},
            {"index": 0, "id": "late", "function": function(None, '{"key":1}')},
        ],
        [
            {"index": "0", "id": "one", "function": function("find", "")},
            {"index": 0.0, "function": function(None, '{"key":1}')},
        ],
        [
            {"index": 0, "id": "one", "function": function("fi")},
            {"index": 0, "function": function("nd")},
            {"index": 0, "function": function(None, '{"key":1}')},
        ],
        [{"index": 0, "id": "one", "function": function("find<|channel|>x", '{"key":1}')}],
        [
            {"index": 4, "id": "one", "function": function("find", "")},
            {"index": 5, "function": function(None, '{"key":1}')},
        ],
        [{"index": 0, "id": "one", "function": function("find", {"key": 1})}],
    ],
)
def test_a_call_runs_with_what_was_sent_for_it(pieces: list[dict[str, Any]]) -> None:
    events = decode(*[call(**piece) for piece in pieces], chunk("tool_calls"))
    [(name, arguments)] = calls(events)
    assert (name, json.loads(arguments)) == ("find", {"key": 1})
    assert stop(events) is StopReason.tool_use


def test_two_calls_at_one_place_are_two() -> None:
    first = {"index": 0, "function": function("find", '{"key":1}')}
    second = {"index": 0, "function": function("find", '{"key":2}')}
    together = chunk(tool_calls=[first, second])
    for body in ([together], [call(**first), call(**second)]):
        assert calls(decode(*body)) == [("find", '{"key":1}'), ("find", '{"key":2}')]


def test_indices_in_digits_tell_calls_apart() -> None:
    events = decode(
        call(index="0", id="a", function=function("find", "")),
        call(index="1", id="b", function=function("list", "")),
        call(index="0", function=function(None, "[1]")),
        call(index="1", function=function(None, "[2]")),
    )
    assert calls(events) == [("find", "[1]"), ("list", "[2]")]


def test_a_call_may_stand_where_the_list_of_calls_belongs() -> None:
    lone = {"index": 0, "id": "a", "function": function("find", "{}")}
    assert calls(decode(chunk(tool_calls=lone), chunk("stop"))) == [("find", "{}")]
    assert calls(decode(whole("stop", tool_calls=lone))) == [("find", "{}")]


def test_arguments_that_may_be_of_several_calls_run_nothing() -> None:
    error = failure(
        decode(
            call(index=0, id="a", function=function("find")),
            call(index=1, id="b", function=function("list")),
            call(index=2, function=function(None, '{"key":1}')),
            chunk("tool_calls"),
        )
    )
    assert type(error) is ProtocolError
    assert str(error).startswith("Provider error during streaming: ")


def test_the_index_of_a_choice_may_be_in_digits() -> None:
    odd = {"choices": [{"index": "0", "delta": {"content": "a"}}, {"index": "1", "delta": {}}]}
    assert text(decode(odd, chunk("stop"))) == "a"


# ── a message where a delta belongs ───────────────────────────────────────────────────────────


def test_a_message_in_place_of_a_delta_is_the_answer() -> None:
    made = {"id": "a", "function": function("find", '{"key":1}')}
    events = decode(whole("STOP", content="Hello", reasoning_content="hm", tool_calls=[made]))
    assert (reasoning(events), text(events)) == ("hm", "Hello")
    assert calls(events) == [("find", '{"key":1}')]


def test_text_in_place_of_a_delta_is_a_piece_of_the_answer() -> None:
    pieces = [{"choices": [{"index": 0, "text": piece}]} for piece in ("He", "llo")]
    assert text(decode(*pieces, chunk("stop"))) == "Hello"


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        ("Hello world", "Hello world"),
        ("Hello", "Hello"),
        ("<think>so</think>Hello world", "Hello world"),
        ("Hel", "Hello"),
        ("Other words", "Hello"),
        ("", "Hello"),
        (None, "Hello"),
    ],
)
def test_a_message_behind_the_deltas_completes_them(message: Any, answer: str) -> None:
    streamed = [chunk(content="Hel"), chunk(content="lo")]
    assert text(decode(*streamed, whole("stop", content=message))) == answer
    both = chunk("stop")
    both["choices"][0]["message"] = {"content": message}
    assert text(decode(*streamed, both)) == answer


@pytest.mark.parametrize(
    "pieces", [["He", "llo", " world"], ["He", "Hello", "Hello world"], ["Hello world"]]
)
def test_messages_may_be_pieces_or_grow(pieces: list[str]) -> None:
    events = decode(*[whole(content=piece) for piece in pieces], chunk("stop"))
    assert text(events) == "Hello world"


def test_a_call_in_a_message_completes_or_replaces_the_streamed_one() -> None:
    for streamed in ("", '{"key"', '{"key":1}', '{"other'):
        for id in ("a", ""):
            made = {"id": id, "function": function("find", '{"key":1}')}
            events = decode(
                call(index=0, id=id, function=function("find", streamed)),
                whole("tool_calls", content=None, tool_calls=[made]),
            )
            assert calls(events) == [("find", '{"key":1}')]


def test_reasoning_and_refusals_in_a_message_are_told_once() -> None:
    events = decode(
        chunk(reasoning_content="hm"),
        whole("stop", reasoning_content="hm", content=None, refusal="No."),
    )
    assert (reasoning(events), text(events)) == ("hm", "No.")
    again = decode(chunk(refusal="No."), whole("stop", content=None, refusal="No."))
    assert text(again) == "No."


def test_what_waits_for_its_rest_is_in_the_message_that_follows() -> None:
    waiting = [chunk(content="a<"), chunk(content="b\ud83d"), chunk(reasoning_content="c\ud83d")]
    message = {"content": "a<b\U0001f600", "reasoning_content": "c\U0001f600"}
    events = decode(*waiting, whole("stop", **message))
    assert (reasoning(events), text(events)) == ("c\U0001f600", "a<b\U0001f600")


def test_tags_behind_a_message_that_has_words_are_text() -> None:
    events = decode(chunk(content="<"), whole(content="<b>"), chunk("stop", content=" <think>"))
    assert text(events) == "<b> <think>"


@pytest.mark.parametrize("odd", [5, "text", [], {"tool_calls": 5}, None])
def test_a_message_that_is_none_is_passed_over(odd: Any) -> None:
    choice = {"index": 0, "message": odd}
    assert text(decode({"choices": [choice]}, chunk(content="a"), chunk("stop"))) == "a"


# ── reasons to end ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("STOP", StopReason.end_turn),
        ("Complete", StopReason.end_turn),
        ("MAX_TOKENS", StopReason.max_tokens),
        ("max_output_tokens", StopReason.max_tokens),
        ("model_context_window_exceeded", StopReason.max_tokens),
        ("tool_call", StopReason.tool_use),
        ("Tool_Calls", StopReason.tool_use),
    ],
)
def test_a_reason_is_known_in_any_spelling(
    reason: str, expected: StopReason, caplog: pytest.LogCaptureFixture
) -> None:
    assert stop(decode(chunk(content="a"), chunk(reason))) is expected
    assert not caplog.records


@pytest.mark.parametrize("reason", ["abort", "load", "new-reason", "42"])
def test_an_unknown_reason_ends_the_turn_and_is_logged(
    reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert stop(decode(chunk(content="a"), chunk(reason))) is StopReason.end_turn
    made = call(index=0, id="a", function=function("find", "{}"))
    assert stop(decode(made, chunk(reason))) is StopReason.tool_use
    assert stop(decode(chunk(reasoning="hm"), chunk(reason))) is StopReason.end_turn
    assert reason in caplog.records[0].getMessage()
    error = failure(decode(chunk(reason)))
    assert type(error) is ProviderError
    assert error.code == reason


@pytest.mark.parametrize("reason", ["null", "None", " "])
def test_a_reason_that_says_none_is_none(reason: str) -> None:
    assert text(decode(chunk(reason, content="a"), chunk(reason, content="b"))) == "ab"
    error = failure(decode(chunk(reason, content="a"), done=False))
    assert type(error) is TruncatedStream


@pytest.mark.parametrize("reason", ["network_error", "server_overloaded", "Timeout"])
def test_a_trouble_that_passes_is_an_error_to_be_tried_again(reason: str) -> None:
    error = failure(decode(chunk(content="a"), chunk(reason)))
    assert type(error) is ProviderError
    assert error.retryable


@pytest.mark.parametrize("reason", ["SAFETY", "sensitive", "PROHIBITED_CONTENT"])
def test_a_filter_is_an_error_in_any_spelling(reason: str) -> None:
    assert type(failure(decode(chunk(content="a"), chunk(reason)))) is ContentFiltered


# ── how much proof an end needs ───────────────────────────────────────────────────────────────

COUNTS = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}


def test_counts_behind_the_answer_are_its_end() -> None:
    for last in ([COUNTS], [COUNTS, {"choices": [], "cost": "0"}]):
        events = decode(chunk(content="a"), *last, done=False)
        assert events[-1] == IterationEnd(0, StopReason.end_turn, Usage(3, 4))
    made = call(index=0, id="a", function=function("find", "{}"))
    assert stop(decode(made, COUNTS, done=False)) is StopReason.tool_use
    half = call(index=0, id="a", function=function("find", '{"key'))
    assert stop(decode(half, COUNTS, done=False)) is StopReason.end_turn


@pytest.mark.parametrize(
    "payloads",
    [
        [chunk(content="a")],
        [chunk(content="a"), {"choices": [], "usage": {"prompt_tokens": 3}}],
        [chunk(content="a"), COUNTS, chunk(content="b")],
        [chunk(content="a") | {"usage": COUNTS["usage"]}],
        [COUNTS],
        [
            call(index=0, id="a", function=function("find", '{"key')),
            COUNTS,
            call(index=0, function=function(None, '":')),
        ],
    ],
)
def test_a_body_that_stops_before_its_counts_was_cut(payloads: list[Any]) -> None:
    error = failure(decode(*payloads, done=False))
    assert type(error) is TruncatedStream
    assert error.retryable


def test_an_empty_answer_ends_the_turn_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    for payloads in ([chunk("stop")], [chunk(content=""), chunk("stop")]):
        caplog.clear()
        assert decode(*payloads) == [IterationEnd(0, StopReason.end_turn, Usage(0, 0))]
        assert "empty" in caplog.text
    caplog.clear()
    decode(chunk(content="a"), chunk("stop"))
    decode(chunk(reasoning="cut off"), chunk("length"))
    assert not caplog.records


# ── reasoning ─────────────────────────────────────────────────────────────────────────────────


def test_reasoning_has_a_fourth_field() -> None:
    assert reasoning(decode(chunk(reasoning_text="hm"), chunk("stop", content="a"))) == "hm"


def detail(words: str) -> dict[str, Any]:
    return {"type": "reasoning.text", "index": 0, "text": words}


@pytest.mark.parametrize(
    "pieces", [["It", "It is", "It is late"], ["It is", "It is", "It is late"], ["It ", "is late"]]
)
def test_reasoning_that_is_told_from_its_beginning_each_time_is_told_once(
    pieces: list[str],
) -> None:
    streamed = [chunk(reasoning_details=[detail(piece)]) for piece in pieces]
    if pieces[1] == pieces[0]:  # at first it looks like the same word twice
        streamed = [streamed[0], *streamed[2:]]
    events = decode(*streamed, chunk("stop", content="a"), replays="reasoning_details")
    assert reasoning(events) == "It is late"
    [kept] = [event.block for event in events if isinstance(event, ReasoningEnd)]
    assert kept.data == {"reasoning_details": [detail("It is late")]}
    assert kept.text == "It is late"


@pytest.mark.parametrize("pieces", [["ha", "hey"], [".", ".."], ["1", "10"], ["no ", "no "]])
def test_reasoning_in_pieces_is_put_together(pieces: list[str]) -> None:
    events = decode(*[chunk(reasoning=piece) for piece in pieces], chunk("stop", content="a"))
    assert reasoning(events) == "".join(pieces)


# ── odd text ──────────────────────────────────────────────────────────────────────────────────

ODD = st.text(st.sampled_from('a{}":\u00e9\U0001f44b\ud83d\ude00'), max_size=8)


@given(st.lists(ODD, max_size=5), st.sampled_from(["content", "reasoning_content", "arguments"]))
def test_halves_of_characters_are_joined_where_they_meet(pieces: list[str], where: str) -> None:
    if where == "arguments":
        rest = [call(index=0, function=function(None, piece)) for piece in pieces]
        payloads = [call(index=0, id="a", function=function("find", "")), *rest]
    else:
        payloads = [chunk(**{where: piece}) for piece in ("!", *pieces)]
    events = decode(*payloads, chunk("stop"))
    sent = "".join(pieces)
    told = [text(events)[1:], reasoning(events)[1:], "".join(made for _, made in calls(events))]
    assert sorted(told) == sorted(["", "", joined(sent)])
    for event in events:
        repr(event).encode()
        for value in (getattr(event, "delta", ""), getattr(event, "partial_json", "")):
            value.encode()


def test_half_a_character_is_waited_for_no_longer_than_the_answer_lasts() -> None:
    assert text(decode(chunk(content="a\ud83d"), chunk("stop"))) == "a\ufffd"
    assert text(decode(chunk(content="a\ud83d"), chunk(content="b"), chunk("stop"))) == "a\ufffdb"
    assert text(decode(chunk(content="a\ud83d"), done=False)) == "a\ufffd"
    assert reasoning(decode(chunk(reasoning="\ud83d"), chunk("stop", content="a"))) == "\ufffd"


@pytest.mark.parametrize("number", ["-Infinity", "NaN", "1e999", "1" * 5000])
def test_a_number_that_is_not_read_does_no_harm(number: str) -> None:
    body = b'data: {"choices":[{"index":0,"delta":{"content":"a"},"odds":[%b]}]}\n\n'
    decoder = ChatDecoder()
    events = decoder.feed(body % number.encode() + sse(chunk("stop")) + DONE)
    assert (text(events), stop(events)) == ("a", StopReason.end_turn)


# ── odd shapes ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("payload", "words", "retryable"),
    [
        ({"message": "slow down", "type": "too_many_requests_error"}, "slow down", True),
        ({"message": "no such model", "code": 404}, "no such model", False),
        ({"detail": "Not Found"}, "Not Found", False),
        ({"errors": [{"message": "bad"}]}, "bad", False),
        ({"choices": "none", "error": {"message": "broken"}}, "broken", False),
    ],
)
def test_an_error_without_its_usual_frame_keeps_its_words(
    payload: Any, words: str, retryable: bool
) -> None:
    error = failure(decode(payload, done=False))
    assert type(error) is ProviderError
    assert words in str(error)
    assert error.retryable is retryable


def test_a_message_that_is_no_error_is_passed_over() -> None:
    notice = {"type": "notice", "message": "you are number 3 in the queue"}
    assert text(decode(notice, chunk(content="a"), chunk("stop"))) == "a"


def test_two_chunks_run_together_may_go_better_the_next_time() -> None:
    decoder = ChatDecoder()
    events = decoder.feed(sse(chunk(content="a")) + b'data: {"id":"x","chdata: {"choices":[]}\n\n')
    assert type(failure(events)) is ProtocolError
    assert failure(events).retryable


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        ({"prompt_tokens": "3", "completion_tokens": 4.0}, (3, 4)),
        ({"prompt_tokens": "three", "completion_tokens": [4]}, (0, 0)),
    ],
)
def test_counts_may_be_floats_or_digits(usage: Any, counts: tuple[int, int]) -> None:
    events = decode(chunk("stop", content="a"), {"choices": [], "usage": usage})
    assert events[-1] == IterationEnd(0, StopReason.end_turn, Usage(*counts))


def test_a_zero_takes_no_count_back() -> None:
    zeros = {"choices": [], "usage": {"prompt_tokens": 0, "completion_tokens": 5}}
    events = decode(chunk(content="a"), COUNTS, chunk("stop"), zeros)
    assert events[-1] == IterationEnd(0, StopReason.end_turn, Usage(3, 5))
