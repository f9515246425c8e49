"""`/connect` and `/settings` in lines: the command on a terminal, over real servers."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.threaded import Handler, ThreadedServer

KEY = "sk-right-0123456789-wxyz"
WRONG = "sk-wrong-9876543210-dcba"
LINES = ("--plain", "--tools", "none", "--transport", "local")
YOU = "you: "


class Answering(Handler):
    """Two models, of which each answers with its name; a key that is right."""

    def do_GET(self) -> None:
        if self._is_allowed():
            self.reply_models("small", "large")

    def do_POST(self) -> None:
        body = json.loads(self.body())
        if self._is_allowed():
            choice = {"delta": {"content": f"{body['model']} is here"}, "finish_reason": "stop"}
            self.head("text/event-stream")
            self.event({"choices": [choice]})
            self.wfile.write(b"data: [DONE]\n\n")

    def _is_allowed(self) -> bool:
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if given == KEY:
            return True
        self.reply({"error": {"message": f"no such key: {given}"}}, 401)
        return False


@pytest.fixture
def address() -> Iterator[str]:
    with ThreadedServer(Answering) as server:
        yield f"{server.url}/v1"


def files_with(axio: Any, secret: str) -> list[str]:
    homes = (axio.home, Path(f"{axio.home}-data"))
    files = (file for home in homes for file in home.rglob("*") if file.is_file())
    return sorted(file.name for file in files if secret.encode() in file.read_bytes())


def test_three_steps_in_lines_with_a_wrong_key_at_first(
    axio: Any, terminal: Any, address: str
) -> None:
    tty = terminal(*LINES, env={"TERM": "xterm"})
    seen = tty.until(YOU)
    tty.send("/connect\n")
    seen += tty.until("Which? ")
    assert "Connect to:" in seen and "another server (not set up, it needs: Address)" in seen
    tty.send("another\n")
    seen += tty.until("Address: ")
    tty.send("somewhere\n")
    seen += tty.until("That does not fit: an address begins with http://")
    tty.send(f"{address}\n")
    seen += tty.until("API key: ")
    tty.send(f"{WRONG}\n")
    seen += tty.until("Protocol")
    tty.send("\n")
    seen += tty.until("Models")
    tty.send("\n")
    seen += tty.until("Which? ")
    tty.send("large\n")
    seen += tty.until("the key was refused")
    seen += tty.until("1  give the key or the address again")
    seen += tty.until("Which? ")
    assert files_with(axio, WRONG) == files_with(axio, address) == []
    tty.send("1\n")
    seen += tty.until(f"now {address}: Enter keeps it, - takes it away): ")
    tty.send("\n")
    seen += tty.until("now ...dcba: Enter keeps it, - takes it away): ")
    tty.send(f"{KEY}\n")
    seen += tty.until("Protocol")
    tty.send("\n")
    seen += tty.until("Models")
    tty.send("\n")
    seen += tty.until("2  large")
    seen += tty.until("Which? ")
    tty.send("2\n")
    seen += tty.until("Going on with large")
    seen += tty.until(YOU)
    assert KEY not in seen and WRONG not in seen, "neither typed nor repeated in clear"
    tty.send("hello\n")
    tty.until("large is here")
    tty.until(YOU)
    tty.send("exit\n")
    assert tty.end()[0] == 0 and tty.has_line_mode()
    assert files_with(axio, KEY) == ["secrets.toml"] and files_with(axio, WRONG) == []
    assert axio("run", "--tools", "none", "hello").out.startswith("large is here\n")


@pytest.mark.parametrize("way", ["ctrl-c", "ctrl-d", "enter"])
def test_leaving_changes_nothing_and_the_prompt_is_back(axio: Any, terminal: Any, way: str) -> None:
    tty = terminal(*LINES, env={"TERM": "xterm"})
    tty.until(YOU)
    tty.send("/connect\n")
    tty.until("Which? ")
    if way == "ctrl-c":
        tty.process.send_signal(signal.SIGINT)
    else:
        tty.send("\x04" if way == "ctrl-d" else "\n")
    tty.until("Nothing was changed.")
    tty.until(YOU)
    tty.send("/tools\n")
    tty.until("The model has no tools.")
    tty.until(YOU)
    tty.send("exit\n")
    assert tty.end()[0] == 0 and tty.has_line_mode()
    assert files_with(axio, "model.chat") == []


def test_settings_are_changed_in_lines(axio: Any, terminal: Any, address: str) -> None:
    tty = terminal(*LINES, env={"TERM": "xterm"})
    tty.until(YOU)
    tty.send("/settings openai\n")
    tty.until("API key (from platform.openai.com/api-keys): ")
    tty.send(f"{KEY}\n")
    tty.until("Address (else https://api.openai.com/v1): ")
    tty.send(f"{address}\n")
    tty.until("Protocol")
    tty.send("both\n")
    tty.until("That does not fit: Protocol is one of chat, responses.")
    tty.send("chat\n")
    tty.until("The settings of OpenAI are saved, its key in ")
    tty.until(YOU)
    tty.send("/model openai:small\n")
    tty.until("Going on with small of openai")
    tty.until(YOU)
    tty.send("hello\n")
    tty.until("small is here")
    tty.until(YOU)
    tty.send("exit\n")
    assert tty.end()[0] == 0
    assert files_with(axio, KEY) == ["secrets.toml"]


def test_a_screen_that_lines_cannot_show_is_said(terminal: Any) -> None:
    tty = terminal(*LINES, env={"TERM": "xterm"})
    tty.until(YOU)
    tty.send("/settings several openai-custom\n")
    tty.until("are on a screen of its own: open axio without --plain")
    tty.until(YOU)
    tty.send("exit\n")
    assert tty.end()[0] == 0
