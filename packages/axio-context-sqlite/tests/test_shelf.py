"""Small things beside the messages of a session: kept, handed over, and gone with the session."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from axio.blocks import TextBlock
from axio.messages import Message
from axio_context_sqlite import SQLiteContextStore, StoreDamaged
from axio_context_sqlite.transaction import transaction


def said(text: str) -> Message:
    return Message("user", [TextBlock(text)])


async def kept(store: SQLiteContextStore, kind: str = "thing") -> list[Any]:
    return [item.data["n"] for item in await store.shelf.items(kind)]


async def put(store: SQLiteContextStore, *numbers: int, kind: str = "thing") -> None:
    for number in numbers:
        await store.shelf.add(kind, {"n": number})


async def test_things_come_back_in_order_and_by_kind(
    store: SQLiteContextStore, other: SQLiteContextStore
) -> None:
    await put(store, 1, 2)
    await put(store, 9, kind="other")
    await put(store.beside("elsewhere"), 8)
    assert await kept(other) == [1, 2] and await kept(other, "other") == [9]
    first, _ = await store.shelf.items("thing")
    await store.shelf.remove(first.id, 12345)
    assert await kept(other) == [2]


async def test_one_thing_may_be_the_only_one_of_its_kind(store: SQLiteContextStore) -> None:
    for number in (1, 2):
        await store.shelf.put("draft", {"n": number})
    assert await kept(store, "draft") == [2]
    await store.shelf.put("draft", None)
    assert await kept(store, "draft") == []


async def test_a_thing_goes_in_the_step_that_stores_its_message(
    store: SQLiteContextStore, other: SQLiteContextStore
) -> None:
    await put(store, 1, 2)
    first, _ = await store.shelf.items("thing")
    message = said("first")
    store.shelf.hand_over(first.id, message)
    await store.append(said("first"))  # equal, but another one
    assert await kept(other) == [1, 2]
    await store.append(message)
    assert await kept(other) == [2]


async def test_what_is_not_stored_takes_nothing_along(
    store: SQLiteContextStore, other: SQLiteContextStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(store, 1)
    [item] = await store.shelf.items("thing")
    message = said("x")
    store.shelf.hand_over(item.id, message)
    monkeypatch.setattr(store, "_wait", 0)
    async with other.own():
        with pytest.raises(Exception, match="in use"):
            await store.append(message)
    assert await kept(store) == [1]
    await store.append(message)
    assert await kept(store) == []


async def test_things_may_be_kept_while_another_run_owns_the_session(
    store: SQLiteContextStore, other: SQLiteContextStore
) -> None:
    async with other.own():
        await put(store, 1)
    assert await kept(store) == [1]


async def test_what_belongs_to_messages_goes_and_is_copied_with_them(
    store: SQLiteContextStore,
) -> None:
    await store.extend([said(str(n)) for n in range(4)])
    await store.shelf.add_all("thing", [({"n": n}, n) for n in range(5)])
    await put(store, 9)
    assert await kept(await store.fork()) == [0, 1, 2, 3, 4]
    await store.rewind(2)
    assert await kept(store) == [0, 1, 2, 9]
    assert await kept(await store.fork()) == [0, 1, 2]
    await store.clear()
    assert await kept(store) == [0, 9]


async def test_deleting_a_session_takes_along_all_below_it_and_nothing_else(
    store: SQLiteContextStore,
) -> None:
    ids = ("session/a", "session/a/b", "session0", "session%", "sessions")
    for id in ("session", *ids):
        one = store.beside(id)
        await one.append(said(id))
        await put(one, 1)
        await one.rename(id)
        await one.set_context_tokens(1, 1)
    await store.delete()
    left = {info.session_id for info in await store.list_sessions()}
    assert left == {"session0", "session%", "sessions"}
    for id in ("session", "session/a", "session/a/b"):
        gone = store.beside(id)
        assert (await kept(gone), await gone.name()) == ([], None)
        assert await gone.get_context_tokens() == (0, 0)
    assert await kept(store.beside("session0")) == [1]


@pytest.mark.parametrize("text", ["[]", "{", ""])
async def test_a_broken_thing_is_named(store: SQLiteContextStore, path: Path, text: str) -> None:
    await put(store, 1)
    db = sqlite3.connect(path)
    with transaction(db):
        db.execute("UPDATE axio_context_items SET data = ?", (text,))
    db.close()
    with pytest.raises(StoreDamaged, match="row 1 of axio_context_items, of session 'session'"):
        await store.shelf.items("thing")
