"""The full screen over models that run here: the offline model, and a llama.cpp server."""

from __future__ import annotations

import re
from typing import Any

import pytest

from support.desk import Desk
from support.parts import requires
from support.tmux import Window

LONG = 240.0


def answered(window: Window, prompt: str) -> None:
    """Type a prompt, and wait until its turn is over."""
    window.type(prompt)
    window.until(prompt)
    window.until("Esc stops", seconds=LONG)
    window.until_gone("Esc stops", seconds=LONG)


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_without_any_key_the_offline_model_answers_at_once(desk: Desk) -> None:
    """The first screen names it and the way to another; a file is found by a call, and what was
    said is there again afterwards."""
    requires("weights")
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "AXIO_TRANSPORT", "AXIO_MODEL"):
        del desk.axio.environment[name]
    (desk.folder / "examples").mkdir()
    (desk.folder / "examples/needle.txt").touch()
    window = desk.open(wait="offline model", seconds=LONG)
    window.until("/connect")
    answered(window, "List the files in examples")
    window.keys("C-o")
    window.until("needle.txt", seconds=LONG)
    window.keys("C-q")
    window.until("END=0")
    again = desk.open("-c")
    lines = again.until("list_files")
    assert any("List the files in examples" in line for line in lines)


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_a_conversation_with_a_llama_server_calls_a_tool_and_goes_on(
    desk: Desk, llama_natural: Any
) -> None:
    """Its words come, a call that it is bound to make runs, and the conversation is resumed."""
    desk.axio.environment |= {
        "OPENAI_BASE_URL": f"{llama_natural.url}/v1",
        "AXIO_MODEL": llama_natural.model,
    }
    (desk.folder / "src").mkdir()
    (desk.folder / "src/needle.txt").touch()
    system = ("--system", "You list files when asked.", "--tools", "list_files")
    window = desk.open(*system)
    for _ in range(5):  # the model is small: it may talk instead
        answered(window, "List the files in src")
        if any(re.search(r"▸ list_files", line) for line in window.shown()):
            break
    window.until("list_files  ")
    window.keys("C-o")
    window.until("needle.txt")
    window.keys("C-q")
    window.until("END=0")
    again = desk.open("-c", *system)
    again.until("List the files in src")
    answered(again, "Say hello.")
    again.until("tokens")
    assert not any("Error" in line for line in again.lines())
