"""A program in a terminal that this process holds."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from axio_tui.serve.messages import Size
from axio_tui.serve.seat import Seat
from axio_tui.serve.terminal import Terminal
from support.served import PATIENCE, is_alive
from support.waiting import until

Start = Callable[..., Awaitable[Terminal]]

pytestmark = pytest.mark.timeout(300)

ECHO = """
import sys, tty
tty.setraw(0)
print("ready", flush=True)
while typed := sys.stdin.buffer.read1(99):
    sys.stdout.buffer.write(b"<" + typed + b">")
    sys.stdout.flush()
"""
SIZES = """
import os, signal
def told(*_): print(os.get_terminal_size(0), flush=True)
signal.signal(signal.SIGWINCH, told)
told()
while True: signal.pause()
"""
DEAF = """
import signal, time
signal.signal(signal.SIGHUP, signal.SIG_IGN)
print("ready", flush=True)
while True: time.sleep(60)
"""


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    started: list[Terminal] = []

    async def start(program: str) -> Terminal:
        command = [sys.executable, "-c", program]
        terminal = await Terminal.start(command, os.environ, Size(80, 24))
        started.append(terminal)
        return terminal

    yield start
    for terminal in started:
        await terminal.close()


async def until_it_writes(terminal: Terminal, text: bytes) -> bytes:
    seen = b""
    async with asyncio.timeout(PATIENCE):
        while text not in seen:
            piece = await terminal.read()
            assert piece, seen
            seen += piece
    return seen


async def test_what_is_typed_arrives_even_if_it_is_more_than_fits(start: Start) -> None:
    terminal = await start(ECHO)
    await until_it_writes(terminal, b"ready")
    writing = asyncio.create_task(terminal.write(b"x" * 300_000 + b"end"))
    seen = await until_it_writes(terminal, b"end>")
    await writing
    assert seen.count(b"x") == 300_000


async def test_each_resize_is_told_even_to_the_same_size(start: Start) -> None:
    terminal = await start(SIZES)
    await until_it_writes(terminal, b"columns=80, lines=24")
    terminal.resize(Size(80, 24))
    await until_it_writes(terminal, b"columns=80, lines=24")
    terminal.resize(Size(101, 7))
    await until_it_writes(terminal, b"columns=101, lines=7")


async def test_the_end_of_the_program_is_the_end_of_what_is_read(start: Start) -> None:
    terminal = await start("print('bye')")
    assert (await until_it_writes(terminal, b"bye")).startswith(b"bye")
    async with asyncio.timeout(PATIENCE):
        while await terminal.read():
            pass
    await terminal.write(b"nobody")


async def test_a_program_that_does_not_mind_is_killed(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("axio_tui.serve.terminal._PATIENCE", 0.2)
    terminal = await Terminal.start([sys.executable, "-c", DEAF], os.environ, Size())
    await until_it_writes(terminal, b"ready")
    await terminal.close()
    assert not is_alive(terminal._process.pid)


async def test_what_cannot_be_started_is_an_error_and_leaves_nothing_open() -> None:
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(FileNotFoundError):
        await Terminal.start(["/no/such/program"], {}, Size())
    assert len(os.listdir("/proc/self/fd")) <= before + 1  # the loop's own


class Told:
    """A page that keeps what it was sent."""

    def __init__(self) -> None:
        self.seen = b""
        self.is_closed = False

    async def send_bytes(self, data: bytes) -> None:
        self.seen += data

    async def close(self) -> None:
        self.is_closed = True


async def test_a_seat_has_one_program_for_the_page_that_came_last() -> None:
    async def start(size: Size) -> Terminal:
        return await Terminal.start([sys.executable, "-c", SIZES], os.environ, size)

    seat = Seat(start, grace=0.2)
    pages = [Told() for _ in range(30)]
    try:
        terminals = await asyncio.gather(
            *[seat.take(page, Size(80, n + 1)) for n, page in enumerate(pages)]
        )
        assert len(set(map(id, terminals))) == 1
        await until(lambda: b"lines=30" in pages[-1].seen)
        assert [page.is_closed for page in pages] == [True] * 29 + [False]
        seat.leave(pages[0])  # it has it no more
        await asyncio.sleep(0.5)
        assert is_alive(terminals[0]._process.pid)
        seat.leave(pages[-1])
        await until(lambda: not is_alive(terminals[0]._process.pid), "gone")
        again = await seat.take(pages[0], Size())
        assert again is not terminals[0]
    finally:
        await seat.close()
    assert not is_alive(again._process.pid)
    with pytest.raises(ConnectionError):
        await seat.take(pages[0], Size())
