"""`LineAsker`: the person chooses and fills in, line by line."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from typing import TypeVar

from axio_tui.chat.asking import Choosing, NoScreens, Offered
from axio_tui.config.forms import CLEAR, Field, Form
from axio_tui.harmless import one_line, visible
from axio_tui.plain.keyboard import Keyboard
from axio_tui.stopping import Interrupts

__all__ = ("LineAsker",)

T = TypeVar("T")

_SHOWN = 30


class LineAsker:
    """An `Asker`. `say` prints words of the program, `write` prints as it is. Ctrl-C and the end of
    input go back without an answer."""

    def __init__(
        self,
        keyboard: Keyboard,
        interrupts: Interrupts,
        say: Callable[[str], None],
        write: Callable[[str], None],
    ) -> None:
        self._keyboard = keyboard
        self._interrupts = interrupts
        self._say = say
        self._write = write

    async def choose(self, choosing: Choosing) -> str | None:
        self._say(f"{one_line(choosing.title, 2000)}:")
        offered: Sequence[Offered] = choosing.offered
        ask = "Which? A number, or a part of its name; Enter alone leaves: "
        while True:
            self._list(offered)
            answer = await self._line(ask)
            text = (answer or "").strip()
            if not text:
                return None
            number = int(text) if text.isdecimal() and len(text) < 6 else 0
            if 0 < number <= len(offered):
                return offered[number - 1].word
            same = [one for one in choosing.offered if text in (one.word, one.label)]
            found = same or [one for one in choosing.offered if text.lower() in _told(one).lower()]
            if len(found) == 1:
                return found[0].word
            if not found and choosing.other and text.isprintable():
                return text
            if not found:
                self._write(f"There is none with {visible(text)!r} in its name.\n")
            offered = found or choosing.offered

    def _list(self, offered: Sequence[Offered]) -> None:
        lines = [f"  {n}  {visible(_told(one))}" for n, one in enumerate(offered[:_SHOWN], 1)]
        more = len(offered) - _SHOWN
        if more > 0:
            lines.append(f"  and {more} more: a part of the name finds them")
        self._write("".join(f"{line}\n" for line in lines))

    async def fill(self, form: Form) -> dict[str, str] | None:
        self._say("\n".join([f"{form.title}: Ctrl-C leaves it as it was", *form.notes]))
        kept: dict[str, str] = {}
        for field in form.fields:
            text = await self._field(field, form.values.get(field.name, ""))
            if text is None:
                return None
            if text:
                kept[field.name] = text
        return kept

    async def _field(self, field: Field, before: str) -> str | None:
        """The text for a field, asked for until it fits. An empty answer keeps the one before."""
        asked = f"{one_line(field.title)}{_in_brackets(field, before)}: "
        while True:
            answer = await self._line(asked, unseen=field.is_secret)
            if answer is None:
                return None
            try:
                return field.read(answer.strip() or before, before)
            except ValueError as error:
                self._write(f"That does not fit: {one_line(str(error))}.\n")

    async def wait(self, words: str, job: Awaitable[T]) -> T | None:
        self._say(f"{one_line(words)} ...")
        return await self._stoppable(job)

    async def show(self, make: Callable[[], Awaitable[object]]) -> object:
        raise NoScreens

    async def _line(self, asked: str, unseen: bool = False) -> str | None:
        async def entered() -> str | None:  # once it is shown, Ctrl-C leaves it
            self._write(asked)
            return await self._keyboard.entered()

        with self._keyboard.unseen() if unseen else nullcontext():
            answer = await self._stoppable(entered())
        if unseen or answer is None:
            self._write("\n")
        return answer

    async def _stoppable(self, job: Awaitable[T]) -> T | None:
        """The result of a job; None if Ctrl-C has ended it."""
        task = asyncio.ensure_future(job)
        try:
            with self._interrupts.ending(task.cancel):
                await asyncio.wait([task])
        finally:
            task.cancel()
        return None if task.cancelled() else task.result()


def _told(one: Offered) -> str:
    return one_line(f"{one.label} ({one.more})" if one.more else one.label, 300)


def _in_brackets(field: Field, before: str) -> str:
    words = [one_line(field.hint)] if field.hint else []
    if before:
        words.append(f"now {visible(field.told(before))}: Enter keeps it, {CLEAR} takes it away")
    return f" ({'; '.join(words)})" if words else ""
