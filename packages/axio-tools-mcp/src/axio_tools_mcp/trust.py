"""The definitions of tools that were approved, and what has changed since.

A server may offer a harmless tool until it is approved, and then describe another one under the
same name. So the description of a tool is remembered by its fingerprint.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from axio.exceptions import GuardError
from axio.permission import PermissionGuard
from axio.tool import AnyTool

if TYPE_CHECKING:
    from axio_tools_mcp.config import MCPServerConfig
    from axio_tools_mcp.wire import ListedTool

__all__ = ("Approvals", "ChangedTool", "approvals_file", "fingerprint")


def fingerprint(listed: ListedTool) -> str:
    """A short text that stands for all that a server says of a tool."""
    said = listed.model_dump(mode="json", by_alias=True, exclude_none=True)
    shown = {key: value for key, value in said.items() if key not in ("_meta", "icons")}
    return sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:32]


def approvals_file(environment: Mapping[str, str] = os.environ) -> Path:
    """The place of the user's approvals."""
    base = environment.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return Path(base, "axio", "mcp-tools.json")


class Approvals:
    """Fingerprints by server and tool, in a file. The first definition of a tool is approved when
    it is seen: who adds a server wants its tools as they are."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            known: Any = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            known = {}
        self._known: dict[str, dict[str, str]] = known if isinstance(known, dict) else {}

    def changed(self, config: MCPServerConfig, listed: list[ListedTool]) -> set[str]:
        """The names of the tools that are not what was approved; new ones are approved now."""
        known = self._known.setdefault(_key(config), {})
        seen = {tool.name: fingerprint(tool) for tool in listed}
        new = {name: print for name, print in seen.items() if name not in known}
        if new:
            known.update(new)
            self._save()
        return {name for name, print in seen.items() if known[name] != print}

    def approve(self, config: MCPServerConfig, listed: list[ListedTool]) -> None:
        """From now on the tools of the server are approved as they are listed."""
        self._known[_key(config)] = {tool.name: fingerprint(tool) for tool in listed}
        self._save()

    def _save(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(dir=self._path.parent)
        with os.fdopen(number, "w", encoding="utf-8") as file:
            json.dump(self._known, file, indent=1, sort_keys=True)
        os.replace(name, self._path)


class ChangedTool(PermissionGuard):
    """Refuses every call: a person approved another tool than this."""

    def __init__(self, server: str, tool: str) -> None:
        self._words = (
            f"MCP server {server!r} describes its tool {tool!r} otherwise than when it was "
            f"approved; a person has to look at it: axio mcp approve {server}"
        )

    async def check(  # type: ignore[override]
        self, tool: AnyTool, /, **kwargs: Any
    ) -> dict[str, Any]:
        raise GuardError(self._words)


def _key(config: MCPServerConfig) -> str:
    # The command line belongs to it: another program under the same name is another server.
    line = json.dumps([config.command, config.args, config.target])
    return f"{config.name} {sha256(line.encode()).hexdigest()[:16]}"
