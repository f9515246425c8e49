"""Notes of calls besides the history, so that a crash leaves as little unknown as can be."""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from axio.blocks import ToolResultBlock, ToolUseBlock

__all__ = ("Journal", "Outcome", "is_final")


class Outcome(Enum):
    """That is known of a call without a result."""

    NOT_BEGUN = "not begun"
    UNKNOWN = "unknown"


class Journal(Protocol):
    """The calls of one session whose results are not in its history yet: `ContextStore.journal`.

    Only calls that change something are noted. Once the result of a call is in the history, and
    `is_final`, its note is not needed any more, nor are those of the calls inside it, whose ids
    begin with its own and a slash. Ids of calls are unique in a session.
    """

    async def begin(self, call: ToolUseBlock) -> None:
        """Note that the call's handler is about to start. It does when this has returned."""

    async def finish(self, call: ToolUseBlock, result: ToolResultBlock) -> None:
        """Note the result of a call."""

    async def outcome(self, call: ToolUseBlock) -> ToolResultBlock | Outcome:
        """The result if there is one; else if the call was begun. A call of the same id with
        another name or other arguments is another one, and was not."""


def is_final(result: ToolResultBlock) -> bool:
    """False for the note of a call that waits, or was approved, and gets another result later."""
    text = result.content
    return not (result.is_error and isinstance(text, str) and text.startswith(_NOTES))


_NOTES = ("[waiting ", "[approved ")  # as axio.approval writes them
