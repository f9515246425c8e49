"""Models as the rest of axio sees them: a protocol for each kind, and a placeholder for each."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from contextvars import ContextVar
from typing import (
    TYPE_CHECKING,
    Any,
    NoReturn,
    Protocol,
    TypeAlias,
    TypeGuard,
    cast,
    runtime_checkable,
)

from axio.exceptions import wrong_kind
from axio.models import Capability, ModelSpec

if TYPE_CHECKING:
    from axio.blocks import ContentBlock
    from axio.events import StreamEvent
    from axio.messages import Message
    from axio.tool import AnyTool

__all__ = (
    "AudioGenTransport",
    "CompletionTransport",
    "DummyAudioGenTransport",
    "DummyCompletionTransport",
    "DummyEmbeddingTransport",
    "DummyImageGenTransport",
    "DummySTTTransport",
    "DummyTTSTransport",
    "DummyTransport",
    "DummyVideoGenTransport",
    "EmbeddingTransport",
    "ImageGenTransport",
    "RealtimeSession",
    "RealtimeTransport",
    "STTTransport",
    "StructuredStream",
    "StructuredTransport",
    "TTSTransport",
    "VideoGenTransport",
    "admission",
    "close_quietly",
    "closing",
    "gated",
    "model_of",
    "takes_schema",
    "takes_tools",
)

logger = logging.getLogger(__name__)

Gate: TypeAlias = "Callable[[], Awaitable[object]]"
"""Returns when another request may be made."""

StructuredStream: TypeAlias = (
    "Callable[[list[Message], list[AnyTool], str, Mapping[str, Any]], AsyncIterator[StreamEvent]]"
)

_GATES: ContextVar[tuple[Gate, ...]] = ContextVar("axio_gates", default=())


@runtime_checkable
class CompletionTransport(Protocol):
    """A model that answers a conversation: any class with this method, an async generator."""

    def stream(
        self, messages: list[Message], tools: list[AnyTool], system: str
    ) -> AsyncIterator[StreamEvent]:
        """Ask the model once, and yield the events of its answer as they come.

        `messages` is the whole history, oldest first, valid by `axio.history`; `tools` are those
        that the model may call, and `system` is the prompt. None of them may be changed.

        The events end with exactly one `IterationEnd`. A call is one `ToolUseStart` and
        `ToolInputDelta`s whose joined text is a JSON object. A failure, and an answer that is not
        complete, is raised as a `StreamError`. Cancelling, and `aclose` where the iterator has it,
        release the connection.
        """
        ...


@runtime_checkable
class StructuredTransport(Protocol):
    """A transport whose provider holds the model to a schema: the text is then the JSON."""

    @property
    def stream_structured(self) -> StructuredStream:
        """`stream_structured(messages, tools, system, schema)`, as `stream` else."""


@runtime_checkable
class ImageGenTransport(Protocol):
    """A model that draws."""

    async def generate_images(
        self, prompt: str, *, model: str | None = None, n: int = 1
    ) -> list[bytes]:
        """Return `n` pictures, each as the bytes of a file."""
        ...


@runtime_checkable
class VideoGenTransport(Protocol):
    """A model that makes films; `generate_videos` returns the bytes of `n` files."""

    async def generate_videos(
        self,
        prompt: str,
        *,
        model: str | None = None,
        n: int = 1,
        image: bytes | None = None,
        duration_seconds: int | None = None,
        aspect_ratio: str | None = None,
    ) -> list[bytes]: ...


@runtime_checkable
class AudioGenTransport(Protocol):
    """A model that makes sounds."""

    async def generate_audios(
        self, prompt: str, *, model: str | None = None, n: int = 1
    ) -> list[bytes]:
        """Return `n` pieces, each as the bytes of a file."""
        ...


@runtime_checkable
class TTSTransport(Protocol):
    """A model that speaks a text."""

    def synthesize(self, text: str, *, voice: str | None = None) -> AsyncIterator[bytes]:
        """Yield the sound in pieces, as it is made."""
        ...


@runtime_checkable
class STTTransport(Protocol):
    """A model that writes down speech."""

    async def transcribe(self, audio: bytes, media_type: str = "audio/wav") -> str:
        """Return the words of a recording."""
        ...


@runtime_checkable
class EmbeddingTransport(Protocol):
    """A model that places texts by their meaning."""

    async def embed(self, texts: list[str]) -> list[list[float]]:
        """Return one vector for each text, in their order."""
        ...


@runtime_checkable
class RealtimeSession(Protocol):
    """An open two-way conversation."""

    async def send(self, content: ContentBlock | list[ContentBlock]) -> None:
        """Send sound, text or pictures of the user."""
        ...

    async def commit(self) -> None:
        """Say that the user has finished, so that the model may answer."""
        ...

    async def interrupt(self) -> None:
        """Stop the answer that the model is giving."""
        ...

    async def send_tool_result(self, tool_use_id: str, name: str, content: str | list[Any]) -> None:
        """Answer one call of the model."""
        ...

    def events(self) -> AsyncIterator[StreamEvent]:
        """Yield what comes from the model, until the session ends."""
        ...

    async def close(self) -> None:
        """End the session and release its connection."""
        ...


@runtime_checkable
class RealtimeTransport(Protocol):
    """A model that can be spoken with; `connect` opens a session, which the caller closes."""

    async def connect(
        self,
        *,
        system: str,
        tools: list[AnyTool],
        voice: str | None = None,
        input_audio_format: str = "audio/pcm;rate=16000",
        output_audio_format: str = "audio/pcm;rate=24000",
    ) -> RealtimeSession: ...


class DummyTransport:
    """Stands where a transport will be put later; any use says so, at the call itself."""

    def _refuse(self, *args: object, **kwargs: object) -> NoReturn:
        message = (
            f"{type(self).__name__} is only a placeholder: configure a real transport, "
            "for example with agent.copy(transport=...)"
        )
        logger.warning(message)
        raise RuntimeError(message)


class DummyCompletionTransport(DummyTransport):
    stream = DummyTransport._refuse


class DummyImageGenTransport(DummyTransport):
    generate_images = DummyTransport._refuse


class DummyVideoGenTransport(DummyTransport):
    generate_videos = DummyTransport._refuse


class DummyAudioGenTransport(DummyTransport):
    generate_audios = DummyTransport._refuse


class DummyTTSTransport(DummyTransport):
    synthesize = DummyTransport._refuse


class DummySTTTransport(DummyTransport):
    transcribe = DummyTransport._refuse


class DummyEmbeddingTransport(DummyTransport):
    embed = DummyTransport._refuse


def require_transport(transport: object, argument: str = "transport") -> None:
    """TypeError for what cannot stream the answers of a model."""
    if isinstance(transport, type) or not callable(getattr(transport, "stream", None)):
        raise wrong_kind(argument, "a transport, such as OpenAITransport(...)", transport)


def model_of(transport: object) -> ModelSpec | None:
    """The model of a transport; None where it does not say which it is."""
    model = getattr(transport, "model", None)
    return model if isinstance(model, ModelSpec) else None


def takes_schema(transport: object) -> TypeGuard[StructuredTransport]:
    """True if the transport's provider holds the model to a schema.

    `isinstance` looks at the class alone from Python 3.12 on, and a transport may have
    `stream_structured` for some of its models only.
    """
    return hasattr(transport, "stream_structured")


def takes_tools(transport: object) -> bool:
    """False if the transport's model, of any class, says that it has no use for tools."""
    capabilities = getattr(getattr(transport, "model", None), "capabilities", None)
    return capabilities is None or Capability.tool_use in capabilities


