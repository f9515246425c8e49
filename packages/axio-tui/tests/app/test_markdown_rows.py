"""Markdown as rows: what stands where, as wide as there is room."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, strategies as st
from rich.cells import cell_len
from rich.style import Style

from axio_tui.app.look import Look
from axio_tui.app.markdown import markdown_rows
from axio_tui.app.wrap import breaks
from support.rows import PLAIN, text_of


def drawn(text: str, width: int = 40) -> list[str]:
    return text_of(markdown_rows(text, PLAIN, width))


def named(text: str, *names: str) -> str:
    """The text that is drawn in the style of these names."""
    look = Look(lambda name: Style(meta={name: True}))
    return "".join(
        piece.text
        for row in markdown_rows(text, look, 80)
        for piece in row.strip
        if piece.style is not None and all(name in piece.style.meta for name in names)
    ).strip()


def test_words_are_wrapped_and_a_long_one_is_broken() -> None:
    assert drawn("one two three four", 9) == ["one two", "three", "four"]
    assert drawn("abcdefghij", 4) == ["abcd", "efgh", "ij"]


def test_a_row_knows_that_it_goes_on_from_the_one_above() -> None:
    rows = markdown_rows("one two three\n\nfour", PLAIN, 8)
    assert [row.joins for row in rows] == [False, True, False, False]


def test_lists_are_indented_and_numbered_as_they_are() -> None:
    assert drawn("7. seven\n8. eight\n   goes on\n\n- a\n  - b") == [
        *("7. seven", "8. eight goes on", "", "• a", "  • b"),
    ]


def test_code_is_shown_as_it_is_and_folded() -> None:
    assert drawn("```python\ndef f():\n    return [1]\n```", 12) == [
        *("  def f():", "      return", "   [1]"),
    ]


def test_a_table_has_columns_that_fit() -> None:
    table = "| name | value |\n|---|---:|\n| alpha | 1 |\n| be *ta* | 22 |"
    assert drawn(table) == [
        *("name  │ value", "──────┼──────", "alpha │     1", "be ta │    22"),
    ]
    narrow = markdown_rows("| a | b |\n|---|---|\n| " + "long " * 20 + "| x |", PLAIN, 30)
    assert all(row.strip.cell_length == 30 for row in narrow) and len(narrow) > 4


def test_the_target_of_a_link_is_told_and_only_safe_ones_are_links() -> None:
    rows = markdown_rows("[here](https://a.example/x) https://b.example.", PLAIN, 80)
    assert text_of(rows) == ["here (https://a.example/x) https://b.example."]
    links = {piece.style.link for piece in rows[0].strip if piece.style and piece.style.link}
    assert links == {"https://a.example/x", "https://b.example"}
    rows = markdown_rows("[here](file:///etc/passwd) [x](https://a.example/\x07y)", PLAIN, 80)
    assert not any(piece.style and piece.style.link for row in rows for piece in row.strip)


def test_styles_are_those_of_the_text() -> None:
    text = "# Head\nsome **strong *both*** and `code`\n\n> said"
    assert named(text, "heading") == "Head"
    assert named(text, "strong", "emphasis") == "both"
    assert named(text, "code") == "code"
    assert "said" in named(text, "quote")
    assert named("```python\ndef f(): pass\n```", "keyword") == "defpass"


def test_markup_html_and_brackets_are_text() -> None:
    for text in ("[/] [red]x[/red]", "<b>bold</b> &lt;", "a[b]c[/d]"):
        assert drawn(text) == [text.replace("&lt;", "<")]


def test_signs_without_a_width_are_not_heaped_up() -> None:
    (row,) = markdown_rows("a" + "\u0301" * 100_000 + "b", PLAIN, 20)
    assert len(row.strip.text) < 1_000


@given(st.text(alphabet="ab \n*_`[]()|-#>1.~日é\u0301🙂", max_size=200), st.integers(1, 30))
def test_every_row_is_as_wide_as_the_view(text: str, width: int) -> None:
    for row in markdown_rows(text, PLAIN, width):
        assert "\n" not in row.strip.text
        assert cell_len(row.strip.text) <= max(width, 2)


@given(st.text(alphabet="ab 日é", max_size=80), st.integers(2, 12))
def test_breaking_loses_nothing(text: str, width: int) -> None:
    offsets = [0, *breaks(text, width), len(text)]
    assert offsets == sorted(set(offsets)) or not text
    lines = [text[a:b] for a, b in pairwise(offsets)]
    assert "".join(lines) == text
    assert all(cell_len(line.rstrip()) <= width for line in lines)
