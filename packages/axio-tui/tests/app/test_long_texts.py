"""Rows of one text of any length: those that were seen last are in memory, and all can be had."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st
from rich.style import Style

from axio_tui.app import items
from axio_tui.app.blocks import Block
from axio_tui.app.column import Column
from axio_tui.app.items import Item
from axio_tui.app.look import Look
from axio_tui.app.markdown import block_rows
from axio_tui.app.wrap import Row
from axio_tui.chat.entries import Entry, Text, User

WIDTH = 40
LOOK = Look(lambda name: Style(), False)
PART = "# Part\n\nwords and more words of it\n\n- one\n- two\n\n```\ncode\n```\n\n"


def words(item: Item) -> list[str]:
    return [row.strip.text for row in item.rows(LOOK, WIDTH)]


def test_a_text_that_grows_keeps_few_rows_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "_KEPT", 50)
    text, item = "", Item(Text(""), gap=True)
    for number in range(200):
        text += PART.replace("Part", f"Part {number}")
        item.update(Text(text), gap=True)
        rows = item.rows(LOOK, WIDTH)
        assert item.held <= 50
    assert len(rows) > 1_000
    assert [row.strip.text.split()[-1] for row in rows if "Part" in row.strip.text] == [
        str(number) for number in range(200)
    ]
    assert item.held <= 50


@pytest.mark.parametrize("gap", [False, True])
def test_rows_are_counted_from_the_end_too(gap: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "_KEPT", 10)
    rows = Item(Text(PART * 5), gap).rows(LOOK, WIDTH)
    told = [row.strip.text for row in rows]
    assert [rows[-number].strip.text for number in range(1, len(rows) + 1)] == told[::-1]
    for outside in (len(rows), -len(rows) - 1):
        with pytest.raises(IndexError):
            rows[outside]


def test_a_long_answer_is_not_drawn_again_for_what_comes_below_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[str] = []
    draw = block_rows

    def counted(block: Block, look: Look, width: int) -> list[Row]:
        drawn.append(block.source)
        return draw(block, look, width)

    monkeypatch.setattr(items, "block_rows", counted)
    entries: list[Entry] = [Text(PART * 400), User("and now?"), Text("a")]
    column = Column()
    column.take(entries, range(3))
    column.fit(LOOK, WIDTH)
    column.settle_end(10)
    drawn.clear()
    for length in range(2, 12):
        entries[-1] = Text("a" * length)
        column.take(entries, [2])
        for line in range(column.settle_end(10), column.height):
            column.row(line)
    assert len(drawn) == 10, "the last text alone"


@settings(max_examples=100, deadline=None)
@given(
    st.text(alphabet="ab \n-#`|>1.[]:/", max_size=200),
    st.lists(st.integers(0, 200), max_size=4),
    st.booleans(),
    st.lists(st.integers(0, 400), max_size=20),
)
def test_rows_are_the_same_however_the_text_came_and_is_looked_at(
    text: str, cuts: list[int], gap: bool, looked: list[int]
) -> None:
    whole, grown = Item(Text(text), gap), Item(Text(""), gap)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(items, "_KEPT", 1)
        for cut in [*sorted(cuts), len(text)]:
            grown.update(Text(text[:cut]), gap)
            rows = grown.rows(LOOK, WIDTH)
        for line in looked:
            if line < len(rows):
                assert rows[line].strip.text == words(whole)[line]
        assert words(grown) == words(whole)
