"""Spoken conversations with OpenAI over a WebSocket."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import aiohttp

from axio.blocks import AudioBlock, ContentBlock, TextBlock
from axio.events import Error, StreamEvent
from axio.exceptions import ConnectionFailed, ProviderError, message_of
from axio.tool import AnyTool
from axio.types import JSONObject
from axio.wire.address import WEB_SOCKET, Address
from axio.wire.errors import check_sending, connection_failed, secrets_in
from axio.wire.names import own_names
from axio.wire.payload import base64_of
from axio.wire.secret import Secret, Token, revealed
from axio.wire.session import open_session
from axio_transport_openai.pcm import Resampler
from axio_transport_openai.realtime_events import RealtimeDecoder
from axio_transport_openai.responses import encode_tools

__all__ = (
    "DEFAULT_PCM_MEDIA_TYPE",
    "DEFAULT_REALTIME_MODEL",
    "OPENAI_REALTIME_URL",
    "OpenAIRealtimeSession",
    "OpenAIRealtimeTransport",
)

OPENAI_REALTIME_URL = "wss://api.openai.com/v1/realtime"
DEFAULT_REALTIME_MODEL = "gpt-realtime"
DEFAULT_PCM_MEDIA_TYPE = "audio/pcm;rate=24000"

FORMATS = {"audio/pcm": "pcm16", "audio/pcmu": "g711_ulaw", "audio/pcma": "g711_alaw"}

RATE = 24_000
"""Samples a second of the PCM that OpenAI takes and gives."""

HEARTBEAT = 20.0
"""Seconds between pings, so that a connection that died in silence is noticed."""

_NORMAL_CLOSE = 1001  # 1000 and 1001 are a goodbye, everything above is not

logger = logging.getLogger("axio_transport_openai.realtime")


@dataclass(slots=True)
class OpenAIRealtimeTransport:
    """Opens conversations. Without an `http_session` each opens its own and closes it.

    A conversation lives as long as its connection, and the server keeps none: after a failure
    `connect` begins a new one. `StreamError`s say why a connection was refused or lost.
    """

    api_key: str = field(default_factory=lambda: os.environ.get("OPENAI_API_KEY") or "", repr=False)
    base_url: str = field(
        default_factory=lambda: os.environ.get("OPENAI_REALTIME_URL") or OPENAI_REALTIME_URL
    )
    model: str = DEFAULT_REALTIME_MODEL
    http_session: aiohttp.ClientSession | None = field(default=None, repr=False, compare=False)
    vad_threshold: float = 0.5
    vad_prefix_padding_ms: int = 300
    vad_silence_duration_ms: int = 500
    vad_create_response: bool = True
    vad_interrupt_response: bool = True
    input_noise_reduction: str | None = "near_field"

    async def connect(
        self,
        *,
        system: str,
        tools: list[AnyTool],
        voice: str | None = None,
        input_audio_format: str = DEFAULT_PCM_MEDIA_TYPE,
        output_audio_format: str = DEFAULT_PCM_MEDIA_TYPE,
    ) -> OpenAIRealtimeSession:
        """A configured conversation. ValueError for an audio format that OpenAI does not speak.

        PCM that is sent may have any rate; what comes back has 24 kHz.
        """
        key = Token(self.api_key.strip())
        if not key and self.base_url == OPENAI_REALTIME_URL:
            raise ProviderError("OpenAI realtime needs a key: set OPENAI_API_KEY, or give api_key=")
        rate = _rate(input_audio_format)
        if _rate(output_audio_format) != RATE:
            logger.warning("OpenAI speaks PCM at 24 kHz: %s will sound wrong", output_audio_format)
        update = self._session_update(
            system, tools, voice, _format(input_audio_format), _format(output_audio_format)
        )
        url = Address(f"{self.base_url}?model={quote(self.model, safe='')}")
        headers = {"OpenAI-Beta": "realtime=v1"}
        if key:
            headers["Authorization"] = Secret(f"Bearer {key}")
        own = self.http_session is None
        http = self.http_session or open_session(url)
        options: dict[str, Any] = {"heartbeat": HEARTBEAT} if own else {}
        try:
            check_sending("OpenAI realtime", url, headers, WEB_SOCKET)
            ws = await http.ws_connect(str(url), headers=revealed(headers), **options)
            session = OpenAIRealtimeSession(ws, output_audio_format, http, own)
            session._resampler = None if rate == RATE else Resampler(rate, RATE)
            session._decoder = RealtimeDecoder(output_audio_format, own_names(tools))
            await session._send(update)
            return session
        except BaseException as error:
            if own:
                await http.close()
            failure = _in_our_words(error, url, secrets_in(headers, url))
        try:
            raise failure
        finally:
            del failure  # a frame in its own traceback would be a cycle

    def _session_update(
        self, system: str, tools: list[AnyTool], voice: str | None, heard: str, spoken: str
    ) -> JSONObject:
        session: JSONObject = {
            "instructions": system,
            "input_audio_format": heard,
            "output_audio_format": spoken,
            "turn_detection": {
                "type": "server_vad",
                "threshold": self.vad_threshold,
                "prefix_padding_ms": self.vad_prefix_padding_ms,
                "silence_duration_ms": self.vad_silence_duration_ms,
                "create_response": self.vad_create_response,
                "interrupt_response": self.vad_interrupt_response,
            },
            "tools": encode_tools(tools, strict=None),
        }
        if self.input_noise_reduction:
            session["input_audio_noise_reduction"] = {"type": self.input_noise_reduction}
        if voice is not None:
            session["voice"] = voice
        return {"type": "session.update", "session": session}


@dataclass(slots=True)
class OpenAIRealtimeSession:
    """One conversation, over anything that looks like aiohttp's WebSocket.

    `events` has to be read while one speaks: it also tells the session when it may ask for the
    next response. A response is asked for when all calls of the last one are answered and no other
    is under way.
    """

    ws: Any
    output_audio_media_type: str = DEFAULT_PCM_MEDIA_TYPE
    http_session: aiohttp.ClientSession | None = field(default=None, repr=False)
    own_http_session: bool = False
    _decoder: RealtimeDecoder = field(init=False, repr=False, compare=False)
    _resampler: Resampler | None = field(init=False, repr=False, compare=False)
    _heard: bool = field(init=False, repr=False, compare=False)
    _due: bool = field(init=False, repr=False, compare=False)
    _closing: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._decoder = RealtimeDecoder(self.output_audio_media_type)
        self._resampler = None
        self._heard = self._due = self._closing = False

    async def send(self, content: ContentBlock | list[ContentBlock]) -> None:
        """Speak or write to the model; TypeError for other blocks, and then nothing is sent."""
        blocks = content if isinstance(content, list) else [content]
        for block in blocks:
            if not isinstance(block, AudioBlock | TextBlock):
                raise TypeError(f"a realtime session takes audio and text, no {_name(block)}")
        for block in blocks:
            if isinstance(block, AudioBlock):
                data = block.data if self._resampler is None else self._resampler.feed(block.data)
                audio = base64_of(data)
                await self._send({"type": "input_audio_buffer.append", "audio": audio})
                self._heard = True
            elif isinstance(block, TextBlock):
                part = {"type": "input_text", "text": block.text}
                await self._add({"type": "message", "role": "user", "content": [part]})

    async def commit(self) -> None:
        """Ask for a response to what was sent."""
        if self._heard:
            self._heard = False
            await self._send({"type": "input_audio_buffer.commit"})
        await self._respond()

    async def interrupt(self) -> None:
        """Stop the response that is under way, and ask for none."""
        self._due = False
        await self._send({"type": "response.cancel"})

    async def send_tool_result(self, tool_use_id: str, name: str, content: str | list[Any]) -> None:
        """Answer a call; TypeError for content that is not text."""
        if not isinstance(content, str):
            for block in content:
                if not isinstance(block, TextBlock):
                    raise TypeError(f"a realtime tool result takes text, no {_name(block)}")
            content = "".join(block.text for block in content)
        await self._add({"type": "function_call_output", "call_id": tool_use_id, "output": content})
        self._decoder.unanswered.discard(tool_use_id)
        if not self._decoder.unanswered:
            await self._respond()

    async def events(self) -> AsyncIterator[StreamEvent]:
        """The events of the server, until the conversation is closed on either side. A connection
        that is lost is an `Error`, and then the last event."""
        async for message in self.ws:
            if message.type == aiohttp.WSMsgType.TEXT:
                for event in self._decoder.feed(message.data):
                    yield event
                if self._due and not self._decoder.active:
                    await self._respond()
            elif message.type == aiohttp.WSMsgType.ERROR:
                lost = self.ws.exception() or message.data
                yield Error(ConnectionFailed(f"OpenAI realtime: the connection broke: {lost}"))
                return
            elif message.type in _ENDINGS:
                break
        code = getattr(self.ws, "close_code", None)
        if isinstance(code, int) and code > _NORMAL_CLOSE and not self._closing:
            yield Error(ConnectionFailed(f"OpenAI realtime: the server hung up (code {code})"))

    async def close(self) -> None:
        """Hang up. Closing twice is no error."""
        self._closing = True
        try:
            if not self.ws.closed:
                await self.ws.close()
        finally:
            if self.own_http_session and self.http_session is not None:
                await self.http_session.close()

    async def _respond(self) -> None:
        self._due = self._decoder.active
        if not self._due:
            await self._send({"type": "response.create"})

    async def _add(self, item: JSONObject) -> None:
        await self._send({"type": "conversation.item.create", "item": item})

    async def _send(self, message: JSONObject) -> None:
        try:
            await self.ws.send_str(json.dumps(message))
        except (aiohttp.ClientError, OSError) as error:
            text = f"OpenAI realtime: the connection is lost: {message_of(error)}"
        else:
            return
        raise ConnectionFailed(text)


_ENDINGS = (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED)


def _in_our_words(error: BaseException, address: Address, secrets: set[str]) -> BaseException:
    """An error without the library's frames, which hold what was sent."""
    if isinstance(error, aiohttp.WSServerHandshakeError):
        text = f"OpenAI realtime: the connection was refused ({error.status})"
        return ProviderError(f"{text} ({address.shown})", status=error.status)
    if isinstance(error, aiohttp.ClientError | OSError | ValueError):
        return connection_failed("OpenAI realtime", address, error, secrets=secrets)
    return error.with_traceback(None)


def _format(media_type: str) -> str:
    """OpenAI's name of an audio format."""
    kind = media_type.replace(" ", "").partition(";")[0]
    name = FORMATS.get(kind, "pcm16" if kind.startswith("audio/pcm") else None)
    if name is None:
        raise ValueError(f"OpenAI's realtime API speaks {', '.join(FORMATS)}, not {media_type}")
    return name


def _rate(media_type: str) -> int:
    """Samples a second of PCM; OpenAI's own where the format does not say it or is another."""
    if _format(media_type) != "pcm16":
        return RATE
    stated = re.search(r";\s*rate\s*=\s*([1-9][0-9]{3,5})\s*(;|$)", media_type)
    return int(stated[1]) if stated else RATE


def _name(block: object) -> str:
    return type(block).__name__
