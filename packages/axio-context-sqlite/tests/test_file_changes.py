"""Changes of files beside a session: kept once each, bounded, and gone with the session."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from axio_context_sqlite import SQLiteContextStore, StoreDamaged
from axio_context_sqlite.transaction import transaction

MOST = 1000


def contents(path: Path) -> int:
    db = sqlite3.connect(path)
    [(number,)] = db.execute("SELECT count(*) FROM axio_context_contents").fetchall()
    db.close()
    return int(number)


async def test_changes_come_back_with_their_contents(
    store: SQLiteContextStore, other: SQLiteContextStore, path: Path
) -> None:
    first, _ = await store.changes.add({"path": "a"}, None, b"one", MOST)
    second, gone = await store.changes.add({"path": "a"}, b"one", b"\xff\0", MOST)
    assert gone == [] and contents(path) == 2, "each content once"
    expected = [(first, {"path": "a"}, None, b"one"), (second, {"path": "a"}, b"one", b"\xff\0")]
    assert await other.changes.load() == expected
    await store.changes.remove(first, 99)
    assert await other.changes.load() == expected[1:] and contents(path) == 2
    await store.changes.remove(second)
    assert contents(path) == 0


async def test_the_oldest_go_when_there_is_too_much(store: SQLiteContextStore, path: Path) -> None:
    ids = [(await store.changes.add({}, None, bytes([n]) * 400, MOST))[0] for n in range(2)]
    third, gone = await store.changes.add({}, None, b"x" * 400, MOST)
    assert gone == ids[:1]
    assert [change[0] for change in await store.changes.load()] == [ids[1], third]
    assert contents(path) == 2


async def test_what_a_session_has_goes_with_it_and_what_others_share_stays(
    store: SQLiteContextStore, path: Path
) -> None:
    for id in ("session", "session/a", "elsewhere"):
        await store.beside(id).changes.add({}, b"shared", id.encode(), MOST)
    assert contents(path) == 4
    await store.delete()
    assert contents(path) == 2
    assert await store.changes.load() == []
    assert len(await store.beside("elsewhere").changes.load()) == 1


@pytest.mark.parametrize("change", ["content = x'00'", "content = zeroblob(0)", "digest = 'x'"])
async def test_a_broken_content_is_named(
    store: SQLiteContextStore, path: Path, change: str
) -> None:
    await store.changes.add({}, None, b"one", MOST)
    db = sqlite3.connect(path)
    with transaction(db):
        db.execute(f"UPDATE axio_context_contents SET {change}")
    db.close()
    with pytest.raises(StoreDamaged, match="row 1 of axio_context_changes"):
        await store.changes.load()
