"""A disk that is full, a file that may not be written, a page that is broken."""

from __future__ import annotations

import asyncio
import base64
import gzip
import os
import shutil
import sqlite3
import subprocess
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from axio.blocks import TextBlock
from axio.messages import Message
from axio_context_sqlite import (
    SQLiteContextStore,
    StoreBusy,
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreReadOnly,
    connect,
)
from axio_context_sqlite.connection import Connection
from axio_context_sqlite.errors import translate
from support.disk import Disk, remount, small_disk

Spawn = Callable[..., "subprocess.Popen[str]"]


def user(text: str) -> Message:
    return Message("user", [TextBlock(text)])


def set_mode(path: Path, mode: int) -> None:
    path.chmod(mode)


def overwrite(path: Path, position: int, data: bytes) -> None:
    with open(path, "r+b") as file:
        file.seek(position)
        file.write(data)


def content(path: Path) -> bytes:
    return path.read_bytes()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with small_disk(tmp_path / "disk") as disk:
        yield disk


async def test_a_full_disk_gives_a_clear_error_and_loses_nothing_that_was_acknowledged(
    disk: Disk,
) -> None:
    path = disk("size=700k") / "c.db"
    acknowledged = []
    async with SQLiteContextStore.open(path, "s", "p") as store:
        with pytest.raises(StoreFull, match="the disk is full"):
            for n in range(100_000):
                # Hard to compress, and of both kinds: brief and not.
                turn = [user(os.urandom(6000 if n % 9 else 70_000).hex()), user(str(n))]
                await store.extend(turn)
                acknowledged += turn
        assert len(acknowledged) > 10
        with pytest.raises(StoreFull):
            await store.append(user(os.urandom(400_000).hex()))
        assert await store.get_history() == acknowledged

    async with SQLiteContextStore.open(path, "s", "p") as store:
        assert await store.get_history() == acknowledged

    room = shutil.disk_usage(path.parent)
    assert room.free < 200_000
    remount(path.parent, "size=4m")
    async with SQLiteContextStore.open(path, "s", "p") as store:
        await store.append(user("on we go"))
        assert await store.get_history() == [*acknowledged, user("on we go")]


async def test_no_room_for_a_new_file_is_said_in_the_same_way(disk: Disk) -> None:
    folder = disk("size=16k")
    with pytest.raises(StoreError, match=r"the disk is full|the disk reports an error"):
        await connect(folder / "c.db")


# ── read-only ────────────────────────────────────────────────────────────────────────────────────


async def test_a_file_on_a_disk_that_became_read_only_can_be_read(disk: Disk) -> None:
    """SQLite alone cannot: it makes a file beside one in WAL mode even to read it."""
    folder = disk("size=4m")
    path = folder / "c?d %41.db"
    async with SQLiteContextStore.open(path, "s", "p") as store:
        await store.append(user("a"))
    before = content(path)
    remount(folder, "ro")
    async with SQLiteContextStore.open(path, "s", "p", wait=0.1) as store:
        assert await store.get_history() == [user("a")]
        assert [info.preview for info in await store.list_sessions()] == ["a"]
        assert store._database.path == str(path)
        with pytest.raises(StoreReadOnly, match="may not be written: check the permissions"):
            await store.append(user("b"))
    assert content(path) == before
    with pytest.raises(StoreError):
        await connect(folder / "new.db")


async def test_a_file_whose_log_is_needed_is_not_read_without_it(disk: Disk) -> None:
    folder = disk("size=4m")
    path = folder / "c.db"
    async with SQLiteContextStore.open(path, "s", "p") as store:
        await store.append(user("a"))
        for name in ("c.db", "c.db-wal"):
            shutil.copy(folder / name, folder / f"copy-{name}")
    assert (folder / "copy-c.db-wal").stat().st_size
    remount(folder, "ro")
    with pytest.raises(StoreError, match=r"cannot be opened: .* permissions of its folder"):
        await connect(folder / "copy-c.db")


