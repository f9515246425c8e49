"""A conversation is opened, in lines; one that another program has open if the person says how."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from axio_context_sqlite import SessionInUse
from axio_tui.chat.commands import CommandFailed
from axio_tui.chat.crash_note import note_crash
from axio_tui.chat.session import ChatSession

__all__ = ("opened",)

_HOW = "Take it over, or go on in a fork of it? [take / fork / no] "


async def opened(
    session: ChatSession,
    tell: Callable[[str], object],
    answer: Callable[[str], Awaitable[str]],
) -> ChatSession:
    """The session, or a copy of it, opened. `CommandFailed` if the person leaves it alone.

    `answer` gives what they answer to a question.
    """
    try:
        await session.open()
    except SessionInUse as error:
        tell(str(error))
        how = (await answer(_HOW)).strip().lower()
        if how in ("t", "take", "y", "yes"):
            await session.open(take_over=True)
        elif how in ("f", "fork"):
            session = await session.fork()
            await session.open()
        else:
            raise CommandFailed("it was left where it is") from error
    await note_crash(session)
    return session
