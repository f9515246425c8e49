"""The HTTP loop, against a real server on loopback."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, MagicMock

import aiohttp
import pytest
from aiohttp import web

from axio.events import Error, IterationEnd, StreamEvent, TextDelta
from axio.exceptions import (
    ConnectionFailed,
    ProtocolError,
    ProviderError,
    StreamError,
    StreamTimeout,
    TruncatedStream,
)
from axio.types import StopReason, Usage
from axio.wire.exchange import library_errors, lost_connections
from axio.wire.http import Http, Timeouts, request_json, stream_events
from axio.wire.retry import RetryPolicy
from axio.wire.session import SessionPool
from axio.wire.sse import ServerSentEvent, SSEDecoder
from support.loopback import Reply, Server, serving, status, stream

END = IterationEnd(0, StopReason.end_turn, Usage(0, 0))
A, B, DONE, PING = b"data: a\n\n", b"data: b\n\n", b"data: [DONE]\n\n", b": ping\n\n"
KEY = "sk-0123456789"


class Decoder:
    """Every event's data is text, except for an end mark, an error, and nothing."""

    def __init__(self) -> None:
        self.done = False
        self._sse = SSEDecoder()

    def feed(self, chunk: bytes) -> list[StreamEvent]:
        return self._events(self._sse.feed(chunk))

    def close(self) -> list[StreamEvent]:
        events = self._events(self._sse.close())
        return events if self.done else [*events, Error(TruncatedStream("cut"))]

    def _events(self, sent: list[ServerSentEvent]) -> list[StreamEvent]:
        return [event for one in sent if (event := self._event(one.data))]

    def _event(self, data: str) -> StreamEvent | None:
        if data == "[DONE]":
            self.done = True
            return END
        if data in ("error", "later"):
            self.done = True
            return Error(ProviderError("the model is ill", retryable=data == "later"))
        return TextDelta(0, data) if data else None


def paused(part: bytes, seconds: float, times: int) -> tuple[bytes | float, ...]:
    """`part` again and again, with a pause after each."""
    return (part, seconds) * times


def http(**changes: Any) -> Http:
    settings: dict[str, Any] = {
        "policy": RetryPolicy(3, 0.0),
        "timeouts": Timeouts(idle=5.0),
        "describe": "Test API error",
    }
    return Http(**settings | changes)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def read(session: Any, url: str, **changes: Any) -> list[StreamEvent]:
    """The events of one request."""
    events = ask(session, url, **changes)
    return [event async for event in events]


def ask(session: Any, url: str, **changes: Any) -> Any:
    return stream_events(
        session,
        url=f"{url}/chat",
        headers={"Authorization": f"Bearer {KEY}"},
        body=b'{"a": 1}',
        decoder=Decoder,
        http=http(**changes),
    )


async def failure(session: Any, url: str, **changes: Any) -> tuple[list[str], StreamError]:
    """The texts that came, and the error behind them."""
    texts: list[str] = []
    with pytest.raises(StreamError) as caught:
        async for event in ask(session, url, **changes):
            assert isinstance(event, TextDelta)
            texts.append(event.delta)
    return texts, caught.value


async def test_events_come_in_order_and_the_request_is_what_was_given(session: Any) -> None:
    async with serving(stream(A, B, DONE)) as server:
        assert await read(session, server.url) == [TextDelta(0, "a"), TextDelta(0, "b"), END]
    [asked] = server.asked
    assert (asked.path, asked.body) == ("/v1/chat", {"a": 1})
    assert asked.headers["authorization"] == f"Bearer {KEY}"


async def test_each_event_comes_when_it_is_there(session: Any) -> None:
    async with (
        serving(stream(A, 30.0, DONE)) as server,
        aclosing(ask(session, server.url)) as events,
    ):
        assert await asyncio.wait_for(anext(events), 60) == TextDelta(0, "a")


async def test_a_server_that_does_not_hang_up_is_not_waited_for(session: Any) -> None:
    async with serving(stream(A, DONE, 30.0)) as server:
        assert await asyncio.wait_for(read(session, server.url), 60) == [TextDelta(0, "a"), END]


# ── trying again ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("code", [429, 500, 503, 520, 529])
async def test_a_busy_server_is_asked_again(session: Any, code: int) -> None:
    async with serving(status(code, "busy"), status(code, "busy"), stream(A, DONE)) as server:
        assert await read(session, server.url) == [TextDelta(0, "a"), END]
    assert len(server.asked) == 3


