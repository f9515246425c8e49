"""`axio mcp ...`: the servers in files, from the command line."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import secrets
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from axio_tools_mcp.config import TRANSPORTS, MCPServerConfig
from axio_tools_mcp.edit import (
    add_entry,
    entry_from,
    file_for,
    has_entry,
    quoted,
    remove_entry,
    shown,
    switch_entry,
)
from axio_tools_mcp.errors import ConfigError, MCPServerError
from axio_tools_mcp.files import PROJECT_FILES
from axio_tools_mcp.saved import (
    database_file,
    find_all_servers,
    remove_saved,
    saved_servers,
    switch_saved,
)
from axio_tools_mcp.trust import Approvals, ToolChange, approvals_file

__all__ = ("main",)

Say = Callable[[str], None]


def main(argv: Sequence[str], say: Say) -> int:
    """Run `axio mcp` and return its exit code. `say` prints a notice on one line."""
    args, unknown = _parser().parse_known_args(argv)
    if unknown:  # the usage of the command that was meant is told, not the one of all
        args.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    # The command tells of every error in its own words, on one line.
    logging.getLogger("axio_tools_mcp").addHandler(logging.NullHandler())
    try:
        return int(args.run(args, say))
    except (ConfigError, OSError, ValueError) as error:
        say(f"error: {error}")
        return 2
    except MCPServerError as error:
        say(f"error: {error}")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="axio mcp", description="The MCP servers of axio.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add = commands.add_parser(
        "add",
        help="keep a server",
        description="Keep a server: axio mcp add NAME URL, or axio mcp add NAME -- COMMAND ARGS...",
    )
    add.add_argument("name", metavar="NAME")
    add.add_argument("target", nargs="+", metavar="URL | COMMAND")
    add.add_argument("--env", action="append", default=[], metavar="NAME=VALUE")
    add.add_argument("--header", action="append", default=[], metavar="NAME: VALUE")
    add.add_argument("--transport", choices=TRANSPORTS)
    add.add_argument("--timeout", type=float, metavar="SECONDS")
    _add_place(add)
    add.set_defaults(run=_add, parser=add)
    show = commands.add_parser("list", help="list the servers, and with --check connect them")
    show.add_argument("--check", action="store_true", help="connect them and count their tools")
    show.add_argument("--trust", action="store_true", help="those of this folder, too")
    show.add_argument("--json", action="store_true", help="as JSON, for programs")
    show.set_defaults(run=_list, parser=show)
    approve = commands.add_parser(
        "approve", help="approve the tools of a server as they are described now"
    )
    approve.add_argument("name", metavar="NAME")
    approve.add_argument("--trust", action="store_true", help="a server of this folder")
    approve.set_defaults(run=_approve, parser=approve)
    remove = commands.add_parser("remove", help="forget a server")
    remove.add_argument("name", metavar="NAME")
    _add_place(remove)
    remove.set_defaults(run=_remove, parser=remove)
    for word, on in (("on", True), ("off", False)):
        switch = commands.add_parser(word, help=f"switch a server {word}, and keep that")
        switch.add_argument("name", metavar="NAME")
        _add_place(switch)
        switch.set_defaults(run=_switch, parser=switch, on=on)
    login = commands.add_parser("login", help="sign in to a server in a browser")
    login.add_argument("name", metavar="NAME")
    login.add_argument("--trust", action="store_true", help="a server of this folder")
    login.add_argument("--no-browser", action="store_true", help="only say what page to open")
    login.set_defaults(run=_login, parser=login)
    serve = commands.add_parser(
        "serve",
        help="offer tools or an agent of axio as a server",
        description="Serve over stdin and stdout, for a client that starts this command; with "
        "--http on this machine, for clients that bring the token.",
    )
    what = serve.add_mutually_exclusive_group(required=True)
    what.add_argument("--tools", metavar="NAMES", help="installed tools, separated by commas")
    what.add_argument("--agent", metavar="MODULE:NAME", help="an Agent in a module")
    serve.add_argument("--http", type=_port, metavar="PORT", help="0 takes any port that is free")
    serve.add_argument(
        "--yes", action="store_true", help="allow calls that change something: nobody is asked"
    )
    serve.set_defaults(run=_serve, parser=serve)
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, not {text!r}")
    return int(text)


def _add_place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--project",
        action="store_true",
        help=f"in {PROJECT_FILES[0]} of this folder, not in the user's file",
    )


def _serve(args: argparse.Namespace, say: Say) -> int:
    from axio_tools_mcp.offer import TOKEN, serve

    given = os.environ.get(TOKEN)
    token = given or secrets.token_urlsafe(24)
    if args.http is not None and not given:
        say(f"the token is {token} ({TOKEN} sets another)")
    asyncio.run(serve(args.tools, args.agent, yes=args.yes, port=args.http, token=token, say=say))
    return 0


# ── add, remove and switch ────────────────────────────────────────────────────────────────────


def _add(args: argparse.Namespace, say: Say) -> int:
    entry = entry_from(
        args.name,
        args.target,
        env=args.env,
        headers=args.header,
        transport=args.transport,
        timeout=args.timeout,
    )
    path = _path(args)
    add_entry(path, args.name, entry)
    say(f"server {quoted(args.name)} is in {path}")
    return 0


def _remove(args: argparse.Namespace, say: Say) -> int:
    path, saved = _place(args)
    if saved is None:
        remove_entry(path, args.name)
    else:
        remove_saved(saved)
    say(f"server {quoted(args.name)} is no more in {path}")
    return 0


def _switch(args: argparse.Namespace, say: Say) -> int:
    path, saved = _place(args)
    if saved is None:
        switch_entry(path, args.name, args.on)
    else:
        switch_saved(saved, args.on)
    say(f"server {quoted(args.name)} is {'on' if args.on else 'off'} in {path}")
    return 0


def _place(args: argparse.Namespace) -> tuple[Path, MCPServerConfig | None]:
    """The file that a server is in, or the database, and then the server."""
    path = _path(args)
    saved = saved_servers().servers.get(args.name)
    if saved is None or has_entry(path, args.name) or saved.scope != _scope(args):
        return path, None
    return Path(saved.source), saved


def _path(args: argparse.Namespace) -> Path:
    return file_for(_scope(args), args.name)


def _scope(args: argparse.Namespace) -> str:
    return "project" if args.project else "global"


def _named(args: argparse.Namespace) -> MCPServerConfig:
    servers = find_all_servers(trusted=args.trust).servers
    if args.name not in servers:
        raise ConfigError(
            f"no server {quoted(args.name)}; there is: {', '.join(map(shown, servers)) or 'none'}"
        )
    return servers[args.name]


def _login(args: argparse.Namespace, say: Say) -> int:
    from axio_tools_mcp.signing_in import sign_in

    typed = _typed_line if sys.stdin.isatty() else None
    asyncio.run(sign_in(_named(args), say, not args.no_browser, typed))
    say(f"signed in to server {quoted(args.name)}")
    return 0


async def _typed_line() -> str:
    """The next line that is typed on the terminal; "" at its end. Nothing is read when this is
    cancelled."""
    loop, file = asyncio.get_running_loop(), sys.stdin.fileno()
    is_there = asyncio.Event()
    loop.add_reader(file, is_there.set)
    try:
        await is_there.wait()
    finally:
        loop.remove_reader(file)
    try:
        return os.read(file, 1 << 16).decode("utf-8", "replace")
    except OSError:  # the terminal has gone
        return ""


def _approve(args: argparse.Namespace, say: Say) -> int:
    count, changes = asyncio.run(_approve_now(_named(args)))
    for change in changes:
        print(f"{shown(change.tool)} has changed:")
        for line in change.difference():
            print(f"  {shown(line)}")
    say(f"{count} tools of server {quoted(args.name)} are approved as they are described now")
    return 0


async def _approve_now(config: MCPServerConfig) -> tuple[int, list[ToolChange]]:
    from axio_tools_mcp.session import MCPSession

    session = MCPSession(config)
    await session.connect()
    try:
        listed = await session.list_tools()
        approvals = Approvals(approvals_file())
        changes = [*approvals.changes(config, listed).values()]
        approvals.approve(config, listed)
        return len(listed), changes
    finally:
        await session.close()


# ── list ──────────────────────────────────────────────────────────────────────────────────────


def _list(args: argparse.Namespace, say: Say) -> int:
    found = find_all_servers(trusted=args.trust)
    for problem in found.problems:
        say(problem)
    for path in found.untrusted:
        say(f"{path} is left out; --trust uses it")
    states = asyncio.run(_check([*found.servers.values()], say)) if args.check else {}
    servers = [_told(config, states.get(config.name)) for config in found.servers.values()]
    if args.json:
        print(json.dumps(servers, indent=2, ensure_ascii=False))
    else:
        for server in servers:
            _print(server, say)
        if not servers and not found.problems:
            say("no MCP server is configured; axio mcp add NAME URL adds one")
    return 1 if found.problems or any(server.get("error") for server in servers) else 0


def _told(config: MCPServerConfig, state: int | str | None) -> dict[str, Any]:
    """All that is known of a server, without what may be secret; `state` is the number of its
    tools, or why it cannot be connected."""
    checked = {"tools": state} if isinstance(state, int) else {"error": state} if state else {}
    changes = Approvals(approvals_file()).known_changes(config)
    return {
        "name": config.name,
        "scope": config.scope,
        "transport": config.transport,
        "target": config.target,
        "enabled": config.enabled,
        "source": config.source,
        "changed_tools": [change.tool for change in changes],
        **checked,
    }


def _print(server: dict[str, Any], say: Say) -> None:
    state = "" if server["enabled"] else "switched off"
    if "error" in server:
        state = f"error: {server['error']}"
    elif "tools" in server:
        state = f"{server['tools']} tools"
    changed = ", ".join(server["changed_tools"])
    is_saved = server["source"] == str(database_file())
    where = f"in {server['source']}" if is_saved else ""
    words = [*(server[key] for key in ("name", "scope", "transport", "target")), where, state]
    words.append(f"changed since it was approved: {changed}" if changed else "")
    print("  ".join(shown(word) for word in words if word))
    if changed:
        name = shown(server["name"])
        say(f"axio mcp approve {name} shows what has changed, and approves it")


async def _check(servers: list[MCPServerConfig], say: Say) -> dict[str, int | str]:
    """For each server that is not switched off the number of its tools, or the error of an attempt
    to connect it. Tools that are left out are told."""
    from axio_tools_mcp.registry import MCPRegistry

    registry = MCPRegistry(approvals=Approvals(approvals_file()))
    try:
        await registry.connect_all(servers)
        for server in servers:
            for line in registry.left_out(server.name):
                say(line)
        return {
            server.name: registry.server_error(server.name)
            or registry.server_tool_count(server.name)
            for server in servers
            if server.enabled
        }
    finally:
        await registry.close()
