"""Many processes on one file."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

from axio.blocks import TextBlock
from axio.history import check
from axio.messages import Message
from axio_context_sqlite import SQLiteContextStore

Spawn = Callable[..., "Popen[str]"]

ROUNDS = 30

# Each round stores a turn of four messages, with the call and its result apart, as a run does.
WRITER = """
import asyncio, sys
from axio.blocks import TextBlock, ToolResultBlock, ToolUseBlock
from axio.messages import Message
from axio_context_sqlite import SQLiteContextStore, connect

path, session, name, rounds = *sys.argv[1:4], int(sys.argv[4])

async def main():
    conn = await connect(path)
    store = SQLiteContextStore(conn, session, "project", wait=30)
    for n in range(rounds):
        id = f"{name}-{n}"
        async with store.own():
            before = len(await store.get_history())
            await store.append(Message("user", [TextBlock(id)]))
            await store.append(Message("assistant", [ToolUseBlock(id, "tool", {})]))
            await asyncio.sleep(0.001)
            await store.extend([
                Message("user", [ToolResultBlock(id, "result " * (n % 3 * 100))]),
                Message("assistant", [TextBlock("done " + id)]),
            ])
            await store.add_context_tokens(3, 2)
            history = await store.get_history()
            assert len(history) == before + 4, (before, len(history))
            assert history[-1].content == [TextBlock("done " + id)]
    await conn.close()

asyncio.run(main())
"""


def read(path: Path, session: str) -> tuple[list[Message], tuple[int, int]]:
    async def main() -> tuple[list[Message], tuple[int, int]]:
        async with SQLiteContextStore.open(path, session, "project") as store:
            return list(await store.get_history()), await store.get_context_tokens()

    return asyncio.run(main())


def test_eight_processes_write_at_once_two_of_them_to_one_session(path: Path, spawn: Spawn) -> None:
    sessions = ["shared", "shared", *(f"own {n}" for n in range(6))]
    writers = [
        spawn(WRITER, path, session, f"writer {n}", ROUNDS) for n, session in enumerate(sessions)
    ]
    for writer in writers:
        out, err = writer.communicate(timeout=50)
        assert (writer.returncode, out, err) == (0, "", "")

    for session, count in Counter(sessions).items():
        history, tokens = read(path, session)
        assert len(history) == 4 * ROUNDS * count
        assert tokens == (3 * ROUNDS * count, 2 * ROUNDS * count)
        assert check(history) == [], "no turn is torn apart by another writer's"
        turns = [history[at : at + 4] for at in range(0, len(history), 4)]
        order: dict[str, list[int]] = {}
        for asked, call, result, done in turns:
            (question,) = asked.content
            assert isinstance(question, TextBlock)
            id = question.text
            assert call.content[0].id == result.content[0].tool_use_id == id  # type: ignore[attr-defined]
            assert done.content == [TextBlock("done " + id)]
            writer_name, _, number = id.partition("-")
            order.setdefault(writer_name, []).append(int(number))
        assert all(numbers == list(range(ROUNDS)) for numbers in order.values())

    db = sqlite3.connect(path)
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()


APPENDER = """
import asyncio, sys
from axio.blocks import TextBlock
from axio.messages import Message
from axio_context_sqlite import SQLiteContextStore

async def main():
    path, name = sys.argv[1:]
    async with SQLiteContextStore.open(path, "s", "p", wait=30) as store:
        print("ready", flush=True)
        sys.stdin.readline()
        for n in range(300):
            texts = [f"{name} {n} {part}" for part in "ab"]
            await store.extend(Message("user", [TextBlock(text)]) for text in texts)

asyncio.run(main())
"""


def test_without_a_run_every_extend_still_stands_together(path: Path, spawn: Spawn) -> None:
    writers = [spawn(APPENDER, path, name) for name in ("x", "y", "z")]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
    for writer in writers:
        assert writer.communicate(timeout=50) == ("", "")
    db = sqlite3.connect(path)
    texts = [
        row[0] for row in db.execute("SELECT content FROM axio_context_messages ORDER BY position")
    ]
    db.close()
    words = [text.split('"text": "')[1].split('"')[0].split() for text in texts]
    assert len(words) == 1800
    for first, second in zip(words[::2], words[1::2], strict=True):
        assert first[:2] == second[:2]
        assert (first[2], second[2]) == ("a", "b")
