"""The files that hold servers: the user's own, and those of the working folder once it is trusted.

A file of a folder starts programs, so it is not used before a person has said that the folder is
trusted.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from axio_tools_mcp.config import MCPServerConfig
from axio_tools_mcp.errors import ConfigError

__all__ = ("PROJECT_FILES", "Found", "find_servers", "read_servers", "user_file")

PROJECT_FILES = (".axio/mcp.json", ".mcp.json")
_LARGEST = 4 << 20  # bytes of a file that is meant to be one of these


@dataclass(slots=True)
class Found:
    """Servers by their names; one line for each that cannot be used; files that are not trusted."""

    servers: dict[str, MCPServerConfig] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    untrusted: list[Path] = field(default_factory=list)

    def add(self, other: Found) -> None:
        """Take over what `other` found; a server that is there already stays as it is."""
        self.servers = {**other.servers, **self.servers}
        self.problems += other.problems


def user_file(environment: Mapping[str, str] = os.environ) -> Path:
    """The place of the user's own file."""
    base = environment.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    return Path(base, "axio", "mcp.json")


def find_servers(
    folder: Path | None = None, *, trusted: bool = False, user: Path | None = None
) -> Found:
    """The servers of the folder, when it is trusted, and of the user. Of two with one name that of
    the folder is used."""
    found = Found()
    for name in PROJECT_FILES:
        path = Path.cwd() / name if folder is None else folder / name
        if not path.is_file():
            continue
        if trusted:
            found.add(read_servers(path, "project"))
        else:
            found.untrusted.append(path)
    own = user_file() if user is None else user
    if own.is_file():
        found.add(read_servers(own, "global"))
    return found


def read_servers(path: Path, scope: str = "global") -> Found:
    """The servers of one file, JSON or TOML, as any client writes them. Never raises."""
    # Here, so that a program without a file pays for none.
    from axio_tools_mcp.dialects import config_of, entries_of, read_document

    found = Found()
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError(f"it is larger than {_LARGEST >> 20} MiB")
        document = read_document(path.read_text("utf-8"), path.suffix == ".toml")
        entries = list(entries_of(document))
    except (OSError, ValueError, RecursionError) as error:
        words = error.strerror if isinstance(error, OSError) else str(error)
        found.problems.append(f"{path}: MCP servers cannot be read: {words}")
        return found
    for name, entry in entries:
        try:
            found.servers[name] = replace(config_of(name, entry, scope), source=str(path))
        except ConfigError as error:
            found.problems.append(f"{path}: {error}")
    return found
