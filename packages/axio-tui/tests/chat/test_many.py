"""Eight programs with conversations in one database.

`pytest packages/axio-tui/tests/chat/test_many.py -m heavy` lets them talk for longer.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from axio import Agent
from axio.history import check
from axio.testing import StubTransport
from axio_tui.chat.library import open_library
from axio_tui.chat.session import ChatSession

PROGRAMS = 8

# Talks in a conversation of its own, which is open all the time, and by turns with all others in
# one that nobody holds open. It prints the prompts that were answered there.
PROGRAM = """
import asyncio, sys
from pathlib import Path
from axio import Agent
from axio.exceptions import SessionBusy
from axio.testing import StubTransport, make_text_response
from axio_tui.chat.library import open_library
from axio_tui.chat.session import ChatSession

path, name, rounds = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])

async def read(stream):
    async for event in stream:
        pass

async def main():
    agent = Agent("", StubTransport([make_text_response(f"to {name}")]))
    async with open_library(path, path.parent) as library:
        assert library.is_kept
        own = ChatSession(agent, await library.store(name))
        await own.open()
        shared = ChatSession(agent, await library.store("shared"))
        for number in range(rounds):
            await own.queue(f"{name} waits {number}")
            await read(own.next())
            await read(own.send(f"{name} says {number}"))
            try:
                await read(shared.send(f"{name} says {number}"))
                print(f"{name} says {number}")
            except SessionBusy:
                pass
        await library.rename(name, f"of {name}")
        await own.close()

asyncio.run(main())
"""


@pytest.mark.parametrize(
    "rounds",
    [
        pytest.param(4, marks=pytest.mark.timeout(240)),
        pytest.param(100, marks=[pytest.mark.heavy, pytest.mark.timeout(900)]),
    ],
)
async def test_nothing_is_lost_doubled_or_mixed(tmp_path: Path, rounds: int) -> None:
    path = tmp_path / "axio.db"
    answered = await asyncio.to_thread(talk, path, rounds)
    assert len(answered) >= rounds, "nobody got a word in"
    async with open_library(path, tmp_path) as library:
        agent = Agent("", StubTransport([]))
        names = {info.session_id: info.preview for info in await library.sessions()}
        assert names.pop("shared")
        assert names == {f"p{n}": f"of p{n}" for n in range(PROGRAMS)}
        for name in names:
            session = ChatSession(agent, await library.store(name))
            await session.open()
            history = await session.store.get_history()
            assert check(history) == [] and session.inbox.waiting == []
            said = [message.text for message in history if message.role == "user"]
            expected = [[f"{name} waits {n}", f"{name} says {n}"] for n in range(rounds)]
            assert said == [text for pair in expected for text in pair]
            assert session.meter.spent["unknown model"].requests == 2 * rounds
            await session.close()
        history = await (await library.store("shared")).get_history()
        assert Counter(m.text for m in history if m.role == "user") == Counter(answered)
        answers = [f"to {message.text.split()[0]}" for message in history[::2]]
        assert [message.text for message in history[1::2]] == answers, "turns stand together"


def talk(path: Path, rounds: int) -> list[str]:
    """The prompts that were answered in the conversation that all of them share."""
    programs = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(path), f"p{number}", str(rounds)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(PROGRAMS)
    ]
    answered: list[str] = []
    try:
        for program in programs:
            out, err = program.communicate()
            assert (program.returncode, err) == (0, "")
            answered += out.splitlines()
    finally:
        for program in programs:
            program.kill()
            program.wait()
    return answered
