"""An answer while it comes: how it looks, where the view stays, and what folds and opens."""

from __future__ import annotations

import asyncio
from itertools import chain

import pytest

from axio.blocks import TextBlock
from axio.messages import Message
from axio_tui.chat.library import open_library
from support.desk import Desk, children_of
from support.model_server import Call, ModelServer, Thought, paced

pytestmark = pytest.mark.timeout(180)  # many starts of the command, on a busy machine

TABLE = "| part | size |\n|---|---:|\n| alpha | 10 |\n| beta | 200 |\n\n"
CODE = "```python\nprint('in a fence')\n```\n\n"
LINK = "See [the page](https://example.org/page) for **more** of it.\n\n"


def test_tables_code_and_links_are_laid_out_and_settled_lines_stay(
    desk: Desk, model: ModelServer
) -> None:
    """Lines above the block that is still written are not changed by what comes."""
    gate = model.gate()
    model.answer(f"# Head\n\n{TABLE}{CODE}{LINK}", "An open par", gate, "agraph.\n\n- last")
    window = desk.open()
    window.type("show it")
    window.until("An open par")
    before = window.shown()
    text = "\n".join(before)
    for raw in ("|---|", "```", "**", "](", "# Head"):
        assert raw not in text
    row = next(line for line in before if "alpha" in line)
    assert row.split() == ["alpha", "│", "10"]
    assert any("the page" in line for line in before)
    assert any("print('in a fence')" in line for line in before)
    top = before[: next(n for n, line in enumerate(before) if "An open par" in line)]
    gate.set()
    window.until("last")
    assert window.shown()[: len(top)] == top


def test_the_view_stays_where_the_reader_has_scrolled_to(desk: Desk, model: ModelServer) -> None:
    gate, more = model.gate(), model.gate()
    lines = [f"line {number} of the answer\n\n" for number in range(200)]
    model.answer("".join(lines[:100]), gate, *chain.from_iterable(
        paced(line, 400) for line in lines[100:150]), more, "the very end")  # fmt: skip
    window = desk.open()
    window.type("talk")
    window.until("line 99 of")
    window.keys("PageUp")
    window.until("more, End")
    before = [line for line in window.shown() if "of the answer" in line]
    gate.set()
    window.until("↓ new")
    assert [line for line in window.shown() if "of the answer" in line] == before
    window.keys("End")
    window.until("line 149 of")
    more.set()
    window.until("the very end")
    assert not any("↓" in line for line in window.shown())


def test_reasoning_is_one_line_with_its_seconds_and_opens(desk: Desk, model: ModelServer) -> None:
    model.answer(Thought("a hidden "), 0.2, Thought("thought"), "The answer.")
    window = desk.open()
    window.type("think")
    lines = window.until("The answer.")
    assert any("thought for" in line and " s" in line for line in lines)
    assert not any("a hidden thought" in line for line in lines)
    window.keys("M-Up", "M-Up", "Enter")
    window.until("a hidden thought")


def test_a_call_is_one_line_that_opens_to_its_arguments_output_and_result(
    desk: Desk, model: ModelServer
) -> None:
    """While it runs it shows its time, and its output when it is opened."""
    command = "echo first; until [ -e go ]; do sleep 0.05; done; echo second"
    model.answer(Call("shell", {"command": command}))
    model.answer("It is through.")
    window = desk.open("--yes")
    window.type("run it")
    window.until("running")
    window.until(" s")
    assert not any(line.strip() == "first" for line in window.shown())
    window.keys("C-o")
    window.until("command: echo first")
    window.until("  first")
    (desk.folder / "go").touch()
    window.until("It is through.")
    window.until("[stdout]")
    window.keys("C-o")
    window.until_gone("[stdout]")
    (line,) = [line for line in window.shown() if "shell  echo" in line]
    assert line.rstrip().endswith(" s")


def test_ten_megabytes_of_output_take_little_memory(desk: Desk, model: ModelServer) -> None:
    """Of a flood the end is shown; the whole of it is never in memory many times over."""
    program = "import os;[os.write(1, b'%07d 345678901234567890123456789012345678901234567890\\n'"
    program += " % n) for n in range(180000)]"
    command = f'until [ -e go ]; do sleep 0.05; done; python3 -c "{program}"'
    model.answer(Call("shell", {"command": command}))
    model.answer("It is through.")
    window = desk.open("--yes")
    window.type("flood")
    window.until("running")
    window.keys("C-o")
    (desk.folder / "go").touch()
    window.until("It is through.")
    peak = max(_peak(pid) for pid in (desk.pid(window), *children_of(desk.pid(window))))
    assert peak < 100_000, f"{peak} kB"


def _peak(pid: int) -> int:
    """The most memory that it has had, in kB."""
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))


def test_the_first_words_are_there_while_the_rest_is_not(desk: Desk, model: ModelServer) -> None:
    gate = model.gate()
    model.answer("The first", gate, " and the last.")
    window = desk.open()
    window.type("talk")
    window.until("The first")
    assert not gate.is_set()
    window.until("Esc stops")
    gate.set()
    window.until("The first and the last.")


def test_a_conversation_of_two_thousand_messages_is_opened_at_its_end(desk: Desk) -> None:
    async def fill() -> None:
        async with open_library(desk.database, desk.folder) as library:
            store = await library.store()
            for number in range(0, 2_000, 2):
                await store.append(Message("user", [TextBlock(f"question {number}")]))
                await store.append(Message("assistant", [TextBlock(f"**answer {number}**")]))

    asyncio.run(fill())
    window = desk.open("-c")
    window.until("answer 1998")
    window.keys("PageUp")
    window.until("more, End")
    window.keys("C-Home")
    window.until("question 0")
    window.keys("End")
    window.until("answer 1998")
