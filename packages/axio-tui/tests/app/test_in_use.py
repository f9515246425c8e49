"""The question about a conversation that another program has open."""

from __future__ import annotations

import asyncio
from pathlib import Path

from axio.exceptions import SessionBusy
from axio_tui.app.in_use import instead_of
from support.screen import Puppet, app_over, until, words_on


async def test_it_is_gone_when_its_answer_is_waited_for_no_more(tmp_path: Path) -> None:
    puppet = Puppet()
    app = app_over(puppet, tmp_path)
    async with app.run_test() as pilot:
        await until(pilot, app.ready.is_set)
        busy = SessionBusy("another program has it")
        asking = asyncio.create_task(instead_of(app, app.session, busy, app.session))
        await until(pilot, lambda: "go on in a fork" in words_on(app))
        asking.cancel()
        await until(pilot, lambda: asking.done() and len(app.screen_stack) == 1)
        await pilot.press("f", "enter")
        await until(pilot, lambda: puppet.requests)
        puppet.answer("One.")
        await until(pilot, lambda: "One." in words_on(app))
        assert asking.cancelled() and not app.crash_words
    await app.close()
