"""Blocks, messages, events and the small types: values, and their form on disk."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, get_args

import pytest
from hypothesis import given, strategies as st

from axio import exceptions
from axio.approval import PendingCall
from axio.blocks import (
    AudioBlock,
    ContentBlock,
    ImageBlock,
    ReasoningBlock,
    TextBlock,
    ToolResultBlock,
    ToolUseBlock,
    VideoBlock,
    from_dict,
    to_dict,
)
from axio.compaction import ClearToolResults, SlidingWindow, Summarize
from axio.context import SessionInfo
from axio.events import StreamEvent, TextDelta, ToolResult
from axio.exceptions import (
    AxioError,
    ConnectionFailed,
    ProtocolError,
    ProviderError,
    StreamError,
    StreamTimeout,
    ToolError,
    TruncatedStream,
)
from axio.history import Problem
from axio.messages import Message
from axio.models import ModelSpec
from axio.subagents import BackgroundResult
from axio.types import StopReason, Usage

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.text(), JSON, max_size=3)
MEDIA: st.SearchStrategy[Any] = st.one_of(
    st.builds(ImageBlock, st.just("image/png"), st.binary()),
    st.builds(AudioBlock, st.just("audio/wav"), st.binary()),
    st.builds(VideoBlock, st.just("video/mp4"), st.binary()),
)
TEXTS = st.builds(TextBlock, st.text())
BLOCKS: st.SearchStrategy[ContentBlock] = st.one_of(
    TEXTS,
    MEDIA,
    st.builds(ToolUseBlock, st.text(), st.text(), OBJECTS),
    st.builds(
        ToolResultBlock, st.text(), st.text() | st.lists(TEXTS | MEDIA, max_size=3), st.booleans()
    ),
    st.builds(ReasoningBlock, st.text(), st.text(), OBJECTS),
)


@given(
    st.builds(
        Message, st.sampled_from(("user", "assistant", "system")), st.lists(BLOCKS, max_size=4)
    )
)
def test_every_message_survives_json(message: Message) -> None:
    assert Message.from_dict(json.loads(json.dumps(message.to_dict()))) == message


def test_a_message_gives_its_text_and_its_results_apart() -> None:
    result = ToolResultBlock("call_1", "of the tool")
    message = Message("user", [TextBlock("one "), result, TextBlock("two")])
    assert message.text == "one two"
    assert message.tool_results == [result]
    assert (Message("user").text, Message("user").tool_results) == ("", [])


@pytest.mark.parametrize(
    ("block", "form"),
    [
        (TextBlock("a"), {"type": "text", "text": "a"}),
        (
            ImageBlock("image/png", b"\xff\x00"),
            {"type": "image", "media_type": "image/png", "data": "/wA="},
        ),
        (
            AudioBlock("audio/wav", b"a"),
            {"type": "audio", "media_type": "audio/wav", "data": "YQ=="},
        ),
        (
            VideoBlock("video/mp4", b""),
            {"type": "video", "media_type": "video/mp4", "data": ""},
        ),
        (
            ToolUseBlock("i", "n", {"x": 1}),
            {"type": "tool_use", "id": "i", "name": "n", "input": {"x": 1}},
        ),
        (
            ToolResultBlock("i", [TextBlock("a")], True),
            {
                "type": "tool_result",
                "tool_use_id": "i",
                "content": [{"type": "text", "text": "a"}],
                "is_error": True,
            },
        ),
        (
            ToolResultBlock("i", "ok"),
            {"type": "tool_result", "tool_use_id": "i", "content": "ok", "is_error": False},
        ),
        (
            ReasoningBlock("t", "p", {"s": 1}),
            {"type": "reasoning", "text": "t", "provider": "p", "data": {"s": 1}},
        ),
    ],
)
def test_the_form_on_disk(block: ContentBlock, form: dict[str, Any]) -> None:
    assert to_dict(block) == form
    assert from_dict(form) == block


def test_unknown_blocks_are_named() -> None:
    with pytest.raises(TypeError, match="Unknown block type"):
        to_dict(ContentBlock())
    for odd in ({"type": "odd"}, {}, {"type": ["text"]}):
        with pytest.raises(ValueError, match="Unknown block type"):
            from_dict(odd)


def test_others_may_register_their_blocks() -> None:
    @dataclass(frozen=True)
    class Own(ContentBlock):
        x: int

    to_dict.register(Own, lambda block: {"type": "own", "x": block.x})
    assert to_dict(Own(3)) == {"type": "own", "x": 3}


def test_blocks_are_values() -> None:
    assert hash(TextBlock("a")) == hash(TextBlock("a"))
    assert hash(ToolResultBlock("a", "b")) == hash(ToolResultBlock("a", "b"))
    with pytest.raises(dataclasses.FrozenInstanceError):
        TextBlock("a").text = "b"  # type: ignore[misc]
    assert not hasattr(TextBlock("a"), "__dict__")


def test_messages_have_a_list_of_their_own() -> None:
    assert Message("user").content is not Message("user").content
    message = Message("user", [TextBlock("a")])
    message.content.append(TextBlock("b"))
    assert message == Message("user", [TextBlock("a"), TextBlock("b")])


def test_every_event_is_a_frozen_value_without_a_dict() -> None:
    kinds = get_args(StreamEvent)
    assert len(kinds) == 22
    for kind in kinds:
        assert kind.__dataclass_params__.frozen
        assert "__slots__" in vars(kind)


def test_events_match_by_position_and_keyword() -> None:
    match TextDelta(0, "x"):
        case TextDelta(0, delta=text):
            assert text == "x"
    assert ToolResult("a", "b", False).input is not ToolResult("a", "b", False).input


def test_usage_adds_up_field_by_field() -> None:
    assert Usage(1, 2) + Usage(10, 20, 3, 4, 5) == Usage(11, 22, 3, 4, 5)
    with pytest.raises(TypeError):
        Usage(1, 2) + 3  # type: ignore[operator]


def test_stop_reasons_are_their_names() -> None:
    assert [str(reason) for reason in StopReason] == ["end_turn", "tool_use", "max_tokens", "error"]
    assert StopReason("error") is StopReason.error


def test_the_tree_of_exceptions_is_the_one_that_is_drawn() -> None:
    assert exceptions.__doc__ is not None
    for name in exceptions.__all__:
        kind = getattr(exceptions, name)
        assert issubclass(kind, AxioError)
        assert name in exceptions.__doc__
        assert str(kind("what happened")) == "what happened"
    assert not issubclass(StreamError, ToolError)


def test_a_stream_error_carries_what_the_provider_said() -> None:
    error = ProviderError("no", status=429, code="rate_limit", request_id="r1", retryable=True)
    assert (error.status, error.code, error.request_id, error.retryable) == (
        429,
        "rate_limit",
        "r1",
        True,
    )


@pytest.mark.parametrize(
    ("error", "retryable"),
    [
        (StreamError("x"), False),
        (StreamError("x", status=503), False),
        (ConnectionFailed("x"), True),
        (ConnectionFailed("x", retryable=False), False),
        (StreamTimeout("x"), True),
        (ProviderError("x"), False),
        (ProviderError("x", status=400), False),
        (ProviderError("x", status=429), True),
        (ProviderError("x", status=529), True),
        (ProviderError("x", status=503, retryable=False), False),
        (ProviderError("x", status=400, retryable=True), True),
        (ProtocolError("x", status=503), False),
        (TruncatedStream("x"), False),
    ],
)
def test_an_error_knows_whether_asking_again_may_help(error: StreamError, retryable: bool) -> None:
    assert error.retryable is retryable


@pytest.mark.parametrize(
    "value",
    [
        *(TextBlock("a"), ToolUseBlock("a", "b", {}), ToolResultBlock("a", "b"), Usage(1, 2)),
        *(TextDelta(0, "a"), ToolResult("a", "b", False), ModelSpec("m")),
        *(Problem(0, "a"), PendingCall("a", "b", {}, "c"), BackgroundResult(1, "a", "b", False)),
        *(SessionInfo("a", 0, "", ""), Summarize(), SlidingWindow(), ClearToolResults()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_cannot_be_changed(value: Any) -> None:
    name = dataclasses.fields(value)[0].name
    before = repr(value)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, name, "other")
    assert repr(value) == before


def test_a_session_of_which_nothing_is_counted_has_no_tokens() -> None:
    info = SessionInfo("a", 0, "", "")
    assert (info.input_tokens, info.output_tokens) == (0, 0)
