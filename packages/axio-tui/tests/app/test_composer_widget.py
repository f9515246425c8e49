"""The composer, driven by keys in a small application."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from axio_tui.app.screens.prompt_search import PromptSearch
from axio_tui.app.widgets.composer import Composer
from axio_tui.chat.composer import Command, Shell, Words
from axio_tui.chat.file_index import FileIndex
from support.screen import until

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


# ── what is offered ───────────────────────────────────────────────────────────────────────────

COMMANDS = {"compact": "shorten", "model": "another model", "models": "all models"}


async def lines(text: str) -> list[tuple[str, str]]:
    return [(f"/{name}", help) for name, help in COMMANDS.items() if f"/{name}".startswith(text)]


def listed(app: Host) -> list[str]:
    offers = app.composer.completion.offers
    return [] if offers is None else [offer.words for offer in offers.offers]


async def test_a_slash_lists_commands_and_tab_completes_one() -> None:
    app = Host(lines=lines)
    async with app.run_test() as pilot:
        await type_(pilot, "/")
        await until(pilot, lambda: listed(app) == ["/compact", "/model", "/models"])
        await type_(pilot, "mo")
        await until(pilot, lambda: listed(app) == ["/model", "/models"])
        await pilot.press("tab", "x")
        assert app.text == "/model x"


async def test_keys_typed_before_the_list_is_there_complete_all_the_same() -> None:
    app = Host(lines=lines)
    async with app.run_test() as pilot:
        for key in ("slash", "c", "o", "tab", "x", "enter"):
            app.post_message(
                events.Key(key, "/" if key == "slash" else key[0] if len(key) == 1 else None)
            )
        await until(pilot, lambda: app.sent == [Command("compact", "x")])


async def test_enter_completes_a_command_that_is_not_whole_and_sends_one_that_is() -> None:
    app = Host(lines=lines)
    async with app.run_test() as pilot:
        await type_(pilot, "/com")
        await until(pilot, lambda: listed(app) == ["/compact"])
        await pilot.press("enter")
        assert (app.text, app.sent) == ("/compact ", [])
        await pilot.press("enter")
        await type_(pilot, "/model")
        await until(pilot, lambda: listed(app) == ["/model", "/models"])
        await pilot.press("enter")
        await type_(pilot, "/nonsense")
        await until(pilot, lambda: listed(app) == [])
        await pilot.press("enter")
        assert app.sent == [Command("compact"), Command("model"), Command("nonsense")]


async def test_arrows_choose_in_the_list_and_escape_closes_it() -> None:
    app = Host(lines=lines)
    async with app.run_test() as pilot:
        await type_(pilot, "/")
        await until(pilot, lambda: len(listed(app)) == 3)
        await pilot.press("down", "down", "up", "enter")
        assert app.text == "/model "
        await pilot.press("ctrl+u")
        await type_(pilot, "/")
        await until(pilot, lambda: len(listed(app)) == 3)
        await pilot.press("escape")
        assert listed(app) == [] and app.text == "/"


async def test_files_are_offered_and_quoted(tmp_path: Path) -> None:
    for name in ("calc.py", "two words.txt", "node_modules/calx.js"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    app = Host(files=FileIndex(tmp_path))
    async with app.run_test() as pilot:
        await type_(pilot, "look at @cal")
        await until(pilot, lambda: listed(app) == ["calc.py"])
        await pilot.press("tab")
        await type_(pilot, " and @two")
        await pilot.press("tab")
        await type_(pilot, " ok")
        assert app.text == 'look at @calc.py and @"two words.txt" ok'
        await pilot.press("enter")
        assert app.sent == [Words(app.sent[0].text, ("calc.py", "two words.txt"))]


async def test_enter_sends_words_that_only_look_like_a_file(tmp_path: Path) -> None:
    (tmp_path / "a_lice.py").write_text("")
    app = Host(files=FileIndex(tmp_path))
    async with app.run_test() as pilot:
        await type_(pilot, "ping @alice")
        await until(pilot, lambda: listed(app) == ["a_lice.py"])
        await pilot.press("enter")
        assert app.sent == [Words("ping @alice", ("alice",))]


async def test_hostile_names_are_shown_as_text(tmp_path: Path) -> None:
    for name in ("a[/]b", "a[red]x", "a\u202eb", "a" + "e\u0301" * 60):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    app = Host(files=FileIndex(tmp_path))
    async with app.run_test() as pilot:
        await type_(pilot, "@a")
        await until(pilot, lambda: len(listed(app)) == 3)
        assert "a[/]b" in str(app.composer.completion.render())
        await pilot.press("tab")


async def test_earlier_prompts_are_searched() -> None:
    async def recall() -> list[str]:
        return ["fix the parser", "write a test", "[/] hostile [red]"]

    app = Host(recall=recall)
    async with app.run_test() as pilot:
        await pilot.press("ctrl+r")
        await until(pilot, lambda: isinstance(app.screen, PromptSearch))
        await pilot.pause()
        await type_(pilot, "pars")
        await pilot.press("enter")
        await until(pilot, lambda: app.text == "fix the parser")


async def test_up_before_the_prompts_can_be_read_does_not_take_them_away() -> None:
    async def recall() -> list[str]:
        return ["fix the parser"]

    app = Host()
    async with app.run_test() as pilot:
        await pilot.press("up")
        app.composer.recall = recall
        await pilot.press("up")
        await until(pilot, lambda: app.text == "fix the parser")


async def test_hostile_text_is_pasted_and_sent_as_it_can_be() -> None:
    hostile = "[/] [red] \x1b]0;t\x07 \u202e a" + "\u0301" * 1_000 + "\ud800"
    app = Host()
    async with app.run_test() as pilot:
        await paste(pilot, hostile)
        await paste(pilot, "\u0301" * 100_000)
        await pilot.press("enter")
        [words] = app.sent
        assert words.text.startswith("[/] [red] \ufffd]0;t\ufffd \u202e a")
        assert words.text.endswith("\u0301" * 100_000)


async def seconds_for_a_key(pilot: Pilot[None]) -> float:
    """CPU seconds of the cheapest of ten keys: the others were disturbed."""
    costs = []
    for _ in range(10):
        before = time.process_time()
        await pilot.press("x")
        costs.append(time.process_time() - before)
    return min(costs)


@pytest.mark.heavy
async def test_a_key_after_a_large_paste_costs_what_it_cost_before() -> None:
    app = Host()
    async with app.run_test() as pilot:
        empty = await seconds_for_a_key(pilot)
        await paste(pilot, "x" * 1_000_000)
        await paste(pilot, "\n".join(map(str, range(150_000))))
        full = await seconds_for_a_key(pilot)
        print(f"a key: {empty * 1e3:.1f} ms CPU, {full * 1e3:.1f} ms with two megabytes pasted")
        assert full < 3 * empty
        await pilot.press("enter")
        assert len(app.sent[0].text) > 1_900_000
