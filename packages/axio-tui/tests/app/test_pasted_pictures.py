"""Pictures in the full screen: pasted as a path or by Ctrl+V, shown, refused, queued, kept."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot

from axio.blocks import ImageBlock, TextBlock
from axio.models import Capability, ModelSpec
from axio_tui.app.app import AgentApp
from axio_tui.chat import clipboard
from axio_tui.chat.offers import Offer
from axio_tui.chat.pictures import MAX_BYTES
from support.drawing import gif, png
from support.screen import Offering, Puppet, app_over, until, words_on

SHOT = png(640, 480)
TOLD = f"[image 1: shot.png, 640x480, {len(SHOT)} bytes]"


@asynccontextmanager
async def running(
    folder: Path, *, sees: bool = True, **given: Any
) -> AsyncIterator[tuple[AgentApp, Puppet, Pilot[None]]]:
    puppet = Puppet()
    if sees:
        able = puppet.model.capabilities | {Capability.vision}
        puppet.model = replace(puppet.model, capabilities=able)
    app = app_over(puppet, folder, **given)
    async with app.run_test(size=(90, 24)) as pilot:
        await until(pilot, app.ready.is_set)
        await pilot.pause()
        yield app, puppet, pilot


@pytest.fixture
def shot(tmp_path: Path) -> Path:
    path = tmp_path / "shot.png"
    path.write_bytes(SHOT)
    return path


async def paste(app: AgentApp, pilot: Pilot[None], text: str) -> None:
    app.composer.area.post_message(events.Paste(text))
    await pilot.pause()


def pictures(message: Any) -> list[bytes]:
    return [block.data for block in message.content if isinstance(block, ImageBlock)]


async def queue_picture(app: AgentApp, puppet: Puppet, pilot: Pilot[None], shot: Path) -> None:
    """Begin a run, and let a picture wait behind it."""
    await pilot.press(*"first", "enter")
    await until(pilot, lambda: puppet.requests)
    await paste(app, pilot, str(shot))
    await until(pilot, lambda: not app.composer.is_empty)
    await pilot.press("enter")
    await until(pilot, lambda: app.session.inbox.waiting)


async def test_a_pasted_path_is_a_placeholder_and_is_sent_as_the_picture(
    tmp_path: Path, shot: Path
) -> None:
    async with running(tmp_path) as (app, puppet, pilot):
        await pilot.press(*"see", "space")
        await paste(app, pilot, f"{shot}\r")
        await until(pilot, lambda: TOLD in app.composer.area.text)
        assert "640x480" in words_on(app)
        await pilot.press("enter")
        await until(pilot, lambda: puppet.requests)
        message = puppet.requests[0][-1]
        assert message.content[0] == TextBlock(f"see {TOLD}") and pictures(message) == [SHOT]
        puppet.answer("It is grey.")
        await until(pilot, lambda: "It is grey." in words_on(app))
        assert words_on(app).count("640x480") == 1, "a line in the transcript, once"
        assert app.composer.is_empty


async def test_a_placeholder_goes_whole_and_its_picture_with_it(tmp_path: Path, shot: Path) -> None:
    async with running(tmp_path) as (app, puppet, pilot):
        await paste(app, pilot, shot.as_uri())
        await until(pilot, lambda: app.composer.area.text == TOLD)
        await pilot.press("backspace")
        assert app.composer.is_empty
        await pilot.press(*"hello", "enter")
        await until(pilot, lambda: puppet.requests)
        assert pictures(puppet.requests[0][-1]) == []
        puppet.answer("Hi.")


async def test_several_files_are_several_placeholders(tmp_path: Path, shot: Path) -> None:
    (tmp_path / "b.gif").write_bytes(gif(1, 1))
    async with running(tmp_path) as (app, _, pilot):
        await paste(app, pilot, f"'{shot}' '{tmp_path}/b.gif' ")
        await until(pilot, lambda: "[image 2: b.gif, 1x1, " in app.composer.area.text)
        assert app.composer.area.text.startswith(TOLD)


async def test_a_model_that_sees_none_is_sent_nothing_and_those_that_do_are_named(
    tmp_path: Path, shot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with running(tmp_path, sees=False) as (app, puppet, pilot):
        seeing = ModelSpec("eyes", frozenset({Capability.text, Capability.vision}))
        blind = Offer("other", "blind", ModelSpec("blind"))
        models: Any = Offering(Offer("far", "eyes", seeing), blind)
        app.opened = replace(app.opened, models=models)
        for text in (str(shot), "@shot.png"):
            if text.startswith("@"):
                await pilot.press("at", *"shot", "full_stop", *"png")
            else:
                await paste(app, pilot, text)
            await until(pilot, lambda: not app.composer.is_empty)
            await pilot.press("escape", "enter")
            await until(pilot, lambda: "these see: far:eyes" in words_on(app))
            assert "sees none" in words_on(app) and "blind" not in words_on(app)
            await until(pilot, lambda: not app.composer.is_empty)
            app.composer.clear()
            app.say("")
        assert puppet.requests == []


@pytest.mark.parametrize(
    ("data", "why"),
    [(png(more=MAX_BYTES), "at most 5,242,880"), (SHOT[:20], "broken")],
    ids=["huge", "broken"],
)
async def test_one_that_cannot_be_sent_is_words_and_the_limit_is_said(
    tmp_path: Path, data: bytes, why: str
) -> None:
    path = tmp_path / "odd[red].png"
    path.write_bytes(data)
    async with running(tmp_path) as (app, _, pilot):
        await paste(app, pilot, str(path))
        await until(pilot, lambda: why in words_on(app))
        assert app.composer.area.text == str(path)


async def test_other_paths_stay_words(tmp_path: Path) -> None:
    (tmp_path / "notes.png").write_text("text")
    async with running(tmp_path) as (app, _, pilot):
        for text in (f"{tmp_path}/notes.png", "/usr/bin", "a/b.png and more"):
            await paste(app, pilot, text)
            while app.composer.area.text != text:
                await pilot.pause(0.01)
            app.composer.clear()


# ── the clipboard ─────────────────────────────────────────────────────────────────────────────


async def test_ctrl_v_takes_the_image_of_the_clipboard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "xclip"
    (tmp_path / "held").write_bytes(SHOT)
    listing = f'case "$*" in *TARGETS*) echo image/png;; *) cat "{tmp_path}/held";; esac'
    program.write_text(f"#!/bin/sh\n{listing}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("DISPLAY", ":99")
    monkeypatch.setattr(clipboard, "PATIENCE", 30.0)
    async with running(tmp_path) as (app, puppet, pilot):
        await pilot.press("ctrl+v", *"ok")
        await until(pilot, lambda: "ok" in app.composer.area.text)
        told = app.composer.area.text
        assert told == f"[image 1: clipboard, 640x480, {len(SHOT)} bytes]ok", "in their order"
        await pilot.press("enter")
        await until(pilot, lambda: puppet.requests)
        assert pictures(puppet.requests[0][-1]) == [SHOT]
        puppet.answer("Seen.")


async def test_ctrl_v_without_an_image_pastes_what_was_copied_here_or_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("axio_tui.chat.clipboard.PROGRAMS", ())
    async with running(tmp_path) as (app, _, pilot):
        await pilot.press("ctrl+v")
        await until(pilot, lambda: "the clipboard has no image" in words_on(app))
        assert app.composer.is_empty
        app.copy_to_clipboard("copied")
        await pilot.press("ctrl+v")
        await until(pilot, lambda: app.composer.area.text == "copied")


# ── kept ──────────────────────────────────────────────────────────────────────────────────────


async def test_a_queued_picture_is_taken_back_edited_and_sent(tmp_path: Path, shot: Path) -> None:
    async with running(tmp_path) as (app, puppet, pilot):
        await queue_picture(app, puppet, pilot, shot)
        await until(pilot, lambda: "next: [image 1: shot.png" in words_on(app))
        await pilot.press("up")
        await until(pilot, lambda: app.composer.area.text == TOLD)
        await pilot.press(*"now", "enter")
        await until(pilot, lambda: app.session.inbox.waiting)
        puppet.answer("One.")
        await until(pilot, lambda: len(puppet.requests) == 2)
        message = puppet.requests[1][-1]
        assert message.content[0] == TextBlock(f"{TOLD}now") and pictures(message) == [SHOT]
        puppet.answer("Two.")


async def test_what_waits_and_what_was_typed_are_back_after_a_restart(
    tmp_path: Path, shot: Path
) -> None:
    async with running(tmp_path, keeps=True) as (app, puppet, pilot):
        await queue_picture(app, puppet, pilot, shot)
        await paste(app, pilot, str(shot))
        await until(pilot, lambda: not app.composer.is_empty)
        await pilot.press(*"draft")
        session_id = app.session.store.session_id
        async with asyncio.timeout(50):
            while await app.session.draft() != f"{TOLD}draft":  # noqa: ASYNC110 - a task writes it
                await asyncio.sleep(0.01)
    os.unlink(shot)
    async with running(tmp_path, keeps=True) as (app, puppet, pilot):
        app.composer.clear()
        await app.show_session(app.opened.make(await app.opened.library.store(session_id)))
        await until(pilot, lambda: app.composer.area.text == f"{TOLD}draft")
        await pilot.press("enter")
        await until(pilot, lambda: puppet.requests)
        sent = puppet.requests[0][-1]
        assert sent.content[0] == TextBlock(f"{TOLD}draft") and pictures(sent) == [SHOT]
        puppet.answer("One.")
        await until(pilot, lambda: not app.runs.is_busy)
        await pilot.press("up")
        await until(pilot, lambda: app.composer.area.text == TOLD)
        await pilot.press("enter")
        await until(pilot, lambda: len(puppet.requests) == 2)
        assert pictures(puppet.requests[1][-1]) == [SHOT]
        puppet.answer("Two.")


async def test_a_prompt_that_is_rewound_has_its_picture(tmp_path: Path, shot: Path) -> None:
    async with running(tmp_path) as (app, puppet, pilot):
        await paste(app, pilot, str(shot))
        await until(pilot, lambda: not app.composer.is_empty)
        await pilot.press("enter")
        await until(pilot, lambda: puppet.requests)
        puppet.answer("One.")
        await until(pilot, lambda: not app.runs.is_busy)
        app.composer.pastes._pictures.clear()  # as after a restart
        app.composer.load("/rewind 1 conversation")
        await pilot.press("escape", "enter")
        await until(pilot, lambda: app.composer.area.text == TOLD)
        await pilot.press("enter")
        await until(pilot, lambda: len(puppet.requests) == 2)
        assert pictures(puppet.requests[1][-1]) == [SHOT]
        puppet.answer("Again.")


async def test_a_hostile_name_is_shown_as_text(tmp_path: Path) -> None:
    path = tmp_path / "a[red]\x1b]0;x\x07\u202e@evil\n.png"
    path.write_bytes(SHOT)
    async with running(tmp_path) as (app, puppet, pilot):
        await paste(app, pilot, path.as_uri())
        await until(pilot, lambda: "640x480" in app.composer.area.text)
        text = app.composer.area.text
        assert text.isprintable() and "@" not in text
        await pilot.press("enter")
        await until(pilot, lambda: puppet.requests)
        assert pictures(puppet.requests[0][-1]) == [SHOT]
        puppet.answer("Seen.")
        await until(pilot, lambda: "Seen." in words_on(app))


async def test_one_that_waits_is_not_sent_to_a_model_that_sees_none(
    tmp_path: Path, shot: Path
) -> None:
    async with running(tmp_path) as (app, puppet, pilot):
        await queue_picture(app, puppet, pilot, shot)
        puppet.model = ModelSpec("blind")
        puppet.answer("One.")
        await until(pilot, lambda: "is a picture, and this model sees none" in words_on(app))
        await until(pilot, lambda: not app.runs.is_busy)
        assert [one.state for one in app.session.inbox.waiting] == ["parked"]
        assert len(puppet.requests) == 1
