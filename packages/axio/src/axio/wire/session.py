"""HTTP sessions for transports that were not handed one: opened when first needed, one for each
event loop.

aiohttp is imported when a session is opened, not before; the core does not depend on it.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncGenerator, Awaitable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from axio.wire.proxies import Proxies, authorities

if TYPE_CHECKING:
    import aiohttp

__all__ = ("SessionPool", "Timeouts", "open_session", "sending_options")


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
    retries: float | None = 60.0
    """After the first failure of a request: no other attempt begins later."""


class _Held(NamedTuple):
    session: aiohttp.ClientSession
    owner: AsyncGenerator[aiohttp.ClientSession, None]
    proxies: Proxies


class SessionPool:
    """The sessions that one transport owns.

    `current` gives the running loop's session. It ends with `close`, with its event loop
    (``asyncio.run`` closes the async generators that are still open, and one of these holds the
    session), with the pool, or at the latest with the interpreter, and never with a warning. A copy
    of a pool, by `copy`, `copy.deepcopy` or `pickle`, is a new and empty one.

    Proxies and certificate authorities are taken from the environment, see `axio.wire.proxies`;
    ``~/.netrc`` is not read.
    """

    def __init__(self) -> None:
        # A session is held here and by the finalizer alone. So it outlives a pool that is collected
        # as part of a cycle, and can be closed.
        self._held: dict[asyncio.AbstractEventLoop, _Held] = {}
        weakref.finalize(self, _let_go, self._held)

    def __reduce__(self) -> tuple[type[SessionPool], tuple[()]]:
        return SessionPool, ()

    async def current(self) -> aiohttp.ClientSession:
        """The running loop's session, opened now if there is none."""
        return self._current().session

    def get(self, url: str, **options: Any) -> AbstractAsyncContextManager[Any]:
        """As the running loop's session does; so a pool can be used in the place of a session."""
        held = self._current()
        return held.session.get(url, proxy=held.proxies[url], **options)

    def post(self, url: str, **options: Any) -> AbstractAsyncContextManager[Any]:
        held = self._current()
        return held.session.post(url, proxy=held.proxies[url], **options)

    def ws_connect(self, url: str, **options: Any) -> Any:
        held = self._current()
        return held.session.ws_connect(url, proxy=held.proxies[url], **options)

    async def close(self) -> None:
        """Close the running loop's session, if one is open. The pool can be used again."""
        held = self._held.pop(asyncio.get_running_loop(), None)
        if held is not None:
            await held.owner.aclose()

    def _current(self) -> _Held:
        loop = asyncio.get_running_loop()
        held = self._held.get(loop)
        if held is None or held.session.closed:
            for other in [other for other in self._held if other.is_closed()]:
                _abandon(self._held.pop(other))
            owner = _open_session()
            held = self._held[loop] = _Held(_first(owner), owner, Proxies())
        return held


def _let_go(held: dict[asyncio.AbstractEventLoop, _Held]) -> None:
    """Close what a pool held that is gone, or all at the end of the interpreter. This may come from
    any thread."""
    for loop, one in held.items():
        if loop.is_running():
            loop.call_soon_threadsafe(_close_soon, loop, one.owner)
        else:
            _abandon(one)


def _close_soon(loop: asyncio.AbstractEventLoop, owner: AsyncGenerator[Any, None]) -> None:
    closing = loop.create_task(_closed(owner))
    _closings.add(closing)
    closing.add_done_callback(_closings.discard)


async def _closed(owner: AsyncGenerator[Any, None]) -> None:
    await owner.aclose()


_closings: set[asyncio.Task[None]] = set()
"""Tasks that are kept alive here alone."""


def _abandon(held: _Held) -> None:
    """Let go of a session whose loop cannot close it any more."""
    session, owner, _ = held
    connector = session.connector
    session.detach()
    if connector is not None:
        _begin(connector.close())
    _begin(owner.aclose())  # at its end: its loop's hook must not find it half-way


def sending_options(session: object, timeouts: Timeouts) -> Mapping[str, Any]:
    """Keyword arguments for requests on `session`: without them aiohttp would end every answer
    after five minutes, follow redirects with the key and the conversation, and decompress what it
    gets without a bound.

    Empty where the session is not aiohttp's.
    """
    known, options = _aiohttp(timeouts.connect)
    return options if isinstance(session, known) else {}


@lru_cache(32)
def _aiohttp(connect: float | None) -> tuple[tuple[type, ...], Mapping[str, Any]]:
    try:
        import aiohttp
    except ImportError:
        return (), {}
    options = {
        "timeout": aiohttp.ClientTimeout(total=None, sock_connect=connect),
        "allow_redirects": False,
        "auto_decompress": False,
    }
    return (aiohttp.ClientSession, SessionPool), options


def open_session(url: str) -> aiohttp.ClientSession:
    """A session for this address alone, which the caller closes."""
    import aiohttp

    return aiohttp.ClientSession(connector=_connector(), proxy=Proxies()[url])


def _connector() -> aiohttp.TCPConnector:
    import aiohttp

    # No limit on connections: how many requests run at once is for the application to say, not for
    # a queue that is nowhere seen.
    return aiohttp.TCPConnector(limit=0, ssl=authorities() or True)


async def _open_session() -> AsyncGenerator[aiohttp.ClientSession, None]:
    try:
        import aiohttp
    except ImportError as error:
        raise ImportError(
            "this transport needs aiohttp to open a session: pip install aiohttp"
        ) from error

    async with aiohttp.ClientSession(connector=_connector()) as session:
        yield session


def _begin(awaitable: Awaitable[object]) -> None:
    """Run what comes before the first wait, and no more: none is left to wait for."""
    steps = awaitable.__await__()
    try:
        next(steps)
    except StopIteration:
        pass
    else:
        steps.close()


def _first(owner: AsyncGenerator[aiohttp.ClientSession, None]) -> aiohttp.ClientSession:
    """The first value of an async generator that need not wait for it."""
    try:
        owner.asend(None).send(None)
    except StopIteration as yielded:
        session: aiohttp.ClientSession = yielded.value
        return session
    raise AssertionError("opening a session never waits")
