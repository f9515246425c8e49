"""Characters that were cut into the halves of a surrogate pair, put together again. Pure.

JSON may escape a character beyond U+FFFF as two halves, and some servers cut their text between
them. A half alone is not a character: nothing can store it, send it or print it.
"""

from __future__ import annotations

__all__ = ("Halves", "joined")


def joined(text: str) -> str:
    """`text` with halves that meet joined, and every lone one replaced by U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


class Halves:
    """Text that comes in pieces: whole characters go on at once, a first half at the end of a
    piece waits for the next one."""

    __slots__ = ("held",)

    def __init__(self) -> None:
        self.held = ""
        """The half that waits, or nothing."""

    def feed(self, piece: str) -> str:
        """The text that is whole now; may be empty."""
        if self.held:
            piece = self.held + piece
            self.held = ""
        elif piece.isascii():
            return piece
        if "\ud800" <= piece[-1] <= "\udbff":
            self.held = piece[-1]
            piece = piece[:-1]
        return joined(piece)

    def flush(self) -> str:
        """The text for a half that nothing followed: U+FFFD, or nothing where none waits."""
        lone, self.held = self.held, ""
        return "\ufffd" if lone else ""
