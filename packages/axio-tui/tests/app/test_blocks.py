"""Markdown cut into blocks is the same however its text comes, and small where it is open."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from axio_tui.app.blocks import CODE_LINES, TEXT_LENGTH, Blocks, blocks_of

LINES = st.sampled_from(
    [
        *("# Head", "words", "more words here", "", "- item", "* item", "1. one", "2. two"),
        *("  under it", "    deeper", "  - nested", "> said", "---", "***", "===", "| a | b |"),
        *("|---|---|", "```", "```python", "~~~", "    ```", "  ```", "x = 1", "[a]: http://b"),
    ]
)
TEXTS = st.lists(LINES, max_size=25).map("\n".join)


def sources(text: str, sizes: list[int]) -> list[tuple[str, bool, bool]]:
    blocks, position = Blocks(), 0
    while position < len(text):
        size = sizes[position % len(sizes)]
        blocks.feed(text[position : position + size])
        blocks.open()
        position += size
    blocks.close()
    return [(block.source, block.is_code, block.gap) for block in blocks.settled]


@given(TEXTS, st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_pieces_of_any_size_make_the_same_blocks(text: str, sizes: list[int]) -> None:
    assert sources(text, sizes) == sources(text, [len(text) or 1])


@given(TEXTS)
def test_what_has_settled_never_changes(text: str) -> None:
    blocks = Blocks()
    seen: list[object] = []
    for character in text:
        blocks.feed(character)
        assert blocks.settled[: len(seen)] == seen
        seen = list(blocks.settled)


@given(TEXTS)
def test_no_word_is_lost(text: str) -> None:
    kept = " ".join(block.source for block in blocks_of(text)).split()
    fences = ("```", "~~~")
    assert [w for w in kept if not w.startswith(fences)] == [
        word for word in text.split() if not word.startswith(fences)
    ]


def test_each_item_of_a_list_is_a_block_with_all_that_belongs_to_it() -> None:
    found = blocks_of("- one\n  goes on\n\n  - below\n- two\n\nafter")
    assert [block.source for block in found] == ["- one\n  goes on\n\n  - below", "- two", "after"]
    assert [block.gap for block in found] == [False, False, True]


def test_a_fence_in_an_item_belongs_to_it() -> None:
    (item, after) = blocks_of("- see\n  ```\n- no item\n  ```\n\nafter")
    assert item.source == "- see\n  ```\n- no item\n  ```"
    assert after.source == "after"


def test_code_knows_its_language_and_settles_in_parts() -> None:
    lines = [f"line {n}" for n in range(5 * CODE_LINES)]
    blocks = Blocks()
    blocks.feed("```python\n" + "\n".join(lines))
    assert len(blocks.settled) == 2
    assert {(block.is_code, block.language) for block in blocks.settled} == {(True, "python")}
    (tail,) = [blocks.open()]
    assert tail is not None and len(tail.source.split("\n")) <= 2 * CODE_LINES
    blocks.close()
    assert "\n".join(block.source for block in blocks.settled) == "\n".join(lines)
    assert [block.gap for block in blocks.settled] == [True, False, False]


@pytest.mark.parametrize("piece", ["word ", "word\n", "x"])
def test_what_is_open_stays_small_in_a_text_without_paragraphs(piece: str) -> None:
    blocks = Blocks()
    for _ in range(20):
        blocks.feed(piece * 500)
        tail = blocks.open()
        assert tail is None or len(tail.source) <= 2 * TEXT_LENGTH
    blocks.close()
    assert "".join("".join(b.source.split()) for b in blocks.settled) == piece.strip() * 10_000


def test_a_heading_settles_with_its_line() -> None:
    blocks = Blocks()
    blocks.feed("text\n# Head\nmore")
    assert [block.source for block in blocks.settled] == ["text", "# Head"]


def test_no_text_is_no_block() -> None:
    assert blocks_of("") == blocks_of("\n\n") == []
    assert Blocks().open() is None
