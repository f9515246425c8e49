"""The one HTTP loop under all HTTP transports: request, retry, read, translate errors, close.

The session is anything that looks like an `aiohttp.ClientSession` in the few places `Session` and
`Response` name, so this module needs no HTTP library. Whoever calls says which exceptions of the
library mean "the connection failed".

What is retried: bad statuses that `RetryPolicy` names and connections that fail, as long as no
event of the answer was handed out. After the first event nothing is repeated: an error ends the
stream. An error that a provider reports inside a stream is never retried here, and neither is
silence, because both may cost as much again.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit, urlunsplit

from axio.events import Error, IterationEnd, StreamEvent
from axio.exceptions import ConnectionFailed, StreamError, StreamTimeout, message_of
from axio.transport import admission
from axio.watchdog import Watchdog
from axio.wire.errors import error_from_answer, request_id
from axio.wire.retry import RetryPolicy, retry_after

__all__ = ("Decoder", "Http", "Response", "Session", "Timeouts", "request_json", "stream_events")

T = TypeVar("T")

_log = logging.getLogger(__name__)

MAX_DOCUMENT = 1 << 16
"""Bytes read of an answer that should have been a stream and is a document."""


class Response(Protocol):
    """What is used of an answer. `content` yields bytes by ``iter_any()`` or by iteration."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def content(self) -> Any: ...
    async def text(self) -> str: ...


class Session(Protocol):
    """What is used of a session: each call gives a context manager that sends on entry and closes
    on exit."""

    @property
    def get(self) -> Callable[..., AbstractAsyncContextManager[Any]]: ...
    @property
    def post(self) -> Callable[..., AbstractAsyncContextManager[Any]]: ...


class Decoder(Protocol):
    """Bytes of one answer in, events out. Never raises: a failure is an `Error` as the last event
    ever given."""

    @property
    def done(self) -> bool:
        """Whether the answer is complete, so that nobody need wait for the connection to end."""

    def feed(self, chunk: bytes) -> list[StreamEvent]: ...
    def close(self) -> list[StreamEvent]:
        """What the end of the bytes means: usually nothing, `IterationEnd`, or an `Error` for a cut
        stream."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds; ``None`` means no limit."""

    connect: float | None = 30.0
    """For the connection. Only sessions that axio opens itself, or real aiohttp ones, know the
    difference."""
    idle: float | None = 600.0
    """Without an event. Keep-alive comments and pings do not count as events; the consumer's own
    time is not counted. Reasoning models may well be silent for minutes."""
    total: float | None = None
    """For the whole answer, retries and the consumer's time included."""


@dataclass(frozen=True, slots=True)
class Http:
    """How to talk: everything about requests to one provider that does not change from one to the
    next."""

    policy: RetryPolicy = field(default_factory=RetryPolicy)
    timeouts: Timeouts = field(default_factory=Timeouts)
    describe: str = "API error"
    """How error messages begin, as in ``"OpenAI API error 404: …"``."""
    log: logging.Logger = _log
    """Gets a warning for each retry and an error for each refusal; never bodies or headers of
    requests."""
    connection_errors: tuple[type[BaseException], ...] = (OSError,)
    """What the session raises when the connection fails; `TimeoutError` is an OSError."""
    observe: Callable[[Mapping[str, str]], None] | None = None
    """Is shown the headers of each answer, also of a refusal."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Further keyword arguments for the session's methods."""


