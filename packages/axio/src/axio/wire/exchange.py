"""One request and its answer, read in pieces.

Nothing of the HTTP library gets out of here but words: its errors hold whole requests, and the
frames of their tracebacks hold the credentials that were sent. What is read is bounded, in bytes
and in time.

The session is anything that looks like an `aiohttp.ClientSession` in the few places that `Session`
and `Response` name, so that no HTTP library is needed to import this.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple, Protocol, TypeVar

from axio.exceptions import ConnectionFailed, ProtocolError, StreamError, StreamTimeout
from axio.watchdog import Watchdog
from axio.wire.address import Address
from axio.wire.errors import check_sending, connection_failed, error_from_answer, secrets_in
from axio.wire.inflate import Inflater
from axio.wire.retry import RetryPolicy
from axio.wire.secret import revealed
from axio.wire.session import Timeouts, sending_options

__all__ = ("Exchange", "Failure", "Http", "Response", "Session")

T = TypeVar("T")

_log = logging.getLogger(__name__)

MAX_WORDS = 1 << 16
"""Bytes read of a refusal, and of a document where a stream should be."""

MAX_BODY = 1 << 28
"""Bytes of any answer."""


class Response(Protocol):
    """The used part of an answer. `content` yields bytes by ``iter_any()`` or by iteration."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def content(self) -> Any: ...
    async def text(self) -> str: ...


class Session(Protocol):
    """The used part of a session: each call gives a context manager that sends on entry and closes
    on exit."""

    @property
    def get(self) -> Callable[..., AbstractAsyncContextManager[Any]]: ...
    @property
    def post(self) -> Callable[..., AbstractAsyncContextManager[Any]]: ...


class Http(NamedTuple):
    """How to talk: everything about requests to one provider that does not change from one to the
    next."""

    policy: RetryPolicy = RetryPolicy()
    timeouts: Timeouts = Timeouts()
    describe: str = "API error"
    """How error messages begin, as in ``"OpenAI API error 404: …"``."""
    log: logging.Logger = _log
    """Gets a warning for each retry and an error for each refusal; never bodies or headers of
    requests."""
    observe: Callable[[Mapping[str, str]], None] | None = None
    """Is shown the headers of each answer, also of a refusal."""
    renew: Callable[[Mapping[str, str]], Awaitable[bool]] | None = None
    """Is given the headers of a request that was refused with 401, once; true if another attempt
    will have better ones."""


@dataclass(slots=True)
class Failure:
    """An attempt that came to nothing; `again` if another one may do better."""

    error: StreamError
    again: bool
    lost: bool = False
    """True if the server let go of the connection before it answered: one that was kept open from
    an earlier request, as a rule."""
    sent: Mapping[str, str] = field(default_factory=dict)
    """The headers of the request."""
    instead: Any = field(default=None, repr=False)
    """A result to be content with where no other attempt is made."""