async def test_a_folder_that_may_be_written_is_never_taken_for_one_at_rest(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that others may write must not be read as if it could not change."""
    async with SQLiteContextStore.open(path, "s", "p") as store:
        await store.append(user("a"))

    def refused(name: str, **_: object) -> sqlite3.Connection:
        assert "immutable" not in name
        error = sqlite3.OperationalError("unable to open database file")
        error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
        raise error

    monkeypatch.setattr("axio_context_sqlite.connection.sqlite3.connect", refused)
    with pytest.raises(StoreError, match="cannot be opened"):
        await connect(path)


async def test_a_backup_on_a_read_only_disk_can_be_read(disk: Disk) -> None:
    folder = disk("size=4m")
    async with SQLiteContextStore.open(folder / "c.db", "s", "p") as store:
        await store.append(user("a"))
        await store._conn.execute_fetchall("VACUUM INTO ?", (str(folder / "backup.db"),))
    remount(folder, "ro")
    before = content(folder / "backup.db")
    async with SQLiteContextStore.open(folder / "backup.db", "s", "p", wait=0.1) as store:
        assert isinstance(store._conn, Connection)
        assert not store._conn._swift
        assert await store.get_history() == [user("a")]
        assert await store.get_history() == [user("a")]
        assert [info.preview for info in await store.list_sessions()] == ["a"]
        with pytest.raises(StoreReadOnly, match="may not be written: check the permissions"):
            await store.append(user("b"))
        with pytest.raises(StoreReadOnly):
            async with store.own():
                raise AssertionError("not reached")
    assert content(folder / "backup.db") == before


READER = """
import asyncio, os, sys
from axio.blocks import TextBlock
from axio.messages import Message
from axio_context_sqlite import SQLiteContextStore, StoreReadOnly

if os.getuid() == 0:
    os.setuid(65534)  # permissions do not bind root

async def main():
    async with SQLiteContextStore.open(sys.argv[1], "s", "p") as store:
        print(len(await store.get_history()))
        try:
            await store.append(Message("user", [TextBlock("b")]))
        except StoreReadOnly as error:
            print(error)

asyncio.run(main())
"""


async def test_a_file_of_another_user_can_be_read_and_not_written(spawn: Spawn) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "c.db"
        async with SQLiteContextStore.open(path, "s", "p") as store:
            await store.append(user("a"))
        set_mode(path, 0o444)
        set_mode(path.parent, 0o777)
        before = content(path)
        out, err = await asyncio.to_thread(spawn(READER, path).communicate)
        assert err == ""
        assert out.startswith(f"1\n{path} may not be written: check the permissions of the file")
        assert content(path) == before


# ── damaged ──────────────────────────────────────────────────────────────────────────────────────


def fill(path: Path) -> None:
    async def main() -> None:
        async with SQLiteContextStore.open(path, "s", "p") as store:
            await store.extend(user(f"message {n} " + "x" * 300) for n in range(400))

    asyncio.run(main())


def pages_of(path: Path, name: str) -> list[int]:
    db = sqlite3.connect(path)
    try:
        (root,) = db.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)
        ).fetchone()
        size = db.execute("PRAGMA page_count").fetchone()[0]
    finally:
        db.close()
    return [int(root), int(size)]


@pytest.mark.parametrize("page", ["root", "middle", "header"])
async def test_a_damaged_page_gives_a_clear_error_and_nothing_is_overwritten(
    path: Path, page: str
) -> None:
    await asyncio.to_thread(fill, path)
    root, count = pages_of(path, "axio_context_messages")
    number = {"root": root, "middle": count // 2, "header": 1}[page]
    overwrite(path, (number - 1) * 4096, b"\xa5" * 4096)
    before = content(path)

    with pytest.raises(StoreDamaged, match=r"is damaged\. Nothing was changed|is not an SQLite"):
        async with SQLiteContextStore.open(path, "s", "p") as store:
            await store.get_history()
    assert content(path) == before


async def test_a_message_whose_text_is_damaged_is_named(
    path: Path, store: SQLiteContextStore
) -> None:
    await store.extend(user(f"message {n} " * 200) for n in range(5))
    db = sqlite3.connect(path)
    for damage in (
        "gzip:H4sIAAAA",
        "gzip:!",
        "plain:[{",
        "plain:{}",
        "plain:[1]",
        'plain:[{"type":"text"}]',
    ):
        with db:
            db.execute("UPDATE axio_context_messages SET content = ? WHERE position = 3", (damage,))
        again = SQLiteContextStore(store._conn, "session", "project")
        for _ in range(2):  # the first error, kept, must not spoil what follows
            with pytest.raises(
                StoreDamaged,
                match=r"message 3 of session 'session' .*\(row 4 of axio_context_messages",
            ):
                await again.get_history()
        with pytest.raises(StoreDamaged):
            await again.replace([user(f"message {n} " * 200) for n in range(5)])
        assert await again.last(1) == [user("message 4 " * 200)], "the others can be read"
    db.close()


SECRET = "my doctor says"


@pytest.mark.parametrize(
    "damage",
    [
        f"plain:[{SECRET}",
        f'plain:"{SECRET}"',
        f'plain:[{{"type":"text","text":"{SECRET}"}},1]',
        f'plain:[{{"type":"{"x" * 200}{SECRET}"}}]',
        "gzip:" + base64.b64encode(gzip.compress(f"[{SECRET}\xff".encode("latin-1"))).decode(),
        f"{SECRET}\xff".encode("latin-1"),
    ],
    ids=range(6),
)
async def test_no_error_holds_what_was_said(
    path: Path, store: SQLiteContextStore, damage: str | bytes
) -> None:
    await store.append(user("x"))
    statement = "UPDATE axio_context_messages SET content = CAST(? AS TEXT)"
    await store._conn.execute(statement, (damage,))
    await store._conn.commit()
    with pytest.raises(StoreDamaged) as caught:
        await store.get_history()
    shown = "".join(traceback.TracebackException.from_exception(caught.value).format())
    error: BaseException | None = caught.value
    while error is not None:
        shown += (
            f"{error!r} {vars(error)} {getattr(error, 'object', '')} {getattr(error, 'doc', '')}"
        )
        error = error.__cause__ or error.__context__
    assert SECRET not in shown


async def test_no_error_holds_what_a_file_to_import_says(
    path: Path, store: SQLiteContextStore
) -> None:
    header = '{"format": "axio-session", "version": 1}'
    for line in (
        f"[{SECRET}",
        f'"{SECRET}"',
        f'{{"role":"{SECRET}","content":[]}}',
        f"{SECRET}\xff",
    ):
        overwrite_all(path.with_name("in.jsonl"), f"{header}\n{line}\n".encode("latin-1"))
        with pytest.raises(ValueError, match="line 2 is not of an exported session") as caught:
            await store.import_jsonl(path.with_name("in.jsonl"))
        assert SECRET not in repr(caught.value)
        assert caught.value.__cause__ is None and caught.value.__context__ is None


def overwrite_all(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def test_unforeseen_errors_keep_their_text() -> None:
    error = translate(sqlite3.ProgrammingError("Cannot operate on a closed database."), "c.db")
    assert type(error) is StoreError
    assert str(error) == "c.db cannot be used (Cannot operate on a closed database.)"
    assert issubclass(StoreBusy, StoreError)
