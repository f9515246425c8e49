"""`offers_for`: what a person may be about to write: a command, or the name of a file."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from axio_tui.chat.composer import mention_at, quoted

if TYPE_CHECKING:
    from axio_tui.chat.file_index import FileIndex

__all__ = ("Lines", "Offer", "Offers", "offers_for")

Lines: TypeAlias = Callable[[str], Awaitable[Sequence[tuple[str, str]]]]
"""The lines that a text which begins with a slash may become, each with its help."""

_FIRST_INDEX = 3.0  # seconds for which the first index is waited for


@dataclass(frozen=True, slots=True)
class Offer:
    """`text` takes the place of what is written; `words` and `more` are shown."""

    text: str
    words: str
    more: str = ""


@dataclass(frozen=True, slots=True)
class Offers:
    """Texts that may stand from `start` to `end`, best first."""

    start: int
    end: int
    offers: Sequence[Offer]
    is_command: bool = False


async def offers_for(
    text: str, offset: int, lines: Lines | None = None, files: FileIndex | None = None
) -> Offers | None:
    """The offers for what is written before `offset`; None if there are none."""
    before = text[:offset]
    if before.startswith("/") and not before.startswith("//") and "\n" not in before:
        found = [] if lines is None else await lines(before)
        offers = [Offer(line, line, help) for line, help in found]
        is_done = len(offers) == 1 and offers[0].text == before
        return Offers(0, offset, offers, True) if offers and not is_done else None
    mention = mention_at(text, offset)
    if mention is None or files is None:
        return None
    if not len(files):
        with suppress(TimeoutError):
            await asyncio.wait_for(files.refresh(), _FIRST_INDEX)
    offers = [Offer(quoted(path), path) for path in files.best(mention.path)]
    written = text[mention.start : offset]
    if not offers or any(offer.text == written for offer in offers):
        return None
    return Offers(mention.start, offset, offers)
