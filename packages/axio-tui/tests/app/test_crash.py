"""A fault of the application ends it with one line and a report, and neither tells a secret."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from axio_tui.app.app import AgentApp
from axio_tui.app.crash import report_crash
from axio_tui.app.leaving import parting_words
from axio_tui.app.themes import theme_for
from axio_tui.chat.entries import Entry, Text, ToolCall, User
from support.screen import Puppet, app_over, until


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data" / "axio-tui" / "logs"


def raised() -> ValueError:
    try:
        hidden = "a value of a variable"
        raise ValueError(f"no [/] good: sk-secret-123 {len(hidden)}")
    except ValueError as error:
        return error


def test_the_report_has_the_traceback_and_no_values_and_no_secrets(data: Path) -> None:
    words = report_crash(raised(), ("sk-secret-123", ""))
    (file,) = data.iterdir()
    report = file.read_text("utf-8")
    assert str(file) in words and "ValueError" in words and "\n" not in words
    assert "in raised" in report
    for text in (words, report):
        assert "sk-secret-123" not in text and "a value of a variable" not in text
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600


def test_the_report_of_a_deep_fault_has_its_place(data: Path) -> None:
    def deep(levels: int) -> None:
        if not levels:
            raise RuntimeError("at the bottom")
        [deep, deep][levels % 2](levels - 1)

    try:
        deep(40)
    except RuntimeError as error:
        report_crash(error)
    (file,) = data.iterdir()
    assert file.read_text("utf-8").endswith("RuntimeError: at the bottom\n\n")


def test_a_report_that_cannot_be_written_still_gives_the_line(data: Path) -> None:
    data.parent.parent.mkdir(parents=True)
    data.parent.write_text("no folder")
    assert report_crash(raised()).startswith("the application has failed: ValueError: no [/] good")


async def test_the_application_ends_with_status_1_and_keeps_what_was_said(
    tmp_path: Path, data: Path
) -> None:
    puppet = Puppet()
    app = app_over(puppet, tmp_path)

    def broken() -> None:
        raise RuntimeError(f"broken with {puppet.api_key}")

    with pytest.raises(RuntimeError, match="broken with"):  # as the pilot has it
        async with app.run_test() as pilot:
            await until(pilot, app.ready.is_set)
            await app.runs.send(app.session, "hello")
            puppet.answer("words that stay")
            await until(pilot, lambda: not app.runs.is_busy)
            app.call_later(broken)
            await pilot.pause(0.1)
    await app.close()
    assert app.return_code == 1
    check(app, data, puppet.api_key)


def check(app: AgentApp, data: Path, key: str) -> None:
    assert "RuntimeError" in app.crash_words and key not in app.crash_words
    (file,) = data.iterdir()
    assert key not in file.read_text("utf-8")
    assert "words that stay" in app.parting_words("last")


def test_the_last_exchange_and_the_way_back_stay_in_the_terminal() -> None:
    entries: list[Entry] = [
        User("first"),
        Text("one"),
        User("second \x1b[31mred"),
        ToolCall("c", "shell", {}, "done"),
        Text("draft"),
        Text("final"),
    ]
    assert parting_words(entries, "abc") == "\n\n".join(
        ["> second red", "final", "To go on: axio --resume abc"]
    )
    assert "one" in parting_words(entries, "abc", "all")
    assert parting_words(entries, "abc", "none") == "To go on: axio --resume abc"
    assert parting_words(entries, "abc", "none", is_kept=False) == ""
    assert parting_words([], "abc") == ""


@pytest.mark.parametrize(
    ("environment", "wanted", "theme"),
    [
        ({"TERM": "xterm-256color"}, "", "textual-dark"),
        ({"TERM": "xterm-256color", "COLORFGBG": "0;15"}, "", "textual-light"),
        ({"TERM": "xterm-256color"}, "light", "textual-light"),
        ({"TERM": "linux"}, "", "ansi-dark"),
        ({"TERM": "xterm"}, "light", "ansi-light"),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, "", "textual-dark"),
        ({"TERM": "linux"}, "nord", "nord"),
    ],
)
def test_colours_fit_the_terminal(environment: dict[str, str], wanted: str, theme: str) -> None:
    assert theme_for(environment, wanted) == theme
