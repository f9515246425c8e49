"""Nothing that a server sends costs more than a bounded time and memory, or leads elsewhere."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Awaitable
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings, strategies as st

from axio.events import Error, IterationEnd, StreamEvent, TextDelta
from axio.exceptions import ProtocolError, ProviderError, StreamError, StreamTimeout
from axio.types import StopReason, Usage
from axio.wire import http as wire_http
from axio.wire.http import Http, Timeouts, request_json, stream_events
from axio.wire.retry import RetryPolicy
from axio.wire.secret import Secret
from axio.wire.session import SessionPool
from axio.wire.sse import SSEDecoder
from support.loopback import Reply, Server, serving, status, stream

KEY = "sk-0123456789"
DONE = b"data: [DONE]\n\n"


class Decoder:
    """Every event's data is text, until an end mark."""

    def __init__(self) -> None:
        self.done = False
        self._sse = SSEDecoder()

    def feed(self, chunk: bytes) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        for sent in self._sse.feed(chunk):
            self.done = self.done or sent.data == "[DONE]"
            end = IterationEnd(0, StopReason.end_turn, Usage(0, 0))
            events.append(end if self.done else TextDelta(0, sent.data))
        return events

    def close(self) -> list[StreamEvent]:
        return [] if self.done else [Error(ProtocolError("cut"))]


async def ask(pool: SessionPool, url: str, body: bytes | None = b"{}", **limits: Any) -> Any:
    """The events of a POST; without a body, the document of a GET."""
    http = Http(RetryPolicy(1), Timeouts(**{"idle": 20.0, **limits}), describe="Test")
    headers = {"Authorization": Secret(f"Bearer {KEY}"), "x-api-key": Secret(KEY)}
    if body is None:
        return await request_json(pool, url=url, headers=headers, http=http)
    events = stream_events(pool, url=url, headers=headers, body=body, decoder=Decoder, http=http)
    return [event async for event in events]


async def asked_of(reply: Reply, body: bytes | None = b"{}", **limits: Any) -> Any:
    """The answer of a server that replies so, or the error."""
    pool = SessionPool()
    async with serving(reply) as server:
        try:
            return await ask(pool, f"{server.url}/chat", body, **limits)
        except StreamError as error:
            return error
        finally:
            await pool.close()


