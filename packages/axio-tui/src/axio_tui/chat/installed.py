"""Guards that other packages have installed: each is asked before every tool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from axio.exceptions import GuardError, message_of
from axio.permission import PermissionGuard
from axio.plugins import GUARDS_GROUP, Installed, PluginError
from axio.tool import AnyTool

__all__ = ("OWN_GUARDS", "installed_guards")

OWN_GUARDS = frozenset({"path", "llm"})
"""Those that need more than a name: what they do is done by `Permissions`."""


class Missing(PermissionGuard):
    """Stands where a guard cannot be: nothing runs that it was to look at."""

    def __init__(self, name: str, why: str) -> None:
        self._words = f"denied: the guard {name!r} cannot be used ({why}), so nothing may run"

    async def check(self, tool: AnyTool, /, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        raise GuardError(self._words)


def installed_guards(
    parts: Installed, names: Sequence[str] | None = None
) -> dict[str, PermissionGuard]:
    """The guards of the group `axio.guards` by name; all, or those that are named.

    One that cannot be built refuses every call.
    """
    offered = [name for name in parts.names(GUARDS_GROUP) if name not in OWN_GUARDS]
    return {name: _made(parts, name) for name in (offered if names is None else names)}


def _made(parts: Installed, name: str) -> PermissionGuard:
    try:
        guard: object = parts.load_class(GUARDS_GROUP, name)()
    except PluginError as error:
        return Missing(name, message_of(error))
    except Exception as error:
        return Missing(name, f"{type(error).__name__}: {message_of(error)}")
    if not isinstance(guard, PermissionGuard):
        return Missing(name, f"{type(guard).__name__} is no PermissionGuard")
    return guard
