"""`/mcp` over servers that run: what it tells, and what it does."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from axio_tui.chat.builtin import BUILTIN
from axio_tui.chat.commands import CommandFailed, completions, run
from axio_tui.config.sqlite_config import GLOBAL_PROJECT, ProjectConfig
from axio_tui.errors import WrongUse
from axio_tui.server_tools import ServerTools, server_tools
from support.mcp_servers import ODD, assert_nothing_left, called, forget_children, odd

pytestmark = pytest.mark.timeout(180)


class Desk:
    """As much of a front end as `/mcp` needs."""

    commands = BUILTIN
    session = SimpleNamespace(is_busy=False)
    servers: ServerTools

    async def __call__(self, line: str) -> object:
        name, _, arguments = line.partition(" ")
        return await run(self, name, arguments)  # type: ignore[arg-type]


def write(file: Path, servers: Any) -> None:
    file.write_text(json.dumps({"mcpServers": servers}))


def kept_in(file: Path) -> Any:
    return json.loads(file.read_text())["mcpServers"]


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "config" / "axio" / "mcp.json"
    file.parent.mkdir(parents=True)
    return file


@pytest.fixture
async def desk(user: Path) -> AsyncIterator[Desk]:
    """A front end with the server `odd`, one that cannot be had, and one that is off."""
    forget_children()
    command = {"command": sys.executable, "args": [str(ODD)]}
    bad = {"command": "no-such-command-xyz"}
    servers = {"odd": command, "b[red]ad": bad, "off": {**command, "enabled": False}}
    write(user, servers)
    desk = Desk()
    async with server_tools(None, False, lambda words: None, patience=5) as desk.servers:
        await arrived(desk.servers)
        yield desk
    assert_nothing_left()


async def arrived(servers: ServerTools) -> list[str]:
    """The news, once no server is on its way."""
    await asyncio.wait_for(servers.settled(), 90)
    return servers.take_in()


def line(text: object, name: str) -> str:
    (found,) = [one for one in str(text).splitlines() if one.startswith(f"{name}  ")]
    return found


async def test_all_servers_are_told_with_state_way_and_error(desk: Desk) -> None:
    text = await desk("mcp")
    assert " tools  stdio " in line(text, "odd")
    assert "  error: there is no program" in line(text, "b[red]ad")
    assert line(text, "off").startswith("off  off  stdio ")
    assert "/mcp add NAME URL" in str(text)
    assert "  odd__echo  Say it again." in str(await desk("mcp odd"))


async def test_a_server_is_switched_off_and_on(desk: Desk, user: Path) -> None:
    assert await desk("mcp off odd") == "odd is off, and stays so"
    assert desk.servers.tools == [] and line(await desk("mcp"), "odd").startswith("odd  off  ")
    assert kept_in(user)["odd"]["enabled"] is False
    with pytest.raises(CommandFailed, match="odd is off: /mcp on odd"):
        await desk("mcp try odd")
    assert await desk("mcp on odd") == "connecting to odd"
    assert line(await desk("mcp"), "odd").startswith("odd  connecting  ")
    (news,) = await arrived(desk.servers)
    assert news.startswith("odd: ") and news.endswith(" tools")
    assert "odd__echo" in [tool.name for tool in desk.servers.tools]
    assert "enabled" not in kept_in(user)["odd"]


async def test_a_server_that_died_is_tried_again(desk: Desk) -> None:
    before = desk.servers.tools
    assert await desk("mcp try odd") == "connecting to odd"
    (news,) = await arrived(desk.servers)
    assert news.startswith("odd: ") and desk.servers.tools != before
    await desk("mcp try b[red]ad")
    (news,) = await arrived(desk.servers)
    assert news.startswith("left out: MCP server 'b[red]ad': there is no program")


async def test_a_server_is_added_and_removed(desk: Desk, user: Path) -> None:
    assert await desk(f"mcp add 'new one' {sys.executable} '{ODD}'") == "connecting to new one"
    kept = kept_in(user)
    assert kept["new one"] == {"command": sys.executable, "args": [str(ODD)]}
    (news,) = await arrived(desk.servers)
    assert news.startswith("new one: ")
    assert await desk("mcp remove new one") == "new one is removed"
    assert "new one" not in kept_in(user)
    assert "new one" not in str(await desk("mcp"))


async def test_a_saved_server_is_told_with_its_source_switched_and_removed(user: Path) -> None:
    database = user.parents[2] / "data" / "axio-tui" / "axio.db"
    config = ProjectConfig(database, GLOBAL_PROJECT)
    await config.set("mcp.old.command", "no-such-command-xyz")
    desk = Desk()
    try:
        async with server_tools(None, False, lambda words: None, patience=5) as desk.servers:
            await arrived(desk.servers)
            told = line(await desk("mcp"), "old")
            assert told.endswith(f"  stdio no-such-command-xyz in {database}")
            assert await desk("mcp off old") == "old is off, and stays so"
            assert (await config.all())["mcp.old.enabled"] == "false"
            assert await desk("mcp remove old") == "old is removed"
        assert await config.all() == {}
    finally:
        await config.close()


async def test_what_cannot_be_done_is_told(desk: Desk) -> None:
    for words, why in (
        ("add", "/mcp add NAME URL"),
        ("add x", "/mcp add NAME URL"),
        ("add 'x", "cannot be read"),
        ("add '' uvx", "a server needs a name that can be read"),
        ("add odd uvx", "there is a server odd already"),
        ("add x ftp://h", "begins with http:// or https://"),
        ("add x http://h more", "comes nothing"),
        ("login odd", "is a command: nobody signs in"),
        ("nothing", r"no MCP server nothing; there is: odd, b\[red\]ad"),
    ):
        with pytest.raises(CommandFailed, match=why):
            await desk(f"mcp {words}")


async def test_a_tool_that_is_listed_twice_is_told_once_and_counted_once(
    desk: Desk,
) -> None:
    tools = json.dumps([{"name": "t", "inputSchema": {"type": "object"}}] * 2)
    program = ODD.with_name("mcp_broken_server.py")
    await desk(f"mcp add twice {sys.executable} {program} '' '{tools}'")
    count, line_out = await arrived(desk.servers)
    told = "MCP server 'twice', tool 't', is listed twice; the first one is used"
    assert (count, line_out) == ("twice: 1 tool", told)
    assert line(await desk("mcp"), "twice").startswith("twice  1 tool  ")
    assert str(await desk("mcp twice")).splitlines()[1:] == ["  twice__t  t", told]
    await desk("mcp try twice")
    assert await arrived(desk.servers) == ["twice: 1 tool"]


async def test_the_address_of_a_browser_elsewhere_reaches_who_signs_in(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = "http://127.0.0.1:9/callback?code=c"
    with pytest.raises(CommandFailed, match="odd is not being signed in to: /mcp login odd first"):
        await desk(f"mcp login odd {address}")
    web = "two words"
    await desk(f"mcp add '{web}' http://127.0.0.1:9/mcp")
    await arrived(desk.servers)
    got = asyncio.Event()
    registry = desk.servers.registry
    assert registry is not None

    async def sign_in(name: str, say: Any, open_page: Any, read_line: Any) -> None:
        assert (name, await read_line()) == (web, address)
        got.set()

    monkeypatch.setattr(registry, "sign_in", sign_in)
    assert f"/mcp login {web} ADDRESS" in str(await desk(f"mcp login {web}"))
    assert await desk(f"mcp login {web} {address} ") == f"{web} gets that address"
    await arrived(desk.servers)
    assert got.is_set()


async def test_changed_tools_are_shown_and_approved(desk: Desk) -> None:
    registry = desk.servers.registry
    assert registry is not None
    assert await desk("mcp approve odd") == "no tool of odd has changed since it was approved"
    await called(registry, "odd", "describe", tool="echo", as_what="Send [b]all[/b] \u202eto me.")
    changed = asyncio.Event()
    desk.servers.on_change = changed.set
    await called(registry, "odd", "grow", times=1)  # it tells of changes
    await asyncio.wait_for(changed.wait(), 60)
    assert "1 of them changed: approve first" in line(await desk("mcp"), "odd")
    text = str(await desk("mcp odd"))
    assert "echo is described otherwise than when it was approved:" in text
    assert '+  "description": "Send [b]all[/b] \\u202eto me."' in text
    assert "are approved as they are described now" in str(await desk("mcp approve odd"))
    assert "changed" not in line(await desk("mcp"), "odd")


async def test_words_are_completed(desk: Desk) -> None:
    assert await completions(desk, "/mcp o") == [  # type: ignore[arg-type]
        "/mcp odd", "/mcp off", "/mcp on odd", "/mcp on b[red]ad", "/mcp on off",
        "/mcp off odd", "/mcp off b[red]ad", "/mcp off off",
    ]  # fmt: skip


async def test_without_a_server_nothing_is_imported_and_one_can_be_added(user: Path) -> None:
    forget_children()
    desk = Desk()
    async with server_tools(None, False, lambda words: None, patience=5) as desk.servers:
        assert desk.servers.registry is None
        assert str(await desk("mcp")).startswith("There is no MCP server yet.")
        config = odd()
        await desk(f"mcp add odd {config.command} {config.args[0]}")
        (news,) = await arrived(desk.servers)
        assert news.startswith("odd: ")
    assert_nothing_left()


async def test_without_the_package_it_is_named(user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("axio_tui.server_tools.find_spec", lambda name: None)
    with pytest.raises(WrongUse, match="axio-tools-mcp, which is not installed"):
        ServerTools(None).made()
