"""The first minute of a user: the command on a machine without key, server or settings.

A real model on this machine chooses the tool; nothing here is scripted.
"""

from __future__ import annotations

import json
import os
import pty
import re
import select
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
    assert "axio models lists others" in shown, "it says how to choose another model"
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
    process = subprocess.Popen(
        command, env={**environment, "TERM": "dumb"}, cwd=ROOT, stdin=other_end,
        stdout=other_end, stderr=other_end, start_new_session=True,
    )  # fmt: skip
    os.close(other_end)
    try:
        shown_until_it_asks(terminal)
        for _ in range(2):
            os.write(terminal, PROMPT.encode() + b"\n")
            shown = shown_until_it_asks(terminal)
            assert "list_files" in shown
            assert EXAMPLES[-1] in shown
        os.write(terminal, b"\x04")
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        os.close(terminal)


def shown_until_it_asks(terminal: int, seconds: float = 60) -> str:
    """The output up to and with the next prompt, `you: ` at the beginning of a line."""
    shown = ""
    deadline = time.monotonic() + seconds
    while not re.search(r"(\A|[\r\n])you: \Z", shown):
        readable, _, _ = select.select([terminal], [], [], max(0, deadline - time.monotonic()))
        assert readable, f"no prompt came; shown was:\n{shown}"
        shown += os.read(terminal, 65536).decode("utf-8", "replace")
    return shown


def test_nothing_is_written_outside_the_users_own_folders(home: Path, tmp_path: Path) -> None:
    """Runs in an empty folder; only cache, config and data folders may have been made."""
    command, environment = axio(home, "run", "List the files here")
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []
    assert {path.name for path in home.iterdir()} <= {".cache", ".config", ".local"}
