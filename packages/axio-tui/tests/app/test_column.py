"""Rows of a long transcript: only those that were seen last are in memory."""

from __future__ import annotations

import pytest
from rich.style import Style

from axio_tui.app import column
from axio_tui.app.column import Column
from axio_tui.app.look import Look
from axio_tui.chat.entries import Entry, Text, User

WIDTH = 60
FEW = 200
ENTRIES: list[Entry] = [
    entry
    for number in range(60)
    for entry in (User(f"question {number}"), Text(f"# Part {number}\n\n- one\n- two\n\n" * 5))
]


def made() -> Column:
    found = Column()
    found.take(ENTRIES, range(len(ENTRIES)))
    found.fit(Look(lambda name: Style(), False), WIDTH)
    return found


def kept(found: Column) -> int:
    return sum(len(item._rows or ()) for item in found.items)


def words(found: Column) -> list[str]:
    """All rows from top to bottom, as a person sees them who reads on."""
    return [row.strip.text for line in range(found.height) if (row := found.row(line))]


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(column, "_KEPT", FEW)


def test_few_rows_are_kept_and_all_can_be_seen_again() -> None:
    found = made()
    found.settle_end(found.height)
    height = found.height
    assert height > 4 * FEW and kept(found) <= FEW
    first = words(found)
    assert len(first) == height and kept(found) <= FEW
    assert words(found) == first and found.height == height


def test_one_text_that_is_longer_than_what_is_kept_is_seen_whole() -> None:
    found = Column()
    text = "\n\n".join(f"part {number}" for number in range(FEW))
    found.take([User("go"), Text(text)], range(2))
    found.fit(Look(lambda name: Style(), False), WIDTH)
    found.settle_end(found.height)
    assert words(found)[-1].strip() == f"part {FEW - 1}"


def test_a_text_that_was_given_up_goes_on_to_grow() -> None:
    """It is drawn anew, with all that has come since."""
    found = made()
    found.settle_end(found.height)
    assert found.items[-1]._rows is None, "the end was drawn first"
    *before, last = ENTRIES
    assert isinstance(last, Text)
    found.take([*before, Text(f"{last.text}\n\nand more")], [len(before)])
    found.settle_end(10)
    assert words(found)[-1].strip() == "and more"
