"""A conversation that another program has open: the person says how to go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from axio.exceptions import SessionBusy
from axio_tui.app.asker import answer_of
from axio_tui.app.screens.ask import Ask
from axio_tui.chat.session import ChatSession

if TYPE_CHECKING:
    from axio_tui.app.app import AgentApp

__all__ = ("instead_of",)


async def instead_of(
    app: AgentApp, session: ChatSession, error: SessionBusy, before: ChatSession | None
) -> ChatSession:
    """The session to go on with, opened: the person takes it over, goes on in a copy, or begins
    another. `before` if they stay where they were."""
    keys = {"t": "take it over from there", "f": "go on in a fork of it", "n": "begin another"}
    key = await answer_of(app, Ask(f"{error}.", keys))
    if key == "t":
        await session.open(take_over=True)
        return session
    if key is None and before is not None:
        return before
    if key == "f":
        other = await session.fork()
    else:
        other = app.opened.make(await app.opened.library.store())
    await other.open()
    return other
