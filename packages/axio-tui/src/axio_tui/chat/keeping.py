"""The remarks of a conversation, and the figures of its meter, on the shelf of its session."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

from axio.exceptions import SessionBusy
from axio.messages import Message
from axio_tui.chat.meter import Meter
from axio_tui.chat.remarks import Mark, Remark, remark_from_dict, to_dict
from axio_tui.chat.shelf import Shelf

__all__ = ("Figures", "forget_all", "keep", "kept", "moved")

_KIND, _METER = "remark", "meter"
_OFTEN = 5.0
"""Seconds after which figures are kept again while a session goes on: a commit costs as much as a
short turn."""


async def kept(shelf: Shelf) -> list[Remark]:
    """The remarks that are kept, oldest first."""
    return [remark_from_dict(item.data) for item in await shelf.items(_KIND)]


async def keep(shelf: Shelf, remarks: Iterable[Remark]) -> None:
    """Keep remarks, all of them or none; none in a session that another program has taken over."""
    things = [(to_dict(one), one.at + isinstance(one, Mark)) for one in remarks]
    with suppress(SessionBusy):
        await shelf.add_all(_KIND, things)


async def forget_all(shelf: Shelf) -> None:
    """Keep no remark any more."""
    await shelf.remove(*[item.id for item in await shelf.items(_KIND)])


def moved(
    remarks: Iterable[Remark], old: Sequence[Message], new: Sequence[Message]
) -> list[Remark]:
    """The remarks on the messages at the end that are in both histories, where these are now."""
    same = 0
    while same < min(len(old), len(new)) and old[-1 - same] == new[-1 - same]:
        same += 1
    first, by = len(old) - same, len(new) - len(old)
    return [replace(remark, at=remark.at + by) for remark in remarks if remark.at >= first]


class Figures:
    """Keeps what `meter` shows."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._kept = meter.to_dict()
        self._kept_at = -_OFTEN

    async def load(self, shelf: Shelf) -> None:
        for item in await shelf.items(_METER):
            self._meter.restore(item.data)
        self._kept = self._meter.to_dict()

    async def keep(self, shelf: Shelf) -> None:
        """Keep the figures, if they are others."""
        figures = self._meter.to_dict()
        if figures != self._kept:
            self._kept, self._kept_at = figures, time.monotonic()
            with suppress(SessionBusy):  # another program has taken the session over
                await shelf.put(_METER, figures)

    async def keep_now_and_then(self, shelf: Shelf) -> None:
        """As `keep`, but not often."""
        if time.monotonic() > self._kept_at + _OFTEN:
            await self.keep(shelf)

    async def move(self, shelf: Shelf) -> None:
        """Go on on another shelf."""
        self._kept = {}
        await self.keep(shelf)
