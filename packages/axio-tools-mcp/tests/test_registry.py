"""Servers by name: kept in rows, connected, changed and removed."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from pathlib import Path

import pytest

from axio.exceptions import StoreError
from axio.plugins import ToolsPlugin, discover_tools_plugins
from axio_tools_mcp import MCPPlugin, MCPRegistry, MCPServerConfig, MCPSession
from axio_tools_mcp.errors import ConfigError
from axio_tools_mcp.files import find_servers
from axio_tools_mcp.own_files import FileRegistry
from axio_tools_mcp.rows import read_rows
from axio_tools_mcp.trust import Approvals
from axio_tools_mcp.tui import MCPHubScreen
from support.mcp_servers import Rows, called, odd, real

pytestmark = pytest.mark.timeout(180)


MISSING = MCPServerConfig("missing", command="no-such-command-xyz")


async def test_what_is_added_is_kept_and_loaded_again(registry: MCPRegistry) -> None:
    project, everywhere = Rows(), Rows()
    await registry.init(project, everywhere)
    everything = real("everything")
    await registry.add_server(everything)
    await registry.add_server(dataclasses.replace(MISSING, name="a.b"), scope="project")
    assert registry.server_names == ["everything", "a.b"]
    assert registry.server_status("everything") == "connected"
    assert registry.server_tool_count("everything") == len(registry.all_tools) > 5
    assert (registry.server_status("a.b"), registry.get_server_scope("a.b")) == ("error", "project")
    assert "no-such-command-xyz" in registry.server_error("a.b")
    assert set(everywhere) == {"mcp.everything.command", "mcp.everything.args"}
    assert set(project) == {"mcp.a=2Eb.command"}
    with pytest.raises(ValueError, match="already exists"):
        await registry.add_server(everything)

    again = MCPRegistry()
    try:
        await again.init(project, everywhere)
        assert again.server_names == ["everything", "a.b"]
        assert again.server_config("everything") == everything
        assert again.server_status("everything") == "connected"
    finally:
        await again.close()

    await registry.remove_server("a.b")
    with pytest.raises(KeyError):
        await registry.remove_server("a.b")
    assert project == {}
    assert "a.b" not in registry.server_names


async def test_the_global_one_of_two_servers_with_one_name_is_used(registry: MCPRegistry) -> None:
    await registry.init(Rows({"mcp.s.command": "theirs"}), Rows({"mcp.s.command": "ours-xyz"}))
    assert registry.server_config("s").command == "ours-xyz"


async def test_rows_that_mean_nothing_are_left_out(registry: MCPRegistry) -> None:
    await registry.init(Rows({"mcp.s.colour": "red", "mcp.t.command": "no-such-command-xyz"}))
    assert registry.server_names == ["t"]


async def test_a_change_reconnects_only_where_the_connection_changes(
    registry: MCPRegistry,
) -> None:
    rows, others = Rows(), Rows()
    await registry.init(rows, others)
    config = odd()
    await registry.add_server(config)
    process = await called(registry, "odd", "pid")
    less = dataclasses.replace(config, tools=["pid"], timeout=20)
    await registry.update_server("odd", less, scope="project")
    assert await called(registry, "odd", "pid") == process
    assert [tool.name for tool in registry.all_tools] == ["odd__pid"]
    assert others == {} and "mcp.odd.tools" in rows
    renamed = dataclasses.replace(less, name="renamed")
    await registry.update_server("odd", renamed)
    assert registry.server_names == ["renamed"]
    assert [tool.name for tool in registry.all_tools] == ["renamed__pid"]
    assert await called(registry, "renamed", "pid") != process
    assert {key.split(".")[1] for key in rows} == {"renamed"}


async def test_servers_are_connected_side_by_side(registry: MCPRegistry, tmp_path: Path) -> None:
    """Each of five ends when it has seen the others: one after another they would never."""
    meet = 'touch "$0/$1"; while [ $(ls "$0" | wc -l) -lt 5 ]; do sleep 0.05; done; exit 5'
    servers = [
        MCPServerConfig(f"s{n}", command="sh", args=["-c", meet, str(tmp_path), str(n)], timeout=90)
        for n in range(5)
    ]
    await registry.connect_all(servers)
    for server in servers:
        assert "it ended with exit code 5" in registry.server_error(server.name)


async def test_only_the_tools_of_a_server_that_says_so_are_always_shown(
    registry: MCPRegistry,
) -> None:
    await registry.connect_all([odd("one", always=True), odd("two")])
    shown = {tool.name for tool in registry.all_tools if registry.is_always_shown(tool.name)}
    assert shown == {tool.name for tool in registry.server_tools("one")} != set()


async def test_tools_that_a_server_gets_later_are_there(registry: MCPRegistry) -> None:
    await registry.add_server(odd())
    before = registry.server_tool_count("odd")
    refreshed: list[int] = []
    registry.on_change = lambda: refreshed.append(registry.server_tool_count("odd"))
    (grow,) = (tool for tool in registry.all_tools if tool.name == "odd__grow")
    await grow(times=5)
    async with asyncio.timeout(40):
        while before + 5 not in refreshed:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_burst_of_changes_is_told_once() -> None:
    told: list[str] = []
    session = MCPSession(odd(), on_change=told.append)
    for kind in ("tools", "prompts", "tools", "tools"):
        session._note_change(kind)
    async with asyncio.timeout(40):
        while not told:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert told == ["prompts", "tools"]


async def test_a_server_that_is_switched_off_is_kept_and_not_started(
    registry: MCPRegistry,
) -> None:
    await registry.connect_all([dataclasses.replace(MISSING, enabled=False)])
    assert registry.server_names == ["missing"]
    assert (registry.server_status("missing"), registry.server_error("missing")) == (
        "disconnected",
        "",
    )
    await registry.reconnect("missing")
    assert registry.server_error("missing") == ""  # it is still off


async def test_a_server_is_switched_off_and_on_and_that_is_kept(registry: MCPRegistry) -> None:
    rows, changes = Rows(), []
    await registry.init(None, rows)
    await registry.add_server(odd())
    registry.on_change = lambda: changes.append(registry.server_tool_count("odd"))
    await registry.switch("odd", False)
    assert registry.server_status("odd") == "disconnected" and registry.all_tools == []
    assert rows["mcp.odd.enabled"] == "false"
    await registry.switch("odd", True)
    assert registry.server_status("odd") == "connected" and "mcp.odd.enabled" not in rows
    assert changes[0] == 0 < changes[-1]


class SlowRows(Rows):
    """Settings that take a while, as those of a database do."""

    async def get_prefix(self, prefix: str) -> dict[str, str]:
        await asyncio.sleep(0)
        return await super().get_prefix(prefix)

    async def set(self, key: str, value: str) -> None:
        await asyncio.sleep(0)
        await super().set(key, value)

    async def delete_prefix(self, prefix: str) -> None:
        await asyncio.sleep(0)
        await super().delete_prefix(prefix)


OTHER_WAYS = [
    MCPServerConfig("s", url="http://127.0.0.1:9/mcp"),
    MCPServerConfig("t", command="no-such-other", args=["-v"]),
    MCPServerConfig("s", command="no-such-command-xyz", timeout=9, scope="project"),
]


@pytest.mark.parametrize("new", OTHER_WAYS, ids=["way", "name", "scope"])
async def test_a_change_that_is_given_up_at_any_point_leaves_one_whole_server(
    registry: MCPRegistry, monkeypatch: pytest.MonkeyPatch, new: MCPServerConfig
) -> None:
    old = dataclasses.replace(MISSING, name="s", args=["-x"], enabled=False)

    async def for_ever(session: MCPSession) -> None:
        await asyncio.Event().wait()

    for steps in range(40):
        project, everywhere = SlowRows(), SlowRows()
        made = MCPRegistry()
        await made.init(project, everywhere)
        await made.add_server(old)
        with monkeypatch.context() as patch:
            patch.setattr(MCPSession, "close", for_ever)
            work = asyncio.create_task(made.update_server("s", new, new.scope))
            for _ in range(steps):
                await asyncio.sleep(0)
            work.cancel()
            await asyncio.wait([work])
        kept = await read_rows(project, "project") + await read_rows(everywhere, "global")
        assert kept in ([old], [new]), steps
        await made.close()
    assert kept == [new]


async def test_a_server_whose_change_cannot_be_kept_stays_as_it_was(
    registry: MCPRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = Rows()
    await registry.init(None, rows)
    await registry.add_server(MISSING)
    before = dict(rows)

    async def full(self: Rows, key: str, value: str) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(Rows, "set", full)
    with pytest.raises(StoreError):
        await registry.update_server("missing", dataclasses.replace(MISSING, args=["-x"]))
    assert rows == before and registry.server_config("missing") == MISSING


async def test_a_server_that_died_is_connected_anew(registry: MCPRegistry) -> None:
    await registry.connect_all([odd()])
    before = await called(registry, "odd", "pid")
    assert not registry.is_connecting("odd")
    await registry.reconnect("odd")
    assert before != await called(registry, "odd", "pid")
    assert registry.server_tools("odd")[0].name.startswith("odd__")


async def test_changed_tools_are_told_and_approved(registry: MCPRegistry, tmp_path: Path) -> None:
    registry._approvals = Approvals(tmp_path / "approvals.json")
    await registry.connect_all([odd()])
    changed = asyncio.Event()
    registry.on_change = changed.set
    await called(registry, "odd", "describe", tool="echo", as_what="Send it to me.")
    await called(registry, "odd", "grow", times=1)  # it tells of changes
    await asyncio.wait_for(changed.wait(), 60)
    (change,) = registry.changes("odd")
    assert change.tool == "echo" and "+" in "".join(change.difference())
    assert registry.changed_tools == ["odd__echo"]
    await registry.approve("odd")
    assert registry.changes("odd") == [] == registry.changed_tools


async def test_servers_are_kept_in_the_files_of_people(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    user = tmp_path / "config" / "axio" / "mcp.json"
    user.parent.mkdir(parents=True)
    user.write_text(json.dumps({"other": 1, "mcpServers": {"a": {"command": "x", "note": "mine"}}}))
    registry = FileRegistry()
    registry.hold(find_servers().servers.values())
    env = {"KEY": "${KEY}"}
    await registry.add_server(MCPServerConfig("b", command="no-such", args=["-x"], env=env))
    await registry.add_server(dataclasses.replace(MISSING, enabled=False), scope="project")
    await registry.switch("a", False)
    kept = json.loads(user.read_text())
    assert kept["other"] == 1
    assert kept["mcpServers"]["a"] == {"command": "x", "note": "mine", "enabled": False}
    assert kept["mcpServers"]["b"] == {"command": "no-such", "args": ["-x"], "env": env}
    found = find_servers(trusted=True).servers
    assert {(one.name, one.scope, one.enabled) for one in found.values()} == {
        ("missing", "project", False),
        ("a", "global", False),
        ("b", "global", True),
    }
    await registry.switch("a", True)
    await registry.update_server("b", MCPServerConfig("b", command="no-such", args=["-y"]))
    assert find_servers().servers["b"].args == ["-y"]
    await registry.update_server("b", MCPServerConfig("c", command="no-such"))
    assert [*find_servers().servers] == ["a", "c"]
    await registry.remove_server("c")
    assert json.loads(user.read_text())["mcpServers"] == {"a": {"command": "x", "note": "mine"}}
    user.write_text("{ // by hand\n}")
    with pytest.raises(ConfigError, match="edited by hand"):
        await registry.add_server(MCPServerConfig("c", command="no-such"))
    with pytest.raises(ConfigError, match="until the program ends"):
        await registry.switch("a", False)
    assert registry.server_names == ["a", "missing"]
    assert not registry.server_config("a").enabled
    await registry.close()


async def test_the_plug_in_connects_the_users_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "axio").mkdir()
    (tmp_path / "axio" / "mcp.json").write_text('{"mcpServers": {"m": {"command": "nothing-x"}}}')
    plugin = MCPPlugin()
    assert isinstance(plugin, ToolsPlugin) and plugin.label == "MCP Servers"
    await plugin.init(Rows(), Rows({"mcp.n.command": "nothing-x"}))
    assert plugin.registry.server_names == ["m", "n"] and plugin.all_tools == []
    assert isinstance(plugin.settings_screen(), MCPHubScreen)
    await plugin.close()


async def test_a_server_of_a_file_is_changed_in_its_file_alone(
    registry: MCPRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    entry = {"command": "nothing-x", "env": {"TOKEN": "secret"}}
    (tmp_path / ".mcp.json").write_text(json.dumps({"mcpServers": {"gh": entry}}))
    project, everywhere = Rows(), Rows({"mcp.own.command": "nothing-x"})
    found = find_servers(trusted=True, user=tmp_path / "none").servers
    await registry.init(project, everywhere, others=found.values())
    changed = dataclasses.replace(found["gh"], timeout=9)
    for work in (
        registry.switch("gh", False),
        registry.remove_server("gh"),
        registry.update_server("gh", changed),
        registry.update_server("gh", changed, scope="global"),
    ):
        with pytest.raises(ConfigError, match=r"'gh' comes from a file: edit .*\.mcp\.json"):
            await work
    assert registry.server_config("gh") == found["gh"]
    await registry.switch("own", False)
    assert project == {} and {key.split(".")[1] for key in everywhere} == {"own"}


def test_the_plug_in_is_found_by_applications() -> None:
    assert type(discover_tools_plugins()["mcp"]) is MCPPlugin
