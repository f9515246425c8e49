"""How far a command may get ahead of who reads its output: a little, and nothing is lost."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from axio_tools_local.local import LocalWorkspace

WRITER = """
import os, sys
chunk = b"x" * 60_000
for number in range(1, 501):
    left = memoryview(chunk)
    while left:
        left = left[os.write(number % 2 + 1, left):]
    with open("written", "w") as file:
        file.write(str(number * len(chunk)))
"""
SIZE = 30_000_000
AHEAD = 3 << 20  # what is read in advance, two pipes, and what is being written


def written(folder: Path) -> int:
    try:
        return int((folder / "written").read_text() or 0)
    except FileNotFoundError:
        return 0


async def at_a_standstill(folder: Path) -> int:
    """How much the command has written when it goes no further."""
    before, same = 0, 0
    while same < 20:
        await asyncio.sleep(0.02)
        now = written(folder)
        same = same + 1 if now == before > 0 else 0
        before = now
    return before


async def test_a_command_waits_for_a_reader_that_takes_its_time(folder: Path) -> None:
    async with LocalWorkspace().run([sys.executable, "-c", WRITER]) as running:
        assert await at_a_standstill(folder) < AHEAD
        taken = {"stdout": 0, "stderr": 0}
        paused = False
        async for output in running:
            taken[output.stream] += len(output.data)
            if not paused and sum(taken.values()) > SIZE // 2:
                paused = True
                assert await at_a_standstill(folder) < sum(taken.values()) + AHEAD
        assert running.exit_code == 0
    assert paused
    assert taken == {"stdout": SIZE // 2, "stderr": SIZE // 2}


async def test_a_command_that_is_not_read_can_be_left(folder: Path) -> None:
    async with asyncio.timeout(50):
        async with LocalWorkspace().run([sys.executable, "-c", WRITER]):
            assert await at_a_standstill(folder) < AHEAD
    assert written(folder) < SIZE


async def test_a_timeout_ends_a_command_that_waits_for_its_reader(folder: Path) -> None:
    async with asyncio.timeout(50):
        async with LocalWorkspace().run([sys.executable, "-c", WRITER], timeout=6.0) as running:
            await at_a_standstill(folder)
            await asyncio.sleep(6)
            got = sum([len(output.data) async for output in running])
    assert running.timed_out
    assert 0 < got < AHEAD
