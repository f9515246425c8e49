"""The remarks of a conversation on the shelf of its session."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from axio.messages import Message
from axio_tui.chat.remarks import Mark, Remark, remark_from_dict, to_dict
from axio_tui.chat.shelf import Shelf

__all__ = ("forget", "keep", "kept", "moved")

_KIND = "remark"


async def kept(shelf: Shelf) -> list[Remark]:
    """The remarks that are kept, oldest first."""
    return [remark_from_dict(item.data) for item in await shelf.items(_KIND)]


async def keep(shelf: Shelf, remarks: Iterable[Remark]) -> None:
    """Keep remarks, all of them or none."""
    await shelf.add_all(_KIND, [(to_dict(one), one.at + isinstance(one, Mark)) for one in remarks])


async def forget(shelf: Shelf) -> None:
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
