"""The words that stay in the terminal when the full screen has closed. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from axio_tui.chat.entries import Entry, Text, User
from axio_tui.harmless import plain

__all__ = ("last_exchange", "parting_words")


def last_exchange(entries: Sequence[Entry]) -> list[Entry]:
    """The last prompt, and the last text that came after it."""
    for index in range(len(entries) - 1, -1, -1):
        if isinstance(entries[index], User):
            answers = [entry for entry in entries[index:] if isinstance(entry, Text)]
            return [entries[index], *answers[-1:]]
    return []


def parting_words(
    entries: Sequence[Entry], session_id: str, what: str = "last", is_kept: bool = True
) -> str:
    """`what` is "last", "all" or "none"; then how to go on, if there is something to go on with."""
    shown = {"last": last_exchange(entries), "all": list(entries)}.get(what, [])
    parts: list[str] = []
    for entry in shown:
        if isinstance(entry, User):
            parts.append(f"> {plain(entry.text)}")
        elif isinstance(entry, Text):
            parts.append(plain(entry.text))
    if entries and is_kept:
        parts.append(f"To go on: axio --resume {session_id}")
    return "\n\n".join(part.rstrip() for part in parts)
