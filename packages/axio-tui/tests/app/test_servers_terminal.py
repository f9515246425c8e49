"""MCP servers in the full screen as a person has it: in a terminal, from the files of the user."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import support
from support.mcp_servers import gated
from support.tmux import Window

pytestmark = pytest.mark.timeout(240)
COMMAND = ("-m", "axio_tui", "--transport", "scripted", "--yes")
ASKING = Path(support.__file__).with_name("mcp_asking_server.py")


@pytest.fixture
def window(axio: Any) -> Iterator[Window]:
    window = Window(axio, COMMAND)
    try:
        yield window
    finally:
        window.close()


def keep(axio: Any, **servers: Any) -> None:
    file = Path(axio.home, ".config", "axio", "mcp.json")
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"mcpServers": servers}))


def test_a_server_asks_and_gets_the_form_that_was_filled_in(axio: Any, window: Window) -> None:
    keep(axio, a={"command": sys.executable, "args": [str(ASKING)]})
    schema = {"type": "object", "properties": {"colour": {"type": "string"}}}
    call = ["a__ask", {"params": {"message": "Which colour?", "requestedSchema": schema}}]
    window.start(script=[[call], ["Done."]], size="100x30")
    window.until("F1 help")
    window.type("go")
    window.until("MCP server a asks")
    window.until("y fill in its form")
    window.keys("y")
    window.until("For the MCP server a")
    window.type("blue")
    window.until("Done.")
    window.keys("C-o")
    window.until('"content": {"colour": "blue"}')


def test_a_hanging_server_holds_up_nothing_and_is_listed(axio: Any, window: Window) -> None:
    gate = Path(f"{axio.home}-gate")
    config = gated(gate)
    keep(axio, late={"command": config.command, "args": config.args, "timeout": 200})
    window.start(script=[["First."], ["Second."]], size="100x30", AXIO_SERVERS_WAIT="1")
    window.until("F1 help")
    window.type("one")
    window.until("First.")
    window.type("/mcp")
    window.until("> late: connecting")
    window.keys("Escape")
    gate.touch()
    window.until("MCP late: ")
