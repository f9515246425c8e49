"""The limits of time of a run: they interrupt it, where other watchdogs end one wait."""

from __future__ import annotations

from collections.abc import Callable

from axio.exceptions import LimitReached
from axio.watchdog import Watchdog

__all__ = ("Patience",)


class Patience(Watchdog):
    """Calls `interrupt` once, with the limit that was reached."""

    __slots__ = ("_interrupt",)

    def __init__(
        self,
        silence: float | None,
        seconds: float | None,
        interrupt: Callable[[LimitReached], object],
    ) -> None:
        self._interrupt = interrupt
        super().__init__(silence, seconds)
        if silence is not None and silence <= 0:
            self.expired("silence")

    def expired(self, limit: str) -> None:
        text = "the run took too long"
        if limit == "silence":
            text = f"the model said nothing for {self.silence:g} s"
        self.stop()
        self._interrupt(LimitReached(text, reason=limit))
