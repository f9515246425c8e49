"""An output that cannot be written: every sub-command says so in a line, or nothing at all."""

from __future__ import annotations

import os
from typing import Any

import pytest

from axio_tui.subcommands import SUBCOMMANDS

ARGUMENTS = {"mcp": ("mcp", "list"), "permissions": ("permissions", "list")}
ARGUMENTS |= {"sessions": ("sessions", "list")}
CALLS = [
    *(ARGUMENTS.get(name, (name,)) for name in SUBCOMMANDS),
    ("run", "--transport", "scripted", "--no-save", "Hello."),
    ("run", "--transport", "scripted", "--no-save", "--json", "Hello."),
    ("run", "--transport", "scripted", "--no-save", "--format", "json", "Hello."),
    ("--version",),
    ("--help",),
    *((name, "--help") for name in (*SUBCOMMANDS, "run")),
]
NOTHING_TO_PRINT = {("mcp", "list"), ("permissions", "list"), ("sessions", "list")}


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_a_reader_that_left_is_no_error_to_tell(axio: Any, call: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = axio(*call, script=[["Hi."]], stdout=writer)
    finally:
        os.close(writer)
    assert "error" not in done.err.lower() and "Traceback" not in done.err, done.err
    # Of a run each line is written at once, most others are written at their end.
    assert done.code == (call[:2] == ("run", "--transport")), done.err


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_a_full_disk_is_told_in_one_line(axio: Any, call: tuple[str, ...]) -> None:
    with open("/dev/full", "wb") as full:
        done = axio(*call, script=[["Hi."]], stdout=full)
    told = [line for line in done.err.splitlines() if "error" in line.lower()]
    if call in NOTHING_TO_PRINT and not told:
        assert done.code == 0 and "Traceback" not in done.err
    else:
        assert told == ["axio: error: the output cannot be written: No space left on device"]
        assert done.code == 1 and "Traceback" not in done.err
