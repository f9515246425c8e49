"""A store reads the file as it is, also where others wrote it, and pays for the new rows only."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TypeVar

import aiosqlite
import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from axio.blocks import TextBlock, ToolUseBlock
from axio.messages import Message
from axio_context_sqlite import SQLiteContextStore, connect, payload

T = TypeVar("T")


def user(text: str) -> Message:
    return Message("user", [TextBlock(text)])


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that were decoded from the file."""
    texts: list[str] = []
    original = payload.decompress_payload

    def spy(stored: str) -> str:
        texts.append(stored)
        return original(stored)

    monkeypatch.setattr(payload, "decompress_payload", spy)
    return texts


async def test_a_message_is_decoded_from_the_file_once(
    store: SQLiteContextStore, other: SQLiteContextStore, decoded: list[str]
) -> None:
    await other.extend(user(str(n)) for n in range(50))
    await store.get_history()
    assert len(decoded) == 50
    await store.append(user("mine"))
    await store.get_history()
    assert len(decoded) == 50
    await other.append(user("theirs"))
    assert [m.content[0] for m in (await store.get_history())[50:]] == [
        TextBlock("mine"),
        TextBlock("theirs"),
    ]
    assert len(decoded) == 51


async def test_writes_to_other_sessions_make_no_store_read_again(
    conn: aiosqlite.Connection, store: SQLiteContextStore, path: Path, decoded: list[str]
) -> None:
    await store.append(user("mine"))
    await store.get_history()
    decoded.clear()
    await SQLiteContextStore(conn, "another", "project").append(user("a"))
    async with SQLiteContextStore.open(path, "another", "project") as elsewhere:
        await elsewhere.append(user("b"))
    assert await store.get_history() == [user("mine")]
    assert decoded == []


async def test_tables_of_the_user_make_no_store_read_again(
    conn: aiosqlite.Connection, store: SQLiteContextStore, decoded: list[str]
) -> None:
    await store.append(user("mine"))
    await store.get_history()
    decoded.clear()
    await conn.execute("CREATE TABLE mine (value)")
    await conn.execute("INSERT INTO mine VALUES (1)")
    await conn.execute("UPDATE mine SET value = 2")
    await conn.commit()
    assert await store.get_history() == [user("mine")]
    assert decoded == []


async def test_appending_and_reading_the_end_decodes_nothing_else(
    path: Path, decoded: list[str]
) -> None:
    async with SQLiteContextStore.open(path, "long", "p") as store:
        await store.extend(user(str(n)) for n in range(3000))
    async with SQLiteContextStore.open(path, "long", "p") as store:
        await store.append(user("new"))
        assert await store.last(2) == [user("2999"), user("new")]
        assert len(decoded) == 2 and await store.count() == 3001
        history = await store.get_history()
        assert len(history) == len(decoded) - 2 == 3001
        assert await store.last(2) == list(history)[-2:]
        assert await store.last(9999) == history
        assert await store.last(0) == []
        with pytest.raises(ValueError, match="-1"):
            await store.last(-1)


async def test_messages_are_the_same_objects_at_every_reading(store: SQLiteContextStore) -> None:
    await store.get_history()
    message = user("a")
    await store.append(message)
    first, second = await store.get_history(), await store.get_history()
    assert first[0] is second[0] is message


