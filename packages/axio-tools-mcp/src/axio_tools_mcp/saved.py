"""Servers that release 0.9.6 saved in the database of the command, beside those of files.

They are changed and removed where they are. A server of a file with the same name is used instead.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from axio_tools_mcp.config import MCPServerConfig
from axio_tools_mcp.errors import ConfigError
from axio_tools_mcp.files import Found, find_servers

if TYPE_CHECKING:
    import sqlite3

__all__ = (
    "database_file",
    "find_all_servers",
    "is_saved",
    "remove_saved",
    "saved_servers",
    "switch_saved",
)

_EVERYWHERE = "<global>"  # stands for the project in rows that hold everywhere
_WAIT = 5.0  # seconds for the locks of other processes


def database_file(environment: Mapping[str, str] = os.environ) -> Path:
    """The database of the command."""
    base = environment.get("XDG_DATA_HOME", "")
    if not os.path.isabs(base):
        base = os.path.expanduser("~/.local/share")
    return Path(base, "axio-tui", "axio.db")


def find_all_servers(*, trusted: bool = False) -> Found:
    """The servers of files, as `find_servers` has them, and those that are saved."""
    found = find_servers(trusted=trusted)
    found.add(saved_servers())
    return found


def saved_servers() -> Found:
    """The saved servers of this folder and of all. Of two with one name the global one is used.
    Never raises."""
    path, found = database_file(), Found()
    if not os.path.exists(path):
        return found
    import sqlite3  # Here, so that a program without a database pays for nothing.

    from axio_tools_mcp.rows import servers_in

    try:
        with _opened(path, to_change=False) as db:
            rows = {scope: dict(_rows(db, scope)) for scope in ("global", "project")}
    except (sqlite3.Error, OSError) as error:
        found.problems.append(f"{path}: MCP servers cannot be read: {error}")
        return found
    for scope, kept in rows.items():
        found.add(servers_in(kept, scope, str(path)))
    return found


def is_saved(config: MCPServerConfig) -> bool:
    """True for a server of the database."""
    return bool(config.source) and Path(config.source) == database_file()


def remove_saved(config: MCPServerConfig) -> None:
    """Take a server out."""
    with _changing(config) as (db, project, keys):
        _delete(db, project, keys)


def switch_saved(config: MCPServerConfig, on: bool) -> None:
    """Switch a server on or off."""
    with _changing(config) as (db, project, keys):
        key = f"{keys[0].rpartition('.')[0]}.enabled"
        _delete(db, project, [key])
        row = (project, key, json.dumps(on))
        db.execute("INSERT INTO axio_config (project, key, value) VALUES (?, ?, ?)", row)


@contextmanager
def _changing(config: MCPServerConfig) -> Iterator[tuple[sqlite3.Connection, str, list[str]]]:
    """The database, the project of a server and its keys; changed as a whole, or not at all."""
    import sqlite3

    from axio_tools_mcp.rows import server_of

    try:
        with _opened(Path(config.source), to_change=True) as db:
            keys = [key for key, _ in _rows(db, config.scope) if server_of(key) == config.name]
            if not keys:
                raise ConfigError(f"{config.source} has no server {config.name!r} any more")
            yield db, _project(config.scope), keys
            db.execute("COMMIT")
    except sqlite3.Error as error:
        raise ConfigError(f"{config.source} cannot be changed: {error}") from error


@contextmanager
def _opened(path: Path, *, to_change: bool) -> Iterator[sqlite3.Connection]:
    import sqlite3

    address = f"{path.as_uri()}?mode={'rw' if to_change else 'ro'}"
    if not to_change and not os.access(path.parent, os.W_OK) and not os.path.exists(f"{path}-wal"):
        address += "&immutable=1"  # SQLite would want to make files beside it
    db = sqlite3.connect(address, timeout=_WAIT, uri=True, isolation_level=None)
    try:
        if to_change:
            db.execute("BEGIN IMMEDIATE")
        yield db
    finally:
        db.close()


def _rows(db: sqlite3.Connection, scope: str) -> list[tuple[str, str]]:
    """The rows of servers. There is no table where nothing was ever saved."""
    known = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'axio_config'"
    if db.execute(known).fetchone() is None:
        return []
    query = (
        "SELECT key, CAST(value AS TEXT) FROM axio_config "
        "WHERE project = ? AND substr(key, 1, 4) = 'mcp.' ORDER BY key"
    )
    return db.execute(query, (_project(scope),)).fetchall()


def _delete(db: sqlite3.Connection, project: str, keys: Iterable[str]) -> None:
    statement = "DELETE FROM axio_config WHERE project = ? AND key = ?"
    db.executemany(statement, [(project, key) for key in keys])


def _project(scope: str) -> str:
    return os.path.realpath(os.getcwd()) if scope == "project" else _EVERYWHERE
