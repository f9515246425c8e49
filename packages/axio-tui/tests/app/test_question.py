"""The question over the composer: shown, armed, answered; never answered by what is typed ahead."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.app import App, ComposeResult
from textual.widgets import Static

from axio.exceptions import GuardError
from axio.tool import AnyTool, Tool
from axio_tools_local.edit_file import edit_file
from axio_tools_local.shell import shell
from axio_tui.app.screens.whole_question import WholeQuestion
from axio_tui.app.widgets import question
from axio_tui.app.widgets.brief import Brief
from axio_tui.app.widgets.composer import Composer
from axio_tui.app.widgets.diff import Sheet, _lay_out
from axio_tui.app.widgets.question import QuestionBar
from axio_tui.chat.diff_rows import Row
from axio_tui.chat.permissions import Asked, Permissions
from axio_tui.chat.questions import Questions
from support.screen import until

EDIT: AnyTool = Tool(name="edit_file", handler=edit_file)
SHELL: AnyTool = Tool(name="shell", handler=shell)


class Host(App[None]):
    """A composer with a question over it, and real permissions that ask."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.questions: Questions[Asked] = Questions()
        self.permissions = Permissions(self.questions.ask, root=folder)
        self.composer = Composer()
        self.bar = QuestionBar(
            self.questions, self.composer, waiting=lambda: self.permissions.waiting
        )
        self.bells = 0
        self.bar.call_back = self.count
        self.sent: list[str] = []

    def compose(self) -> ComposeResult:
        yield Static("", markup=False)
        yield self.bar
        yield self.composer

    def on_mount(self) -> None:
        self.composer.focus()

    def on_composer_submitted(self, message: Composer.Submitted) -> None:
        self.sent.append(message.text)

    def count(self, words: str) -> None:
        self.bells += 1

    def ask(self, tool: AnyTool, **arguments: Any) -> asyncio.Task[str]:
        """A call: "ran" if it is allowed, else why not."""
        [guarded] = self.permissions.guarded([tool])

        async def check() -> str:
            try:
                for guard in guarded.guards:
                    await guard(guarded, **arguments)
            except GuardError as error:
                return str(error)
            return "ran"

        return asyncio.create_task(check())

    @property
    def words(self) -> str:
        """All words of the question."""
        statics = " ".join(str(w.render()) for w in self.bar.query(Static))
        return statics + " " + "\n".join(row.text for row in self.bar.sheet.rows)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "calc.py").write_text("def add(a, b):\n    return a + b\n")
    return tmp_path


def edit(app: Host, new: str = "a + b + 0") -> asyncio.Task[str]:
    return app.ask(EDIT, file_path="calc.py", old_text="a + b", new_text=new, replace_all=False)


async def test_an_edit_is_shown_and_y_allows_it_once(folder: Path) -> None:
    app = Host(folder)
    async with app.run_test() as pilot:
        call = edit(app)
        await until(pilot, lambda: app.bar.has_class("-stands"))
        assert "Tab to answer" in app.words and "y once" not in app.words
        assert f"{folder}/calc.py" in app.words
        rows = [(row.kind, row.text, row.number) for row in app.bar.sheet.rows]
        assert ("-", "    return a + b", 2) in rows and ("+", "    return a + b + 0", 2) in rows
        assert f"path '{folder}/calc.py'" in app.words
        await until(pilot, lambda: app.bar.is_armed)
        assert "y once" in app.words and "Tab to answer" not in app.words
        await pilot.press("y")
        assert await call == "ran"
        await until(pilot, lambda: app.composer.has_focus_within)
        assert app.permissions.decisions.list() == []


async def test_what_is_typed_ahead_is_kept_and_answers_nothing(folder: Path) -> None:
    app = Host(folder)
    async with app.run_test() as pilot:
        await pilot.press(*"y" * 20)
        call = edit(app)
        for _ in range(40):
            await pilot.press("y")
        await until(pilot, lambda: app.bar.has_class("-stands"))
        await pilot.press(*"y" * 20)
        await pilot.pause(1.0)
        assert not call.done() and not app.bar.is_armed
        assert app.composer.area.text == "y" * 80
        await pilot.press("ctrl+u")
        await until(pilot, lambda: app.bar.is_armed)
        await pilot.press("y")
        assert await call == "ran"
        assert app.composer.area.text == ""


async def test_a_key_from_before_the_arming_goes_to_the_text(folder: Path) -> None:
    app = Host(folder)
    async with app.run_test() as pilot:
        call = edit(app)
        await until(pilot, lambda: app.bar.is_armed)
        late = events.Key("y", "y")
        late.time -= 60  # read late, by an application that was busy
        app.post_message(late)
        await until(pilot, lambda: app.composer.area.text == "y")
        assert not call.done() and not app.bar.is_armed


