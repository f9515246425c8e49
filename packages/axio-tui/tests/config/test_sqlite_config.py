"""Settings in the database: for plug-ins and pickers, and below all others."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from axio.messages import Message
from axio_context_sqlite import SQLiteContextStore
from axio_context_sqlite.errors import StoreError
from axio_tui.config.stored import stored_settings
from axio_tui.sqlite_config import GLOBAL_PROJECT, ProjectConfig, connect_config


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "axio.db"


def mode_of(path: Path) -> int | None:
    return path.stat().st_mode & 0o777 if path.exists() else None


def damage(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database" * 999)


async def test_values_are_kept_by_project(path: Path) -> None:
    here, other = ProjectConfig(path, "here"), ProjectConfig(path, "other")
    try:
        assert await here.get("a") is None and await here.get("a", "b") == "b"
        await here.set("a", "1")
        await here.set("a", "2")
        await other.set("a", "3")
        assert (await here.get("a"), await other.all()) == ("2", {"a": "3"})
        await here.delete("a")
        assert await here.all() == {} and await other.get("a") == "3"
    finally:
        await here.close()
        await other.close()


async def test_the_project_is_the_current_folder(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    monkeypatch.chdir(tmp_path / "link")
    assert ProjectConfig(path).project == str(tmp_path / "real")


async def test_a_path_is_opened_late_and_closed_and_a_connection_is_left_open(path: Path) -> None:
    lazy = ProjectConfig(path)
    assert mode_of(path) is None
    await lazy.set("a", "1")
    assert mode_of(path) == 0o600
    await lazy.close()
    await lazy.close()
    assert await lazy.get("a") == "1"  # opened again
    await lazy.close()
    connection = await connect_config(path)
    try:
        config = ProjectConfig(connection, GLOBAL_PROJECT)
        await config.set("b", "2")
        await config.close()
        assert await config.get("b") == "2"
    finally:
        await connection.close()


async def test_a_prefix_takes_no_other_rows(path: Path) -> None:
    config = ProjectConfig(path, "p")
    keys = ["mcp.my_srv.url", "mcp.myXsrv.url", "mcp.MY_SRV.url", "mcp.my%.url", "mcp.my_srv"]
    try:
        for key in keys:
            await config.set(key, key)
        assert list(await config.get_prefix("mcp.my_srv.")) == ["mcp.my_srv.url"]
        await config.delete_prefix("mcp.my_srv.")
        assert sorted(await config.all()) == sorted(keys[1:])
        await config.delete_prefix("mcp.my%")
        assert "mcp.myXsrv.url" in await config.all()
    finally:
        await config.close()


words = st.text(st.sampled_from("aA%_.é\\*[' \U0001f600"), max_size=5)


@given(st.dictionaries(words, words, max_size=6), words)
@settings(deadline=None)
def test_a_prefix_is_the_beginning_of_a_text(rows: dict[str, str], prefix: str) -> None:
    async def check() -> None:
        connection = await connect_config(":memory:")
        try:
            config = ProjectConfig(connection, "p")
            for key, value in rows.items():
                await config.set(key, value)
            begin = {key: value for key, value in rows.items() if key.startswith(prefix)}
            assert await config.get_prefix(prefix) == begin
            await config.delete_prefix(prefix)
            assert await config.all() == {k: v for k, v in rows.items() if k not in begin}
        finally:
            await connection.close()

    asyncio.run(check())


async def test_it_shares_a_connection_with_conversations(path: Path) -> None:
    connection = await connect_config(path)
    try:
        config, store = ProjectConfig(connection, "p"), SQLiteContextStore(connection, "s")
        texts = [str(number) for number in range(40)]
        await asyncio.gather(
            *(config.set(text, text) for text in texts),
            *(store.append(Message.from_dict({"role": "user", "content": []})) for _ in texts),
        )
        assert len(await config.all()) == len(await store.get_history()) == 40
    finally:
        await connection.close()


WRITER = """
import asyncio, sys
from axio_tui.sqlite_config import ProjectConfig

async def main(path, name):
    config = ProjectConfig(path, "p")
    for number in range(30):
        await config.set(f"{name}.{number}", "x")
    await config.close()

asyncio.run(main(*sys.argv[1:]))
"""


def test_processes_share_one_file_and_lose_nothing(path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), name]) for name in "abcd"]
    try:
        assert [writer.wait(60) for writer in writers] == [0] * 4
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT count(*) FROM axio_config").fetchone() == (120,)
    db.close()


async def test_a_damaged_file_is_a_store_error(path: Path) -> None:
    damage(path)
    config = ProjectConfig(path)
    with pytest.raises(StoreError):
        await config.get("a")
    assert stored_settings(path, "p") == (
        {},
        f"the settings in {path} cannot be read: file is not a database",
    )


async def test_the_model_that_was_picked_is_a_setting(path: Path) -> None:
    project, everywhere = ProjectConfig(path, str(path.parent)), ProjectConfig(path, GLOBAL_PROJECT)
    try:
        await everywhere.set("model.chat", "ollama:qwen:7b")
        await everywhere.set("theme", "dark")
        await project.set("theme", "light")
    finally:
        await project.close()
        await everywhere.close()
    values, problem = stored_settings(path, str(path.parent))
    assert (values["transport"], values["model"]) == ("ollama", "qwen:7b")
    assert values["theme"] == "light" and not problem
    assert stored_settings(path, "/elsewhere")[0]["theme"] == "dark"


def test_a_file_without_settings_has_none(path: Path) -> None:
    path.parent.mkdir()
    sqlite3.connect(path).close()
    assert stored_settings(path, "p") == ({}, "")
