"""The application of the full screen, with its keys, over a model that the test speaks for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot

from axio.agent import Agent
from axio.blocks import TextBlock
from axio.context import MemoryContextStore
from axio.exceptions import StreamError
from axio.messages import Message
from axio.plugins import Installed
from axio.testing import StubTransport, make_text_response
from axio.tool import Tool, tool_options
from axio_context_sqlite import SQLiteContextStore, connect
from axio_tui.app.app import AgentApp
from axio_tui.chat.entries import Note, Text, ToolCall, User
from axio_tui.chat.session import ChatSession
from support.screen import Puppet, app_over, until, words_on


async def waits() -> str:
    """Work until it is stopped."""
    await asyncio.Event().wait()
    return "never"


@tool_options(read_only=True)
async def look(place: str) -> str:
    """Look."""
    return f"seen: {place}"


@asynccontextmanager
async def running(
    folder: Path, size: tuple[int, int] = (80, 24), **given: Any
) -> AsyncIterator[tuple[AgentApp, Puppet, Pilot[None]]]:
    puppet = Puppet()
    app = app_over(puppet, folder, **given)
    async with app.run_test(size=size) as pilot:
        await until(pilot, app.ready.is_set)
        await pilot.pause()
        yield app, puppet, pilot


async def type_in(pilot: Pilot[None], text: str) -> None:
    names = {" ": "space", "/": "slash", "!": "exclamation_mark", "?": "question_mark"}
    await pilot.press(*(names.get(character, character) for character in text))


def entries(app: AgentApp, kind: type) -> list[Any]:
    return [entry for entry in app.session.conversation.entries if isinstance(entry, kind)]


async def test_an_application_ends_with_a_test_that_fails(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        async with running(tmp_path) as (app, puppet, pilot):
            await type_in(pilot, "hello")
            await pilot.press("enter")
            await until(pilot, lambda: puppet.requests)
            raise ZeroDivisionError
    assert app.life is not None and app.life.done() and not app.runs.is_busy


async def test_a_prompt_is_answered(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, puppet, pilot):
        await type_in(pilot, "hello there")
        await pilot.press("enter")
        await until(pilot, lambda: puppet.requests)
        puppet.say("Good ", "**day**")
        await until(pilot, lambda: "Good day" in words_on(app))
        assert "❯ hello there" in words_on(app)
        assert "Esc stops" in words_on(app)
        puppet.end()
        await until(pilot, lambda: not app.runs.is_busy)
        assert "Esc stops" not in words_on(app)
        assert [entry.text for entry in entries(app, Text)] == ["Good **day**"]


async def test_what_the_model_says_it_does_stands_in_the_status_line_until_the_end(
    tmp_path: Path,
) -> None:
    tool = Installed().load_tool("status_line")
    async with running(tmp_path, tools=[tool]) as (app, puppet, pilot):
        await type_in(pilot, "go")
        await pilot.press("enter")
        await until(pilot, lambda: puppet.requests)
        puppet.call("status_line", '{"message": "reading [red]files[/]"}')
        await until(pilot, lambda: "reading [red]files[/]" in words_on(app).splitlines()[-1])
        puppet.answer("done")
        await until(pilot, lambda: not app.runs.is_busy)
        await until(pilot, lambda: "reading" not in words_on(app))
        assert "status_line" not in words_on(app), "it is shown once"
        await pilot.press("alt+up", "up")
        await until(
            pilot, lambda: [s[-2:] for s in words_on(app).splitlines() if "▌" in s] == ["go"]
        )


async def test_what_is_sent_meanwhile_waits_for_the_end(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, puppet, pilot):
        await type_in(pilot, "one")
        await pilot.press("enter")
        await until(pilot, lambda: puppet.requests)
        await type_in(pilot, "two")
        await pilot.press("enter")
        await until(pilot, lambda: "next: two" in words_on(app))
        puppet.answer("first")
        await until(pilot, lambda: len(puppet.requests) == 2)
        assert puppet.requests[1][-1].text == "two"
        await until(pilot, lambda: "next: two" not in words_on(app), "sent")
        puppet.answer("second")
        await until(pilot, lambda: not app.runs.is_busy)
        assert "next: two" not in words_on(app)
        assert [entry.text for entry in entries(app, User)] == ["one", "two"]


async def test_escape_stops_and_parks_what_waits_and_enter_sends_it(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, puppet, pilot):
        await type_in(pilot, "one")
        await pilot.press("enter")
        await until(pilot, lambda: puppet.requests)
        puppet.say("half an ans")
        await until(pilot, lambda: "half an ans" in words_on(app))
        await type_in(pilot, "two")
        await pilot.press("enter")
        await until(pilot, lambda: "next: two" in words_on(app))
        await pilot.press("escape")
        await until(pilot, lambda: not app.runs.is_busy)
        await until(pilot, lambda: "Stopped." in words_on(app))
        assert "parked: two" in words_on(app)
        assert [entry.text for entry in entries(app, Text)] == ["half an ans"]
        assert len(puppet.requests) == 1
        await pilot.press("enter")
        await until(pilot, lambda: len(puppet.requests) == 2)
        assert puppet.requests[1][-1].text == "two"


async def test_up_takes_a_parked_prompt_back(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, puppet, pilot):
        await type_in(pilot, "one")
        await pilot.press("enter")
        await until(pilot, lambda: puppet.requests)
        await type_in(pilot, "two")
        await pilot.press("enter")
        await until(pilot, lambda: "next: two" in words_on(app))
        await pilot.press("escape")
        await until(pilot, lambda: "parked: two" in words_on(app))
        await pilot.press("up")
        await until(pilot, lambda: app.composer.kept == "two")
        await until(pilot, lambda: "parked: two" not in words_on(app))


async def test_ctrl_s_puts_a_prompt_into_the_run_that_goes_on(tmp_path: Path) -> None:
    async with running(tmp_path, tools=[Tool(name="look", handler=look)]) as (app, puppet, pilot):
        await type_in(pilot, "one")
        await pilot.press("enter")
        await until(pilot, lambda: puppet.requests)
        await type_in(pilot, "two")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "steers: two" in words_on(app))
        puppet.call("look", '{"place": "here"}')
        await until(pilot, lambda: len(puppet.requests) == 2)
        assert puppet.requests[1][-1].text == "two"
        puppet.say("do")
        await until(pilot, lambda: "steers" not in words_on(app), "taken by the model")
        puppet.answer("ne")
        await until(pilot, lambda: not app.runs.is_busy)
        assert "steers" not in words_on(app)


async def changes(place: str) -> str:
    """Change something."""
    return "changed"


@pytest.mark.parametrize("size", [(80, 24), (20, 6)])
async def test_escape_refuses_what_is_asked_in_a_window_of_any_size_and_twice_stops(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    tools = [Tool(name="changes", handler=changes)]
    async with running(tmp_path, size, guarded=tools) as (app, puppet, pilot):
        await app.runs.send(app.session, "do it")
        app.composer.load("typed ahead")  # so that it is never armed
        for number in (1, 2):
            puppet.call("changes", '{"place": "here"}')
            await until(pilot, lambda: app.question_bar.has_class("-stands"))
            await pilot.press("escape")
            await until(pilot, lambda n=number: len(puppet.requests) == n + 1)  # type: ignore[misc]
            (result,) = puppet.requests[-1][-1].tool_results
            assert result.is_error and app.runs.is_busy
            await pilot.pause(0.7)  # two presses belong together only if they are near
        puppet.call("changes", '{"place": "here"}')
        await until(pilot, lambda: app.question_bar.has_class("-stands"))
        await pilot.press("escape", "escape")
        await until(pilot, lambda: not app.runs.is_busy)
        assert app.composer.kept == "typed ahead"
        assert all(call.result != "changed" for call in entries(app, ToolCall))


async def test_escape_stops_a_tool_that_works(tmp_path: Path) -> None:
    tool = Tool(name="waits", handler=waits, read_only=True)
    async with running(tmp_path, tools=[tool]) as (app, puppet, pilot):
        await type_in(pilot, "go")
        await pilot.press("enter")
        puppet.call("waits", "{}")
        await until(pilot, lambda: any(c.status == "running" for c in entries(app, ToolCall)))
        await pilot.press("escape")
        await until(pilot, lambda: not app.runs.is_busy)
        (call,) = entries(app, ToolCall)
        assert call.status == "failed"
        assert entries(app, Note) == [Note("cancelled")]


async def test_shift_tab_goes_through_the_modes(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, _, pilot):
        permissions = app.session.permissions
        assert permissions is not None
        shown = {"ask": "ask", "plan": "PLAN", "accept-edits": "ACCEPT EDITS", "auto": "AUTO"}
        seen = []
        for _ in range(5):
            seen.append(permissions.mode)
            await until(pilot, lambda: shown[permissions.mode] in words_on(app).splitlines()[-1])
            await pilot.press("shift+tab")
        assert seen == ["ask", "plan", "accept-edits", "auto", "ask"]


async def test_what_the_model_and_the_store_fail_with_is_said(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, puppet, pilot):
        await type_in(pilot, "go")
        await pilot.press("enter")
        puppet.fail(StreamError("no such [/] model"))
        await until(pilot, lambda: "Error: no such [/] model" in words_on(app))

        async def broken(prompt: object, **given: object) -> AsyncIterator[Any]:
            if prompt:
                raise OSError("the disk is [/] full")
            yield

        app.session.send = broken  # type: ignore[assignment, method-assign]
        await type_in(pilot, "go")
        await pilot.press("enter")
        await until(pilot, lambda: "the disk is [/] full" in words_on(app))
        assert not app.runs.is_busy


async def test_an_unknown_command_is_named_and_not_sent(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, puppet, pilot):
        await type_in(pilot, "/nonsense")
        await pilot.press("enter")
        await until(pilot, lambda: "no such command: /nonsense" in words_on(app))
        assert not puppet.requests


async def test_the_view_is_cleared_and_comes_back(tmp_path: Path) -> None:
    history = [Message("user", [TextBlock("old words")]), Message("assistant", [TextBlock("yes")])]
    async with running(tmp_path, messages=history) as (app, puppet, pilot):
        assert "old words" in words_on(app)
        await pilot.press("ctrl+l")
        await pilot.pause()
        assert "old words" not in words_on(app)
        await type_in(pilot, "new")
        await pilot.press("enter")
        puppet.answer("fresh answer")
        await until(pilot, lambda: "fresh answer" in words_on(app))
        await until(pilot, lambda: not app.runs.is_busy)
        assert "old words" not in words_on(app)
        await pilot.press("ctrl+l", "ctrl+l")
        await pilot.pause()
        assert "old words" in words_on(app)


async def test_help_tells_the_keys_of_what_has_the_focus(tmp_path: Path) -> None:
    async with running(tmp_path, size=(100, 60)) as (app, _, pilot):
        await pilot.press("f1")
        await until(pilot, lambda: "Keys in the composer" in words_on(app))
        assert "Shift+Tab" in words_on(app) and "next mode" in words_on(app)
        await pilot.press("escape")
        await until(pilot, lambda: "Keys in" not in words_on(app))


@pytest.mark.parametrize("how", ["keys", "paste"])
async def test_what_is_typed_over_the_help_goes_to_the_composer(tmp_path: Path, how: str) -> None:
    async with running(tmp_path) as (app, puppet, pilot):
        await pilot.press("f1")
        await until(pilot, lambda: "Keys in the composer" in words_on(app))
        await pilot.press("down")
        assert "Keys in the composer" in words_on(app)
        if how == "keys":
            await type_in(pilot, "go on")
        else:
            app.post_message(events.Paste("go on"))
        await until(pilot, lambda: app.composer.kept == "go on")
        assert "Keys in" not in words_on(app)
        await pilot.press("enter")
        await until(pilot, lambda: puppet.requests)


async def test_the_way_out_is_the_last_command_of_the_help(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, _, _pilot):
        assert [*app.host.commands][-2:] == ["tasks", "quit"]
        app.host.add({"own": app.host.commands["new"]})
        assert [*app.host.commands][-2:] == ["own", "quit"]


@pytest.mark.parametrize("way", ["ctrl+q", "ctrl+d", "exit", "ctrl+c y", "/quit"])
async def test_the_ways_out(tmp_path: Path, way: str) -> None:
    puppet = Puppet()
    app = app_over(puppet, tmp_path)
    async with app.run_test() as pilot:
        await until(pilot, app.ready.is_set)
        if way in ("exit", "/quit"):
            await type_in(pilot, way)
            await pilot.press("enter")
        else:
            await pilot.press(*way.split())
        await until(pilot, lambda: app._exit)
    assert (app.return_code or 0) == 0
    assert app.failure is None


async def test_leaving_stops_the_run_and_keeps_what_was_said(tmp_path: Path) -> None:
    puppet, store = Puppet(), MemoryContextStore()
    app = app_over(puppet, tmp_path, store=store)
    async with app.run_test() as pilot:
        await until(pilot, app.ready.is_set)
        await type_in(pilot, "go")
        await pilot.press("enter")
        puppet.say("some words")
        await until(pilot, lambda: "some words" in words_on(app))
        await pilot.press("ctrl+q")
    history = await store.get_history()
    assert [message.text for message in history] == ["go", "some words"]
    assert "some words" in app.parting_words("last")


async def test_a_large_paste_is_sent_whole(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, puppet, pilot):
        text = "\r".join(map(str, range(1, 501)))
        app.post_message(events.Paste(text))
        await until(pilot, lambda: "500 lines" in words_on(app))
        assert not puppet.requests
        await pilot.press("enter")
        await until(pilot, lambda: puppet.requests)
        assert puppet.requests[0][-1].text == text.replace("\r", "\n")
        await until(pilot, lambda: "470 more lines" in words_on(app))


async def test_what_is_typed_before_all_is_open_is_kept_and_sent(tmp_path: Path) -> None:
    puppet, gate = Puppet(), asyncio.Event()
    app = app_over(puppet, tmp_path)
    inner = app._open

    @asynccontextmanager
    async def late(ask: Any, say: Any) -> AsyncIterator[Any]:
        await gate.wait()
        async with inner(ask, say) as opened:
            yield opened

    app._open = late
    async with app.run_test() as pilot:
        await type_in(pilot, "early")
        await pilot.press("enter")
        await type_in(pilot, "and more")
        gate.set()
        await until(pilot, lambda: puppet.requests)
        assert puppet.requests[0][-1].text == "early"
        assert app.composer.kept == "and more"


async def other_program(folder: Path, session_id: str) -> ChatSession:
    """A session of another program in the same database."""
    store = SQLiteContextStore(await connect(folder / "axio.db"), session_id, str(folder))
    return ChatSession(Agent("", StubTransport([make_text_response("theirs")])), store)


async def test_a_prompt_of_who_lost_the_conversation_is_given_back(tmp_path: Path) -> None:
    async with running(tmp_path, keeps=True) as (app, puppet, pilot):
        await type_in(pilot, "one")
        await pilot.press("enter")
        puppet.answer("mine")
        await until(pilot, lambda: puppet.requests and not app.runs.is_busy)
        other = await other_program(tmp_path, app.session.store.session_id)
        await other.open(take_over=True)
        try:
            await type_in(pilot, "too late")
            await pilot.press("enter")
            await until(pilot, lambda: "was taken over" in words_on(app))
            assert app.composer.kept == "too late"
            assert "/fork goes on in a copy" in " ".join(words_on(app).split())
            app.composer.clear()
            await type_in(pilot, "/fork")
            await pilot.press("enter")
            await until(pilot, lambda: "Going on in a copy" in words_on(app))
            await type_in(pilot, "two")
            await pilot.press("enter")
            await until(pilot, lambda: len(puppet.requests) == 2)
        finally:
            await other.close()
            await other.store.close()


@pytest.mark.parametrize("key", ["t", "f", "n", "escape"])
async def test_a_conversation_that_another_program_has(tmp_path: Path, key: str) -> None:
    other = await other_program(tmp_path, "s")
    await other.open()
    async for _ in other.send("theirs first"):
        pass
    try:
        async with running(tmp_path, keeps=True) as (app, _, pilot):
            before = app.session
            there = app.opened.make(await app.opened.library.store("s"))
            changing = asyncio.create_task(app.change_to(there))
            await until(pilot, lambda: "or work on a fork" in " ".join(words_on(app).split()))
            assert "f go on in a fork of it" in " ".join(words_on(app).split())
            await pilot.press(key)
            await changing
            first = [entry.text for entry in entries(app, User)]
            assert first == (["theirs first"] if key in "tf" else [])
            assert (app.session.store.session_id == "s") == (key == "t")
            assert (app.session is before) == (key == "escape")
    finally:
        await other.close()
        await other.store.close()


async def test_the_end_of_a_long_conversation_is_painted_before_the_rest_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = [
        Message(role, [TextBlock(f"{role} {number}")])
        for number in range(200)
        for role in ("user", "assistant")
    ]
    async with running(tmp_path, keeps=True, messages=history) as (app, _, pilot):
        store = await app.opened.library.store(app.session.store.session_id)
        await app.show_session(app.opened.make(await app.opened.library.store()))
        again = app.opened.make(store)
        painted: list[str] = []
        load = again.load

        async def watched() -> None:
            painted.append(words_on(app))
            await load()

        monkeypatch.setattr(again, "load", watched)
        await app.show_session(again)
        assert "assistant 199" in painted[0] and len(app.transcript.items) == 400
        await until(pilot, lambda: "assistant 199" in words_on(app))


async def test_no_terminal_is_too_small_for_it(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, puppet, pilot):
        await type_in(pilot, "go")
        await pilot.press("enter")
        puppet.answer("# Head\n\n```python\nprint('x')\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |")
        await until(pilot, lambda: not app.runs.is_busy)
        for width in range(5):
            for height in (1, 2, 3, 9):
                await pilot.resize_terminal(width, height)
                await pilot.pause()
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "print('x')" in words_on(app))
