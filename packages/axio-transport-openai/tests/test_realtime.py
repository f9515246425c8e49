"""Spoken conversations over a real WebSocket, to a server on loopback that keeps the protocol."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from axio import RealtimeAgent, RealtimeSession, RealtimeTransport, Tool
from axio.blocks import AudioBlock, ImageBlock, TextBlock
from axio.events import (
    AudioOutputDelta,
    Error,
    SpeechStarted,
    SpeechStopped,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    ToolUseStart,
    TranscriptDelta,
    TurnComplete,
)
from axio.exceptions import ConnectionFailed, ProtocolError, ProviderError, StreamError
from axio.types import StopReason, Usage
from axio_transport_openai import OpenAIRealtimeSession, OpenAIRealtimeTransport
from axio_transport_openai.realtime import (
    DEFAULT_PCM_MEDIA_TYPE,
    DEFAULT_REALTIME_MODEL,
    OPENAI_REALTIME_URL,
)
from axio_transport_openai.realtime_events import RealtimeDecoder
from support import waiting

SAY: dict[str, Any] = {"type": "input_text", "text": "hello"}


@dataclass
class Server:
    """Speaks as OpenAI's server does, as far as a client can tell: one response at a time, which
    calls a tool when there is one and its result is still missing, and else answers in audio."""

    url: str = ""
    asked: list[web.Request] = field(default_factory=list)
    heard: list[dict[str, Any]] = field(default_factory=list)
    hang_up_after: str = ""
    calls: list[tuple[str, str]] = field(default_factory=lambda: [("c1", '{"city": "Rome"}')])
    refused: int = 0
    connections: int = 0

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        if self.refused:
            return web.Response(status=self.refused)
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        self.connections += 1
        conversation = Conversation(self, ws)
        try:
            await conversation.converse()
        finally:
            await conversation.stop()
        return ws

    @property
    def kinds(self) -> list[str]:
        return [message["type"] for message in self.heard]


class Conversation:
    def __init__(self, server: Server, ws: web.WebSocketResponse) -> None:
        self.server, self.ws = server, ws
        self.tools: list[Any] = []
        self.items: list[dict[str, Any]] = []
        self.response: asyncio.Task[None] | None = None

    async def send(self, kind: str, **fields: Any) -> None:
        await self.ws.send_str(json.dumps({"type": kind, **fields}))

    async def converse(self) -> None:
        await self.send("session.created", session={})
        async for message in self.ws:
            event = json.loads(message.data)
            self.server.heard.append(event)
            match event["type"]:
                case "session.update":
                    self.tools = event["session"]["tools"]
                    await self.send("session.updated", session=event["session"])
                case "conversation.item.create":
                    self.items.append(event["item"])
                case "input_audio_buffer.append":
                    if not self.items:
                        await self.send("input_audio_buffer.speech_started")
                case "input_audio_buffer.commit":
                    self.items.append({"type": "message"})
                    await self.send("input_audio_buffer.speech_stopped")
                case "response.create" if self.response is not None:
                    code = "conversation_already_has_active_response"
                    await self.send("error", error={"code": code, "message": "wait"})
                case "response.create":
                    self.response = asyncio.create_task(self.respond())
                case "response.cancel" if self.response is None:
                    code = "response_cancel_not_active"
                    await self.send("error", error={"code": code, "message": "nothing"})
                case "response.cancel":
                    await self.stop()
                    await self.send("response.done", response={"status": "cancelled", "output": []})
            if event["type"] == self.server.hang_up_after:
                self.server.hang_up_after = ""
                await self.ws.close(code=1011, message=b"trouble")

    async def stop(self) -> None:
        response, self.response = self.response, None
        if response is not None:
            response.cancel()
            await asyncio.wait([response])

    async def respond(self) -> None:
        await self.send("response.created", response={"status": "in_progress"})
        results = {i["call_id"] for i in self.items if i["type"] == "function_call_output"}
        calls = [(id, text) for id, text in self.server.calls if id not in results]
        output: list[dict[str, Any]] = []
        if self.tools and calls:
            for id, text in calls:
                item = {"type": "function_call", "id": f"i_{id}", "call_id": id}
                item["name"] = self.tools[0]["name"]
                await self.send("response.output_item.added", item={**item, "arguments": ""})
                for at in range(0, len(text), 5):
                    piece = text[at : at + 5]
                    await self.send(
                        "response.function_call_arguments.delta", item_id=item["id"], delta=piece
                    )
                await self.send(
                    "response.function_call_arguments.done", item_id=item["id"], arguments=text
                )
                output.append({**item, "status": "completed", "arguments": text})
        else:
            await self.send("response.output_item.added", item={"type": "message", "id": "m"})
            await self.send("response.output_audio_transcript.delta", delta="ciao")
            for _ in range(100 if any("long" in str(item) for item in self.items) else 1):
                delta = base64.b64encode(b"\1\2").decode()
                await self.send("response.output_audio.delta", delta=delta)
                await asyncio.sleep(0.01)
            output.append({"type": "message"})
        self.response = None
        usage = {"input_tokens": 9, "output_tokens": 4, "input_token_details": {"cached_tokens": 2}}
        done = {"status": "completed", "output": output, "usage": usage}
        await self.send("response.done", response=done)


@asynccontextmanager
async def serving(**options: Any) -> AsyncIterator[Server]:
    server = Server(**options)
    app = web.Application()
    app.router.add_get("/v1/realtime", server.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.url = f"ws://127.0.0.1:{runner.addresses[0][1]}/v1/realtime"
        yield server
    finally:
        await runner.cleanup()


def transport(server: Server, **options: Any) -> OpenAIRealtimeTransport:
    return OpenAIRealtimeTransport(api_key="k-123456", base_url=server.url, **options)


async def weather(city: str) -> str:
    """Tell the weather."""
    return f"rain in {city}"


WEATHER: list[Tool[Any]] = [Tool("weather", handler=weather)]


async def until(events: AsyncIterator[StreamEvent], end: Any) -> list[StreamEvent]:
    """The events up to the first that is `end`, or of that class."""
    seen: list[StreamEvent] = []
    async with asyncio.timeout(60):
        async for event in events:
            seen.append(event)
            if event == end or (isinstance(end, type) and isinstance(event, end)):
                return seen
    raise AssertionError(f"{end} did not come: {seen}")


# ── a conversation ────────────────────────────────────────────────────────────────────────────


async def test_connecting_tells_who_one_is_and_how_one_will_speak() -> None:
    async with serving() as server:
        line = transport(server)
        session = await line.connect(system="be kind", tools=WEATHER, voice="alloy")
        assert isinstance(line, RealtimeTransport)
        assert isinstance(session, RealtimeSession)
        await session.close()
        await session.close()
        await waiting.until(lambda: server.heard)
    [request] = server.asked
    assert request.query == {"model": "gpt-realtime"}
    assert request.headers["Authorization"] == "Bearer k-123456"
    assert request.headers["OpenAI-Beta"] == "realtime=v1"
    assert session.http_session is not None and session.http_session.closed
    assert "k-123456" not in repr(line) + repr(session)
    [update] = server.heard
    assert update == {
        "type": "session.update",
        "session": {
            "instructions": "be kind",
            "input_audio_format": "pcm16",
            "output_audio_format": "pcm16",
            "turn_detection": {
                "type": "server_vad",
                "threshold": 0.5,
                "prefix_padding_ms": 300,
                "silence_duration_ms": 500,
                "create_response": True,
                "interrupt_response": True,
            },
            "input_audio_noise_reduction": {"type": "near_field"},
            "voice": "alloy",
            "tools": [
                {
                    "type": "function",
                    "name": "weather",
                    "description": "Tell the weather.",
                    "parameters": {
                        "type": "object",
                        "properties": {"city": {"type": "string"}},
                        "required": ["city"],
                    },
                }
            ],
        },
    }


async def test_one_speaks_and_is_answered_in_audio() -> None:
    rate = DEFAULT_PCM_MEDIA_TYPE
    async with (
        serving() as server,
        RealtimeAgent("", transport(server), input_audio_format=rate) as agent,
    ):
        await agent.send([AudioBlock("audio/pcm", b"\0\1"), AudioBlock("audio/pcm", b"\2\3")])
        await agent.commit()
        assert await until(agent.events(), TurnComplete) == [
            SpeechStarted(),
            SpeechStarted(),
            SpeechStopped(),
            TranscriptDelta("assistant", "ciao"),
            AudioOutputDelta(b"\1\2", "audio/pcm;rate=24000"),
            TurnComplete(StopReason.end_turn, Usage(9, 4, 2)),
        ]
    assert server.kinds[1:] == [
        *("input_audio_buffer.append", "input_audio_buffer.append", "input_audio_buffer.commit"),
        "response.create",
    ]
    assert base64.b64decode(server.heard[1]["audio"]) == b"\0\1"


async def test_a_tool_is_called_and_its_result_spoken() -> None:
    async with serving() as server, RealtimeAgent("", transport(server), WEATHER) as agent:
        await agent.send(TextBlock("hello"))
        await agent.commit()
        events = await until(agent.events(), AudioOutputDelta)
    assert events[0] == ToolUseStart(0, "c1", "weather")
    arguments = "".join(e.partial_json for e in events if isinstance(e, ToolInputDelta))
    assert json.loads(arguments) == {"city": "Rome"}
    assert TurnComplete(StopReason.tool_use, Usage(9, 4, 2)) in events
    assert server.kinds == [
        *("session.update", "conversation.item.create", "response.create"),
        *("conversation.item.create", "response.create"),
    ]
    assert server.heard[1]["item"] == {"type": "message", "role": "user", "content": [SAY]}
    assert server.heard[3]["item"] == {
        "type": "function_call_output",
        "call_id": "c1",
        "output": "rain in Rome",
    }


async def test_several_calls_are_answered_before_a_response_is_asked_for() -> None:
    """The server allows one response at a time, and an answer for each call."""
    calls = [("c1", '{"city": "Rome"}'), ("c2", '{"city": "Oslo"}'), ("c3", "{")]
    async with (
        serving(calls=calls) as server,
        RealtimeAgent("", transport(server), WEATHER) as agent,
    ):
        await agent.commit()
        events = await until(agent.events(), AudioOutputDelta)
    assert [(e.index, e.tool_use_id) for e in events if isinstance(e, ToolUseStart)] == [
        *((0, "c1"), (1, "c2"), (2, "c3"))
    ]
    assert server.kinds.count("response.create") == 2
    outputs = {m["item"]["call_id"]: m["item"]["output"] for m in server.heard if "item" in m}
    assert outputs["c1"] == "rain in Rome" and outputs["c2"] == "rain in Oslo"
    assert "not valid JSON" in outputs["c3"]


async def test_an_interruption_stops_the_model_and_the_conversation_goes_on() -> None:
    async with serving() as server, RealtimeAgent("", transport(server)) as agent:
        await agent.send(TextBlock("tell me a long story"))
        await agent.commit()
        events = agent.events()
        await until(events, AudioOutputDelta)
        await agent.interrupt()
        stopped = await until(events, TurnComplete)
        assert stopped[-1] == TurnComplete(StopReason.end_turn)
        assert len([e for e in stopped if isinstance(e, AudioOutputDelta)]) < 50
        await agent.interrupt()  # too late: there is nothing to stop, and no error
        await agent.commit()
        await until(events, AudioOutputDelta)
    assert server.kinds.count("response.cancel") == 2


async def test_a_lost_connection_is_told_and_a_new_one_can_be_made() -> None:
    async with serving(hang_up_after="response.create") as server:
        agent = RealtimeAgent("", transport(server))
        await agent.connect()
        await agent.commit()
        with pytest.raises(ConnectionFailed, match="1011"):
            await until(agent.events(), TurnComplete)
        await agent.close()
        async with agent:
            await agent.commit()
            assert await until(agent.events(), AudioOutputDelta)
    assert server.connections == 2


async def test_closing_from_our_side_ends_the_events() -> None:
    async with serving() as server:
        session = await transport(server).connect(system="", tools=[])
        ended = asyncio.create_task(until(session.events(), None))
        await asyncio.sleep(0.05)
        await session.close()
        with pytest.raises(AssertionError, match="did not come"):
            await ended
        with pytest.raises(ConnectionFailed):
            await session.commit()


async def test_a_refused_connection_is_told_and_leaves_nothing_open() -> None:
    async with serving(refused=401) as server:
        with pytest.raises(ProviderError, match="refused \\(401\\)") as caught:
            await transport(server).connect(system="", tools=[])
        assert caught.value.status == 401 and "k-123456" not in str(caught.value)
    with pytest.raises(ConnectionFailed):  # no server listens there any more
        await transport(server).connect(system="", tools=[])


async def test_a_given_http_session_is_used_and_stays_open() -> None:
    async with serving() as server, aiohttp.ClientSession() as http:
        session = await transport(server, http_session=http).connect(system="", tools=[])
        await session.close()
        assert not session.own_http_session and not http.closed


@pytest.mark.parametrize(
    ("media_type", "name"),
    [
        ("audio/pcm;rate=24000", "pcm16"),
        ("audio/pcm", "pcm16"),
        ("audio/pcm;rate=16000", "pcm16"),
        ("audio/pcmu", "g711_ulaw"),
        ("audio/pcma;rate=8000", "g711_alaw"),
    ],
)
async def test_formats_have_names_of_their_own(media_type: str, name: str) -> None:
    async with (
        serving() as server,
        RealtimeAgent("", transport(server), [], None, media_type, media_type) as agent,
    ):
        await agent.commit()
        events = await until(agent.events(), AudioOutputDelta)
    assert events[-1] == AudioOutputDelta(b"\1\2", media_type)
    session = server.heard[0]["session"]
    assert session["input_audio_format"] == session["output_audio_format"] == name


async def test_speech_at_another_rate_is_sent_at_the_one_that_openai_hears() -> None:
    async with serving() as server, RealtimeAgent("", transport(server)) as agent:
        assert agent.input_audio_format == "audio/pcm;rate=16000"
        await agent.send(AudioBlock("audio/pcm", struct.pack("<4h", 0, 300, 600, 900)))
        await agent.commit()
        await until(agent.events(), AudioOutputDelta)
    [sent] = [m["audio"] for m in server.heard if m["type"] == "input_audio_buffer.append"]
    assert struct.unpack("<5h", base64.b64decode(sent)) == (0, 200, 400, 600, 800)


async def test_without_a_key_no_connection_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_REALTIME_URL", raising=False)
    with pytest.raises(ProviderError, match="needs a key: set OPENAI_API_KEY"):
        await OpenAIRealtimeTransport().connect(system="", tools=[])


@pytest.mark.parametrize(("user", "sent"), [("", None), ("ann:pass-word@", "Basic ")])
async def test_a_server_of_ones_own_needs_no_key(user: str, sent: str | None) -> None:
    async with serving() as server:
        address = server.url.replace("ws://", f"ws://{user}")
        line = OpenAIRealtimeTransport(api_key="", base_url=address)
        session = await line.connect(system="", tools=[])
        await session.close()
    [request] = server.asked
    told = request.headers.get("Authorization")
    assert told is None if sent is None else told is not None and told.startswith(sent)


async def test_an_output_rate_that_openai_does_not_speak_is_warned_about(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serving() as server, RealtimeAgent("", transport(server)):
        assert caplog.records == []
    with caplog.at_level("WARNING"):
        async with serving() as server:
            line = transport(server)
            session = await line.connect(
                system="", tools=[], output_audio_format="audio/pcm;rate=16000"
            )
            await session.close()
    assert "24 kHz" in caplog.text


async def test_other_formats_are_refused_before_anything_is_opened() -> None:
    with pytest.raises(ValueError, match="audio/wav"):
        await OpenAIRealtimeTransport(base_url="ws://127.0.0.1:9").connect(
            system="", tools=[], input_audio_format="audio/wav"
        )


def test_the_environment_and_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_REALTIME_URL", raising=False)
    assert OpenAIRealtimeTransport().base_url == OPENAI_REALTIME_URL
    assert OpenAIRealtimeTransport().model == DEFAULT_REALTIME_MODEL == "gpt-realtime"
    assert OPENAI_REALTIME_URL == "wss://api.openai.com/v1/realtime"
    assert DEFAULT_PCM_MEDIA_TYPE == "audio/pcm;rate=24000"
    monkeypatch.setenv("OPENAI_REALTIME_URL", "ws://here")
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    line = OpenAIRealtimeTransport()
    assert (line.base_url, line.api_key) == ("ws://here", "key")


# ── a session over a stand-in for a WebSocket, for what a server does not do ──────────────────


class Wire:
    """Plays messages; keeps what is sent."""

    def __init__(self, *messages: Any) -> None:
        self.messages = [
            message
            if isinstance(message, SimpleNamespace)
            else SimpleNamespace(type=aiohttp.WSMsgType.TEXT, data=json.dumps(message))
            for message in messages
        ]
        self.sent: list[dict[str, Any]] = []
        self.closed = False

    async def send_str(self, text: str) -> None:
        self.sent.append(json.loads(text))

    async def close(self) -> None:
        self.closed = True

    def exception(self) -> BaseException | None:
        return None

    async def __aiter__(self) -> AsyncIterator[Any]:
        for message in self.messages:
            yield message


async def test_blocks_that_cannot_be_spoken_are_refused_and_nothing_is_sent() -> None:
    wire = Wire()
    session = OpenAIRealtimeSession(wire)
    image = ImageBlock("image/png", b"x")
    with pytest.raises(TypeError, match="ImageBlock"):
        await session.send([TextBlock("x"), image])
    with pytest.raises(TypeError, match="ImageBlock"):
        await session.send_tool_result("c1", "f", [image])
    assert wire.sent == []
    await session.send_tool_result("c1", "f", [TextBlock("a"), TextBlock("b")])
    assert wire.sent[0]["item"]["output"] == "ab" and wire.sent[1] == {"type": "response.create"}


async def test_a_response_is_not_asked_for_while_another_is_under_way() -> None:
    wire = Wire(
        {"type": "response.created"},
        {"type": "response.output_text.delta", "delta": "a"},
        {"type": "response.done", "response": {"status": "completed"}},
    )
    session = OpenAIRealtimeSession(wire)
    events = session.events()
    assert await anext(events) == TextDelta(0, "a")
    await session.commit()
    assert wire.sent == []
    assert [event async for event in events] == [TurnComplete(StopReason.end_turn)]
    assert wire.sent == [{"type": "response.create"}]


async def test_a_broken_connection_is_an_error_and_the_last_event() -> None:
    broken = SimpleNamespace(type=aiohttp.WSMsgType.ERROR, data="reset")
    [error] = [event async for event in OpenAIRealtimeSession(Wire(broken, {})).events()]
    assert isinstance(error, Error) and isinstance(error.exception, ConnectionFailed)


READ: list[tuple[dict[str, Any], list[StreamEvent]]] = [
    ({"type": "response.audio.delta", "delta": "AQI="}, [AudioOutputDelta(b"\1\2")]),
    ({"type": "response.output_audio.delta", "delta": "AQI="}, [AudioOutputDelta(b"\1\2")]),
    (
        {"type": "response.audio_transcript.delta", "delta": "x"},
        [TranscriptDelta("assistant", "x")],
    ),
    (
        {"type": "conversation.item.input_audio_transcription.delta", "delta": "x"},
        [TranscriptDelta("user", "x")],
    ),
    ({"type": "response.text.delta", "delta": "x"}, [TextDelta(0, "x")]),
    ({"type": "input_audio_buffer.speech_started"}, [SpeechStarted()]),
    ({"type": "input_audio_buffer.speech_stopped"}, [SpeechStopped()]),
    (
        {"type": "response.done", "response": {"output": [{"type": "function_call"}]}},
        [TurnComplete(StopReason.tool_use)],
    ),
    (
        {
            "type": "response.done",
            "response": {
                "status": "cancelled",
                "output": [{"type": "function_call", "status": "incomplete"}],
            },
        },
        [TurnComplete(StopReason.end_turn)],
    ),
    (
        {
            "type": "response.done",
            "response": {
                "status": "incomplete",
                "status_details": {"reason": "max_output_tokens"},
            },
        },
        [TurnComplete(StopReason.max_tokens)],
    ),
    ({"type": "response.done"}, [TurnComplete(StopReason.end_turn)]),
    ({"type": "rate_limits.updated"}, []),
    ({"type": ["x"]}, []),
    ({"type": "error", "error": {"code": "response_cancel_not_active"}}, []),
]


@pytest.mark.parametrize(("message", "events"), READ)
def test_a_message_means_these_events(message: dict[str, Any], events: list[StreamEvent]) -> None:
    assert RealtimeDecoder().feed(json.dumps(message)) == events


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ('{"type": "error", "error": {"code": "c", "message": "m"}}', ProviderError, r"\[c\]: m"),
        ('{"type": "error"}', ProviderError, "OpenAI realtime"),
        ("{oops", ProtocolError, "oops"),
        ("[" * 100_000, ProtocolError, "no event"),
        ('{"type": "response.audio.delta", "delta": "A"}', ProtocolError, "base64"),
        ('{"type": "response.audio.delta"}', ProtocolError, "base64"),
        (
            '{"type": "response.done", "response": {"status": "failed",'
            ' "status_details": {"error": {"code": "rate", "message": "slow"}}}}',
            ProviderError,
            r"\[rate\]: slow",
        ),
    ],
)
def test_a_failure_is_an_error_event(text: str, error: type[StreamError], words: str) -> None:
    event = RealtimeDecoder().feed(text)[0]
    assert isinstance(event, Error)
    with pytest.raises(error, match=words):
        raise event.exception


def test_indices_count_from_zero_in_each_response_and_whole_arguments_are_taken() -> None:
    decoder = RealtimeDecoder(own_names={"f": "my f"})
    for _ in range(2):
        item = {"type": "function_call", "id": "i1", "call_id": "c1", "name": "f"}
        messages: list[dict[str, Any]] = [
            {"type": "response.created"},
            {"type": "response.output_item.added", "item": item},
            {"type": "response.function_call_arguments.done", "item_id": "i1", "arguments": "{}"},
            {"type": "response.done", "response": {"output": [item]}},
        ]
        events = [event for message in messages for event in decoder.feed(json.dumps(message))]
        assert events == [
            ToolUseStart(0, "c1", "my f"),
            ToolInputDelta(0, "c1", "{}"),
            TurnComplete(StopReason.tool_use),
        ]


@dataclass
class Tagged(OpenAIRealtimeSession):
    tag: str = ""


async def test_a_subclass_of_a_session_with_fields_of_its_own_speaks() -> None:
    sent: list[str] = []

    async def send_str(text: str) -> None:
        sent.append(text)

    session = Tagged(SimpleNamespace(send_str=send_str, closed=False), tag="mine")
    await session.send(AudioBlock("audio/pcm", b"\0\0"))
    await session.commit()
    assert [json.loads(text)["type"] for text in sent] == [
        *("input_audio_buffer.append", "input_audio_buffer.commit", "response.create")
    ]
