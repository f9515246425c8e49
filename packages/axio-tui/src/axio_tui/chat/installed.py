"""Guards that are installed: those of others, asked before every tool, and `path` and `llm`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from axio.context import MemoryContextStore
from axio.exceptions import GuardError, message_of
from axio.permission import PermissionGuard
from axio.plugins import GUARDS_GROUP, Installed, PluginError
from axio.tool import AnyTool
from axio_tui.chat.permissions import Permissions
from axio_tui.parts import load_guard
from axio_tui_guards import LLMGuard, PathGuard

__all__ = ("OWN_GUARDS", "installed_guards", "limited", "own_guards")

OWN_GUARDS = frozenset({"path", "llm"})
"""Those of axio. What they do is done by `Permissions` too, so they are only asked on demand."""


class Missing(PermissionGuard):
    """Stands where a guard cannot be: nothing runs that it was to look at."""

    def __init__(self, name: str, why: str) -> None:
        self._words = f"denied: the guard {name!r} cannot be used ({why}), so nothing may run"

    async def check(self, tool: AnyTool, /, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        raise GuardError(self._words)


class Arriving(PermissionGuard):
    """A guard that is being made: a call that it is to look at waits for it."""

    def __init__(self, name: str, making: asyncio.Task[PermissionGuard]) -> None:
        self._given_up = Missing(name, "it was given up")
        self._making = making

    async def check(self, tool: AnyTool, /, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        await asyncio.wait([self._making])
        guard = self._given_up if self._making.cancelled() else self._making.result()
        return await guard(tool, **kwargs)


class Limited(PermissionGuard):
    """A guard that is asked about some tools only."""

    def __init__(self, guard: PermissionGuard, tools: Collection[str]) -> None:
        self._guard = guard
        self._tools = tools

    async def check(self, tool: AnyTool, /, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        return await self._guard(tool, **kwargs) if tool.name in self._tools else kwargs


@asynccontextmanager
async def installed_guards(
    parts: Installed, names: Sequence[str] | None = None
) -> AsyncIterator[dict[str, PermissionGuard]]:
    """The guards of the group `axio.guards` by name; all, or those that are named.

    They are made while the block lasts. One that cannot be made refuses every call.
    """
    offered = [name for name in parts.names(GUARDS_GROUP) if name not in OWN_GUARDS]
    wanted = offered if names is None else names
    making = {name: asyncio.create_task(_made(parts, name)) for name in wanted}
    try:
        yield {name: Arriving(name, task) for name, task in making.items()}
    finally:
        for task in making.values():
            task.cancel()
        await asyncio.gather(*making.values(), return_exceptions=True)


async def _made(parts: Installed, name: str) -> PermissionGuard:
    entry = parts.entry(GUARDS_GROUP, name)
    if entry is None:
        return Missing(name, "it is not installed")
    try:
        return await load_guard(entry)
    except PluginError as error:
        return Missing(name, message_of(error))


def own_guards(names: Iterable[str], permissions: Permissions) -> dict[str, PermissionGuard]:
    """The guards `path` and `llm`, as far as they are named. They ask as the rules do."""
    guards: dict[str, PermissionGuard] = {}
    for name in names:
        if name == "path":
            guards[name] = PathGuard(permissions.put_words)
        elif permissions.reviewer is None:
            guards[name] = Missing(name, "it has no model")
        else:
            context = MemoryContextStore()
            guards[name] = LLMGuard(permissions.reviewer, context, permissions.put_words)
    return guards


def limited(guard: PermissionGuard, tools: Collection[str] | None) -> PermissionGuard:
    """A guard for these tools alone, or for all."""
    return guard if tools is None else Limited(guard, tools)
