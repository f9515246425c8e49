"""The checks that every store must pass."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import aiosqlite
import pytest

from axio.compaction import AutoCompactStore
from axio.context import ContextStore
from axio.testing import StubTransport, check_journal, check_store
from axio_context_sqlite import SQLiteContextStore

Wrap = Callable[[ContextStore], ContextStore]


def alone(store: ContextStore) -> ContextStore:
    return store


def compacted(store: ContextStore) -> ContextStore:
    return AutoCompactStore(store, StubTransport())


@pytest.mark.parametrize("wrap", [alone, compacted])
async def test_it_is_a_store(conn: aiosqlite.Connection, wrap: Wrap) -> None:
    await check_store(lambda: wrap(SQLiteContextStore(conn, os.urandom(8).hex(), "p")))


@pytest.mark.parametrize("wrap", [alone, compacted])
async def test_it_has_a_journal(conn: aiosqlite.Connection, wrap: Wrap) -> None:
    await check_journal(lambda: wrap(SQLiteContextStore(conn, os.urandom(8).hex(), "p")))


async def test_it_is_a_store_on_a_connection_of_anybodys(path: Path) -> None:
    async with aiosqlite.connect(path) as conn:
        await check_store(lambda: SQLiteContextStore(conn, os.urandom(8).hex(), "p"))
