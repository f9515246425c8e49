"""Any text of Python names a session, a project or a file."""

from __future__ import annotations

import os
from pathlib import Path

import aiosqlite
import pytest
from hypothesis import given, strategies as st

from axio.blocks import TextBlock
from axio.exceptions import SessionBusy
from axio.messages import Message
from axio_context_sqlite import SQLiteContextStore, StoreError
from axio_context_sqlite.names import from_column, to_column

ODD = ["caf\udce9", "\ud83d", "\ude00\ud83d", "a\0b", "\U0010fffd", "\U0010fffddce9", "", "😀"]
TEXTS = st.text(
    st.one_of(st.characters(), st.sampled_from("\udce9\ud83d\U0010fffddce9")), max_size=8
)


def user(text: str) -> Message:
    return Message("user", [TextBlock(text)])


@given(TEXTS, TEXTS)
def test_names_are_kept_apart_and_come_back(one: str, other: str) -> None:
    assert from_column(to_column(one)) == one
    to_column(one).encode()
    assert (to_column(one) == to_column(other)) == (one == other)


@given(st.text(max_size=8))
def test_a_name_that_needs_nothing_is_stored_as_it_is(name: str) -> None:
    if "\U0010fffd" not in name:
        assert to_column(name) == name


async def test_sessions_and_projects_of_any_name_are_told_apart(
    conn: aiosqlite.Connection,
) -> None:
    stores = {(p, s): SQLiteContextStore(conn, s, p) for p in ODD for s in ODD}
    for (project, session), store in stores.items():
        await store.append(user(f"{project!a} {session!a}"))
        await store.rename(f"name {session}")
    for project, session in stores:
        again = SQLiteContextStore(conn, session, project)
        assert await again.get_history() == [user(f"{project!a} {session!a}")]
        assert await again.name() == f"name {session}"
        assert (again.session_id, again.project) == (session, project)
    for project in ODD:
        infos = await SQLiteContextStore(conn, "any", project).list_sessions()
        assert {(info.session_id, info.preview) for info in infos} == {
            (session, f"name {session}") for session in ODD
        }


async def test_errors_show_a_name_as_it_was_given(conn: aiosqlite.Connection) -> None:
    store = SQLiteContextStore(conn, "caf\udce9", "p", wait=0)
    with pytest.raises(ValueError, match=r"session 'caf\\udce9' has 0"):
        await store.rewind(5)
    async with store.own():
        with pytest.raises(SessionBusy, match=r"session 'caf\\udce9' is in use"):
            await SQLiteContextStore(conn, "caf\udce9", "p", wait=0).append(user("b"))


async def test_a_file_and_its_folder_may_have_names_that_are_no_utf_8(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/f\xe9/bad\xff?.db")
    for count in (1, 2):
        async with SQLiteContextStore.open(path, "s", "p") as store:
            await store.append(user("a"))
            assert len(await store.get_history()) == count
    os.chmod(path, 0o600)
    with open(path, "r+b") as file:  # noqa: ASYNC230
        file.truncate(100)
    with pytest.raises(StoreError, match="bad"):
        async with SQLiteContextStore.open(path, "s", "p") as store:
            await store.get_history()
