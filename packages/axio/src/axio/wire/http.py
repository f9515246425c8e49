"""The one HTTP loop under all HTTP transports: request, retry, decode, translate errors, close.

What is retried: bad statuses that `RetryPolicy` names, connections that fail, and answers that are
empty, cut or a passing error, as long as no event of the answer was handed out. After the first
event nothing is repeated: an error ends the stream. Silence is not retried, because it may cost as
much again.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeAlias, TypeVar

from axio.events import Error, IterationEnd, StreamEvent
from axio.exceptions import ConnectionFailed, ProtocolError, StreamError, TruncatedStream
from axio.transport import admission
from axio.types import StopReason
from axio.watchdog import Watchdog
from axio.wire.address import Address
from axio.wire.errors import request_id
from axio.wire.exchange import MAX_BODY, MAX_WORDS, Exchange, Failure, Http, Response, Session
from axio.wire.secret import blotted
from axio.wire.session import Timeouts

__all__ = (
    "Decoder",
    "Headers",
    "Http",
    "Response",
    "Session",
    "Timeouts",
    "request_json",
    "stream_events",
)

T = TypeVar("T")

_DOCUMENTS = (b"<", b"{", b"[")
"""How a page and JSON begin, and no line of an event stream."""

MAX_SILENCE = 1 << 26
"""Bytes of an answer without an event: one huge line, or comments without end."""

Headers: TypeAlias = Mapping[str, str] | Callable[[], Awaitable[Mapping[str, str]]]
"""Headers of a request, or what makes them for each attempt anew."""


class Decoder(Protocol):
    """Bytes of one answer in, events out. Never raises: a failure is an `Error` as the last event
    ever given."""

    @property
    def done(self) -> bool:
        """True once the answer is complete: the end of the connection need not be waited for."""

    def feed(self, chunk: bytes) -> list[StreamEvent]: ...
    def close(self) -> list[StreamEvent]:
        """The events of the end of the bytes: usually none, `IterationEnd`, or an `Error` for a cut
        stream."""


async def stream_events(
    session: Session,
    *,
    url: str,
    headers: Headers,
    body: bytes,
    decoder: Callable[[], Decoder],
    http: Http,
) -> AsyncGenerator[StreamEvent, None]:
    """POST `body` and yield the events of the answer; `decoder` makes a fresh decoder for each
    attempt.

    Raises a `StreamError`: what the decoder reports as `Error`, or what went wrong on the way. The
    response is closed whenever this generator ends, is closed or is cancelled.
    """
    url = Address(url)
    watch = Watchdog(http.timeouts.idle, http.timeouts.total)

    async def attempt() -> tuple[_Answer, list[StreamEvent]] | Failure:
        return await _Answer(Exchange(session, url, body, http, watch), decoder()).begin(headers)

    opened = None
    try:
        answer, events = await _attempts(attempt, http, watch)
        opened = answer.exchange
        while True:
            for event in events:
                yield event
            if answer.ended:
                break
            if events:
                watch.progress()
            events = await answer.read()
        answer.finish()
        http.log.info("Stream complete")
    finally:
        watch.stop()
        if opened is not None:
            await opened.close()


async def request_json(
    session: Session, *, url: str, headers: Headers, body: bytes | None = None, http: Http
) -> Any:
    """GET, or POST `body`, and return the JSON document of the answer. Retries and errors as in
    `stream_events`."""
    url = Address(url)
    watch = Watchdog(http.timeouts.idle, http.timeouts.total)

    async def attempt() -> Any:
        exchange = Exchange(session, url, body, http, watch)
        try:
            failure = await exchange.open(await _made(headers))
            if failure is not None:
                return failure
            document = await exchange.document(MAX_BODY)
            try:
                return json.loads(document)
            except (ValueError, RecursionError):
                return Failure(exchange.refusal(document), again=False)
        except ConnectionFailed as error:
            return exchange.failure(error)
        finally:
            await exchange.close()

    try:
        return await _attempts(attempt, http, watch)
    finally:
        watch.stop()


async def _made(headers: Headers) -> Mapping[str, str]:
    return headers if isinstance(headers, Mapping) else await headers()


async def _attempts(
    attempt: Callable[[], Awaitable[T | Failure]], http: Http, watch: Watchdog
) -> T:
    """The result of the first attempt that is no failure."""
    clock = asyncio.get_running_loop().time
    number, failing_since, renewed = 0, 0.0, False
    while True:
        number += 1
        watch.progress()
        result = await attempt()
        if not isinstance(result, Failure):
            return result
        if result.error.status == 401 and http.renew is not None and not renewed:
            renewed = True
            if await http.renew(result.sent):
                number -= 1
                continue
        now = clock()
        if number == 1:
            failing_since = now
        # A server may let go of a kept connection just when it is used again: that is no trouble.
        stale = result.lost and number == 1
        delay = 0.0 if stale else http.policy.delay(number, result.error.retry_after)
        allowed = http.policy.allows(number, now - failing_since + delay)
        if not (result.again and allowed and watch.allows(delay)):
            break
        level = logging.INFO if stale else logging.WARNING
        http.log.log(level, "%s (attempt %d, next in %.1f s)", result.error, number, delay)
        await asyncio.sleep(delay)
        await admission()
    if result.instead is not None:
        http.log.warning("%s", result.error)
        return result.instead  # type: ignore[no-any-return]
    if not result.again:
        http.log.error("%s", result.error)
    elif number > 1:  # with one attempt, the error itself is all there is to tell
        http.log.error("%s (attempt %d, the last)", result.error, number)
    # No variable may hold the error while it is raised: its traceback would hold the variable.
    error = result.error
    del result
    try:
        raise error
    finally:
        del error


class _Answer:
    """The decoded events of one attempt. An `Error` of the decoder becomes what `finish` raises."""

    __slots__ = ("_decoder", "_failed", "_size", "_unheard", "ended", "exchange")

    def __init__(self, exchange: Exchange, decoder: Decoder) -> None:
        self.exchange = exchange
        self.ended = False
        self._decoder = decoder
        self._failed: BaseException | None = None
        self._size = 0
        self._unheard = 0

    async def begin(self, headers: Headers) -> tuple[_Answer, list[StreamEvent]] | Failure:
        """Send, and read as far as the first events."""
        exchange = self.exchange
        handed_over = False
        try:
            failure = await exchange.open(await _made(headers))
            if failure is not None:
                return failure
            events = await self._start()
            while not events and not self.ended:
                events = await self.read()
            failure = self._failure(events)
            if failure is not None:
                return failure
            handed_over = True
            return self, events
        except ConnectionFailed as error:
            return exchange.failure(error)
        finally:
            if not handed_over:
                await exchange.close()

    async def read(self) -> list[StreamEvent]:
        """The events of the next bytes, often none; sets `ended` with the last ones."""
        try:
            piece = await self.exchange.piece()
        except ConnectionFailed:
            events = self._decoder.close()
            if not any(type(event) is IterationEnd for event in events):
                raise
            return self._take(events, ended=True)  # all was said; only the goodbye is missing
        if piece is None:
            return self._take(self._decoder.close(), ended=True)
        return self._decode(piece)

    def finish(self) -> None:
        """Raise what the answer ended in, if that was an error."""
        failed, self._failed = self._failed, None
        if failed is not None:
            try:
                raise failed
            finally:
                del failed

    async def _start(self) -> list[StreamEvent]:
        """The events of the first bytes, if they are no document's."""
        while (piece := await self.exchange.piece()) is not None:
            if piece.lstrip().startswith(_DOCUMENTS):
                rest = await self.exchange.document(MAX_WORDS)
                self._failed, self.ended = self.exchange.refusal(piece + rest), True
                return []
            events = self._decode(piece)
            if events or self.ended or piece.strip():
                return events
        return self._take(self._decoder.close(), ended=True)

    def _decode(self, piece: bytes) -> list[StreamEvent]:
        events = self._decoder.feed(piece)
        self._size += len(piece)
        self._unheard = 0 if events else self._unheard + len(piece)
        if self._unheard > MAX_SILENCE or self._size > MAX_BODY:
            about = "one event" if self._unheard > MAX_SILENCE else "the answer"
            text = f"{self.exchange.describe}: {about} is longer than anything that is read"
            return self._take([*events, Error(ProtocolError(text))], ended=True)
        return self._take(events, ended=self._decoder.done)

    def _take(self, events: list[StreamEvent], *, ended: bool) -> list[StreamEvent]:
        self.ended = ended
        if events and (ended or type(events[-1]) is Error):
            for at, event in enumerate(events):
                if isinstance(event, Error):
                    self.ended = True
                    self._failed = self._blamed(event.exception)
                    return events[:at]
        return events

    def _blamed(self, error: BaseException) -> BaseException:
        """`error` of the decoder with the request id that only the headers know, and without what
        it may know of the bytes that came: some servers repeat the key."""
        secrets = self.exchange.secrets
        error.args = tuple(
            blotted(arg, secrets) if isinstance(arg, str) else arg for arg in error.args
        )
        error.__cause__ = error.__context__ = None
        if isinstance(error, StreamError) and error.request_id is None:
            error.request_id = request_id(self.exchange.headers)
        return error.with_traceback(None)

    def _failure(self, events: list[StreamEvent]) -> Failure | None:
        """The fault of an answer that begins, or is over, with these events."""
        if isinstance(self._failed, StreamError) and not events:
            again = self._failed.retryable or isinstance(self._failed, TruncatedStream)
            failure = Failure(self._failed, again)
            self._failed = None
            return failure
        if self.ended and len(events) == 1 and _says_nothing(events[0]):
            error = TruncatedStream(f"{self.exchange.describe}: the answer is empty")
            return Failure(error, again=True, instead=(self, events))
        return None


def _says_nothing(event: StreamEvent) -> bool:
    return isinstance(event, IterationEnd) and event.stop_reason is StopReason.end_turn
