"""j: one turn appended to a long session in SQLite, and the history read back."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path

from axio import Message, TextBlock
from axio_context_sqlite import SQLiteContextStore
from benchmarks.measure import Figure, Growth, Item, Sample, timed

LENGTHS = (200, 2_000, 5_000, 100_000)
TURNS = 200
TEXT = "x" * 80

AppendTurn = Callable[[SQLiteContextStore, Message, Message], Awaitable[None]]

_folder = tempfile.TemporaryDirectory(prefix="axio-bench-")


@cache
def stored(length: int) -> Path:
    """A file with one session of so many messages."""
    path = Path(_folder.name) / f"{length}.db"

    async def main() -> None:
        async with SQLiteContextStore.open(path, "session", "project") as store:
            await store.extend(
                Message("assistant" if n % 2 else "user", [TextBlock(f"{TEXT} {n}")])
                for n in range(length)
            )

    asyncio.run(main())
    return path


@contextmanager
def copied(length: int) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=_folder.name) as folder:
        yield Path(shutil.copy(stored(length), folder))


async def at_once(store: SQLiteContextStore, asked: Message, answered: Message) -> None:
    await store.extend((asked, answered))


async def one_by_one(store: SQLiteContextStore, asked: Message, answered: Message) -> None:
    await store.append(asked)
    await store.append(answered)


def axio(append: AppendTurn, length: int) -> Sample:
    async def main(path: Path) -> Sample:
        async with SQLiteContextStore.open(path, "session", "project") as store:
            await store.get_history()
            with timed(TURNS) as timer:
                for n in range(TURNS):
                    asked = Message("user", [TextBlock(f"{TEXT} {n}")])
                    answered = Message("assistant", [TextBlock(f"{TEXT} {n}")])
                    await append(store, asked, answered)
                    history = await store.get_history()
                    assert history[-1] == answered
            assert len(history) == length + 2 * TURNS
            return timer.sample

    with copied(length) as path:
        return asyncio.run(main(path))


def floor(length: int) -> Sample:
    """The same rows by hand: two inserts in a transaction, then a read of what is new."""

    def read(db: sqlite3.Connection, after: int) -> list[tuple[int, str, str]]:
        return db.execute(
            "SELECT position, role, content FROM axio_context_messages "
            "WHERE project = 'project' AND session_id = 'session' AND position > ? "
            "ORDER BY position",
            (after,),
        ).fetchall()

    def decoded(role: str, content: str) -> Message:
        blocks = json.loads(content.removeprefix("plain:"))
        return Message(role, [TextBlock(block["text"]) for block in blocks])  # type: ignore[arg-type]

    with copied(length) as path:
        db = sqlite3.connect(path, isolation_level=None)
        db.execute("PRAGMA synchronous = NORMAL")
        history = [decoded(role, content) for _, role, content in read(db, -1)]
        position = length - 1
        with timed(TURNS) as timer:
            for n in range(TURNS):
                db.execute("BEGIN IMMEDIATE")
                for offset, role in enumerate(("user", "assistant"), 1):
                    content = json.dumps([{"type": "text", "text": f"{TEXT} {n}"}])
                    db.execute(
                        "INSERT INTO axio_context_messages "
                        "(project, session_id, position, role, content) VALUES (?, ?, ?, ?, ?)",
                        ("project", "session", position + offset, role, "plain:" + content),
                    )
                db.execute("COMMIT")
                history += [decoded(role, content) for _, role, content in read(db, position)]
                position += 2
        assert len(history) == length + 2 * TURNS
        db.close()
    return timer.sample


def items() -> list[Item | Growth]:
    figures = [Figure("µs a turn", 1e6, goal=2.5)]  # 0.15 ms where the floor takes 0.06
    lengths = [
        Item(
            f"j one turn more in SQLite at {length:,} messages",
            {
                "axio": partial(axio, at_once, length),
                "axio, two appends": partial(axio, one_by_one, length),
                "floor": partial(floor, length),
            },
            figures,
        )
        for length in LENGTHS
    ]
    return [*lengths, Growth("j 5,000 messages over 200", lengths[2], lengths[0], goal=1.2)]
