"""The transcript as a reader uses it: it follows the end, stays where they scroll to, and opens."""

from __future__ import annotations

import operator
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.app import App, ComposeResult
from textual.geometry import Offset
from textual.pilot import Pilot
from textual.selection import Selection

from axio.blocks import TextBlock, ToolResultBlock, ToolUseBlock
from axio.events import (
    IterationEnd,
    SessionEndEvent,
    TextDelta,
    ToolOutputDelta,
    ToolResult,
    ToolUseStart,
)
from axio.messages import Message
from axio.types import StopReason, Usage
from axio_tui.app.widgets.transcript import Transcript
from axio_tui.chat.conversation import Conversation
from axio_tui.chat.entries import ToolCall
from support.screen import until


class Alone(App[None]):
    """The transcript, and nothing else."""

    def compose(self) -> ComposeResult:
        yield Transcript()


def said(text: str) -> Message:
    return Message("assistant", [TextBlock(text)])


def asked(text: str) -> Message:
    return Message("user", [TextBlock(text)])


def long_history(count: int) -> list[Message]:
    pairs = (
        (
            asked(f"Question {n}?"),
            said(f"Answer {n}\n\n" + " ".join(f"w{n}.{k}" for k in range(n % 40))),
        )
        for n in range(count // 2)
    )
    return [message for pair in pairs for message in pair]


def is_behind(transcript: Transcript) -> bool:
    return transcript.is_behind


def timer_of(transcript: Transcript) -> object:
    return transcript._timer


def screen_of(transcript: Transcript) -> list[str]:
    return [transcript.render_line(y).text.rstrip() for y in range(transcript.size.height)]


@asynccontextmanager
async def shown(
    messages: list[Message], size: tuple[int, int] = (40, 12)
) -> AsyncIterator[tuple[Transcript, Conversation, Pilot[None]]]:
    app = Alone()
    async with app.run_test(size=size) as pilot:
        transcript = app.query_one(Transcript)
        conversation = Conversation(messages)
        transcript.show(conversation)
        transcript.focus()
        await pilot.pause()
        yield transcript, conversation, pilot


def stream(conversation: Conversation, text: str) -> None:
    conversation.feed(TextDelta(0, text))


async def test_it_opens_at_the_end() -> None:
    async with shown(long_history(2_000)) as (transcript, _, _):
        assert screen_of(transcript)[-1].endswith("w999.38")
        assert not is_behind(transcript)


async def test_it_follows_what_is_written_until_the_reader_scrolls_up() -> None:
    async with shown(long_history(20)) as (transcript, conversation, pilot):
        conversation.say("go on")
        for n in range(30):
            stream(conversation, f"line {n}\n\n")
            transcript.paint()
        await pilot.pause()
        assert screen_of(transcript)[-1].strip() == "line 29"
        await pilot.press("pageup")
        before = screen_of(transcript)
        for n in range(30, 60):
            stream(conversation, f"line {n}\n\n")
            transcript.paint()
        await pilot.pause()
        assert screen_of(transcript) == before
        assert is_behind(transcript)
        await pilot.press("end")
        assert screen_of(transcript)[-1].strip() == "line 59"
        assert not is_behind(transcript)
        stream(conversation, "line 60\n\n")
        transcript.paint()
        assert screen_of(transcript)[-1].strip() == "line 60"


async def test_scrolling_shows_each_row_once_and_in_order() -> None:
    history = long_history(60)
    async with shown(history, (30, 10)) as (transcript, _, pilot):
        seen: list[str] = screen_of(transcript)
        while transcript.scroll_y > 0:
            before = screen_of(transcript)
            await pilot.press("pageup")
            now = screen_of(transcript)
            if transcript.scroll_y > 0:
                assert now[-1] == before[0]
            overlap = next(n for n in range(1, 11) if now[n:] == before[: 10 - n])
            seen = now[:overlap] + seen
        whole = [line.strip() for line in seen]
        words = " ".join(whole).split()
        expected = " ".join(message.text for message in history).split()
        assert [w for w in words if w != "❯"] == expected


async def test_a_text_that_streams_reads_as_one_that_is_stored() -> None:
    text = "# Head\n\nSome **words**\n\n- a\n- b\n\n```python\nx = 1\n```\n\n| a |\n|---|\n| 1 |"
    async with shown([asked("go")], (40, 30)) as (transcript, conversation, pilot):
        conversation.begin()
        for character in text:
            stream(conversation, character)
            transcript.paint()
        live = screen_of(transcript)
        transcript.show(Conversation([asked("go"), said(text)]))
        await pilot.pause()
        assert screen_of(transcript) == live


def call(id: str = "c1") -> list[Message]:
    return [
        asked("list"),
        Message("assistant", [ToolUseBlock(id, "shell", {"command": "ls -la"})]),
        Message("user", [ToolResultBlock(id, "one\ntwo\nthree")]),
        said("done"),
    ]


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light", "ansi-dark"])
async def test_the_sign_of_what_is_selected_stands_on_the_colour_of_its_row(theme: str) -> None:
    async with shown(call(), (60, 20)) as (transcript, _, pilot):
        pilot.app.theme = theme
        await pilot.press("up", "up")
        await pilot.pause()
        (sign, *_, last) = next(
            list(strip) for strip in transcript._shown if strip.text.startswith("▌")
        )
        assert sign.style is not None and last.style is not None
        assert sign.text == "▌" and sign.style.bgcolor == last.style.bgcolor


async def test_a_call_is_one_line_that_opens() -> None:
    async with shown(call(), (60, 20)) as (transcript, _, pilot):
        (line,) = [line for line in screen_of(transcript) if "shell" in line]
        assert "ls -la" in line and "done" in line
        assert not any("two" in line for line in screen_of(transcript))
        await pilot.press("up", "up", "enter")
        assert [line.strip("▌ ") for line in screen_of(transcript) if "two" in line] == ["two"]
        assert any("command: ls -la" in line for line in screen_of(transcript))
        await pilot.press("enter")
        assert not any("two" in line for line in screen_of(transcript))


async def test_all_calls_open_and_close_together() -> None:
    async with shown(call(), (60, 20)) as (transcript, _, _):
        transcript.toggle_all()
        assert any("two" in line for line in screen_of(transcript))
        transcript.toggle_all()
        assert not any("two" in line for line in screen_of(transcript))


async def test_a_running_call_shows_the_end_of_its_output() -> None:
    async with shown([asked("go")], (60, 20)) as (transcript, conversation, pilot):
        conversation.begin()
        conversation.feed(ToolUseStart(0, "c1", "shell"))
        conversation.feed(IterationEnd(0, StopReason.tool_use, Usage(1, 1)))
        transcript.paint()
        assert any("running" in line for line in screen_of(transcript))
        await pilot.press("up", "enter")
        for n in range(1_000):
            conversation.feed(ToolOutputDelta("c1", "shell", "stdout", f"row {n}\n"))
        transcript.paint()
        assert any("row 999" in line for line in screen_of(transcript))
        (item,) = [item for item in transcript.items if isinstance(item.entry, ToolCall)]
        assert item.is_open
        conversation.feed(ToolResult("c1", "shell", True, "all of it"))
        conversation.feed(SessionEndEvent(StopReason.end_turn, Usage(1, 1)))
        transcript.paint()
        await pilot.pause()
        shown_now = screen_of(transcript)
        assert any("failed" in line for line in shown_now)
        assert any("all of it" in line for line in shown_now)


async def test_selected_text_is_whole_again_where_it_was_broken() -> None:
    async with shown([asked("q"), said("one two three four five six\n\nnext")], (16, 12)) as (
        transcript,
        _,
        _,
    ):
        rows = screen_of(transcript)
        first = next(y for y, row in enumerate(rows) if "one" in row)
        last = next(y for y, row in enumerate(rows) if "next" in row)
        found = transcript.get_selection(Selection.from_offsets(Offset(2, first), Offset(6, last)))
        assert found is not None
        assert found[0] == "one two three four five six\n\nnext"


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (7, 3), (300, 100)])
async def test_any_size_will_do(size: tuple[int, int]) -> None:
    async with shown([*long_history(40), *call()]) as (transcript, conversation, pilot):
        conversation.begin()
        await pilot.resize_terminal(*size)
        stream(conversation, "# Head\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n" + "words " * 50)
        transcript.paint()
        await pilot.press("pageup", "up", "enter", "end")
        await pilot.resize_terminal(60, 20)
        await pilot.pause()
        assert screen_of(transcript)[-1].strip().endswith("words")


async def test_nothing_is_painted_while_nothing_changes() -> None:
    async with shown(long_history(10)) as (transcript, conversation, pilot):
        rows = transcript._shown
        transcript.paint()
        assert all(map(operator.is_, transcript._shown, rows))
        assert timer_of(transcript) is None
        conversation.begin()
        stream(conversation, "x")
        transcript.touch()
        transcript.touch()
        timer = timer_of(transcript)
        assert timer is not None
        await until(pilot, lambda: timer_of(transcript) is None)
        assert screen_of(transcript)[-1].strip() == "x"


@pytest.mark.parametrize("scrolls", [True, False])
async def test_who_reads_in_the_end_stays_there_when_the_rest_comes(scrolls: bool) -> None:
    messages = long_history(200)
    async with shown([]) as (transcript, _, pilot):
        conversation = Conversation()
        conversation.reload(messages[-40:], ())
        await transcript.show_first(conversation)
        if scrolls:
            transcript.action_page(-1)
            await pilot.pause()
        before = screen_of(transcript)
        conversation.reload(messages, ())
        transcript.show_rest(conversation)
        await pilot.pause()
        assert screen_of(transcript) == before
        assert is_behind(transcript) is scrolls
