"""Texts of others are shown as text, wherever they come from: they change neither the terminal nor
the application."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from textual.content import Content
from textual.widgets import Static

from axio.blocks import TextBlock, ToolResultBlock, ToolUseBlock
from axio.messages import Message
from axio_tui.app.app import AgentApp
from axio_tui.app.screens.ask import Ask
from axio_tui.app.screens.help import help_on
from axio_tui.app.screens.pager import Pager
from axio_tui.app.screens.permissions import PermissionsScreen
from axio_tui.app.screens.pick import PickScreen
from axio_tui.app.screens.rewind import RewindScreen
from axio_tui.app.screens.sessions import SessionsScreen
from axio_tui.app.screens.tool_detail import tool_detail
from axio_tui.chat.commands import Option, Pick
from axio_tui.chat.conversation import Conversation
from axio_tui.chat.entries import Failure, Note, Reasoning, SubAgent, ToolCall
from axio_tui.chat.points import Point
from axio_tui.chat.remarks import Mark, Said
from axio_tui_guards import Rule
from support.screen import Puppet, app_over, until, words_on

HOSTILE = {
    "markup": "[/] [red]x[/red] [@click=app.exit]y[/] a[b]c[/d] \\[",
    "escapes": "\x1b[2J\x1b]0;title\x07\x1b]52;c;aGk=\x07\x1b]8;;http://evil/\x07z\x1b]8;;\x07",
    "c1": "\x9b2J\x9d0;title\x9c\x90q\x9c",
    "controls": "a\x00b\x08c\x7fd\re\x0bf\x0cg",
    "bidi": "safe\u202egpj.exe\u202c \u2066x\u2069",
    "nothing": "\u200b\u2060\ufeff\U000e0041",
    "stacked": "a" + "\u0301" * 100_000,
    "wide": "日本語" * 50,
    "surrogate": "\ud800 \udfff",
}
_ESCAPES = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def history(text: str) -> list[Message]:
    return [
        Message("user", [TextBlock(text)]),
        Message("assistant", [TextBlock(f"{text}\n\n```{text[:20]}\n{text}\n```\n- {text}")]),
        Message("assistant", [ToolUseBlock("c1", f"n{text[:50]}", {text[:50]: text, "b": [text]})]),
        Message("user", [ToolResultBlock("c1", text, is_error=True)]),
    ]


def remarks(text: str) -> list[Any]:
    return [
        Said(1, Reasoning(text, 1.0)),
        Mark(2, "c1", f"refused: {text}", SubAgent(text, "s/c1")),
        Said(4, Failure(text, text)),
        Said(4, Note("system", text)),
        Said(4, Note(text[:30], text)),
    ]


def check(app: AgentApp) -> None:
    """Nothing on the screen would be more to a terminal than its text."""
    strips = app.screen._compositor.render_strips()
    for strip in strips:
        for segment in strip:
            assert not _ESCAPES.search(segment.text), repr(segment.text[:80])
            meta = segment.style.meta if segment.style else {}
            assert not any("exit" in str(value) for value in meta.values())
        assert len(strip.text) < 3_000


@pytest.mark.parametrize("kind", HOSTILE)
async def test_hostile_texts_are_text_on_every_screen(kind: str, tmp_path: Path) -> None:
    text = HOSTILE[kind]
    app = app_over(Puppet(), tmp_path, keeps=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, app.ready.is_set)
        app.session.conversation = Conversation(history(text), remarks(text))
        app.transcript.show(app.session.conversation)
        app.transcript.toggle_all()
        for page in (0, -1, -1, -1):
            app.transcript.action_page(page)
            await pilot.pause()
            check(app)
        await app.session.queue(text.encode("utf-8", "replace").decode())
        app.refresh_lines()
        app.say(text)
        app.status.tell(text)
        await pilot.pause()
        check(app)
        app.say("")
        permissions = app.session.permissions
        assert permissions is not None
        session = app.session.store.session_id
        plain = text.encode("utf-8", "replace").decode()[:200]
        permissions.decisions.remember(
            Rule("allow", tool="shell", command=plain), "session", session, plain
        )
        await app.opened.library.rename(session, plain)
        call = ToolCall("c1", text, {text: text}, "failed", text, decision=text)
        for screen in (
            Pager(text, text),
            Ask(text, {"y": text}),
            PickScreen(Pick(text, [Option(text, "/help")], text)),
            RewindScreen([Point(0, Message("user", [TextBlock(text)]))]),
            PermissionsScreen(permissions, session),
            SessionsScreen(app.opened.library, session),
            tool_detail(call),
            help_on(app.screen),
        ):
            app.push_screen(screen)
            await until(pilot, lambda screen=screen: app.screen is screen)  # type: ignore[misc]
            await pilot.pause()
            check(app)
            await pilot.press("escape")
            await until(pilot, lambda: len(app.screen_stack) == 1)
    assert app.return_code in (0, None)


async def test_a_text_with_brackets_is_what_a_reader_sees(tmp_path: Path) -> None:
    text = HOSTILE["markup"]
    app = app_over(Puppet(), tmp_path, messages=history(text)[:1])
    async with app.run_test(size=(100, 24)) as pilot:
        await until(pilot, app.ready.is_set)
        app.say(text)
        await until(pilot, lambda: words_on(app).count(text) == 2)
        for static in app.query(Static):
            assert isinstance(static.content, Content | str)
            assert not static._render_markup
