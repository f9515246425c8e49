"""The composer in a terminal: newlines, history, the editor, pastes, files and commands."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from support.desk import Desk
from support.model_server import ModelServer
from support.parts import requires

pytestmark = pytest.mark.timeout(180)  # many starts of the command, on a busy machine


def editor(folder: Path, script: str) -> str:
    """A program that stands for the editor of the person."""
    path = folder / "editor"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_newlines_history_and_its_search(desk: Desk, model: ModelServer) -> None:
    """Earlier prompts are those of the project, also after a restart."""
    model.answer("One.")
    model.answer("Two.")
    window = desk.open()
    window.keys(*"first line", "C-j", *"second line", "Enter")
    window.until("One.")
    assert "first line\\nsecond line" in model.asked()
    window.type("another prompt")
    window.until("Two.")
    window.keys("C-q")
    window.until("END=0")

    again = desk.open()
    again.keys("/")
    again.until("/model")  # all that the first frame goes without is there
    again.keys("BSpace")
    again.until_gone("/model")
    again.keys("Up")
    again.until("another prompt")
    again.keys("C-u", "C-r")
    again.until("search")
    again.keys(*"second")
    again.until("first line")
    again.until_gone("another prompt")
    again.keys("Enter")
    model.answer("Three.")
    again.until("second line")
    again.keys("Enter")
    again.until("Three.")
    assert "first line\\nsecond line" in model.asked()

    other = desk.axio.home / "other"
    other.mkdir()
    elsewhere = desk.open(folder=other)
    elsewhere.keys("C-r")
    elsewhere.until("search")
    assert not any("another prompt" in line for line in elsewhere.shown())


def test_the_editor_gets_the_text_and_gives_it_back(desk: Desk, model: ModelServer) -> None:
    model.answer("One.")
    visual = editor(desk.axio.home, 'printf "\\nwritten there" >> "$1"')
    window = desk.open(VISUAL=visual)
    window.keys(*"begun here", "C-g")
    window.until("written there")
    window.keys("Enter")
    window.until("One.")
    assert "begun here\\nwritten there" in model.asked()


def test_the_text_stays_when_the_editor_fails(desk: Desk, model: ModelServer) -> None:
    model.answer("One.")
    window = desk.open(VISUAL=editor(desk.axio.home, 'echo spoilt > "$1"; exit 3'))
    window.keys(*"begun here", "C-g")
    window.until("failed with 3: the text is as it was")
    window.keys("Enter")
    window.until("One.")
    assert "begun here" in model.asked() and "spoilt" not in model.asked()


def test_a_paste_of_500_lines_is_a_placeholder_and_sent_whole(
    desk: Desk, model: ModelServer
) -> None:
    model.answer("One.")
    window = desk.open()
    window.paste("\n".join(map(str, range(1, 501))) + "\n")
    lines = window.until("500 lines")
    assert not any(line.strip() == "499" for line in lines) and not model.requests
    window.keys("Enter")
    window.until("One.")
    assert "498\\n499\\n500" in model.asked()


def test_a_megabyte_in_one_line_and_odd_bytes_are_pasted(desk: Desk, model: ModelServer) -> None:
    model.answer("One.")
    window = desk.open()
    buffer = desk.axio.home / "buffer"
    buffer.write_bytes(b"x" * 1_000_000 + b"\xff\xfe end")
    window("load-buffer", str(buffer))
    window("paste-buffer", "-p", "-t", "a")
    window.until("1,000,0")
    window.keys(*" and more", "Enter")
    window.until("One.")
    text = model.requests[-1]["messages"][-1]["content"]
    text = text if isinstance(text, str) else text[0]["text"]
    assert text.count("x") == 1_000_000 and text.endswith(" end and more")


def test_files_are_completed_and_sent(desk: Desk, model: ModelServer) -> None:
    """Names with blanks are quoted, and what .gitignore names is not offered."""
    (desk.folder / "calc.py").write_text("def add(): ...\n")
    (desk.folder / "two words.txt").write_text("the second file\n")
    (desk.folder / "node_modules").mkdir()
    (desk.folder / "node_modules/calx.js").write_text("")
    (desk.folder / ".gitignore").write_text("node_modules\n")
    subprocess.run([requires("git"), "init", "-q", str(desk.folder)], check=True)
    model.answer("One.")
    window = desk.open()
    window.keys(*"see @cal")
    lines = window.until("calc.py")
    assert not any("calx" in line for line in lines)
    window.keys("Tab", *" and @two")
    window.until("two words.txt")
    window.keys("Tab")
    window.until('@"two words.txt"')
    window.keys("Enter")
    window.until("One.")
    assert "def add()" in model.asked() and "the second file" in model.asked()


def test_a_file_outside_of_the_folder_is_asked_about(desk: Desk, model: ModelServer) -> None:
    (desk.axio.home / "outside.txt").write_text("from outside\n")
    model.answer("One.")
    window = desk.open()
    window.type("see @../outside.txt")
    window.until("send it")
    assert not model.requests
    window.keys("n")
    window.until_gone("send it")
    assert not model.requests


@pytest.mark.parametrize(("marks", "told"), [("!", False), ("!!", True)])
def test_a_command_of_the_person(desk: Desk, model: ModelServer, marks: str, told: bool) -> None:
    """Two marks send its output to the model; one does not."""
    (desk.folder / "needle.txt").write_text("")
    model.answer("One.")
    window = desk.open()
    window.type(f"{marks}ls")
    window.until("needle.txt")
    if told:
        window.until("One.")
        assert "needle.txt" in model.asked()
        return
    window.type("hello")
    window.until("One.")
    assert "needle.txt" not in model.asked() and len(model.requests) == 1


def test_commands_are_listed_completed_and_never_sent(desk: Desk, model: ModelServer) -> None:
    window = desk.open()
    window.keys("/")
    window.until("/model")
    window.keys(*"mod")
    window.until_gone("/resume")
    window.keys("Tab", *"x")
    window.until("/model x")
    window.keys("C-u", *"/nonsense", "Enter")
    assert any(
        "/nonsense" in line or "nonsense" in line for line in window.until("no such command")
    )
    assert not model.requests
