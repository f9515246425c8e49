"""The end is shown where the conversation goes on by an action of the person."""

from __future__ import annotations

from pathlib import Path

from textual.pilot import Pilot

from axio.blocks import TextBlock
from axio.messages import Message
from axio_tui.app.app import AgentApp
from axio_tui.chat.composer import Command
from support.screen import Puppet, app_over, until, words_on

LONG = "\n\n".join(f"paragraph {number}" for number in range(40))
HISTORY = [
    Message("user" if number % 2 == 0 else "assistant", [TextBlock(f"{LONG}\n\nend {number}")])
    for number in range(6)
]


async def scrolled_up(app: AgentApp, pilot: Pilot[None]) -> None:
    await until(pilot, app.ready.is_set)
    await pilot.pause()
    await pilot.press("pageup", "pageup")
    await until(pilot, lambda: app.transcript.is_behind)


async def test_after_going_back_the_end_is_in_sight(tmp_path: Path) -> None:
    app = app_over(Puppet(), tmp_path, messages=HISTORY)
    async with app.run_test(size=(80, 24)) as pilot:
        await scrolled_up(app, pilot)
        await app.host.call(Command("rewind", "3 both"))
        await until(pilot, lambda: "back before that prompt" in words_on(app))
        await pilot.pause(0.5)
        assert not app.transcript.is_behind and "end 3" in words_on(app)


async def test_what_was_parked_is_seen_when_it_is_sent(tmp_path: Path) -> None:
    puppet = Puppet()
    app = app_over(puppet, tmp_path, messages=HISTORY)
    async with app.run_test(size=(80, 24)) as pilot:
        await scrolled_up(app, pilot)
        await app.session.queue("what waits")
        app.session.inbox.park()
        app.refresh_lines()
        await pilot.press("enter")
        await until(pilot, lambda: puppet.requests)
        await until(pilot, lambda: "what waits" in words_on(app))
        assert not app.transcript.is_behind
