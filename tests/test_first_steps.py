"""The first minute of a user: the command on a machine without key, server or settings.

A real model on this machine chooses the tool; nothing here is scripted.
"""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.parts import requires
from support.workspace import ROOT

pytestmark = pytest.mark.timeout(120)

PROMPT = "List the files in examples"
EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("*.py"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    requires("weights")
    yield tmp_path_factory.mktemp("home")


def axio(home: Path, *arguments: str) -> tuple[list[str], dict[str, str]]:
    """The command with nothing but HOME and PATH, as `make run` starts it."""
    command = [str(Path(sys.executable).with_name("axio")), *arguments]
    return command, {"HOME": str(home), "PATH": "/usr/bin:/bin"}


def test_a_prompt_is_answered_by_a_tool_that_a_model_on_this_machine_chose(home: Path) -> None:
    command, environment = axio(home, "run", PROMPT)
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    shown = done.stdout + done.stderr
    assert done.returncode == 0, shown
    assert "list_files" in shown
    for name in EXAMPLES:
        assert name in shown
    assert "--transport" in shown, "it says how to choose another model"
    assert "token" in shown


def test_events_come_as_json_one_a_line(home: Path) -> None:
    command, environment = axio(home, "run", "--json", PROMPT)
    with subprocess.Popen(
        command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        records = [json.loads(line) for line in process.stdout]
    assert process.returncode == 0
    kinds = [record["type"] for record in records]
    assert kinds[-1] == "session_end"
    assert kinds.index("tool_use_start") < kinds.index("tool_result")
    result = records[kinds.index("tool_result")]
    assert result["name"] == "list_files"
    assert result["input"] == {"directory": "examples"}
    assert not result["is_error"]


def test_on_a_terminal_it_asks_again_and_again_until_end_of_input(home: Path) -> None:
    command, environment = axio(home, "run")
    terminal, other_end = pty.openpty()
    with subprocess.Popen(
        command, env={**environment, "TERM": "dumb"}, cwd=ROOT, stdin=other_end,
        stdout=other_end, stderr=other_end, start_new_session=True,
    ) as process:  # fmt: skip
        os.close(other_end)
        shown = ""
        for round in range(2):
            os.write(terminal, PROMPT.encode() + b"\n")
            shown += read_until(terminal, EXAMPLES[-1], count=round + 1, seen=shown)
        os.write(terminal, b"\x04")
        read_to_the_end(terminal)
        assert process.wait(10) == 0
    os.close(terminal)


def read_until(terminal: int, text: str, count: int, seen: str, seconds: float = 60) -> str:
    """What the terminal shows until `text` has been seen `count` times and a prompt is back."""
    shown = ""
    deadline = time.monotonic() + seconds
    while (seen + shown).count(text) < count:
        assert time.monotonic() < deadline, seen + shown
        shown += os.read(terminal, 65536).decode("utf-8", "replace")
    return shown


def read_to_the_end(terminal: int) -> None:
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:  # Linux says so when the other end is closed
        pass


def test_nothing_is_written_outside_the_users_own_folders(home: Path, tmp_path: Path) -> None:
    """Runs in an empty folder; only cache, config and data folders may have been made."""
    command, environment = axio(home, "run", "List the files here")
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []
    assert {path.name for path in home.iterdir()} <= {".cache", ".config", ".local"}
