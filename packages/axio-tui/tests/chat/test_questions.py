"""Questions that stand, and the rows in which they are shown."""

from __future__ import annotations

import asyncio
import difflib

import pytest
from hypothesis import given, strategies as st

from axio_tui.chat.diff_rows import Row, pairs_of, rows_of
from axio_tui.chat.questions import Questions, Standing
from axio_tui.chat.shown import lines_of, shown_line


async def test_one_question_stands_at_a_time_and_each_gets_its_answer() -> None:
    questions: Questions[str] = Questions()
    seen: list[tuple[Standing[str] | None, int]] = []
    questions.changed = lambda: seen.append((questions.current, questions.others))
    tasks = [asyncio.create_task(questions.ask(name)) for name in ("a", "b")]
    await asyncio.sleep(0)
    first = questions.current
    assert first is not None and (first.asked, questions.others) == ("a", 1)
    questions.answer(first, "once")
    assert await tasks[0] == "once"
    second = seen[-1][0]
    assert second is not None and second.asked == "b"
    questions.refuse_all("stopped")
    assert await tasks[1] == "stopped"
    assert seen[-1] == (None, 0)
    questions.answer(first, "never")  # too late


async def test_a_question_is_withdrawn_with_its_asker() -> None:
    questions: Questions[str] = Questions()
    task = asyncio.create_task(questions.ask("a"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert questions.current is None


TEXTS = st.lists(st.text("ab\t ", max_size=4), max_size=12).map(
    lambda ls: "".join(f"{line}\n" for line in ls)
)


def diff(old: str, new: str) -> str:
    lines = difflib.unified_diff(old.splitlines(True), new.splitlines(True), "f", "f", n=100)
    return "".join(lines)


@given(TEXTS, TEXTS)
def test_the_rows_of_a_diff_are_both_files_with_their_numbers(old: str, new: str) -> None:
    rows = list(rows_of(diff(old, new)))
    if old == new:
        assert rows == []
        return
    for kinds, text in (("- ", old), ("+ ", new)):
        side = [row for row in rows if row.kind in kinds]
        assert [row.text for row in side] == [shown_line(line) for line in text.splitlines()]
    numbers = [row.number for row in rows if row.kind in "+ "]
    assert numbers == list(range(1, len(numbers) + 1))
    pairs = list(pairs_of(rows))
    assert [left for left, _ in pairs if left and left.kind in "- "] == [
        row for row in rows if row.kind in "- "
    ]
    assert [right for _, right in pairs if right and right.kind in "+ "] == [
        row for row in rows if row.kind in "+ "
    ]
    assert all(
        (left is right) or {left and left.kind, right and right.kind} <= {"+", "-", None}
        for left, right in pairs
    )


def test_a_new_file_and_one_that_is_no_text_are_named() -> None:
    assert list(rows_of("--- /dev/null\n+++ f\n@@ -0,0 +1 @@\n+x\n")) == [
        Row("title", "new file"),
        Row("+", "x", 1),
    ]
    assert list(rows_of("Binary file f changed\n")) == [Row("title", "Binary file f changed")]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("        x = 1", "        x = 1"),
        ("\tx", "    x"),
        ("a\x1b]0;t\x07", "a⟨U+001B⟩]0;t⟨U+0007⟩"),
        ("a\u202eb", "a⟨U+202E⟩b"),
        ("[/] [red]", "[/] [red]"),
        ("a" + "\u0301" * 100_000, "a⟨100000 marks⟩"),
        ("x\r", "x⟨U+000D⟩"),
        ("rm x" + " " * 300 + "; rm -r ~", "rm x⟨300 blanks⟩; rm -r ~"),
    ],
)
def test_nothing_is_hidden_in_a_line(text: str, shown: str) -> None:
    assert shown_line(text) == shown


def test_a_long_line_is_shown_whole_in_pieces() -> None:
    text = "".join(f"{number} " for number in range(10_000))
    assert "".join(lines_of(text)) == text
    assert max(map(len, lines_of(text))) < 1_000
