"""The consumer's side of a stream, and the placeholders for transports."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Iterable
from typing import Any

import pytest

from axio import transport as transports
from axio.events import Error, SessionEndEvent, StreamEvent, TextDelta
from axio.exceptions import ProviderError, StreamError
from axio.selector import ToolSelector
from axio.stream import AgentStream
from axio.testing import make_stub_transport
from axio.transport import CompletionTransport, DummyTransport, EmbeddingTransport
from axio.types import StopReason, Usage

END = SessionEndEvent(StopReason.end_turn, Usage(1, 2))


class Source:
    def __init__(self, *events: StreamEvent) -> None:
        self.events, self.closed = events, False

    async def __call__(self) -> AsyncGenerator[StreamEvent, None]:
        try:
            for event in self.events:
                yield event
        finally:
            self.closed = True


async def test_a_stream_is_empty_after_its_end() -> None:
    stream = AgentStream(Source(TextDelta(0, "a"), END)())
    assert aiter(stream) is stream
    assert stream.is_abandoned() is False
    assert [event async for event in stream] == [TextDelta(0, "a"), END]
    assert [event async for event in stream] == []
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_a_closed_stream_is_empty_and_may_be_closed_again() -> None:
    source = Source(TextDelta(0, "a"), END)
    stream = AgentStream(source())
    await anext(stream)
    await stream.aclose()
    await stream.aclose()
    assert source.closed
    assert [event async for event in stream] == []


async def test_the_final_text_is_all_text_joined() -> None:
    source = Source(TextDelta(0, "a"), TextDelta(3, "b"), END)
    assert await AgentStream(source()).get_final_text() == "ab"
    assert source.closed


@pytest.mark.parametrize("take", ["get_final_text", "get_session_end"])
async def test_a_failed_run_raises_a_stream_error_with_its_cause(take: str) -> None:
    cause = ProviderError("no such model", status=404, request_id="r")
    source = Source(TextDelta(0, "a"), Error(cause), END)
    with pytest.raises(StreamError, match="no such model") as caught:
        await getattr(AgentStream(source()), take)()
    assert caught.value.__cause__ is cause
    assert (caught.value.status, caught.value.request_id) == (404, "r")
    assert source.closed


async def test_the_session_end_is_the_last_event() -> None:
    assert await AgentStream(Source(TextDelta(0, "a"), END)()).get_session_end() == END
    with pytest.raises(StreamError, match="without a SessionEndEvent"):
        await AgentStream(Source(TextDelta(0, "a"))()).get_session_end()


# ── protocols and placeholders ────────────────────────────────────────────────────────────────


async def refuse(dummy: DummyTransport) -> None:
    """Use the one method a placeholder has."""
    calls: dict[str, tuple[Any, ...]] = {
        "stream": ([], [], ""),
        "generate_images": ("p",),
        "generate_videos": ("p",),
        "generate_audios": ("p",),
        "synthesize": ("t",),
        "transcribe": (b"",),
        "embed": ([],),
    }
    for name, arguments in calls.items():
        if hasattr(dummy, name):
            result = getattr(dummy, name)(*arguments)
            await result


@pytest.mark.parametrize(
    "name",
    [
        "DummyCompletionTransport",
        "DummyImageGenTransport",
        "DummyVideoGenTransport",
        "DummyAudioGenTransport",
        "DummyTTSTransport",
        "DummySTTTransport",
        "DummyEmbeddingTransport",
    ],
)
async def test_a_placeholder_says_that_it_is_one(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    dummy = getattr(transports, name)()
    assert isinstance(dummy, DummyTransport)
    assert isinstance(dummy, getattr(transports, name.removeprefix("Dummy")))
    with caplog.at_level(logging.WARNING), pytest.raises(RuntimeError, match=r"agent\.copy"):
        await refuse(dummy)
    assert name in caplog.text


def test_protocols_tell_transports_apart() -> None:
    stub = make_stub_transport()
    assert isinstance(stub, CompletionTransport)
    assert not isinstance(stub, EmbeddingTransport)
    assert not isinstance(object(), CompletionTransport)


def test_a_selector_is_anything_that_selects() -> None:
    class Own:
        async def select(self, messages: Iterable[Any], tools: Iterable[Any]) -> Iterable[Any]:
            return tools

    assert isinstance(Own(), ToolSelector)
    assert not isinstance(object(), ToolSelector)
