"""Servers put into the files that hold them, changed there, and taken out.

All else that a file holds stays as it is. A file with comments is not written over: `ConfigError`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from axio_tools_mcp.config import MCPServerConfig
from axio_tools_mcp.dialects import config_of
from axio_tools_mcp.errors import ConfigError
from axio_tools_mcp.files import PROJECT_FILES, user_file
from axio_tools_mcp.kept import alone, replace

__all__ = (
    "add_entry",
    "change_entry",
    "entry_from",
    "entry_of",
    "file_for",
    "has_entry",
    "quoted",
    "remove_entry",
    "shown",
    "switch_entry",
)


def file_for(scope: str, name: str = "") -> Path:
    """The file of the working folder, or of the user, that servers of this scope are put into; the
    one that has a server of this name, if one has."""
    if scope != "project":
        return user_file()
    files = [Path.cwd() / file for file in PROJECT_FILES]
    return next((file for file in files if name and has_entry(file, name)), files[0])


def has_entry(file: Path, name: str) -> bool:
    """True if the file can be read, and has a server of this name."""
    try:
        return name in _load(file)[1]
    except (OSError, ConfigError):
        return False


def add_entry(path: Path, name: str, entry: Mapping[str, Any]) -> None:
    """Put a server in. `ConfigError` if there is one of this name, or the entry makes no sense."""
    config_of(name, entry, "global")  # refuses what makes no sense
    with _servers_in(path) as servers:
        if name in servers:
            raise ConfigError(f"{path} has a server {quoted(name)} already; remove it first")
        servers[name] = dict(entry)


def change_entry(path: Path, name: str, entry: Mapping[str, Any]) -> None:
    """Put an entry in the place of the one of this name. `ConfigError` if there is none."""
    with _servers_in(path) as servers:
        _known(path, servers, name)
        servers[name] = dict(entry)


def remove_entry(path: Path, name: str) -> None:
    """Take a server out. `ConfigError` if there is none of this name."""
    with _servers_in(path) as servers:
        _known(path, servers, name)
        del servers[name]


def switch_entry(path: Path, name: str, on: bool) -> None:
    """Switch a server on or off, in the words of its file."""
    with _servers_in(path) as servers:
        entry = _known(path, servers, name)
        if "disabled" in entry:
            entry["disabled"] = not on
        elif on:
            entry.pop("enabled", None)
        else:
            entry["enabled"] = False


def _known(path: Path, servers: Mapping[str, Any], name: str) -> Any:
    if name not in servers:
        there_is = ", ".join(map(shown, sorted(servers))) or "none"
        raise ConfigError(f"{path} has no server {quoted(name)}; there is: {there_is}")
    return servers[name]


def entry_from(
    name: str,
    words: Sequence[str],
    *,
    env: Sequence[str] = (),
    headers: Sequence[str] = (),
    transport: str | None = None,
    timeout: float | None = None,
) -> dict[str, Any]:
    """The entry that a person means by a URL, or by a command with its arguments."""
    if not words:
        raise ConfigError(f"server {quoted(name)} needs a URL, or a command with its arguments")
    entry: dict[str, Any] = {}
    first, *rest = words
    if "://" in first:
        if urlsplit(first).scheme not in ("http", "https"):
            raise ConfigError(f"the URL of server {quoted(name)} begins with http:// or https://")
        if rest:
            raise ConfigError(
                f"after the URL of server {quoted(name)} comes nothing, got {rest[0]!r}"
            )
        entry["url"] = first
    else:
        entry.update(command=first, args=rest)
    if env:
        entry["env"] = dict(_pair(item, "=") for item in env)
    if headers:
        entry["headers"] = dict(_pair(item, ":") for item in headers)
    given = {"transport": transport, "timeout": timeout}
    return entry | {key: value for key, value in given.items() if value is not None}


def _pair(text: str, mark: str) -> tuple[str, str]:
    name, found, value = text.partition(mark)
    if not found or not name.strip():
        raise ConfigError(f"{text!r} has to be NAME{mark}VALUE")
    return name.strip(), value.strip()


def entry_of(config: MCPServerConfig) -> dict[str, Any]:
    """The entry that `config_of` makes this configuration of."""
    plain = config.to_dict()
    texts = {"command", "url", "transport", "cwd"}
    return {
        key: text if key in texts or key.startswith("oauth_") else json.loads(text)
        for key, text in plain.items()
    }


# ── the document ──────────────────────────────────────────────────────────────────────────────


@contextmanager
def _servers_in(path: Path) -> Iterator[dict[str, Any]]:
    """The servers of a file, to be changed; it is written at the end of the block."""
    with alone(path):
        document, servers = _load(path)
        yield servers
        replace(path, json.dumps(document, indent=2, ensure_ascii=False) + "\n")


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


# ── words ─────────────────────────────────────────────────────────────────────────────────────


def shown(text: str) -> str:
    """The text with everything as an escape that a terminal would obey: it comes from elsewhere."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def quoted(name: str) -> str:
    """A name in a sentence, in the spelling in which it is listed."""
    return f"'{shown(name)}'"