async def test_what_has_not_changed_is_not_looked_for_in_the_file(
    store: SQLiteContextStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.extend([user("a"), user("b")])
    history = await store.get_history()

    def read(*_: object) -> None:
        raise AssertionError("rows are read")

    monkeypatch.setattr("axio_context_sqlite.cache.rows.read", read)
    assert await store.get_history() == history
    await store.append(user("c"))
    assert await store.get_history() == [*history, user("c")]


async def test_what_json_changed_is_read_changed(store: SQLiteContextStore) -> None:
    await store.get_history()
    await store.append(Message("assistant", [ToolUseBlock("1", "t", {"pair": (1, 2)})]))
    assert await store.get_history() == [
        Message("assistant", [ToolUseBlock("1", "t", {"pair": [1, 2]})])
    ]


async def test_rows_changed_with_sql_on_the_same_connection_are_read_anew(
    conn: aiosqlite.Connection, store: SQLiteContextStore
) -> None:
    await store.extend([user("a"), user("b"), user("c")])
    await store.get_history()
    await conn.execute(
        "UPDATE axio_context_messages SET content = ? WHERE position = 0",
        (payload.compress_payload('[{"type": "text", "text": "changed"}]'),),
    )
    await conn.execute("DELETE FROM axio_context_messages WHERE position = 1")
    await conn.commit()
    assert await store.get_history() == [user("changed"), user("c")]


async def test_rows_of_a_transaction_that_is_rolled_back_do_not_stay(
    conn: aiosqlite.Connection, store: SQLiteContextStore
) -> None:
    await store.append(user("a"))
    await store.get_history()
    await conn.execute(
        "INSERT INTO axio_context_messages (session_id, project, position, role, content) "
        "VALUES ('session', 'project', 1, 'user', '[]')"
    )
    assert await store.get_history() == [user("a"), Message("user", [])]
    await conn.rollback()
    assert await store.get_history() == [user("a")]


async def test_a_session_that_was_deleted_and_filled_again_elsewhere_is_read_anew(
    store: SQLiteContextStore, other: SQLiteContextStore
) -> None:
    await store.extend([user("a"), user("b")])
    await store.get_history()
    await other.delete()
    await other.extend([user("c"), user("d")])
    assert await store.get_history() == [user("c"), user("d")]


class AnyInterleaving(RuleBasedStateMachine):
    """Three stores on one session, two of them sharing a connection, against a plain list."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.exits = AsyncExitStack()
        self.expected: list[Message] = []
        self.number = 0
        self.stores = self.run(self.open())

    def run(self, work: Awaitable[T]) -> T:
        async def main() -> T:
            return await work

        return self.loop.run_until_complete(main())

    async def open(self) -> list[SQLiteContextStore]:
        stores = []
        for count in (2, 1):
            conn = await connect(Path(self.folder.name) / "c.db")
            self.exits.push_async_callback(conn.close)
            stores += [SQLiteContextStore(conn, "s", "p") for _ in range(count)]
        return stores

    def fresh(self, count: int) -> list[Message]:
        self.number += count
        return [user(f"{n} " * (n % 3 * 150 + 1)) for n in range(self.number - count, self.number)]

    which = st.integers(0, 2)

    @rule(which=which, count=st.integers(0, 3))
    def extend(self, which: int, count: int) -> None:
        messages = self.fresh(count)
        self.run(self.stores[which].extend(messages))
        self.expected += messages

    @rule(which=which, keep=st.integers(0, 4), count=st.integers(0, 3))
    def replace(self, which: int, keep: int, count: int) -> None:
        self.expected = [*self.expected[:keep], *self.fresh(count)]
        self.run(self.stores[which].replace(self.expected))

    @precondition(lambda self: self.expected)
    @rule(which=which, back=st.integers(0, 4))
    def rewind(self, which: int, back: int) -> None:
        number = max(len(self.expected) - back, 0)
        self.run(self.stores[which].rewind(number))
        self.expected = self.expected[:number]

    @rule(which=which)
    def clear(self, which: int) -> None:
        self.run(self.stores[which].clear())
        self.expected = []

    @rule(which=which)
    def fork_is_equal(self, which: int) -> None:
        fork = self.run(self.stores[which].fork())
        assert self.run(fork.get_history()) == self.expected

    @rule(which=which)
    def read(self, which: int) -> None:
        assert self.run(self.stores[which].get_history()) == self.expected

    @rule(which=which, number=st.integers(0, 5))
    def read_the_end(self, which: int, number: int) -> None:
        last = self.expected[max(len(self.expected) - number, 0) :]
        assert self.run(self.stores[which].last(number)) == last

    @invariant()
    def nothing_is_left_behind(self) -> None:
        assert not any(store._conn.in_transaction for store in self.stores)

    def teardown(self) -> None:
        self.run(self.exits.aclose())
        self.loop.close()
        self.folder.cleanup()


TestAnyInterleaving = AnyInterleaving.TestCase
TestAnyInterleaving.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
