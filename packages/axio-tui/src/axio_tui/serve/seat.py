"""`Seat`: one application, and the page that shows it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

from axio_tui.serve.messages import Size
from axio_tui.serve.modes import Modes
from axio_tui.serve.terminal import Terminal

__all__ = ("Page", "Seat")

Start = Callable[[Size], Awaitable[Terminal]]


class Page(Protocol):
    """A connection to a page in a browser."""

    async def send_bytes(self, data: bytes, /) -> None: ...

    async def close(self) -> object: ...


class Seat:
    """There is at most one application, and one page has it: the one that came last. When none has
    had it for `grace` seconds it ends, so that a page can be loaded again. The next page after
    the end of the application begins another."""

    def __init__(self, start: Start, grace: float) -> None:
        self._start = start
        self._grace = grace
        self._changing = asyncio.Lock()
        self._page: Page | None = None
        self._terminal: Terminal | None = None
        self._modes = Modes()
        self._showing: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._is_closed = False

    async def take(self, page: Page, size: Size) -> Terminal:
        """Give the application to this page, and take it from the one before. Raises `OSError`
        when it cannot be started or may not be any more."""
        async with self._changing:
            if self._ending is not None:
                self._ending.cancel()
            before, self._page = self._page, None
            if before is not None:
                await before.close()
            terminal = self._terminal
            if terminal is None:
                if self._showing is not None:
                    await asyncio.wait({self._showing})  # it is about to end
                if self._is_closed:
                    raise ConnectionError("the server ends")
                terminal = self._terminal = await self._start(size)
                self._modes = Modes()
                self._page = page
                self._showing = asyncio.create_task(self._show(terminal))
                return terminal
            with suppress(ConnectionError):
                await page.send_bytes(self._modes.replay())
            terminal.resize(size)
            self._page = page
            if self._terminal is not terminal:  # it has ended meanwhile
                await page.close()
            return terminal

    def leave(self, page: Page) -> None:
        """The page is gone."""
        if self._page is page:
            self._page = None
            if self._terminal is not None:
                self._ending = asyncio.create_task(self._end_later())

    async def close(self) -> None:
        """End the application, and wait for that. No other begins."""
        self._is_closed = True
        async with self._changing:
            if self._ending is not None:
                self._ending.cancel()
            await self._end()

    async def _end_later(self) -> None:
        await asyncio.sleep(self._grace)
        async with self._changing:
            await self._end()

    async def _end(self) -> None:
        page, self._page = self._page, None
        if page is not None:
            await page.close()
        if self._terminal is not None:
            self._terminal.stop()
        if self._showing is not None:
            await asyncio.wait({self._showing})

    async def _show(self, terminal: Terminal) -> None:
        """Send the page what the application writes, no faster than it is taken."""
        try:
            while data := await terminal.read():
                self._modes.feed(data)
                if self._page is not None:
                    with suppress(ConnectionError):
                        await self._page.send_bytes(data)
        finally:
            self._terminal = None
            if self._page is not None:
                await self._page.close()
            await terminal.close()
