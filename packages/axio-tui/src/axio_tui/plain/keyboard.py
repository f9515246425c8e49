"""The terminal that a person types on: a line at the prompt, what they type meanwhile, an answer.

One of them at a time reads. Lines that come at once are one text: they were pasted.
"""

from __future__ import annotations

import asyncio
import os
import select
import sys
import termios
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

from axio_tui.chat.clean import clean
from axio_tui.plain.keys import Typed, joined

__all__ = ("Keyboard",)

PASTE = 0.03
"""Seconds: lines that are not further apart were not typed one by one."""
SEEN = 0.4
"""Seconds that a question is there before it can be answered."""
PAUSE = 0.5
"""Seconds without a key before a question can be answered."""

Complete = Callable[[str], list[str]]
"""The lines that a line may become."""


class Keyboard:
    """A terminal, `sys.stdin`.

    `typed` is told each text that is entered while `listening`, and None at the end of input.
    `draft` is what was begun and not entered; the next prompt has it again.
    """

    def __init__(self, typed: Callable[[str | None], object] = lambda text: None) -> None:
        self._terminal = sys.stdin.fileno()
        self._typed = typed
        self._listening = False
        self._pieces = b""
        self._burst: asyncio.TimerHandle | None = None
        self.draft = ""
        self._ahead: list[str] = []

    def take(self, text: str) -> None:
        """Take what was typed before: lines to be sent, and one that is not complete."""
        *lines, self.draft = text.split("\n")
        self._ahead = [line for line in lines if line.strip()]

    @contextmanager
    def modes_restored(self) -> Iterator[None]:
        """Put the terminal's modes back at the end: a line editor in a thread may not get to."""
        modes = termios.tcgetattr(self._terminal)
        try:
            yield
        finally:
            with suppress(termios.error):  # it may be gone
                termios.tcsetattr(self._terminal, termios.TCSANOW, modes)

    # ── at the prompt ─────────────────────────────────────────────────────────────────────────

    def typed_ahead(self) -> list[str | None]:
        """The lines that wait, each by itself: typed before the program could read."""
        lines: list[str | None] = [*self._ahead]
        self._ahead = []
        while self._has_more(0):
            piece = os.read(self._terminal, 4096)
            if not piece:
                return [*lines, None]
            lines.append(joined(piece))
        return lines

    async def line(self, prompt: str, complete: Complete) -> str | None:
        """The next text that is entered at the prompt; None at end of input.

        Read in a thread, so that this can be cancelled at once and the event loop goes on.
        """
        before = ""
        while True:
            draft, self.draft = self.draft, ""
            try:
                entered = await asyncio.to_thread(_edit, "" if before else prompt, draft, complete)
            except EOFError:
                return before or None
            text, self.draft = self._rest_of_paste(entered)
            before = f"{before}\n{text}" if before else text
            if not self.draft:
                return before

    def _rest_of_paste(self, line: str) -> tuple[str, str]:
        """The line with those that have come with it, and the beginning of one more."""
        pieces = b""
        while self._has_more(PASTE):
            piece = os.read(self._terminal, 65536)
            if not piece:
                break
            pieces += piece
        *lines, begun = clean(pieces.decode("utf-8", "replace")).split("\n")
        return "\n".join([line, *lines]), begun

    def _has_more(self, seconds: float) -> bool:
        return bool(select.select([self._terminal], [], [], seconds)[0])

    # ── meanwhile ─────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hand over what is entered, while the block lasts."""
        self._listen()
        try:
            yield
        finally:
            self._stop_listening()

    def _listen(self) -> None:
        asyncio.get_running_loop().add_reader(self._terminal, self._take)
        self._listening = True

    def _stop_listening(self) -> None:
        if self._listening:
            asyncio.get_running_loop().remove_reader(self._terminal)
            self._listening = False
            self._hand_over()

    def _take(self) -> None:
        piece = _read(self._terminal)
        if not piece:
            self._stop_listening()
            self._typed(None)
            return
        self._pieces += piece
        if self._burst is not None:
            self._burst.cancel()
        self._burst = asyncio.get_running_loop().call_later(PASTE, self._hand_over)

    def _hand_over(self) -> None:
        if self._burst is not None:
            self._burst.cancel()
            self._burst = None
        pieces, self._pieces = self._pieces, b""
        if pieces:
            self._typed(joined(pieces))

    # ── an answer ─────────────────────────────────────────────────────────────────────────────

    @asynccontextmanager
    async def quiet(self) -> AsyncIterator[Typed]:
        """Wait until the person has seen what stands there and has stopped typing.

        What they type before is no answer: it is in `Typed`.
        """
        was_listening = self._listening
        self._stop_listening()
        typed = Typed()
        try:
            with self._key_by_key():
                await self._settle(typed)
            self.draft += typed.rest
            yield typed
        finally:
            if was_listening:
                self._listen()

    async def _settle(self, typed: Typed) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + SEEN
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    await self._readable()
            if not self._has_more(0):  # a loop that stood still may not have told of a key
                return
            keys = _read(self._terminal)
            if not keys:
                return
            typed.feed(keys)
            until = max(until, loop.time() + PAUSE)

    async def answer(self) -> str:
        """The next text that is entered, of several lines if they came at once; "" at its end."""
        await self._readable()
        pieces = _read(self._terminal)
        while pieces and self._has_more(PASTE):
            piece = _read(self._terminal)
            if not piece:
                break
            pieces += piece
        return pieces.decode("utf-8", "replace")

    async def entered(self) -> str | None:
        """The next line that is entered; None at end of input. Unlike `line` it can be cancelled
        without losing what is typed next."""
        text = await self.answer()
        return clean(text.rstrip("\r\n")) if text else None

    @contextmanager
    def unseen(self) -> Iterator[None]:
        """Nothing that is typed while the block lasts is shown."""
        modes = termios.tcgetattr(self._terminal)
        silent = [*modes]
        silent[3] = modes[3] & ~termios.ECHO
        termios.tcsetattr(self._terminal, termios.TCSADRAIN, silent)
        try:
            yield
        finally:
            with suppress(termios.error):
                termios.tcsetattr(self._terminal, termios.TCSADRAIN, modes)

    async def _readable(self) -> None:
        """Cancelling it works at once, unlike a `readline` in a thread."""
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        loop.add_reader(self._terminal, readable.set)
        try:
            await readable.wait()
        finally:
            loop.remove_reader(self._terminal)

    @contextmanager
    def _key_by_key(self) -> Iterator[None]:
        """The terminal hands over each key, and shows none."""
        modes = termios.tcgetattr(self._terminal)
        single = [*modes]
        single[3] = modes[3] & ~(termios.ICANON | termios.ECHO)
        single[6] = [*modes[6]]
        single[6][termios.VMIN], single[6][termios.VTIME] = 1, 0
        termios.tcsetattr(self._terminal, termios.TCSANOW, single)
        try:
            yield
        finally:
            with suppress(termios.error):
                termios.tcsetattr(self._terminal, termios.TCSANOW, modes)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the terminal is gone
        return b""


def _edit(prompt: str, draft: str, complete: Complete) -> str:
    """A line from Python's line editor, which begins with the draft."""
    if not sys.stdout.isatty():
        print(prompt, end="", file=sys.stderr, flush=True)
        return draft + input()
    try:
        import readline
    except ImportError:
        return draft + input(prompt + draft)
    found: list[str] = []

    def nth(text: str, state: int) -> str | None:
        if state == 0:
            found[:] = complete(text)
        return found[state] if state < len(found) else None

    brackets = "off" if os.environ.get("TERM", "dumb") == "dumb" else "on"
    readline.parse_and_bind(f"set enable-bracketed-paste {brackets}")
    readline.parse_and_bind("tab: complete")
    readline.set_completer_delims("")
    readline.set_completer(nth)
    readline.set_startup_hook(lambda: readline.insert_text(draft))
    try:
        return input(prompt)
    finally:
        readline.set_startup_hook()
