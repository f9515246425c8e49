"""Servers in the database of the command, as release 0.9.6 saved them."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from axio_tools_mcp import MCPServerConfig
from axio_tools_mcp.errors import ConfigError
from axio_tools_mcp.files import user_file
from axio_tools_mcp.own_files import FileRegistry
from axio_tools_mcp.rows import erase_rows, servers_in, write_rows
from axio_tools_mcp.saved import (
    database_file,
    find_all_servers,
    remove_saved,
    saved_servers,
    switch_saved,
)
from support.mcp_servers import Rows

OLD = {"mcp.t.i.me.command": "no-such-xyz", "mcp.t.i.me.args": '["-q"]', "mcp.web.url": "http://h/"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def save(rows: Mapping[str, str], project: str = "<global>") -> None:
    path = database_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "CREATE TABLE IF NOT EXISTS axio_config (project TEXT NOT NULL, key TEXT NOT NULL, "
            "value TEXT NOT NULL, PRIMARY KEY (project, key))"
        )
        for key, value in rows.items():
            db.execute("INSERT INTO axio_config VALUES (?, ?, ?)", (project, key, value))


def saved() -> dict[tuple[str, str], str]:
    with closing(sqlite3.connect(database_file())) as db:
        return {(p, k): v for p, k, v in db.execute("SELECT * FROM axio_config")}


def test_where_nothing_was_saved_there_is_none_and_no_file_is_made(home: Path) -> None:
    assert saved_servers().servers == {} and not database_file().exists()
    database_file().parent.mkdir(parents=True)
    database_file().touch()
    found = saved_servers()
    assert (found.servers, found.problems) == ({}, [])


def test_those_of_all_and_of_this_folder_are_found_behind_those_of_files(home: Path) -> None:
    save({**OLD, "model.chat": "a:b", "mcp..command": "x", "mcp.bad.colour": "red"})
    save({"mcp.here.command": "x", "mcp.web.command": "theirs"}, os.path.realpath(home))
    save({"mcp.elsewhere.command": "x"}, "/elsewhere")
    user_file().parent.mkdir(parents=True)
    user_file().write_text('{"mcpServers": {"t.i.me": {"command": "newer"}}}')
    found = find_all_servers()
    assert found.servers == {
        "t.i.me": MCPServerConfig("t.i.me", command="newer"),
        "web": MCPServerConfig("web", url="http://h/"),
        "here": MCPServerConfig("here", command="x", scope="project"),
    }
    sources = {name: config.source for name, config in found.servers.items()}
    database = str(database_file())
    assert sources == {"t.i.me": str(user_file()), "web": database, "here": database}
    unnamed, unknown = found.problems
    assert f"{database}: a server needs a name that can be read, not ''" in unnamed
    assert "there is no setting 'colour'" in unknown


def test_a_file_that_is_no_database_is_a_problem(home: Path) -> None:
    database_file().parent.mkdir(parents=True)
    database_file().write_bytes(b"not a database" * 100)
    (problem,) = saved_servers().problems
    assert problem.startswith(f"{database_file()}: MCP servers cannot be read: ")


@pytest.mark.parametrize("key", ["headers", "env", "args"])
def test_what_makes_no_sense_is_told_without_its_text(home: Path, key: str) -> None:
    other = "{}" if key == "args" else '["A=s3cret-words"]'
    save({"mcp.x.command": "no-such-xyz", f"mcp.x.{key}": f'"s3cret-words {key}"'})
    save({"mcp.y.command": "no-such-xyz", f"mcp.y.{key}": other})
    found = saved_servers()
    assert found.servers == {} and len(found.problems) == 2
    for problem in found.problems:
        assert f"{key} cannot be read" in problem and "s3cret" not in problem


def test_one_is_switched_and_removed_where_it_is(home: Path) -> None:
    save({**OLD, "mcp.t.i.command": "x", "model.chat": "a:b"})
    config = saved_servers().servers["t.i.me"]
    switch_saved(config, False)
    assert not saved_servers().servers["t.i.me"].enabled
    switch_saved(config, True)
    assert saved_servers().servers["t.i.me"] == config
    remove_saved(config)
    assert saved_servers().servers.keys() == {"t.i", "web"}
    assert saved()["<global>", "model.chat"] == "a:b"
    with pytest.raises(ConfigError, match=r"has no server 't\.i\.me' any more"):
        remove_saved(config)


def test_a_database_that_cannot_be_written_is_told(home: Path) -> None:
    save(OLD)
    config = saved_servers().servers["web"]
    database_file().write_bytes(b"broken meanwhile" * 100)
    with pytest.raises(ConfigError, match=r"axio\.db cannot be changed: "):
        switch_saved(config, False)


async def test_a_registry_switches_moves_and_removes_them(home: Path) -> None:
    save(OLD)
    registry = FileRegistry()
    try:
        registry.hold(saved_servers().servers.values())
        await registry.switch("web", False)
        assert saved()["<global>", "mcp.web.enabled"] == "false" and not user_file().exists()
        config = registry.server_config("web")
        moved = MCPServerConfig("web", url="http://h/", timeout=9, source=config.source)
        await registry.update_server("web", moved)
        assert '"timeout": 9' in user_file().read_text()
        assert ("<global>", "mcp.web.url") not in saved()
        await registry.remove_server("web")
        assert "web" not in user_file().read_text()
        await registry.remove_server("t.i.me")
        assert saved() == {}
    finally:
        await registry.close()


NAMES = st.text("ab.=2E3D", min_size=1, max_size=6)


@settings(max_examples=200)
@given(st.sets(NAMES, min_size=1, max_size=4), st.data())
def test_what_is_written_is_read_and_erased_alone(names: set[str], data: st.DataObject) -> None:

    async def check() -> None:
        rows = Rows()
        configs = [MCPServerConfig(name, command="x", args=["a"]) for name in sorted(names)]
        for config in configs:
            await write_rows(rows, config)
        assert servers_in(rows, "global").servers == {one.name: one for one in configs}
        gone = data.draw(st.sampled_from(configs))
        await erase_rows(rows, gone)
        left = {one.name: one for one in configs if one is not gone}
        assert servers_in(rows, "global").servers == left

    asyncio.run(check())


@pytest.mark.parametrize("name", ["", "  ", "a\x1b[2J", "a\nb", "\ud800"])
def test_a_name_that_cannot_be_read_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="a server needs a name that can be read"):
        MCPServerConfig(name, command="x")