class Exchange:
    """To be opened and closed once. Without a `body` the request is a GET.

    Cancellation passes through. Any other trouble with the connection is a `StreamError` that knows
    no more of it than its words.
    """

    __slots__ = (
        *("_body", "_context", "_http", "_late", "_lost", "_options", "_pieces", "_response"),
        *("_session", "_watch", "address", "sent"),
    )

    def __init__(
        self, session: Session, address: Address, body: bytes | None, http: Http, watch: Watchdog
    ) -> None:
        self.address = address
        self.sent: Mapping[str, str] = {}
        self._session = session
        self._body = body
        self._http = http
        self._watch = watch
        self._options = sending_options(session, http.timeouts)
        self._late = self._lost = False
        self._context: AbstractAsyncContextManager[Any] | None = None
        self._response: Any = None
        self._pieces: AsyncIterator[bytes] | None = None

    # No local variable may hold what the library gave: its `repr` shows too much.

    async def open(self, headers: Mapping[str, str]) -> Failure | None:
        """Send, and wait for the head of the answer. Anything but a good status is a failure."""
        self.sent = headers
        try:
            check_sending(self._http.describe, self.address, headers)
            await self._guarded(self._begin())
        except ConnectionFailed as failed:
            return self.failure(failed)
        if self._http.observe is not None:
            self._http.observe(self.headers)
        problem = self._unpack()
        if self.status < 300:
            return None if problem is None else Failure(problem, again=False)
        try:
            words = b"" if problem else await self.document(MAX_WORDS)
        except (ConnectionFailed, StreamTimeout):
            words = b""  # the status says enough
        error = self.refusal(words)
        return Failure(error, error.retryable, sent=self.sent)

    @property
    def describe(self) -> str:
        return self._http.describe

    @property
    def status(self) -> int:
        return int(self._response.status)

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the answer; a stand-in for a response may have none."""
        return getattr(self._response, "headers", None) or {}

    @property
    def secrets(self) -> set[str]:
        """The texts that no message may show."""
        return secrets_in(self.sent, self.address)

    async def piece(self) -> bytes | None:
        """The next bytes of the body; ``None`` at its end."""
        assert self._pieces is not None
        try:
            return await self._guarded(self._pieces.__anext__())
        except StopAsyncIteration:
            return None

    async def document(self, limit: int = MAX_BODY) -> bytes:
        """The whole body; no more than `limit` bytes and one piece of it."""
        if not _has_pieces(self._response.content):
            text = await self._guarded(self._response.text())
            return text.encode("utf-8", "replace") if isinstance(text, str) else b""
        parts: list[bytes] = []
        size = 0
        while size < limit and (piece := await self.piece()) is not None:
            parts.append(piece)
            size += len(piece)
        return b"".join(parts)

    def refusal(self, document: bytes) -> StreamError:
        """The error for an answer that is this document."""
        return error_from_answer(
            self._http.describe,
            self.status,
            self.headers,
            document.decode("utf-8", "replace"),
            secrets=self.secrets,
            address=self.address.shown,
        )

    def failure(self, error: StreamError) -> Failure:
        """For an attempt that ended in this error. Silence is no reason to try again: the model may
        be thinking, and would think as long again."""
        return Failure(error, again=error.retryable and not self._late, lost=self._lost)

    async def close(self) -> None:
        """Let go of the connection. Closing twice is no error."""
        context, self._context = self._context, None
        if context is not None:
            if isinstance(self._pieces, AsyncGenerator):
                await self._pieces.aclose()
            await context.__aexit__(None, None, None)

    async def _begin(self) -> None:
        context = self._sending()
        self._response = await context.__aenter__()
        self._context = context

    def _sending(self) -> AbstractAsyncContextManager[Any]:
        headers = revealed(self.sent)
        if self._options:
            headers["Accept-Encoding"] = "identity"
        url = str(self.address)
        if self._body is None:
            return self._session.get(url, headers=headers, **self._options)
        return self._session.post(url, data=self._body, headers=headers, **self._options)

    def _unpack(self) -> StreamError | None:
        """Get ready to read the body. Sessions that are not aiohttp's decompress by themselves."""
        self._pieces = _pieces(self._response.content)
        encoding = str(self.headers.get("Content-Encoding") or "identity").strip().lower()
        if encoding == "identity" or not self._options:
            return None
        try:
            self._pieces = _inflated(self._pieces, Inflater(encoding))
        except ValueError as error:
            return ProtocolError(f"{self._http.describe}: {error}", status=self.status)
        return None

    async def _guarded(self, awaitable: Awaitable[T]) -> T:
        """The result of `awaitable`, or an error that holds nothing of the library's."""
        try:
            return await self._watch.wait(awaitable)
        except StopAsyncIteration:
            raise
        except BaseException as error:
            failure = self._in_our_words(error)
        try:
            raise failure
        finally:
            del failure

    def _in_our_words(self, error: BaseException) -> BaseException:
        if isinstance(error, StreamTimeout | asyncio.CancelledError):
            self._late = isinstance(error, StreamTimeout)
            error.__context__ = None
            return error.with_traceback(None)  # its frames are the library's
        if isinstance(error, library_errors()):
            self._lost = self._response is None and type(error) in lost_connections()
            return connection_failed(self._http.describe, self.address, error, secrets=self.secrets)
        return error


@lru_cache(1)
def library_errors() -> tuple[type[BaseException], ...]:
    """The errors of a session when a connection fails, or when an address is not one."""
    try:
        import aiohttp  # takes longer than all the rest
    except ImportError:
        return (OSError, ValueError)
    return (aiohttp.ClientError, OSError, ValueError)


@lru_cache(1)
def lost_connections() -> tuple[type[BaseException], ...]:
    """The classes themselves, without subclasses, of errors of a connection that was made and is no
    more."""
    try:
        import aiohttp
    except ImportError:
        return (ConnectionResetError, BrokenPipeError)
    return (
        *(aiohttp.ServerDisconnectedError, aiohttp.ClientConnectionResetError),
        *(aiohttp.ClientOSError, ConnectionResetError, BrokenPipeError),
    )


def _has_pieces(content: Any) -> bool:
    """True for a body that offers its bytes as they come."""
    # Looked for on the class: on some stand-ins every attribute exists once it is asked for.
    return hasattr(type(content), "iter_any") or "iter_any" in getattr(content, "__dict__", ())


def _pieces(content: Any) -> AsyncIterator[bytes]:
    """The body as it comes in; by lines only where nothing better is offered."""
    if _has_pieces(content):
        return content.iter_any().__aiter__()  # type: ignore[no-any-return]
    if hasattr(type(content), "iter_chunked"):
        return content.iter_chunked(1 << 16).__aiter__()  # type: ignore[no-any-return]
    return content.__aiter__()  # type: ignore[no-any-return]


async def _inflated(
    pieces: AsyncIterator[bytes], inflater: Inflater
) -> AsyncGenerator[bytes, None]:
    async for compressed in pieces:
        for piece in inflater.feed(compressed):
            yield piece
            await asyncio.sleep(0)  # others, and the limits of time, have their turn
