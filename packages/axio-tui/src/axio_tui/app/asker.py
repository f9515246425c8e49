"""`ScreenAsker`: the person chooses, fills in and waits in windows above the main screen."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from textual.app import App, ScreenError
from textual.screen import Screen

from axio_tui.app.foreign import shown
from axio_tui.app.screens.form import FormScreen
from axio_tui.app.screens.offered import OfferedScreen
from axio_tui.app.screens.waiting import WaitingScreen
from axio_tui.chat.asking import Choosing
from axio_tui.chat.commands import CommandFailed
from axio_tui.config.forms import Form

if TYPE_CHECKING:
    from axio_tui.app.app import AgentApp

__all__ = ("ScreenAsker", "answer_of")

T = TypeVar("T")

_AT_ONCE = 0.2  # seconds in which a job may end without a window


async def answer_of(app: App[None], screen: Screen[T]) -> T | None:
    """Show a screen, and return what it ends with. It is gone, too, when this is cancelled."""
    answer: asyncio.Future[T | None] = asyncio.get_running_loop().create_future()

    def settle(result: T | None) -> None:
        if not answer.done():
            answer.set_result(result)

    app.push_screen(screen, settle)
    try:
        return await answer
    finally:
        _close(app, screen)


def _close(app: App[None], screen: Screen[T]) -> None:
    if app.is_running and app.screen_stack and app.screen is screen:
        with suppress(ScreenError):
            screen.dismiss(None)


class ScreenAsker:
    """An `Asker`."""

    def __init__(self, app: AgentApp) -> None:
        self._app = app

    async def choose(self, choosing: Choosing) -> str | None:
        return await answer_of(self._app, OfferedScreen(choosing))

    async def fill(self, form: Form) -> dict[str, str] | None:
        return await answer_of(self._app, FormScreen(form))

    async def wait(self, words: str, job: Awaitable[T]) -> T | None:
        task = asyncio.ensure_future(job)
        try:
            done, _ = await asyncio.wait([task], timeout=_AT_ONCE)
            if not done:
                screen = WaitingScreen(words)
                shown = asyncio.create_task(answer_of(self._app, screen))
                try:
                    await asyncio.wait([task, shown], return_when=asyncio.FIRST_COMPLETED)
                finally:
                    shown.cancel()
                    await asyncio.wait([shown])
        finally:
            task.cancel()
        await asyncio.wait([task])
        return None if task.cancelled() else task.result()

    async def show(self, make: Callable[[], Awaitable[object]]) -> object:
        screen = await make()
        if not isinstance(screen, Screen):
            raise CommandFailed(f"a plug-in has {type(screen).__name__} in place of a screen")
        return await shown(self._app, screen)
