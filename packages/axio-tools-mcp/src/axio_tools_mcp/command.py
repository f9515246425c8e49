"""`axio mcp ...`: the servers in files, from the command line."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import logging
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from axio_tools_mcp.config import TRANSPORTS, MCPServerConfig
from axio_tools_mcp.dialects import config_of
from axio_tools_mcp.errors import ConfigError, MCPServerError
from axio_tools_mcp.files import PROJECT_FILES, find_servers, user_file
from axio_tools_mcp.kept import alone, replace
from axio_tools_mcp.library import require_library
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


# ── add and remove ────────────────────────────────────────────────────────────────────────────


def _add(args: argparse.Namespace, say: Say) -> int:
    entry: dict[str, Any] = {}
    first, *rest = args.target
    if not args.name.strip() or not args.name.isprintable():
        raise ConfigError(f"a server needs a name that can be read, not {_quoted(args.name)}")
    if "://" in first:
        if urlsplit(first).scheme not in ("http", "https"):
            raise ConfigError(
                f"the URL of server {_quoted(args.name)} begins with http:// or https://"
            )
        if rest:
            raise ConfigError(
                f"after the URL of server {_quoted(args.name)} comes nothing, got {rest[0]!r}"
            )
        entry["url"] = first
    else:
        entry.update(command=first, args=rest)
    if args.env:
        entry["env"] = dict(_pair(item, "=") for item in args.env)
    if args.header:
        entry["headers"] = dict(_pair(item, ":") for item in args.header)
    for key in ("transport", "timeout"):
        if getattr(args, key) is not None:
            entry[key] = getattr(args, key)
    config_of(args.name, entry, "global")  # refuses what makes no sense
    path = _path(args)
    with alone(path):
        document, servers = _load(path)
        if args.name in servers:
            raise ConfigError(f"{path} has a server {_quoted(args.name)} already; remove it first")
        servers[args.name] = entry
        _save(path, document)
    say(f"server {_quoted(args.name)} is in {path}")
    return 0


def _remove(args: argparse.Namespace, say: Say) -> int:
    path = _path(args)
    with alone(path):
        document, servers = _load(path)
        if args.name not in servers:
            there_is = ", ".join(map(_shown, sorted(servers))) or "none"
            raise ConfigError(f"{path} has no server {_quoted(args.name)}; there is: {there_is}")
        del servers[args.name]
        _save(path, document)
    say(f"server {_quoted(args.name)} is no more in {path}")
    return 0


def _path(args: argparse.Namespace) -> Path:
    return Path.cwd() / PROJECT_FILES[0] if args.project else user_file()


def _pair(text: str, mark: str) -> tuple[str, str]:
    name, found, value = text.partition(mark)
    if not found or not name.strip():
        raise ConfigError(f"{text!r} has to be NAME{mark}VALUE")
    return name.strip(), value.strip()


def _load(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The whole document, and the servers in it."""
    try:
        document = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        document = {}
    except ValueError as error:
        raise ConfigError(f"{path} is no plain JSON, so it has to be edited by hand") from error
    place = "servers" if "servers" in document and "mcpServers" not in document else "mcpServers"
    servers = document.setdefault(place, {}) if isinstance(document, dict) else None
    if not isinstance(servers, dict):
        raise ConfigError(f"{path} holds no servers by their names; edit it by hand")
    return document, servers


def _save(path: Path, document: dict[str, Any]) -> None:
    replace(path, json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def _named(args: argparse.Namespace) -> MCPServerConfig:
    servers = find_servers(trusted=args.trust).servers
    if args.name not in servers:
        raise ConfigError(
            f"no server {_quoted(args.name)}; there is: {', '.join(map(_shown, servers)) or 'none'}"
        )
    return servers[args.name]


def _login(args: argparse.Namespace, say: Say) -> int:
    config = _named(args)
    if config.url is None:
        raise ConfigError(f"server {_quoted(args.name)} is a command: nobody signs in to it")
    if config.signs_in_alone:
        raise ConfigError(f"axio signs in to server {_quoted(args.name)} for itself: nobody has to")
    asyncio.run(_sign_in(config, say, open_browser=not args.no_browser))
    say(f"signed in to server {_quoted(args.name)}")
    return 0


async def _sign_in(config: MCPServerConfig, say: Say, *, open_browser: bool) -> None:
    require_library()
    from axio_tools_mcp import wire
    from axio_tools_mcp.signing_in import PATIENCE, BrowserLogin
    from axio_tools_mcp.tokens import token_file
    from axio_tools_mcp.variables import expanded

    config = dataclasses.replace(expanded(config), start_timeout=PATIENCE + 30)
    token_file(config).forget()

    def ignore(_: object = None) -> None:
        pass

    async with (
        BrowserLogin(say, open_browser=open_browser) as login,
        wire.connect(config, wire.Hooks(ignore, ignore, ignore), login=login),
    ):
        pass


def _approve(args: argparse.Namespace, say: Say) -> int:
    count, changes = asyncio.run(_approve_now(_named(args)))
    for change in changes:
        print(f"{_shown(change.tool)} has changed:")
        for line in change.difference():
            print(f"  {_shown(line)}")
    say(f"{count} tools of server {_quoted(args.name)} are approved as they are described now")
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
    found = find_servers(trusted=args.trust)
    for problem in found.problems:
        say(problem)
    for path in found.untrusted:
        say(f"{path} is left out; --trust uses it")
    states = asyncio.run(_check(list(found.servers.values()))) if args.check else {}
    approvals = Approvals(approvals_file())
    for name, config in found.servers.items():
        state = states.get(name, "" if config.enabled else "switched off")
        changed = ", ".join(change.tool for change in approvals.known_changes(config))
        words = (name, config.scope, config.transport, config.target, state)
        told = (*words, f"changed since it was approved: {changed}" if changed else "")
        print("  ".join(_shown(word) for word in told if word))
        if changed:
            say(f"axio mcp approve {_shown(name)} shows what has changed, and approves it")
    if not found.servers and not found.problems:
        say("no MCP server is configured; axio mcp add NAME URL adds one")
    return 1 if found.problems or any(state.startswith("error") for state in states.values()) else 0


def _shown(text: str) -> str:
    """The text with everything as an escape that a terminal would obey: it comes from elsewhere."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _quoted(name: str) -> str:
    """A name in a sentence, in the spelling in which it is listed."""
    return f"'{_shown(name)}'"


async def _check(servers: list[MCPServerConfig]) -> dict[str, str]:
    """The state of each server, after an attempt to connect it."""
    from axio_tools_mcp.registry import MCPRegistry

    registry = MCPRegistry(approvals=Approvals(approvals_file()))
    try:
        await registry.connect_all(servers)
        return {
            name: f"error: {error}"
            if (error := registry.server_error(name))
            else f"{registry.server_tool_count(name)} tools"
            for name in registry.server_names
        }
    finally:
        await registry.close()
