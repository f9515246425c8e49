"""The definitions of tools that were approved, and what has changed since.

A server may offer a harmless tool until it is approved, and then describe another one under the
same name. So what a server says of a tool is remembered, and told when it is something else.
"""

from __future__ import annotations

import asyncio
import difflib
import json
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from axio.exceptions import GuardError
from axio.permission import PermissionGuard
from axio.tool import AnyTool
from axio_tools_mcp.kept import alone, replace

if TYPE_CHECKING:
    from axio_tools_mcp.config import MCPServerConfig
    from axio_tools_mcp.wire import ListedTool

__all__ = ("Approvals", "AskChange", "ChangedTool", "ToolChange", "approvals_file", "fingerprint")


@dataclass(frozen=True, slots=True)
class ToolChange:
    """A tool whose server says something else of it than when it was approved. `before` is None
    where only a fingerprint was kept. All of it is a stranger's word."""

    server: str
    tool: str
    before: dict[str, Any] | None
    now: dict[str, Any]

    def difference(self) -> list[str]:
        """The lines that have changed, each behind a sign: - as it was, + as it is."""
        if self.before is None:
            return [f"+ {line}" for line in _lines(self.now)]
        before, now = _lines(self.before), _lines(self.now)
        lines = []
        # Not `difflib.ndiff`, which takes hours for what a stranger can write.
        for _, start, end, first, last in difflib.SequenceMatcher(None, before, now).get_opcodes():
            if before[start:end] != now[first:last]:
                lines += [f"- {line}" for line in before[start:end]]
                lines += [f"+ {line}" for line in now[first:last]]
        return lines


AskChange: TypeAlias = Callable[[ToolChange], Awaitable[bool]]
"""Asks a person whether the tool is approved as it is described now."""


def fingerprint(said: Mapping[str, Any]) -> str:
    """A short text that stands for all that a server says of a tool."""
    return sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:32]


def approvals_file(environment: Mapping[str, str] = os.environ) -> Path:
    """The place of the user's approvals."""
    base = environment.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return Path(base, "axio", "mcp-tools.json")


class Approvals:
    """Definitions by server and tool, in a file. The first definition of a tool is approved when
    it is seen: who adds a server wants its tools as they are. With `ask` a person may approve
    another one when the tool is called; without it such calls are refused."""

    def __init__(self, path: Path, ask: AskChange | None = None) -> None:
        self.ask = ask
        self._path = path

    def changes(
        self, config: MCPServerConfig, listed: Sequence[ListedTool]
    ) -> dict[str, ToolChange]:
        """The tools that are not what was approved, by their names; new ones are approved now."""
        with alone(self._path):
            everything = self._read()
            known = everything.setdefault(_key(config), {})
            before = json.dumps(known)
            found = self._compared(config, listed, known)
            if json.dumps(known) != before:
                self._write(everything)
        return found

    def _compared(
        self, config: MCPServerConfig, listed: Sequence[ListedTool], known: dict[str, Any]
    ) -> dict[str, ToolChange]:
        """The changes; what is seen is put down in `known`."""
        found = {}
        for tool in listed:
            now = _said(tool)
            entry = known.setdefault(tool.name, {"approved": now})
            if isinstance(entry, str):  # of the first alpha, which kept fingerprints
                entry = known[tool.name] = {"print": entry}
            approved = entry.get("approved")
            if entry.get("print", fingerprint(approved or {})) == fingerprint(now):
                known[tool.name] = {"approved": now}
            else:
                entry["now"] = now
                found[tool.name] = ToolChange(config.name, tool.name, approved, now)
        return found

    def known_changes(self, config: MCPServerConfig) -> list[ToolChange]:
        """The changes as they were when the server was last connected."""
        return [
            ToolChange(config.name, name, entry.get("approved"), entry["now"])
            for name, entry in self._read().get(_key(config), {}).items()
            if isinstance(entry, dict) and "now" in entry
        ]

    def approve(self, config: MCPServerConfig, listed: Sequence[ListedTool]) -> None:
        """From now on the tools of the server are approved as they are listed."""
        with alone(self._path):
            everything = self._read()
            everything[_key(config)] = {tool.name: {"approved": _said(tool)} for tool in listed}
            self._write(everything)

    def approve_change(self, config: MCPServerConfig, change: ToolChange) -> None:
        """From now on the tool is approved as it was told in `change`."""
        with alone(self._path):
            everything = self._read()
            everything.setdefault(_key(config), {})[change.tool] = {"approved": change.now}
            self._write(everything)

    def _read(self) -> dict[str, dict[str, Any]]:
        """The file as it is now."""
        try:
            known = json.loads(self._path.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        if not isinstance(known, dict):
            return {}
        return {key: tools for key, tools in known.items() if isinstance(tools, dict)}

    def _write(self, known: dict[str, dict[str, Any]]) -> None:
        replace(self._path, json.dumps(known, indent=1, sort_keys=True))


class ChangedTool(PermissionGuard):
    """Refuses every call until a person has approved the tool as it is described now. They are
    asked once."""

    def __init__(self, approvals: Approvals, config: MCPServerConfig, change: ToolChange) -> None:
        self._approvals = approvals
        self._config = config
        self.change = change
        self._asking = asyncio.Lock()
        self.approved: bool | None = None if approvals.ask is not None else False
        """The answer of the person, once there is one."""

    async def check(  # type: ignore[override]
        self, tool: AnyTool, /, **kwargs: Any
    ) -> dict[str, Any]:
        async with self._asking:
            if self.approved is None and self._approvals.ask is not None:
                self.approved = await self._approvals.ask(self.change)
                if self.approved:
                    self._approvals.approve_change(self._config, self.change)
        if self.approved:
            return kwargs
        server, name = self.change.server, self.change.tool
        raise GuardError(
            f"MCP server {server!r} describes its tool {name!r} otherwise than when it was "
            f"approved; a person has to look at it: axio mcp approve {server}"
        )


def _said(listed: ListedTool) -> dict[str, Any]:
    """All that a server says of a tool, without what is only for show."""
    said = listed.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {key: value for key, value in said.items() if key not in ("_meta", "icons")}


def _lines(said: Mapping[str, Any]) -> list[str]:
    return json.dumps(said, indent=1, sort_keys=True, ensure_ascii=False).splitlines()[1:-1]


def _key(config: MCPServerConfig) -> str:
    # The command line belongs to it: another program under the same name is another server.
    line = json.dumps([config.command, config.args, config.target])
    return f"{config.name} {sha256(line.encode()).hexdigest()[:16]}"