async def test_enter_alone_never_approves_and_words_go_to_the_text(folder: Path) -> None:
    app = Host(folder)
    async with app.run_test() as pilot:
        call = edit(app)
        await until(pilot, lambda: app.bar.is_armed)
        await pilot.press("enter", "enter")
        assert not call.done() and app.sent == []
        await pilot.press(*"wait")
        await until(pilot, lambda: app.composer.area.text == "wait")
        assert not call.done() and not app.bar.is_armed


async def test_tab_moves_to_the_question_while_something_is_written(folder: Path) -> None:
    app = Host(folder)
    async with app.run_test() as pilot:
        await pilot.press(*"half a")
        call = edit(app)
        await until(pilot, lambda: app.bar.has_class("-stands"))
        app.bar.want()
        await until(pilot, lambda: app.bar.is_armed)
        await pilot.press("tab")
        assert not app.bar.is_armed and app.composer.has_focus_within
        app.bar.want()
        await until(pilot, lambda: app.bar.is_armed)
        await pilot.press("y")
        assert await call == "ran"
        assert app.composer.area.text == "half a"


async def test_n_takes_a_reason_for_the_model(folder: Path) -> None:
    app = Host(folder)
    async with app.run_test() as pilot:
        call = app.ask(SHELL, command="touch made.txt")
        await until(pilot, lambda: app.bar.is_armed)
        assert "$ touch made.txt" in app.words
        for key in ("n", *"use make", "enter"):  # faster than the focus moves
            key = "space" if key == " " else key
            app.post_message(
                events.Key(key, " " if key == "space" else key[:1] if len(key) == 1 else None)
            )
        assert await call == "denied: the person refused and said: use make"
        await until(pilot, lambda: app.composer.has_focus_within)
        assert app.composer.area.text == ""


async def test_escape_in_the_reason_goes_back_and_escape_refuses(folder: Path) -> None:
    app = Host(folder)
    async with app.run_test() as pilot:
        call = app.ask(SHELL, command="touch made.txt")
        await until(pilot, lambda: app.bar.is_armed)
        await pilot.press("n", "x", "escape")
        assert not call.done()
        await until(pilot, lambda: app.bar.has_focus)
        await pilot.press("escape")
        assert "the person refused" in await call


async def test_the_rule_may_be_written_anew_before_it_is_remembered(folder: Path) -> None:
    app = Host(folder)
    async with app.run_test() as pilot:
        call = app.ask(SHELL, command="git status")
        await until(pilot, lambda: app.bar.is_armed)
        await pilot.press("e")
        assert app.bar.field.value == "git status"
        await pilot.press(*["backspace"] * 6, "*", "enter")
        await until(pilot, lambda: app.bar.has_focus)
        assert "command 'git *'" in app.words
        await pilot.press("p")
        assert await call == "ran"
        [kept] = app.permissions.decisions.list()
        assert kept.rule.command == "git *" and kept.lifetime == "project"
        assert await app.ask(SHELL, command="git log") == "ran"


async def test_a_compound_command_offers_no_rule_to_be_written(folder: Path) -> None:
    app = Host(folder)
    async with app.run_test() as pilot:
        call = app.ask(SHELL, command="touch a; rm -rf build")
        await until(pilot, lambda: app.bar.is_armed)
        assert "e edit" not in app.words
        await pilot.press("e")
        assert not app.bar.has_class("-asks-text")
        await pilot.press("d")
        assert "for good" in await call
        assert [d.rule.effect for d in app.permissions.decisions.list()] == ["deny"]


async def test_the_next_question_waits_to_be_seen_anew(folder: Path) -> None:
    app = Host(folder)
    async with app.run_test() as pilot:
        calls = [app.ask(SHELL, command=f"touch {name}") for name in "ab"]
        await until(pilot, lambda: app.bar.is_armed)
        assert "$ touch a" in app.words and "1 more waits" in app.words
        await pilot.press("y", "y")
        assert await calls[0] == "ran"
        await until(pilot, lambda: "$ touch b" in app.words)
        assert not calls[1].done()
        app.questions.refuse_all("the run was stopped")
        assert await calls[1] == "denied: the run was stopped"
        await until(pilot, lambda: not app.bar.has_class("-stands"))


async def test_a_question_that_is_withdrawn_disappears(folder: Path) -> None:
    app = Host(folder)
    async with app.run_test() as pilot:
        call = edit(app)
        await until(pilot, lambda: app.bar.is_armed)
        await pilot.press("ctrl+f")
        await until(pilot, lambda: isinstance(app.screen, WholeQuestion))
        call.cancel()
        await until(pilot, lambda: not isinstance(app.screen, WholeQuestion))
        assert not app.bar.has_class("-stands") and app.composer.has_focus_within


async def test_all_of_it_is_shown_on_a_screen_that_takes_the_same_keys(folder: Path) -> None:
    app = Host(folder)
    async with app.run_test() as pilot:
        call = edit(app)
        await until(pilot, lambda: app.bar.is_armed)
        await pilot.press("ctrl+f")
        await until(pilot, lambda: isinstance(app.screen, WholeQuestion))
        await pilot.press("y")
        assert await call == "ran"


