"""`Questions`: what waits for an answer of the person. One is asked at a time, in call order.

questions = Questions()
permissions = Permissions(questions.ask)      # waits until a front end has the answer
...
questions.answer(questions.current, "once")   # the front end
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from axio.run import RUN

__all__ = ("Questions", "Standing")

T = TypeVar("T")


@dataclass(eq=False, slots=True)
class Standing(Generic[T]):
    """A question that stands: `asked` is what the person has to decide about."""

    asked: T
    call_id: str | None
    """The call that waits for the answer."""
    who: str
    """The tool that has started the sub-agent which asks; "" for the agent itself."""
    _answer: asyncio.Future[str] = field(repr=False)


class Questions(Generic[T]):
    """The questions that stand. `changed` is called whenever another is first, or their number has
    changed. `place_of` gives the place of a call in the conversation, where that is known."""

    def __init__(self, place_of: Callable[[str], int | None] = lambda call_id: None) -> None:
        self.place_of = place_of
        self.changed: Callable[[], object] = lambda: None
        self._standing: list[Standing[T]] = []

    @property
    def current(self) -> Standing[T] | None:
        """The one that is asked now. It stays until it is answered or withdrawn."""
        return self._standing[0] if self._standing else None

    @property
    def others(self) -> int:
        """How many wait behind it."""
        return max(0, len(self._standing) - 1)

    async def ask(self, asked: T) -> str:
        """The answer of the person. A question whose asker is cancelled is withdrawn."""
        run = RUN.get(None)
        standing = Standing(
            asked,
            None if run is None else run.call_id,
            "" if run is None or run.parent is None else run.parent.tool_name or "a sub-agent",
            asyncio.get_running_loop().create_future(),
        )
        self._standing.append(standing)
        self._standing[1:] = sorted(self._standing[1:], key=self._place)
        self.changed()
        try:
            return await standing._answer
        finally:
            self._standing.remove(standing)
            self.changed()

    def _place(self, standing: Standing[T]) -> tuple[bool, int]:
        place = None if standing.call_id is None else self.place_of(standing.call_id)
        return place is None, place or 0

    def answer(self, standing: Standing[T], answer: str) -> None:
        """Give the answer to a question. Nothing happens if it stands no more."""
        if standing in self._standing and not standing._answer.done():
            standing._answer.set_result(answer)

    def refuse_all(self, reason: str = "no") -> None:
        """Give one answer to all, as when the person leaves."""
        for standing in tuple(self._standing):
            self.answer(standing, reason)
