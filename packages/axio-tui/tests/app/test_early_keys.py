"""Keys that come while the conversation is still being opened."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from axio_tui.chat.session import ChatSession
from support.screen import Puppet, app_over, until, words_on


async def test_no_key_is_lost_or_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mode changes, help is there, and what is typed stays."""
    opening, gate = asyncio.Event(), asyncio.Event()
    inner = ChatSession.open

    async def late(self: ChatSession, **given: Any) -> Any:
        opening.set()
        await gate.wait()
        return await inner(self, **given)

    monkeypatch.setattr(ChatSession, "open", late)
    puppet = Puppet()
    app = app_over(puppet, tmp_path)
    async with app.run_test() as pilot:
        await pilot.press("shift+tab", "f1")
        await until(pilot, lambda: "Keys in" in words_on(app))
        await pilot.press("escape")
        await until(pilot, opening.is_set)
        await pilot.press("h", "i", "shift+tab")
        await until(pilot, lambda: "hi" in words_on(app))
        gate.set()
        await until(pilot, lambda: "ACCEPT EDITS" in words_on(app))
        await pilot.press("enter")
        await until(pilot, lambda: puppet.requests)
        assert puppet.requests[0][-1].text == "hi"
        puppet.answer("One.")
        await until(pilot, lambda: "One." in words_on(app))
    await app.close()
