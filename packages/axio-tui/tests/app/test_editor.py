"""The editor of the person, in a real terminal."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from axio_tui.app.editor import EditorFailed, editor_of

PROGRAM = """
from textual.app import App
from textual.widgets import Static
from axio_tui.app.widgets.composer import Composer

class Host(App):
    def compose(self):
        self.said = Static("ready", markup=False)
        yield self.said
        self.composer = Composer()
        yield self.composer
    def on_mount(self):
        self.composer.focus()
    def on_composer_submitted(self, message):
        self.exit(message.text)
    def on_composer_said(self, message):
        self.said.update(message.words)

print("LEFT", repr(Host().run()))
"""


class Terminal:
    """A program in a pseudo-terminal; `screen` is all that it has written."""

    def __init__(self, folder: Path, editor: str) -> None:
        self.screen = ""
        environment = {**os.environ, "TERM": "xterm", "VISUAL": editor}
        master, slave = pty.openpty()
        self._terminal = master
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            cwd=folder,
            env=environment,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def wait_for(self, words: str) -> None:
        end = time.monotonic() + 50
        while words not in self.screen:
            assert time.monotonic() < end, f"no {words!r} in {self.screen[-2000:]!r}"
            if select.select([self._terminal], [], [], 1)[0]:
                try:
                    self.screen += os.read(self._terminal, 65536).decode("utf-8", "replace")
                except OSError:  # the other end is closed
                    assert words in self.screen, self.screen[-2000:]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._terminal)


def editor_that(folder: Path, script: str) -> str:
    path = folder / "editor"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return str(path)


@pytest.mark.parametrize(
    ("script", "said", "left"),
    [
        ('echo "and more" >> "$1"', "", "LEFT 'wordsand more'"),
        ("exit 3", "has failed with 3", "LEFT 'words'"),
        ('rm "$1"', "cannot be read", "LEFT 'words'"),
    ],
)
def test_a_text_goes_to_the_editor_and_comes_back(
    tmp_path: Path, script: str, said: str, left: str
) -> None:
    terminal = Terminal(tmp_path, editor_that(tmp_path, script))
    try:
        terminal.wait_for("new line")
        terminal.type("words")
        terminal.wait_for("words")
        terminal.type("\x07")
        terminal.wait_for(said or "more")
        terminal.type("\r")
        terminal.wait_for(left)
    finally:
        terminal.close()


def test_an_editor_that_is_not_there_changes_nothing(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "no-such-editor --wait")
    try:
        terminal.wait_for("new line")
        terminal.type("words\x07")
        terminal.wait_for("cannot be started")
        terminal.type("\r")
        terminal.wait_for("LEFT 'words'")
    finally:
        terminal.close()


def test_the_editor_may_have_arguments() -> None:
    assert editor_of({"VISUAL": "code --wait", "EDITOR": "vi"}) == ["code", "--wait"]
    assert editor_of({"EDITOR": "nano"}) == ["nano"]
    assert editor_of({}) == ["vi"]
    with pytest.raises(EditorFailed):
        editor_of({"EDITOR": "'"})
