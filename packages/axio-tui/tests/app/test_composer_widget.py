"""The composer, driven by keys in a small application."""

from __future__ import annotations

from typing import Any

from textual import events
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from axio_tui.app.widgets.composer import Composer
from axio_tui.chat.composer import Command, Shell, Words

FIVE_HUNDRED = "\n".join(map(str, range(1, 501)))


class Host(App[None]):
    """Nothing but a composer; `sent` is what came from it."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.composer = Composer(**options)
        self.sent: list[Any] = []

    def compose(self) -> ComposeResult:
        yield self.composer

    def on_mount(self) -> None:
        self.composer.focus()

    def on_composer_submitted(self, message: Composer.Submitted) -> None:
        self.sent.append(message.input)

    def on_composer_steered(self, message: Composer.Steered) -> None:
        self.sent.append(("steer", message.input))

    def on_composer_sent_nothing(self, message: Composer.SentNothing) -> None:
        self.sent.append(None)

    @property
    def text(self) -> str:
        return self.composer.area.text


async def type_(pilot: Pilot[None], text: str) -> None:
    await pilot.press(*("space" if c == " " else c for c in text))


async def paste(pilot: Pilot[None], text: str) -> None:
    pilot.app.post_message(events.Paste(text))
    await pilot.pause()


async def test_enter_sends_and_control_j_writes_a_new_line() -> None:
    app = Host()
    async with app.run_test() as pilot:
        await type_(pilot, "one")
        await pilot.press("ctrl+j")
        await type_(pilot, "two")
        await pilot.press("enter", "enter")
        assert app.sent == [Words("one\ntwo"), None]
        assert app.text == ""


async def test_keys_that_come_at_once_take_effect_in_their_order() -> None:
    app = Host()
    async with app.run_test() as pilot:
        for key in ("a", "b", "backspace", "enter", "c", "ctrl+j", "d", "enter", "e"):
            app.post_message(events.Key(key, key if len(key) == 1 else None))
        await pilot.pause()
        await pilot.pause()
        assert app.sent == [Words("a"), Words("c\nd")]
        assert app.text == "e"


async def test_commands_and_steering_are_told_apart() -> None:
    app = Host()
    async with app.run_test() as pilot:
        for text, key in (("/model x", "enter"), ("!ls", "enter"), ("go on", "ctrl+s")):
            await type_(pilot, text)
            await pilot.press(key)
        assert app.sent == [Command("model", "x"), Shell("ls"), ("steer", Words("go on"))]


async def test_a_large_paste_is_a_placeholder_and_does_not_send_itself() -> None:
    app = Host()
    async with app.run_test() as pilot:
        await type_(pilot, "see ")
        await paste(pilot, FIVE_HUNDRED.replace("\n", "\r") + "\r")
        assert app.text == "see [paste 1: 500 lines, 1,892 characters]"
        assert app.sent == []
        await pilot.press("enter")
        assert app.sent == [Words(f"see {FIVE_HUNDRED}\n")]


async def test_backspace_takes_a_whole_placeholder_and_undo_brings_it_back() -> None:
    app = Host()
    async with app.run_test() as pilot:
        await type_(pilot, "a")
        await paste(pilot, FIVE_HUNDRED)
        await pilot.press("backspace")
        assert app.text == "a"
        await pilot.press("ctrl+underscore", "enter")
        assert app.sent == [Words(f"a{FIVE_HUNDRED}")]


async def test_a_draft_comes_back_with_its_pastes() -> None:
    first, second = Host(), Host()
    async with first.run_test() as pilot:
        await type_(pilot, "see ")
        await paste(pilot, FIVE_HUNDRED)
        kept = first.composer.kept
    async with second.run_test() as pilot:
        second.composer.load(kept)
        assert second.text == first.text
        await pilot.press("enter")
        assert second.sent == [Words(f"see {FIVE_HUNDRED}")]


async def test_up_takes_back_what_is_queued_and_then_goes_through_the_past() -> None:
    queued = ["queued"]

    async def take_back() -> str | None:
        return queued.pop() if queued else None

    async def recall() -> list[str]:
        return ["first", "second"]

    app = Host(take_back=take_back, recall=recall)
    async with app.run_test() as pilot:
        await pilot.press("up")
        assert app.text == "queued"
        await pilot.press("ctrl+u")
        seen = []
        for key in ("up", "up", "up", "down", "down", "down"):
            await pilot.press(key)
            seen.append(app.text)
        assert seen == ["second", "first", "first", "second", "", ""]


async def test_up_in_a_text_moves_the_cursor() -> None:
    app = Host()
    async with app.run_test() as pilot:
        await type_(pilot, "a")
        await pilot.press("ctrl+j", "b", "up", "x")
        assert app.text == "ax\nb"
