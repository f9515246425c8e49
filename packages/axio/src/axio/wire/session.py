"""HTTP sessions for transports that were not handed one: opened when first needed, one for each
event loop.

aiohttp is imported when a session is opened, not before; the core does not depend on it.
"""

from __future__ import annotations

import asyncio
import atexit
import weakref
from collections.abc import AsyncGenerator, Awaitable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, NamedTuple

from axio.wire.http import Timeouts

if TYPE_CHECKING:
    import aiohttp

__all__ = ("SessionPool", "aiohttp_options")


class _Held(NamedTuple):
    session: aiohttp.ClientSession
    owner: AsyncGenerator[aiohttp.ClientSession, None]


class SessionPool:
    """The sessions that one transport owns.

    `current` gives the running loop's session. It ends with `close`, with its event loop
    (``asyncio.run`` closes the async generators that are still open, and one of these holds the
    session), or at the latest with the interpreter, and never with a warning. A copy of a pool, by
    `copy`, `copy.deepcopy` or `pickle`, is a new and empty one.

    Proxies are taken from ``HTTP_PROXY``, ``HTTPS_PROXY`` and ``NO_PROXY``, further certificate
    authorities from ``SSL_CERT_FILE`` and ``SSL_CERT_DIR``.
    """

    def __init__(self) -> None:
        self._held: dict[asyncio.AbstractEventLoop, _Held] = {}

    def __reduce__(self) -> tuple[type[SessionPool], tuple[()]]:
        return SessionPool, ()

    def __del__(self) -> None:
        self._abandon(closed_loops_only=True)  # an open loop closes the orphaned generator itself

    async def current(self) -> aiohttp.ClientSession:
        """The running loop's session, opened now if there is none."""
        return self._current()

    def get(self, url: str, **options: Any) -> AbstractAsyncContextManager[Any]:
        """As the running loop's session does; so a pool can be used in the place of a session."""
        return self._current().get(url, **options)

    def post(self, url: str, **options: Any) -> AbstractAsyncContextManager[Any]:
        return self._current().post(url, **options)

    async def close(self) -> None:
        """Close the running loop's session, if one is open. The pool can be used again."""
        held = self._held.pop(asyncio.get_running_loop(), None)
        if held is not None:
            await held.owner.aclose()

    def _current(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        held = self._held.get(loop)
        if held is None or held.session.closed:
            self._abandon(closed_loops_only=True)
            owner = _open_session()
            held = self._held[loop] = _Held(_first(owner), owner)
            _pools.add(self)
        return held.session

    def _abandon(self, *, closed_loops_only: bool) -> None:
        """Let go of sessions whose loop cannot close them any more."""
        for loop in list(self._held):
            if loop.is_closed() or not closed_loops_only:
                session, owner = self._held.pop(loop)
                connector = session.connector
                session.detach()
                if connector is not None:
                    _begin(connector.close())
                _begin(owner.aclose())  # at its end: its loop's hook must not find it half-way


def aiohttp_options(session: object, timeouts: Timeouts) -> dict[str, Any]:
    """Keyword arguments for requests on `session`: without them aiohttp ends every answer after
    five minutes.

    Empty where the session is not aiohttp's.
    """
    import aiohttp

    if not isinstance(session, aiohttp.ClientSession | SessionPool):
        return {}
    return {"timeout": aiohttp.ClientTimeout(total=None, sock_connect=timeouts.connect)}


async def _open_session() -> AsyncGenerator[aiohttp.ClientSession, None]:
    try:
        import aiohttp
    except ImportError as error:
        raise ImportError(
            "this transport needs aiohttp to open a session: pip install aiohttp"
        ) from error

    # No limit on connections: how many requests run at once is for the application to say, not for
    # a queue that nobody sees.
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, trust_env=True) as session:
        yield session


def _begin(awaitable: Awaitable[object]) -> None:
    """Run what comes before the first wait, and no more: nobody is left to wait for."""
    steps = awaitable.__await__()
    try:
        next(steps)
    except StopIteration:
        pass
    else:
        steps.close()


def _first(owner: AsyncGenerator[aiohttp.ClientSession, None]) -> aiohttp.ClientSession:
    """What an async generator yields first, when it need not wait for that."""
    try:
        owner.asend(None).send(None)
    except StopIteration as yielded:
        session: aiohttp.ClientSession = yielded.value
        return session
    raise AssertionError("opening a session never waits")


_pools: weakref.WeakSet[SessionPool] = weakref.WeakSet()


@atexit.register
def _abandon_at_exit() -> None:
    for pool in list(_pools):
        pool._abandon(closed_loops_only=False)