async def test_after_the_last_attempt_the_server_s_answer_is_the_error(session: Any) -> None:
    async with serving(status(503, "busy", x_request_id="req_7")) as server:
        texts, error = await failure(session, server.url)
    assert (texts, len(server.asked)) == ([], 3)
    assert str(error) == f"Test API error 503: busy ({server.url}/chat)"
    assert (type(error), error.status, error.request_id) == (ProviderError, 503, "req_7")


async def test_a_refusal_is_final(session: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(status(401, f'{{"error": {{"message": "bad key {KEY}"}}}}')) as server:
        _, error = await failure(session, server.url)
    assert len(server.asked) == 1
    assert error.status == 401
    assert KEY not in str(error) + caplog.text
    assert [(r.levelno, "401" in r.getMessage()) for r in caplog.records] == [(logging.ERROR, True)]


async def test_waits_double_unless_the_server_names_them(
    session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(asyncio, "sleep", AsyncMock(side_effect=waits.append))
    replies = [
        status(500),
        status(500),
        status(429, retry_after="7"),
        status(429, retry_after="999"),
    ]
    async with serving(*replies, stream(A, DONE)) as server:
        await read(session, server.url, policy=RetryPolicy(10, 5.0, total=None))
    assert [wait for wait in waits if wait] == [5, 10, 7, 60]  # the server's own are of no time


async def test_a_connection_that_breaks_before_the_first_event_is_tried_again(session: Any) -> None:
    async with serving(stream(PING, cut=True), stream(cut=True), stream(A, DONE)) as server:
        assert await read(session, server.url) == [TextDelta(0, "a"), END]
    assert len(server.asked) == 3


async def let_go(request: web.Request) -> web.StreamResponse:
    """Hang up without an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def test_a_kept_connection_that_the_server_lets_go_of_is_replaced_at_once(
    session: Any, caplog: pytest.LogCaptureFixture
) -> None:
    slow = {"policy": RetryPolicy(3, 50.0)}
    async with serving(stream(A, DONE), let_go, stream(B, DONE)) as server, asyncio.timeout(20):
        for text in "ab":
            assert await read(session, server.url, **slow) == [TextDelta(0, text), END]
    assert len(server.asked) == 3
    assert [record.levelname for record in caplog.records if "attempt 1" in record.message] == []


async def test_a_server_that_lets_go_again_and_again_is_given_time(
    session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleep, waits = asyncio.sleep, []

    async def wait(seconds: float) -> None:
        waits.append(seconds)
        await sleep(0)

    async with serving(let_go) as server:
        monkeypatch.setattr(asyncio, "sleep", wait)
        _, error = await failure(session, server.url, policy=RetryPolicy(4, 5.0))
        monkeypatch.undo()
    assert (type(error), error.retryable) == (ConnectionFailed, True)
    assert ([each for each in waits if each], len(server.asked)) == ([10, 20], 4)


async def test_a_server_that_does_not_run_on_this_machine_is_told_at_once(
    session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(status(200)) as server:
        port = server.url.removesuffix("/v1").rpartition(":")[2]
    monkeypatch.setattr(asyncio, "sleep", AsyncMock(side_effect=AssertionError("it waits")))
    for host in ("127.0.0.1", "localhost", "[::1]"):
        _, error = await failure(session, f"http://{host}:{port}/v1")
        assert (type(error), error.retryable) == (ConnectionFailed, False)
        assert f"(http://{host}:{port}/v1/chat): refused" in str(error)


async def test_a_refusal_by_another_machine_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(asyncio, "sleep", AsyncMock(side_effect=waits.append))
    session = MagicMock()
    session.post.side_effect = ConnectionRefusedError(111, "refused")
    _, error = await failure(session, "http://192.0.2.1", policy=RetryPolicy(3, 5.0))
    assert (type(error), error.retryable) == (ConnectionFailed, True)
    assert waits == [5, 10]


async def test_all_retries_begin_within_a_minute_unless_more_is_allowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = asyncio.get_running_loop()
    now = loop.time()
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(loop, "time", lambda: now + sum(waits))
    session = MagicMock()
    session.post.side_effect = OSError("unreachable")
    await failure(session, "http://192.0.2.1", policy=RetryPolicy(10, 5.0))
    assert waits == [5, 10, 20]
    waits.clear()
    await failure(session, "http://192.0.2.1", policy=RetryPolicy(7, 5.0, total=None))
    assert waits == [5, 10, 20, 40, 60, 60]


@pytest.mark.parametrize(
    "url",
    ["", "no address", "localhost:8080/v1", "http://", "http://user:secret@127.0.0.1:1/v1"],
)
async def test_an_address_that_cannot_be_asked_is_not_tried_again(
    session: Any, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asyncio, "sleep", AsyncMock(side_effect=AssertionError("it waits")))
    _, error = await failure(session, url)
    assert (type(error), error.retryable) == (ConnectionFailed, False)
    assert "secret" not in str(error)


@pytest.mark.parametrize("delivered", range(1, 6))
async def test_nothing_is_repeated_once_an_event_was_delivered(
    session: Any, delivered: int
) -> None:
    parts = [b"data: %d\n\n" % n for n in range(delivered)]
    async with serving(stream(*parts, cut=True)) as server:
        texts, error = await failure(session, server.url)
    assert texts == [str(n) for n in range(delivered)]
    assert type(error) is ConnectionFailed
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (stream(b"data: error\n\n"), ProviderError),
        (stream(A, b"data: error\n\n", B), ProviderError),
        (stream(A), TruncatedStream),
    ],
)
async def test_what_the_decoder_reports_is_final(session: Any, reply: Reply, kind: type) -> None:
    async with serving(reply) as server:
        _, error = await failure(session, server.url)
    assert (type(error), len(server.asked)) == (kind, 1)


@pytest.mark.parametrize(
    "reply", [stream(), stream(b"\n"), stream(PING), stream(b"data: later\n\n")]
)
async def test_an_answer_that_is_cut_before_its_first_event_is_tried_again(
    session: Any, reply: Reply
) -> None:
    async with serving(reply, reply, stream(A, DONE)) as server:
        assert await read(session, server.url) == [TextDelta(0, "a"), END]
        assert len(server.asked) == 3
    async with serving(reply) as server:
        _, error = await failure(session, server.url)
        assert type(error) in (TruncatedStream, ProviderError)
        assert len(server.asked) == 3


async def test_an_empty_answer_is_tried_again_and_taken_in_the_end(
    session: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(stream(DONE), stream(A, DONE)) as server:
        assert await read(session, server.url) == [TextDelta(0, "a"), END]
    async with serving(stream(DONE)) as server:
        assert await read(session, server.url) == [END]
        assert len(server.asked) == 3
    assert caplog.records[-1].levelno == logging.WARNING
    assert "empty" in caplog.records[-1].getMessage()


async def test_an_error_inside_the_stream_gets_the_request_id(session: Any) -> None:
    async with serving(stream(A, b"data: error\n\n", x_request_id="req_9")) as server:
        _, error = await failure(session, server.url)
    assert error.request_id == "req_9"


@pytest.mark.parametrize("end", [DONE, DONE.rstrip()], ids=["whole", "without its blank line"])
async def test_a_break_behind_the_end_mark_is_not_noticed(session: Any, end: bytes) -> None:
    async with serving(stream(A, end, cut=True)) as server:
        assert await read(session, server.url) == [TextDelta(0, "a"), END]


async def test_an_error_that_names_its_request_keeps_that(session: Any) -> None:
    class Naming(Decoder):
        def close(self) -> list[StreamEvent]:
            return [Error(ProviderError("out of money", request_id="of the body"))]

    async with serving(stream(A, x_request_id="of the headers")) as server:
        events = stream_events(
            session, url=f"{server.url}/chat", headers={}, body=b"", decoder=Naming, http=http()
        )
        with pytest.raises(ProviderError) as caught:
            _ = [event async for event in events]
    assert caught.value.request_id == "of the body"


# ── silence ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "noise", [(), (PING, 0.1) * 20, (b"\n", 0.1) * 20], ids=["none", "pings", "lines"]
)
@pytest.mark.parametrize("before", [(), (A,)], ids=["at once", "later"])
async def test_silence_ends_the_stream_even_with_pings(
    session: Any, before: tuple[bytes, ...], noise: tuple[bytes | float, ...]
) -> None:
    async with serving(stream(*before, *noise, 30.0)) as server:
        texts, error = await failure(session, server.url, timeouts=Timeouts(idle=0.4))
    assert len(texts) == len(before)
    assert type(error) is StreamTimeout
    assert "0.4 s" in str(error)
    assert len(server.asked) == 1


async def test_events_keep_a_long_answer_alive(session: Any) -> None:
    async with serving(stream(*paused(A, 0.1, 20), DONE)) as server:
        assert len(await read(session, server.url, timeouts=Timeouts(idle=1.5))) == 21


async def test_the_consumer_s_own_time_is_no_silence(session: Any) -> None:
    async with serving(stream(A, 0.1, B, 0.1, DONE)) as server:
        events = ask(session, server.url, timeouts=Timeouts(idle=0.4))
        async for _ in events:
            await asyncio.sleep(0.5)


async def test_the_whole_answer_may_be_limited(session: Any) -> None:
    async with serving(stream(*paused(A, 0.1, 50))) as server:
        texts, error = await failure(session, server.url, timeouts=Timeouts(total=0.5))
    assert 1 <= len(texts) < 10
    assert type(error) is StreamTimeout


async def test_no_wait_goes_beyond_the_limit_of_the_whole(session: Any) -> None:
    async with serving(status(503, "busy", retry_after="30")) as server:
        _, error = await failure(session, server.url, timeouts=Timeouts(total=5))
    assert error.status == 503


async def test_headers_that_never_come_are_silence_too(session: Any) -> None:
    async def reply(_: Any) -> Any:
        await asyncio.sleep(30)

    async with serving(reply) as server:
        _, error = await failure(session, server.url, timeouts=Timeouts(idle=0.3))
    assert type(error) is StreamTimeout


async def test_cancelling_is_not_mistaken_for_silence(session: Any) -> None:
    async with serving(stream(A, 30.0)) as server:
        task = asyncio.create_task(read(session, server.url, timeouts=Timeouts(idle=20)))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


# ── closing ───────────────────────────────────────────────────────────────────────────────────


async def gone(server: Server) -> None:
    async with asyncio.timeout(60):
        while not server.gone:  # noqa: ASYNC110 - the server sets no event
            await asyncio.sleep(0.01)


async def cancel(session: Any, url: str) -> None:
    task = asyncio.create_task(read(session, url))
    await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.wait([task])


async def close(session: Any, url: str) -> None:
    events = ask(session, url)
    await anext(events)
    await events.aclose()


async def throw(session: Any, url: str) -> None:
    events = ask(session, url)
    await anext(events)
    with pytest.raises(ValueError, match="odd"):
        await events.athrow(ValueError("odd"))


@pytest.mark.parametrize("stop", [cancel, close, throw])
async def test_the_response_is_closed_however_the_stream_is_left(session: Any, stop: Any) -> None:
    async with serving(stream(A, *paused(PING, 0.05, 100))) as server:
        await stop(session, server.url)
        await gone(server)
    assert len(asyncio.all_tasks()) == 1


async def test_no_timer_is_left_behind(session: Any) -> None:
    loop: Any = asyncio.get_running_loop()
    async with serving(stream(A, DONE)) as server:
        await read(session, server.url, timeouts=Timeouts(idle=12345, total=23456))
        left = [timer for timer in loop._scheduled if not timer.cancelled()]
    assert not [timer for timer in left if timer.when() > loop.time() + 9999]


async def test_failed_attempts_release_their_connection_before_the_wait() -> None:
    """While one request waits to be made again another one may use the only connection."""
    connector = aiohttp.TCPConnector(limit=1)
    replies = status(500, "x" * 10_000), stream(A, DONE)
    async with aiohttp.ClientSession(connector=connector) as only, serving(*replies) as server:
        waiting = asyncio.create_task(read(only, server.url, policy=RetryPolicy(2, 3600.0)))
        async with asyncio.timeout(20):
            while not server.asked:  # noqa: ASYNC110 - the server sets no event
                await asyncio.sleep(0.01)
            assert await read(only, server.url) == [TextDelta(0, "a"), END]
        assert not waiting.done()
        waiting.cancel()
        await asyncio.wait([waiting])
    assert len(server.asked) == 2


# ── documents ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("body", "kind", "word"),
    [
        ("<!DOCTYPE html><title>Sign in</title>", ProtocolError, "Sign in"),
        (" \r\n<html></html>", ProtocolError, "HTML"),
        ('{"id": 1}', ProtocolError, "base URL"),
        ('\n{"error": {"message": "out of money"}}', ProviderError, "out of money"),
    ],
)
async def test_a_document_instead_of_a_stream_is_told_from_it(
    session: Any, body: str, kind: type, word: str
) -> None:
    async with serving(stream(*[bytes([byte]) for byte in body.encode()])) as server:
        _, error = await failure(session, server.url)
    assert type(error) is kind
    assert word in str(error)


async def test_an_endless_document_is_not_read_to_its_end(session: Any) -> None:
    async with serving(stream(*[b"<html>" + b"x" * 10_000] * 10_000)) as server:
        _, error = await failure(session, server.url)
    assert type(error) is ProtocolError


@pytest.mark.parametrize(
    ("charset", "body", "told"),
    [("no-such", "ä".encode(), "ä"), ("utf-8", b"caf\xe9 closed", "caf\ufffd closed")],
)
async def test_an_error_page_may_lie_about_its_charset(
    session: Any, charset: str, body: bytes, told: str
) -> None:
    async def reply(_: Any) -> web.Response:
        headers = {"content-type": f"text/plain; charset={charset}"}
        return web.Response(status=400, body=body, headers=headers)

    async with serving(reply) as server:
        _, error = await failure(session, server.url)
    assert error.status == 400
    assert told in str(error)


async def test_an_error_page_that_breaks_off_is_still_an_error_of_its_status(session: Any) -> None:
    async def reply(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=402, headers={"content-length": "1000"})
        await response.prepare(request)
        await response.write(b"You have")
        assert request.transport is not None
        request.transport.close()
        return response

    async with serving(reply) as server:
        _, error = await failure(session, server.url)
    assert (type(error), error.status) == (ProviderError, 402)
    assert len(server.asked) == 1


async def test_a_json_document_is_fetched_with_the_same_care(session: Any) -> None:
    async with serving(status(500), status(200, '{"data": [1]}')) as server:
        url = f"{server.url}/models"
        headers = {"Authorization": "x"}
        assert await request_json(session, url=url, headers=headers, http=http()) == {"data": [1]}
        posted = await request_json(session, url=url, headers=headers, body=b"[1]", http=http())
    assert posted == {"data": [1]}
    bodies: list[Any] = [asked.body for asked in server.asked]
    assert bodies == [{}, {}, [1]]


@pytest.mark.parametrize("reply", [status(404, "gone"), status(200, "<html>"), status(200, "")])
async def test_what_is_no_json_document_is_an_error(session: Any, reply: Reply) -> None:
    async with serving(reply) as server:
        with pytest.raises(StreamError, match="Test API error"):
            await request_json(session, url=server.url, headers={}, http=http())


# ── other sessions than aiohttp's ─────────────────────────────────────────────────────────────


async def chunks() -> AsyncIterator[bytes]:
    for chunk in (A, B, DONE):
        yield chunk


class ByAny:
    def iter_any(self) -> AsyncIterator[bytes]:
        return chunks()


class Chunked:
    def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        return chunks()


class Lines:
    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in chunks():
            for line in chunk.splitlines(keepends=True):
                yield line


def mocked_content() -> Any:
    content = MagicMock()
    content.__aiter__.side_effect = lambda: chunks()
    return content


@pytest.mark.parametrize(
    "content",
    [ByAny, Chunked, Lines, chunks, mocked_content, lambda: SimpleNamespace(iter_any=chunks)],
)
async def test_a_body_is_read_by_the_means_it_offers(content: Callable[[], Any]) -> None:
    response = SimpleNamespace(status=200, headers={}, content=content())
    session = MagicMock()
    session.post.return_value.__aenter__.return_value = response
    assert await read(session, "http://x") == [TextDelta(0, "a"), TextDelta(0, "b"), END]


async def test_a_session_may_fail_before_it_gives_anything() -> None:
    session = MagicMock()
    session.post.side_effect = [aiohttp.ClientError("one"), TimeoutError(), OSError("three")]
    _, error = await failure(session, "http://x")
    assert str(error).endswith("three")
    assert session.post.call_count == 3


async def test_a_refusal_without_pieces_is_read_as_text() -> None:
    async def text() -> str:
        return "no such model"

    session = MagicMock()
    session.post.return_value.__aenter__.return_value = SimpleNamespace(
        status=404, headers={}, content=Lines(), text=text
    )
    _, error = await failure(session, "http://x")
    assert str(error) == "Test API error 404: no such model (http://x/chat)"


async def test_a_mistake_in_a_session_stays_what_it_is() -> None:
    session = MagicMock()
    session.post.side_effect = KeyError("url")
    with pytest.raises(KeyError, match="url"):
        await read(session, "http://x")


def test_without_aiohttp_the_errors_of_a_session_are_pythons_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    assert library_errors.__wrapped__() == (OSError, ValueError)
    assert lost_connections.__wrapped__() == (ConnectionResetError, BrokenPipeError)


async def test_a_pool_serves_as_a_session() -> None:
    pool = SessionPool()
    async with serving(stream(A, DONE)) as server:
        assert await read(pool, server.url) == [TextDelta(0, "a"), END]
        await pool.close()
