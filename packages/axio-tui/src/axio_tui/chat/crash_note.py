"""`note_crash`: below a prompt or a call, that the program ended there."""

from __future__ import annotations

from axio_tui.chat.entries import Note, ToolCall, User
from axio_tui.chat.session import ChatSession

__all__ = ("note_crash",)


async def note_crash(session: ChatSession) -> bool:
    """Say so in a session that was opened, where no other words do. True if it was said."""
    conversation = session.conversation
    ends_open = isinstance(next(reversed(conversation.entries), None), User | ToolCall)
    if not ends_open or not await session.is_unfinished():
        return False
    conversation.note(Note("crash"))
    return True
