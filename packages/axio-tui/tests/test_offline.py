"""The command with the offline model: a real model, on this machine, chooses a real tool."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from support.parts import requires

TOOLS = ("--tools", "list_files,acme_change")


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose cache keeps what the model has read, for the tests that follow."""
    requires("weights")
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def offline(axio: Any, cache: Path) -> Any:
    axio.environment["XDG_CACHE_HOME"] = str(cache)
    (axio.home / "docs").mkdir()
    (axio.home / "docs" / "guide.md").write_text("# Guide\n")
    return lambda *args, **options: axio("run", *TOOLS, *args, **options)


def test_it_lists_the_files_that_were_asked_for(offline: Any) -> None:
    done = offline("--transport", "local", "List the files in docs")
    assert done.code == 0
    # Nothing but the notice that reading the tools takes long, where it does.
    assert all(line.startswith("axio: waiting for") for line in done.err.splitlines())
    assert done.out.startswith('-> list_files(directory="docs")\n')
    assert "guide.md" in done.out and " tokens in, " in done.out


def test_a_call_that_changes_something_is_not_made_without_leave(offline: Any, axio: Any) -> None:
    for option, made in ((), False), (("--yes",), True):
        done = offline(*option, "--transport", "local", "Make a new file called notes.txt")
        assert done.code == 0 and '-> acme_change(path="notes.txt")' in done.out, done.out
        assert ("--yes" in done.out) is not made
        assert (axio.home / "notes.txt").exists() is made


def test_it_says_what_it_cannot_do(offline: Any) -> None:
    done = offline("--transport", "local", "What is the capital of France?")
    assert done.code == 0 and "->" not in done.out and "larger model" in done.out


def test_another_model_is_not_there(offline: Any) -> None:
    done = offline("--transport", "local", "--model", "gpt-4o", "hi")
    assert done.code == 2 and "gpt-4o" in done.line and "smollm2" in done.line


def test_ctrl_c_while_it_reads_ends_it_with_130(offline: Any, axio: Any, tmp_path: Path) -> None:
    env = {"XDG_CACHE_HOME": str(tmp_path / "cold")}
    process = axio.start("run", "--transport", "local", "List the files in docs", env=env)
    deadline = time.monotonic() + 20
    while "xllamacpp" not in Path(f"/proc/{process.pid}/maps").read_text():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(3.5)  # while the model is being loaded llama.cpp lets no other thread run
    started = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(25) == 130
    assert time.monotonic() - started < 4
    assert process.stderr.read().splitlines()[-1] == b"axio: interrupted"


@pytest.mark.usefixtures("offline")
def test_a_newcomer_keeps_one_conversation_over_a_restart(axio: Any, terminal: Any) -> None:
    args = ("--plain", "--transport", "local", *TOOLS)
    tty = terminal(*args)
    tty.until("you: ", 60)
    tty.send("List the files in docs\n")
    tty.until('tool: list_files(directory="docs")\n', 120)
    assert "guide.md" in tty.until(" tokens in", 120)
    tty.until("you: ")
    tty.send("Make a new file called notes.txt\n")
    tty.until("Run it? [yes", 120)
    tty.send("no\n")
    tty.until("the person refused", 120)
    tty.until("you: ", 120)
    tty.send("exit\n")
    assert tty.end(60)[0] == 0
    tty = terminal(*args, "-c")
    again = tty.until("you: Make a new file called notes.txt\n", 60)
    assert "you: List the files in docs\n" in again and again.count("guide.md") == 1
    tty.until("you: ", 60)
    tty.send("Make a new file called notes.txt\n")
    tty.until("Run it? [yes", 120)
    tty.send("yes\n")
    tty.until("you: ", 120)
    tty.send("\x04")
    assert tty.end(60)[0] == 0 and (axio.home / "notes.txt").exists()