def compressed(data: bytes, encoding: str) -> Reply:
    async def reply(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Encoding": encoding})
        await response.prepare(request)
        for start in range(0, len(data), 1 << 16):
            await response.write(data[start : start + (1 << 16)])
        return response

    return reply


def bomb(size: int) -> bytes:
    """A megabyte of comments, compressed, as often as it takes to be `size` bytes."""
    pressing = zlib.compressobj(9)
    megabyte = b": no\n" * 209_715
    head = pressing.compress(megabyte) + pressing.flush(zlib.Z_FULL_FLUSH)
    block = pressing.compress(megabyte) + pressing.flush(zlib.Z_FULL_FLUSH)
    return head + block * (size // len(megabyte))


# ── where a request goes ──────────────────────────────────────────────────────────────────────


async def led_away(code: int, place: str, body: bytes | None) -> tuple[Server, Server, StreamError]:
    pool = SessionPool()
    async with serving(stream(DONE)) as other, serving(status(200)) as server:
        target = place.replace("OTHER", other.url).replace("SAME", server.url)
        server.replies = [status(code, location=target)]
        try:
            with pytest.raises(StreamError) as caught:
                await ask(pool, f"{server.url}/chat", body)
        finally:
            await pool.close()
    return server, other, caught.value


@settings(max_examples=25, deadline=None)
@given(
    code=st.sampled_from([300, 301, 302, 303, 305, 307, 308]),
    place=st.sampled_from(
        ["OTHER/chat", "SAME/elsewhere", "/v1/elsewhere", "//127.0.0.1:1/", "OTHER/chat?key=sk-9"]
    )
    | st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30),
    body=st.sampled_from([b"{}", None]),
)
def test_no_redirect_is_followed(code: int, place: str, body: bytes | None) -> None:
    server, other, error = asyncio.run(led_away(code, place, body))
    assert (len(server.asked), len(other.asked)) == (1, 0)
    assert isinstance(error, ProviderError) and error.status == code
    assert "not followed" in str(error) and not error.retryable
    assert "sk-9" not in str(error)


async def test_a_password_of_the_user_s_netrc_is_not_sent(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password hidden\n")
    monkeypatch.setenv("NETRC", str(netrc))
    pool = SessionPool()
    async with serving(stream(DONE)) as server:
        await ask(pool, f"{server.url}/chat")
        await pool.close()
    assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"


# ── how much of an answer is read ─────────────────────────────────────────────────────────────


@settings(max_examples=20, deadline=None)
@given(
    size=st.integers(0, 150_000), name=st.sampled_from(["x-request-id", "x-long", "retry-after"])
)
def test_headers_of_any_size_are_an_answer_or_an_error(size: int, name: str) -> None:
    found = asyncio.run(asked_of(stream(DONE, cut=False, **{name: "1" * size})))
    assert (
        isinstance(found, StreamError) if size > 100_000 else isinstance(found, list | StreamError)
    )
    if isinstance(found, StreamError):
        assert len(str(found)) < 3_000


@settings(max_examples=25, deadline=None)
@given(
    data=st.binary(max_size=2_000) | st.just(DONE),
    encoding=st.sampled_from(["identity", "gzip", "deflate", "br", "zstd", "x"]),
    packed=st.booleans(),
    document=st.booleans(),
)
def test_a_body_of_any_bytes_is_an_answer_or_an_error(
    data: bytes, encoding: str, packed: bool, document: bool
) -> None:
    pack: dict[str, Any] = {"gzip": gzip.compress, "deflate": zlib.compress}
    reply = compressed(pack.get(encoding, bytes)(data) if packed else data, encoding)
    found = asyncio.run(asked_of(reply, None if document else b"{}"))
    readable = encoding == "identity" or (packed and encoding in ("gzip", "deflate"))
    if data == DONE and readable and not document:
        assert [type(event) for event in found] == [IterationEnd]
    elif not readable and encoding not in ("gzip", "deflate"):
        assert isinstance(found, ProtocolError) and "compressed with" in str(found)
    else:
        assert not isinstance(found, StreamError) or len(str(found)) < 5_000


async def beside(asking: Awaitable[Any]) -> tuple[Any, int]:
    """A result, and how often others had their turn before it was there."""
    task = asyncio.ensure_future(asking)
    turns = 0
    while not task.done():
        turns += 1
        await asyncio.sleep(0)
    return task.result(), turns


async def test_a_gigabyte_of_comments_in_a_megabyte_is_given_up_and_holds_no_one_up() -> None:
    found, turns = await beside(asked_of(compressed(bomb(1 << 30), "deflate"), idle=None))
    assert isinstance(found, ProtocolError) and "longer than anything that is read" in str(found)
    assert turns >= wire_http.MAX_SILENCE >> 16  # one for each piece of 64 kB


@pytest.mark.parametrize("limits", [{"idle": 0.3}, {"total": 0.3}])
async def test_limits_of_time_hold_while_a_gigabyte_is_unpacked(
    limits: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire_http, "MAX_SILENCE", 1 << 40)
    monkeypatch.setattr(wire_http, "MAX_BODY", 1 << 40)
    found = await asked_of(compressed(bomb(1 << 30), "deflate"), **limits)
    assert isinstance(found, StreamTimeout)


async def test_a_refusal_that_is_a_gigabyte_is_read_no_further_than_its_words() -> None:
    async def refuse(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=400, headers={"Content-Encoding": "deflate"})
        await response.prepare(request)
        await response.write(bomb(1 << 30))
        return response

    found, _ = await beside(asked_of(refuse))
    assert isinstance(found, ProviderError) and found.status == 400
    assert len(str(found)) < 3_000


@pytest.mark.parametrize("code", [200, 400])
@pytest.mark.parametrize("limits", [{"idle": 2.0}, {"total": 2.0}])
async def test_a_server_that_drips_is_not_waited_for(code: int, limits: dict[str, Any]) -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=code)
        await response.prepare(request)
        while True:
            await response.write(b":")
            await asyncio.sleep(0.01)

    found = await asked_of(drip, **limits)
    if code == 200:
        assert isinstance(found, StreamTimeout)
    else:  # the status says enough
        assert isinstance(found, ProviderError) and found.status == code


async def test_one_line_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_http, "MAX_SILENCE", 1 << 20)
    found = await asked_of(stream(b"data: ", *[b"x" * (1 << 16)] * 64))
    assert isinstance(found, ProtocolError) and "one event is longer" in str(found)
