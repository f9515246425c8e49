"""The budgets that hold for one run: its own and those of the runs around it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from axio.budget import Budget, stop_runaway
from axio.events import StreamEvent
from axio.exceptions import LimitReached
from axio.types import Usage
from axio.watchdog import Watchdog

__all__ = ("Limits",)


class Limits:
    """`start` before the first request, `stop` at the end; in between, ask before and tell after.

    `interrupt` is called from the event loop when time or silence is over.
    """

    __slots__ = ("_budgets", "_watchdog")

    def __init__(self, budgets: tuple[Budget, ...]) -> None:
        self._budgets = budgets
        self._watchdog: _Interrupter | None = None

    def start(self, interrupt: Callable[[LimitReached], None]) -> None:
        for budget in self._budgets:
            budget.start()
        if any(b.seconds is not None or b.silence is not None for b in self._budgets):
            self._watchdog = _Interrupter(self._budgets, interrupt)

    def stop(self) -> None:
        if self._watchdog is not None:
            self._watchdog.stop()

    def request(self) -> None:
        """Count a model call about to be made; `LimitReached` if nothing is left for it."""
        for budget in self._budgets:
            budget.request()

    def listen(self, source: AsyncIterator[StreamEvent]) -> AsyncIterator[StreamEvent]:
        """The model's events, under the limits that hold while it speaks."""
        left = [tokens for b in self._budgets if (tokens := b.output_left()) is not None]
        if left:
            source = stop_runaway(source, min(left))
        if self._watchdog is None or self._watchdog.silence is None:
            return source
        return self._watchdog.listen(source)

    def call_tools(self, count: int) -> None:
        """Count tool calls about to be run; `LimitReached` if they are more than what is left."""
        for budget in self._budgets:
            budget.call_tools(count)

    def spend(self, usage: Usage, model: object) -> None:
        """Count the tokens of a model call that was made."""
        for budget in self._budgets:
            budget.spend(usage, model)


class _Interrupter(Watchdog):
    """The run's time and the model's silence: `interrupt` is called once, with the limit."""

    __slots__ = ("_interrupt",)

    def __init__(
        self, budgets: tuple[Budget, ...], interrupt: Callable[[LimitReached], None]
    ) -> None:
        self._interrupt = interrupt
        left = [s for budget in budgets if (s := budget.seconds_left()) is not None]
        silence = min((b.silence for b in budgets if b.silence is not None), default=None)
        super().__init__(silence, min(left, default=None))
        if silence is not None and silence <= 0:
            self.expired("silence")

    def expired(self, limit: str) -> None:
        text = "the run took too long"
        if limit == "silence":
            text = f"the model said nothing for {self.silence:g} s"
        self.stop()
        self._interrupt(LimitReached(text, reason=limit))
