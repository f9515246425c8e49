"""A screen of a plug-in: a fault in it closes the screen, and not the application."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from textual._context import NoActiveAppError, active_message_pump
from textual.app import ScreenStackError
from textual.dom import DOMNode
from textual.screen import Screen

from axio.exceptions import message_of
from axio_tui.chat.commands import CommandFailed

if TYPE_CHECKING:
    from axio_tui.app.app import AgentApp

__all__ = ("Foreign", "shown")


class Foreign:
    """The screen, and its end."""

    def __init__(self, app: AgentApp, screen: Screen[object]) -> None:
        self.end: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._app = app
        self._screen = screen

    def settle(self, result: object) -> None:
        if not self.end.done():
            self.end.set_result(result)

    def has_failed(self, error: Exception) -> bool:
        """True if a fault is one of this screen, or of one that it has opened."""
        node = active_message_pump.get(None)
        while isinstance(node, DOMNode) and not isinstance(node, Screen):
            node = node.parent
        if node not in self._own():
            return False
        if not self.end.done():
            words = f"{type(error).__name__}: {message_of(error)}".rstrip(": ")
            self.end.set_exception(CommandFailed(f"the screen of a plug-in has failed: {words}"))
        return True

    def _own(self) -> list[Screen[object]]:
        stack = list(self._app.screen_stack)
        return stack[stack.index(self._screen) :] if self._screen in stack else []

    def close(self) -> None:
        with suppress(ScreenStackError, NoActiveAppError):
            for _ in self._own():
                self._app.pop_screen()


async def shown(app: AgentApp, screen: Screen[object]) -> object:
    """Show the screen, and return what it ends with. `CommandFailed` if it fails."""
    foreign = app.foreign = Foreign(app, screen)
    try:
        app.push_screen(screen, foreign.settle)
        return await foreign.end
    finally:
        app.foreign = None
        if app.is_running:
            foreign.close()