async def admission() -> None:
    """Wait until another request may be made for the same answer.

    A transport that asks again on its own awaits this before each request but the first, so that
    the rate limits around it hold and count them all.
    """
    for gate in _GATES.get():
        await gate()


async def gated(
    source: AsyncIterator[StreamEvent], gate: Gate
) -> AsyncGenerator[StreamEvent, None]:
    """The events of `source`, which passes `gate` at each `admission` before its first event."""
    outer = _GATES.get()
    _GATES.set((*outer, gate))
    try:
        async for event in source:
            # The consumer has the word now, in this same context.
            _GATES.set(outer)
            yield event
    finally:
        _GATES.set(outer)


def closing(
    source: AsyncIterator[StreamEvent],
) -> AbstractAsyncContextManager[AsyncIterator[StreamEvent]]:
    """`source`, closed at the end of the block however it ends, if it can be closed."""
    return aclosing(cast(Any, source)) if hasattr(source, "aclose") else nullcontext(source)


async def close_quietly(source: AsyncIterator[StreamEvent]) -> None:
    """Let go of a response that is not read to its end; a failure to do so is only logged."""
    aclose = getattr(source, "aclose", None)
    if aclose is not None:
        try:
            await aclose()
        except Exception:
            logger.exception("a transport's stream could not be closed")
