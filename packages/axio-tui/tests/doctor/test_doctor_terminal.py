"""The terminal: what is made of its variables and answers, and that asking it never hangs."""

from __future__ import annotations

import os
from typing import Any

import pytest

from axio_tui.doctor.findings import Finding
from axio_tui.doctor.query import Answers, ask_terminal, questions
from axio_tui.doctor.terminal import Terminal, terminal_findings

KITTY = (
    "\x1bP>|kitty(0.40.1)\x1b\\\x1b[?0u\x1b[?1006;2$y\x1b[?2004;2$y\x1b[?2026;2$y"
    "\x1b_Gi=31;OK\x1b\\\x1b[?62;52;c"
)
FOOT = "\x1bP>|foot(1.19.0)\x1b\\\x1b[?1u\x1b[?1006;2$y\x1b[?2004;2$y\x1b[?62;4;22c"
OLD = "\x1b[?1;2c"


def found(answers: str | None = None, **options: Any) -> dict[str, Finding]:
    given = None if answers is None else Answers(answers)
    environment = options.pop("environment", {"TERM": "xterm-256color"})
    terminal = Terminal(environment, size=options.pop("size", (80, 24)), answers=given, **options)
    return {one.name: one for one in terminal_findings(terminal)}


@pytest.mark.parametrize(
    ("answers", "keys", "images"),
    [(KITTY, "yes", "can draw them (kitty)"), (FOOT, "yes", "(sixel)"), (OLD, "no", "draws none")],
)
def test_abilities_are_what_the_terminal_says(answers: str, keys: str, images: str) -> None:
    findings = found(answers)
    assert findings["kitty keys"].found.startswith(keys)
    assert images in findings["images"].found


def test_its_name_is_told() -> None:
    assert found(KITTY)["terminal"].found == "TERM=xterm-256color, kitty(0.40.1)"


@pytest.mark.parametrize("whole", [KITTY, FOOT, OLD])
def test_answers_that_are_cut_say_no_more_than_came(whole: str) -> None:
    for end in range(len(whole)):
        answers = Answers(whole[:end])
        assert not answers.are_all
        assert answers.kitty_keys is not False and answers.sixel is None
    assert Answers(whole).are_all


def test_a_terminal_that_is_silent_is_a_warning_and_one_that_was_not_asked_is_none() -> None:
    assert found("")["keys, mouse, images"].state == "warning"
    assert found(None)["keys, mouse, images"].state == "ok"


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, "16 million"),
        ({"TERM": "screen-256color"}, "256"),
        ({"TERM": "linux"}, "16 or fewer"),
        ({"TERM": "xterm-direct"}, "16 million"),
        ({"TERM": "xterm", "COLORTERM": "truecolor", "NO_COLOR": "1"}, "none"),
    ],
)
def test_colours_are_those_of_the_variables(environment: dict[str, str], words: str) -> None:
    assert found(environment=environment)["colours"].found.startswith(words)


def test_what_makes_it_worse_is_a_warning_with_what_to_do() -> None:
    worse = [
        found(environment={})["terminal"],
        found(environment={"TERM": "dumb"})["terminal"],
        found(encoding="ANSI_X3.4-1968")["UTF-8"],
        found(size=(20, 5))["size"],
    ]
    tmux = {"TERM": "tmux", "TMUX": "/tmp/x,1,0"}
    options = {"extended-keys": "off", "set-clipboard": "off"}
    inside = found(environment=tmux, tmux=options)
    worse += [inside["tmux keys"], inside["tmux clipboard"]]
    for one in worse:
        assert one.state == "warning" and one.advice, one
    well = {"extended-keys": "on", "set-clipboard": "external"}
    assert found(environment=tmux, tmux=well)["tmux keys"].state == "ok"
    assert found(environment=tmux)["tmux"].state == "warning"


def test_without_a_terminal_nothing_is_wrong() -> None:
    assert found(size=None)["terminal"].state == "ok"


def test_a_console_is_asked_nothing_that_it_would_print() -> None:
    assert questions("linux") == "\x1b[c"
    assert questions("xterm").endswith("\x1b[c") and "\x1b_G" in questions("xterm")


def test_a_dumb_terminal_is_not_asked() -> None:
    assert ask_terminal("dumb", 40) is None and ask_terminal("", 40) is None


# ── a real one ────────────────────────────────────────────────────────────────────────────────

DOCTOR = ("doctor", "--limit", "40")


def test_the_terminal_is_asked_and_put_back(terminal: Any) -> None:
    window = terminal("doctor", "--limit", "320", env={"TERM": "xterm"})
    window.until("\x1b[c")
    window.send(KITTY)
    window.until("kitty(0.40.1)")
    window.until("kitty keys")
    window.until("container engine")
    code, _ = window.end(60)
    assert code == 0 and window.has_line_mode()


def test_a_terminal_that_does_not_answer_is_not_waited_for(terminal: Any) -> None:
    window = terminal(*DOCTOR, env={"TERM": "xterm"})
    window.until("the terminal answers no question")
    window.until("container engine")
    code, _ = window.end(60)
    assert code == 0 and window.has_line_mode()


def test_no_question_is_written_where_it_would_be_read_as_output(axio: Any, tmp_path: Any) -> None:
    with open(tmp_path / "out", "wb") as file:
        process = axio.start(*DOCTOR, "--json", stdout=file, env={"TERM": "xterm"})
        assert process.wait(60) == 0
    assert b"\x1b" not in (tmp_path / "out").read_bytes()
    assert os.path.getsize(tmp_path / "out") > 100