async def stream_events(
    session: Session,
    *,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    decoder: Callable[[], Decoder],
    http: Http,
) -> AsyncGenerator[StreamEvent, None]:
    """POST `body` and yield the events of the answer; `decoder` makes a fresh decoder for each
    attempt.

    Raises a `StreamError`: what the decoder reports as `Error`, or what went wrong on the way. The
    response is closed whenever this generator ends, is closed or is cancelled.
    """
    watch = Watchdog(http.timeouts.idle, http.timeouts.total)

    async def begin(opened: AsyncExitStack) -> tuple[_Answer, list[StreamEvent]]:
        def post() -> AbstractAsyncContextManager[Response]:
            return session.post(url, data=body, headers=headers, **http.options)

        response = await _open(post, opened, url=url, sent=headers, http=http, watch=watch)
        answer = _Answer(response, decoder(), url=url, sent=headers, http=http, watch=watch)
        try:
            events = await answer.start()
            while not events and not answer.ended:
                events = await answer.read()
        except StreamTimeout:
            raise  # it may be thinking, and would think as long again
        except ConnectionFailed as error:
            raise _TryAgain(error) from error.__cause__
        return answer, events

    async with AsyncExitStack() as opened:
        try:
            answer, events = await _with_retries(begin, opened, http=http, watch=watch)
            while True:
                for event in events:
                    if type(event) is Error:
                        raise answer.blame(event.exception)
                    yield event
                if answer.ended:
                    http.log.info("Stream complete")
                    return
                if events:
                    watch.progress()
                events = await answer.read()
        finally:
            watch.stop()


async def request_json(
    session: Session, *, url: str, headers: Mapping[str, str], body: bytes | None = None, http: Http
) -> Any:
    """GET, or POST `body`, and return the JSON document of the answer. Retries and errors as in
    `stream_events`."""
    watch = Watchdog(http.timeouts.idle, http.timeouts.total)

    async def ask(opened: AsyncExitStack) -> Any:
        def send() -> AbstractAsyncContextManager[Response]:
            if body is None:
                return session.get(url, headers=headers, **http.options)
            return session.post(url, data=body, headers=headers, **http.options)

        response = await _open(send, opened, url=url, sent=headers, http=http, watch=watch)
        text = await watch.wait(_text(response))
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            failure = error_from_answer(
                http.describe, response.status, _headers(response), text, sent=headers
            )
            raise failure from error

    async with AsyncExitStack() as opened:
        try:
            return await _with_retries(ask, opened, http=http, watch=watch)
        finally:
            watch.stop()


class _Answer:
    """One answer being read through its decoder."""

    def __init__(
        self,
        response: Response,
        decoder: Decoder,
        *,
        url: str,
        sent: Mapping[str, str],
        http: Http,
        watch: Watchdog,
    ) -> None:
        self.ended = False
        self._response = response
        self._chunks = _chunks(response.content)
        self._decoder = decoder
        self._url = url
        self._sent = sent
        self._http = http
        self._watch = watch

    async def start(self) -> list[StreamEvent]:
        """The events of the first bytes; raises when they are those of a document and not of a
        stream."""
        head = b""
        while not head.strip():
            chunk = await self._next()
            if chunk is None:
                return self._end()
            head += chunk
        if not head.lstrip().startswith((b"<", b"{", b"[")):  # no line of an event stream starts so
            return self._decode(head)
        parts = [head]
        size = len(head)
        while size < MAX_DOCUMENT and (chunk := await self._next()) is not None:
            parts.append(chunk)
            size += len(chunk)
        text = b"".join(parts).decode("utf-8", "replace")
        response = self._response
        raise error_from_answer(
            self._http.describe, response.status, _headers(response), text, sent=self._sent
        )

    async def read(self) -> list[StreamEvent]:
        """The events of the next bytes, often none; sets `ended` with the last ones."""
        try:
            chunk = await self._next()
        except ConnectionFailed as error:
            events = self._end()
            if events and type(events[-1]) is IterationEnd:
                return events  # all was said; only the goodbye is missing
            raise error
        return self._end() if chunk is None else self._decode(chunk)

    def blame(self, error: BaseException) -> BaseException:
        """`error` of the decoder with the request id that only the headers know."""
        if isinstance(error, StreamError) and error.request_id is None:
            error.request_id = request_id(_headers(self._response))
        return error

    def _decode(self, chunk: bytes) -> list[StreamEvent]:
        events = self._decoder.feed(chunk)
        self.ended = self._decoder.done
        return events

    def _end(self) -> list[StreamEvent]:
        self.ended = True
        return self._decoder.close()

    async def _next(self) -> bytes | None:
        try:
            return await self._watch.wait(self._chunks.__anext__())
        except StopAsyncIteration:
            return None
        except self._http.connection_errors as error:
            raise _connection_failed(self._http.describe, self._url, error) from error


