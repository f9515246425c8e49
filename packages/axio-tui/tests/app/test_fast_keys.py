"""Keys that come faster than windows take them: each does what it means, in the order it came."""

from __future__ import annotations

from pathlib import Path

from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from axio.blocks import TextBlock
from axio.messages import Message
from axio_tui.app.app import AgentApp
from axio_tui.app.screens.choice_list import ChoiceList, Row
from axio_tui.app.screens.form import FormScreen
from axio_tui.app.screens.sessions import SessionsScreen
from axio_tui.config.forms import Field, Form
from support.screen import Puppet, app_over, until


class Fruit(ChoiceList[str, str]):
    """A list to choose from by a search."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = [Row(name, name) for name in ("apple", "plum", "pear", "quince")]

    def chosen(self, thing: str) -> None:
        self.dismiss(thing)


def typed(app: AgentApp, *keys: str) -> None:
    """Type keys at once, as a paste by a terminal without bracketed paste."""
    for key in keys:
        app.post_message(events.Key(key, key if len(key) == 1 else None))


async def ready(app: AgentApp, pilot: Pilot[None]) -> None:
    await until(pilot, app.ready.is_set)
    await pilot.pause()


async def test_enter_takes_what_was_typed_before_it(tmp_path: Path) -> None:
    app = app_over(Puppet(), tmp_path)
    async with app.run_test() as pilot:
        await ready(app, pilot)
        chosen: list[str | None] = []
        await app.push_screen(Fruit(), chosen.append)
        await pilot.pause()
        typed(app, *"qui", "enter")
        await until(pilot, lambda: chosen)
        assert chosen == ["quince"]


async def test_a_search_line_takes_keys_in_their_order(tmp_path: Path) -> None:
    app = app_over(Puppet(), tmp_path)
    async with app.run_test() as pilot:
        await ready(app, pilot)
        await app.push_screen(Fruit())
        await pilot.pause()
        line = app.screen.query_one(Input)
        typed(app, *"abc", "ctrl+u", *"pe", "backspace", "l", "left", "x", "end", "y")
        await until(pilot, lambda: line.value.endswith("y"))
        assert line.value == "pxly"


async def test_what_is_typed_while_a_window_opens_goes_to_the_window(tmp_path: Path) -> None:
    app = app_over(Puppet(), tmp_path)
    async with app.run_test() as pilot:
        await ready(app, pilot)
        app.writing.history.add("make the tests")
        app.writing.history.add("write a page")
        typed(app, "ctrl+r", *"tests", "enter")
        await until(pilot, lambda: app.composer.area.text)
        await pilot.pause(0.3)
        assert app.composer.area.text == "make the tests"


async def test_the_next_field_takes_what_is_typed_after_enter(tmp_path: Path) -> None:
    app = app_over(Puppet(), tmp_path)
    async with app.run_test() as pilot:
        await ready(app, pilot)
        kept: list[dict[str, str] | None] = []
        form = Form("A server", [Field("name", "text"), Field("place", "text")], {}, [])
        await app.push_screen(FormScreen(form), kept.append)
        await pilot.pause()
        typed(app, *"one", "enter", *"two", "up", "x", "down", "y", "enter")
        await until(pilot, lambda: kept)
        assert kept == [{"name": "onex", "place": "twoy"}]


async def test_a_conversation_is_opened_that_was_searched_for(tmp_path: Path) -> None:
    app = app_over(Puppet(), tmp_path)
    async with app.run_test() as pilot:
        await ready(app, pilot)
        library = app.opened.library
        for name in ("red", "green", "blue"):
            store = await library.store()
            await store.append(Message(role="user", content=[TextBlock(name)]))
        chosen: list[tuple[str, str] | None] = []
        await app.push_screen(SessionsScreen(library, ""), chosen.append)
        await pilot.pause()
        typed(app, *"green", "enter")
        await until(pilot, lambda: chosen)
        (green,) = await library.search("green")
        assert chosen == [("open", green.session_id)]


async def test_letters_typed_before_a_window_has_a_focus_are_not_lost(tmp_path: Path) -> None:
    app = app_over(Puppet(), tmp_path)
    async with app.run_test() as pilot:
        await ready(app, pilot)
        chosen: list[str | None] = []
        app.push_screen(Fruit(), chosen.append)
        typed(app, *"plu", "f9", "enter")
        await until(pilot, lambda: chosen)
        assert chosen == ["plum"]


async def test_a_click_on_a_line_does_not_end_the_search(tmp_path: Path) -> None:
    app = app_over(Puppet(), tmp_path)
    async with app.run_test() as pilot:
        await ready(app, pilot)
        chosen: list[str | None] = []
        await app.push_screen(Fruit(), chosen.append)
        await pilot.pause()
        app.screen.query_one("#choices").focus()
        await pilot.pause()
        await pilot.press("p", "down", "enter")
        await until(pilot, lambda: chosen)
        assert chosen == ["plum"]