@pytest.mark.parametrize("width", [30, 80, 130])
async def test_a_long_reason_and_rule_say_that_there_is_more_and_stand_whole_on_their_screen(
    folder: Path, width: int
) -> None:
    deep = folder.joinpath(*(f"folder-{n:02}" for n in range(60)))
    deep.mkdir(parents=True)
    (deep / "a.py").write_text("old\n")
    app = Host(folder)
    async with app.run_test(size=(width, 50)) as pilot:
        place = str(deep / "a.py")
        app.ask(EDIT, file_path=place, old_text="old", new_text="new", replace_all=False)
        await until(pilot, lambda: app.bar.is_armed)
        for name in ("title", "why", "rule"):
            part = app.bar.query_one(f"#{name}", Brief)
            lines = [strip.text.rstrip() for strip in part.render_lines(part.size.region)]
            is_whole = "".join("".join(lines).split()) == "".join(part.text.split())
            assert is_whole != lines[-1].endswith("... more: Ctrl+F"), lines
            assert len(lines) <= 3
        assert place in app.bar.query_one("#rule", Brief).text
        await pilot.press("ctrl+f")
        await until(pilot, lambda: isinstance(app.screen, WholeQuestion))
        shown = "".join(row.text for row in app.screen.query_one(Sheet).rows)
        for name in ("title", "why", "rule"):
            assert app.bar.query_one(f"#{name}", Brief).text in shown


@pytest.mark.parametrize("width", [20, 37, 80])
def test_words_stay_whole_and_columns_of_files_stay_columns(width: int) -> None:
    said = "the person is asked since no rule allows it, and nothing is lost of it"
    lines = ["".join(text for _, text in line) for line in _lay_out([Row("text", said)], width)]
    assert "".join(lines) == said and all(word in "\n".join(lines) for word in said.split())
    code = "x" * 3 + " " * 40 + "y"
    full = ["".join(text for _, text in line) for line in _lay_out([Row("+", code, 1)], width)]
    assert "".join(line[8:] for line in full) == code
    assert {len(line) for line in full[:-1]} <= {width}


async def test_old_and_new_stand_side_by_side_where_there_is_room(folder: Path) -> None:
    app = Host(folder)
    async with app.run_test(size=(130, 40)) as pilot:
        edit(app)
        await until(pilot, lambda: app.bar.has_class("-stands"))
        await pilot.pause()
        lines = [app.bar.sheet.render_line(y).text for y in range(app.bar.sheet.size.height)]
        assert any("- " in line and "│" in line and "+ " in line for line in lines)


async def test_leaving_the_application_refuses(folder: Path) -> None:
    app = Host(folder)
    async with app.run_test() as pilot:
        call = edit(app)
        await until(pilot, lambda: app.bar.has_class("-stands"))
    assert "refused" in await call


async def test_a_bell_rings_once_where_the_window_has_no_focus(folder: Path) -> None:
    app = Host(folder)
    async with app.run_test() as pilot:
        call = edit(app)
        await until(pilot, lambda: app.bar.is_armed)
        assert app.bells == 0
        app.post_message(events.AppBlur())
        await until(pilot, lambda: not app.bar.is_armed)
        app.questions.refuse_all()
        await call
        call = edit(app)
        await until(pilot, lambda: app.bells == 1)
        await pilot.pause(0.6)
        assert not app.bar.is_armed
        app.post_message(events.AppFocus())
        await until(pilot, lambda: app.bar.is_armed)
        await pilot.press("y")
        assert await call == "ran"
        assert app.bells == 1


async def test_a_click_that_gives_the_window_its_focus_is_no_wish_to_answer(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = Host(folder)
    monkeypatch.setattr(question, "AFTER_FOCUS", 3600)
    async with app.run_test() as pilot:
        await pilot.press("x")
        edit(app)
        await until(pilot, lambda: app.bar.has_class("-stands"))
        app.post_message(events.AppBlur())
        app.post_message(events.AppFocus())
        await pilot.pause()
        await pilot.click(app.bar)
        await pilot.pause(0.8)
        assert not app.bar.is_armed
        monkeypatch.setattr(question, "AFTER_FOCUS", 0)
        await pilot.click(app.bar)
        await until(pilot, lambda: app.bar.is_armed)


async def test_hostile_words_are_shown_and_harm_nothing(folder: Path) -> None:
    app = Host(folder)
    hostile = "[/] [red]x[/red] \x1b]0;t\x07 \u202e" + "e" + "\u0301" * 100_000 + " z" * 20_000
    async with app.run_test() as pilot:
        call = app.ask(SHELL, command=f"echo '{hostile[:50_000]}'")
        await until(pilot, lambda: call.done() or app.bar.has_class("-stands"))
        if not call.done():
            await pilot.pause()
            assert "\x1b" not in app.words and "\u202e" not in app.words
            app.questions.refuse_all()
        await call