class _TryAgain(Exception):
    """An attempt failed in a way that may pass; `asked` is the wait in seconds that the server
    wished for."""

    def __init__(self, error: StreamError, asked: float | None = None) -> None:
        self.error = error
        self.asked = asked


async def _with_retries(
    attempt: Callable[[AsyncExitStack], Awaitable[T]],
    opened: AsyncExitStack,
    *,
    http: Http,
    watch: Watchdog,
) -> T:
    """The result of the first attempt that succeeds; what it opened is handed over to `opened`."""
    number = 0
    while True:
        number += 1
        watch.progress()
        async with AsyncExitStack() as own:
            try:
                result = await attempt(own)
            except _TryAgain as again:
                failure = again
            except StreamError as error:
                http.log.error("%s", error)
                raise
            else:
                opened.push_async_exit(own.pop_all())
                return result
        delay = http.policy.delay(number, failure.asked)
        if number >= http.policy.attempts or not watch.allows(delay):
            if number > 1:  # With one attempt, the error itself is all there is to tell.
                http.log.error("%s (attempt %d, the last)", failure.error, number)
            raise failure.error from failure.__cause__
        http.log.warning("%s (attempt %d, next in %.1f s)", failure.error, number, delay)
        await asyncio.sleep(delay)
        await admission()


async def _open(
    send: Callable[[], AbstractAsyncContextManager[Response]],
    opened: AsyncExitStack,
    *,
    url: str,
    sent: Mapping[str, str],
    http: Http,
    watch: Watchdog,
) -> Response:
    """Send and wait for the headers; a bad status becomes an error."""
    if not url.startswith(("http://", "https://")):
        text = f"{http.describe}: {url} does not begin with http:// or https://"
        raise ConnectionFailed(text, retryable=False)
    errors: tuple[type[BaseException], ...] = (ValueError, *http.connection_errors)
    try:
        response = await watch.wait(opened.enter_async_context(send()))
    except errors as error:
        failure = _connection_failed(http.describe, url, error)
        if failure.retryable:
            raise _TryAgain(failure) from error
        raise failure from error
    if http.observe is not None:
        http.observe(_headers(response))
    if response.status < 300:
        return response
    try:
        body = await watch.wait(_text(response))
    except http.connection_errors:
        body = ""  # the status says enough
    failure = error_from_answer(http.describe, response.status, _headers(response), body, sent=sent)
    if failure.retryable:
        raise _TryAgain(failure, retry_after(_headers(response)))
    raise failure


def _headers(response: Response) -> Mapping[str, str]:
    """The headers of an answer; a stand-in for a response may have none."""
    return getattr(response, "headers", None) or {}


async def _text(response: Any) -> str:
    try:
        text = await response.text()
    except (UnicodeDecodeError, LookupError):  # the charset it claims is wrong or unknown
        text = (await response.read()).decode("utf-8", "replace")
    return text if isinstance(text, str) else ""


def _chunks(content: Any) -> AsyncIterator[bytes]:
    """The body as it comes in; by lines only where nothing better is offered."""
    for name in ("iter_any", "iter_chunked"):
        # looked for on the class: on some stand-ins every attribute exists once it is asked for
        if hasattr(type(content), name) or name in getattr(content, "__dict__", ()):
            chunks = content.iter_any() if name == "iter_any" else content.iter_chunked(1 << 16)
            return chunks.__aiter__()  # type: ignore[no-any-return]
    return content.__aiter__()  # type: ignore[no-any-return]


def _connection_failed(describe: str, url: str, error: BaseException) -> StreamError:
    """A connection error in our words; `error` stays its cause."""
    parts = urlsplit(url)
    address = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    kind = StreamTimeout if isinstance(error, TimeoutError) else ConnectionFailed
    what = "no connection in time" if kind is StreamTimeout else "connection failed"
    detail = message_of(error)
    # A ValueError is an address that is none, or a certificate that is not trusted.
    retryable = not isinstance(error, ValueError)
    return kind(f"{describe}: {what} ({address}): {detail}", retryable=retryable)
