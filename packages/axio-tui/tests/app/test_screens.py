"""The screens above the main one: what they list, and what their keys do."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from axio.blocks import TextBlock
from axio.events import IterationEnd, NestedEvent, TextDelta, ToolUseStart
from axio.messages import Message
from axio.types import StopReason, Usage
from axio_tui.app.app import AgentApp
from axio_tui.chat.entries import ToolCall
from axio_tui.chat.offers import Offer
from axio_tui.place import Place
from axio_tui_guards import Rule
from support.screen import Offering, Puppet, app_over, until, words_on


def asked(text: str) -> Message:
    return Message("user", [TextBlock(text)])


def said(text: str) -> Message:
    return Message("assistant", [TextBlock(text)])


@asynccontextmanager
async def running(folder: Path, **given: Any) -> AsyncIterator[tuple[AgentApp, Pilot[None]]]:
    app = app_over(Puppet(), folder, **given)
    async with app.run_test(size=(90, 30)) as pilot:
        await until(pilot, app.ready.is_set)
        await pilot.pause()
        yield app, pilot


async def command(app: AgentApp, pilot: Pilot[None], line: str) -> None:
    app.composer.load(line)
    await pilot.press("escape", "enter")  # Escape closes what is offered for the line


async def test_the_report_of_the_doctor_is_shown_and_the_terminal_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr("axio_tui.doctor.terminal.ask_terminal", asked.append)
    async with running(tmp_path) as (app, pilot):
        await command(app, pilot, "/doctor")
        await until(pilot, lambda: "packages" in words_on(app))
        assert "Python" in words_on(app) and "terminal" in words_on(app)
        assert not asked
        await pilot.press("escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)


async def test_f2_gives_the_conversation_another_name(tmp_path: Path) -> None:
    async with running(tmp_path, keeps=True, messages=[asked("the first")]) as (app, pilot):
        await pilot.press("f2")
        await until(pilot, lambda: "The name of this conversation" in words_on(app))
        await pilot.press(*"Walks", "enter")
        await until(pilot, lambda: "called Walks now" in words_on(app))
        session_id = app.session.store.session_id
        assert await app.opened.library.name(session_id) == "Walks"
        await pilot.press("f2")
        await until(pilot, lambda: app.screen.query("#name"))
        await pilot.press("x", "escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        assert await app.opened.library.name(session_id) == "Walks"


async def test_f12_shows_the_log_follows_it_and_hides_secrets(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, pilot):
        emit(app, "the beginning")
        await pilot.press("f12")
        await until(pilot, lambda: "the beginning" in words_on(app))
        for number in range(40):
            emit(app, f"[/] line {number}")
        emit(app, f"key {Puppet.api_key} and token=abcdefgh12345678")
        await until(pilot, lambda: "[/] line 39" in words_on(app))
        told = words_on(app)
        assert "the beginning" not in told and "key ***" in told
        assert Puppet.api_key not in told and "abcdefgh12345678" not in told
        await pilot.press("home")
        await until(pilot, lambda: "the beginning" in words_on(app))
        emit(app, "more")
        await pilot.pause(0.7)
        assert "the beginning" in words_on(app)  # who reads above stays there


def emit(app: AgentApp, words: str) -> None:
    assert app.log_kept is not None
    app.log_kept.handle(logging.LogRecord("axio", logging.INFO, "", 0, words, None, None))


async def test_conversations_are_found_renamed_and_gone_on_with(tmp_path: Path) -> None:
    async with running(tmp_path, keeps=True, messages=[asked("the first"), said("one")]) as (
        app,
        pilot,
    ):
        first = app.session.store.session_id
        other = await app.opened.library.store()
        await other.append(asked("about [/] tests"))
        await other.append(said("two"))
        await command(app, pilot, "/resume")
        await until(pilot, lambda: "about [/] tests" in words_on(app))
        assert "this one" in words_on(app)
        await pilot.press(*"tests")
        await until(pilot, lambda: "the first  " not in words_on(app))
        await pilot.press("f2")
        await pilot.press(*["backspace"] * 20, *"walks", "enter")
        await until(pilot, lambda: "walks" in words_on(app))
        assert await app.opened.library.name(other.session_id) == "walks"
        await until(pilot, lambda: "the first" in words_on(app))
        await pilot.press(*"walks")
        await until(pilot, lambda: "this one" not in words_on(app))
        await pilot.press("enter")
        await until(pilot, lambda: app.session.store.session_id == other.session_id)
        assert "two" in words_on(app)
        assert first != other.session_id


async def test_the_conversation_that_is_open_goes_on_when_it_is_chosen(tmp_path: Path) -> None:
    async with running(tmp_path, keeps=True, messages=[asked("here"), said("yes")]) as (app, pilot):
        before = app.session
        await command(app, pilot, "/resume")
        await until(pilot, lambda: "this one" in words_on(app))
        await pilot.press("enter")
        await until(pilot, lambda: "this one" not in words_on(app))
        assert "in use" not in words_on(app) and app.session is before
        await pilot.press(*"more", "enter")
        await until(pilot, lambda: len(app.session.conversation.entries) > 2)


async def test_a_conversation_is_deleted_by_two_presses_and_forked_by_one(tmp_path: Path) -> None:
    async with running(tmp_path, keeps=True, messages=[asked("here"), said("yes")]) as (app, pilot):
        other = await app.opened.library.store()
        await other.append(asked("old"))
        await command(app, pilot, "/resume")
        await until(pilot, lambda: "old" in words_on(app))
        await pilot.press("delete")
        await until(pilot, lambda: "Del again" in words_on(app))
        assert len(await app.opened.library.sessions()) == 2
        await pilot.press("delete")
        await until(pilot, lambda: "old  " not in words_on(app))
        (left,) = await app.opened.library.sessions()
        assert left.session_id == app.session.store.session_id
        await pilot.press("delete")
        await until(pilot, lambda: "cannot be deleted" in words_on(app))
        await pilot.press("f3")
        await until(pilot, lambda: app.session.store.session_id != left.session_id)
        assert "yes" in words_on(app)


async def test_decisions_are_listed_and_taken_back(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, pilot):
        permissions = app.session.permissions
        assert permissions is not None
        session = app.session.store.session_id
        permissions.decisions.remember(
            Rule("allow", tool="shell", command="make [/] test"), "session", session, "make test"
        )
        await command(app, pilot, "/permissions")
        await until(pilot, lambda: "make [/] test" in words_on(app))
        await pilot.press("d")
        await until(pilot, lambda: "nothing: what may change" in words_on(app))
        assert permissions.decided_in(session) == ()


async def test_escape_twice_goes_back_to_before_a_prompt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("axio_tui.app.actions._TWICE", 60.0)  # a machine may stand still between
    history = [asked("one"), said("first"), asked("two"), said("second")]
    async with running(tmp_path, messages=history) as (app, pilot):
        await pilot.press("escape", "escape")
        await until(pilot, lambda: "before which prompt" in words_on(app))
        await pilot.press("enter")
        await until(pilot, lambda: "which part" in words_on(app))
        await pilot.press("c")
        await until(pilot, lambda: app.composer.kept == "two")
        texts = [message.text for message in await app.session.store.get_history()]
        assert texts == ["one", "first"]
        await until(pilot, lambda: "second" not in words_on(app))


async def test_models_are_offered_with_context_and_price(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, pilot):
        spec = replace(Puppet().model, id="big", context_window=200_000)
        models: Any = Offering(Offer("acme", "big", spec), Offer("ollama", "small"))
        app.opened = replace(app.opened, models=models)
        await command(app, pilot, "/model")
        await until(pilot, lambda: "acme:big" in words_on(app))
        assert "200,000 tokens" in words_on(app) and "$1 in, $2 out" in words_on(app)
        await pilot.press("tab")
        await until(pilot, lambda: "summaries" in words_on(app))
        await pilot.press(*"small")
        await until(pilot, lambda: "acme:big" not in words_on(app))
        await pilot.press("enter")
        await until(pilot, lambda: models.used)
        assert models.used == [("compaction", "ollama:small")]


async def slow() -> str:
    """Wait."""
    raise AssertionError("it is never called")


async def test_an_agent_is_a_line_that_opens_into_its_own_transcript(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, pilot):
        conversation = app.session.conversation
        conversation.begin()
        conversation.feed(ToolUseStart(0, "c1", "subagent"))
        conversation.feed(IterationEnd(0, StopReason.tool_use, Usage(1, 1)))
        for event in (
            TextDelta(0, "I look around"),
            ToolUseStart(1, "c1/a", "list_files"),
            IterationEnd(0, StopReason.tool_use, Usage(200, 34)),
        ):
            conversation.feed(NestedEvent("c1", "subagent", event))
        app.transcript.paint()
        await until(pilot, lambda: "list_files" in words_on(app))
        assert "234 tokens" in words_on(app)
        assert "I look around" not in words_on(app)
        await pilot.press("alt+up", "enter")
        await until(pilot, lambda: "I look around" in words_on(app))
        assert "read only" in words_on(app)
        await pilot.press("escape")
        await until(pilot, lambda: "read only" not in words_on(app))
        await command(app, pilot, "/tasks")
        await until(pilot, lambda: "Agents that work" in words_on(app))
        assert "works" in words_on(app)
        await pilot.press("enter")
        await until(pilot, lambda: "I look around" in words_on(app))


async def test_a_call_is_shown_whole(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, pilot):
        conversation = app.session.conversation
        conversation.reload([asked("x")], [])
        call = ToolCall(
            "c1", "shell", {"command": "one\ntwo"}, "done", "\n".join(map(str, range(500)))
        )
        conversation._transcript.add(call)
        app.transcript.paint()
        await pilot.press("alt+up", "enter")
        await until(pilot, lambda: "300 more lines" in words_on(app) or "command:" in words_on(app))
        await pilot.press("f")
        await until(pilot, lambda: "arrows scroll" in words_on(app))
        await pilot.press("end")
        await until(pilot, lambda: "499" in words_on(app))


async def test_the_palette_has_the_commands(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, pilot):
        await pilot.press("ctrl+p")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press(*"perm")
        await until(pilot, lambda: "/permissions" in words_on(app))
        await pilot.press("enter", "enter")
        await until(pilot, lambda: "Decided here" in words_on(app))


async def test_the_place_of_the_tools_is_chosen_and_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    monkeypatch.chdir(tmp_path)
    os.chown(tmp_path, 1000, 1000)
    async with Place() as place, running(tmp_path, place=place) as (app, pilot):
        assert "sandbox" not in words_on(app)
        await command(app, pilot, "/sandbox")
        await until(pilot, lambda: "> none (now): commands may do what you may" in words_on(app))
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: "ask · sandbox read-only · puppet-1" in words_on(app))
        assert place.sandbox == "read-only" and app.host.workspace is place.workspace
        await command(app, pilot, "/sandbox docker")
        await until(pilot, lambda: "no engine answers at unix:///nowhere" in words_on(app))
        await command(app, pilot, "/sandbox [b]podmann")
        await until(pilot, lambda: "no sandbox '[b]podmann'" in words_on(app))
        assert "sandbox read-only" in words_on(app) and place.sandbox == "read-only"
