"""One holder at a time, first come, first served."""

from __future__ import annotations

import logging
from collections import deque
from sys import modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

__all__ = ("Ownership",)

logger = logging.getLogger(__name__)

_LONG = 10.0  # seconds of waiting, after which a warning is due


class Ownership:
    """A lock that is bound to no event loop and costs next to nothing while no run waits.

    Loops that run one after the other may share it, loops in different threads may not. A holder
    whose loop was closed could not let go: the lock then counts as free.
    """

    warning = ""
    """Logged once for each run that has waited for a long time."""

    _loop: asyncio.AbstractEventLoop | None = None
    """The loop in which it is held."""
    _waiting: deque[asyncio.Future[None]] | None = None

    def __reduce__(self) -> tuple[type[Ownership], tuple[()]]:
        return type(self), ()  # The copy of a store is not held.

    async def __aenter__(self) -> None:
        # Where a loop runs asyncio is loaded; the statement would cost more than the lookup.
        loop: asyncio.AbstractEventLoop = modules["asyncio"].get_running_loop()
        if self._loop is None or self.is_left_behind():
            self._loop = loop
            return
        if self._waiting is None:
            self._waiting = deque()
        import asyncio  # Here, so that no program pays for it that only defines agents.

        turn = loop.create_future()
        self._waiting.append(turn)
        reminder = loop.call_later(_LONG, self._remind) if self.warning else None
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._pass_on()
            raise
        finally:
            if reminder is not None:
                reminder.cancel()

    async def __aexit__(self, *exc_info: object) -> None:
        self._pass_on()

    def is_left_behind(self) -> bool:
        """True if its holder cannot come back. A new `Ownership` then takes its place, because a
        late release must not set free what another run holds."""
        return self._loop is not None and self._loop.is_closed()

    def _pass_on(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            loop = turn.get_loop()
            if not turn.done() and not loop.is_closed():
                self._loop = loop
                turn.set_result(None)
                return
        self._loop = None

    def _remind(self) -> None:
        logger.warning(self.warning)
