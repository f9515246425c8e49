"""The parts of other distributions, each loaded in held steps. A `PluginError` names the part, its
distribution and the step that has failed.

    parts = Parts(say, off=disabled_in(config))
    tool = await load_tool(parts.entry(TOOLS_GROUP, "acme_weather"))
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint
from typing import Any, TypeVar

from axio.permission import PermissionGuard
from axio.plugins import (
    GUARDS_GROUP,
    SELECTOR_GROUP,
    TOOLS_GROUP,
    TOOLS_SETTINGS_GROUP,
    TRANSPORT_GROUP,
    TRANSPORT_SETTINGS_GROUP,
    Installed,
    PluginError,
    ToolsPlugin,
    as_class,
    as_guard,
    as_tool,
    as_tools_plugin,
    is_own,
)
from axio.selector import ToolSelector
from axio.tool import AnyTool, Tool
from axio_tui.config.values import Config
from axio_tui.servers import SERVERS
from axio_tui.steps import held, in_thread, on_loop
from axio_tui.suspects import are_tried, noted, try_suspects, watched
from axio_tui.transport_registry import ConfigRows

__all__ = (
    "Begun",
    "Parts",
    "begin",
    "class_of",
    "disabled_in",
    "end",
    "import_class",
    "load_guard",
    "load_selector",
    "load_tool",
    "named",
    "setting_of",
    "tools_of",
)

T = TypeVar("T")

_DISABLED = {
    TOOLS_GROUP: "plugins.disabled",
    TOOLS_SETTINGS_GROUP: "plugins.disabled",
    SELECTOR_GROUP: "plugins.disabled",
    TRANSPORT_GROUP: "transports.disabled",
    TRANSPORT_SETTINGS_GROUP: "transports.disabled",
    GUARDS_GROUP: "guards.disabled",
}
"""The setting that lists the parts of a group that are switched off."""


class Parts(Installed):
    """The installed parts without those that are `off`; the names of model servers are reserved.

    Code of others is held: it may neither end the program nor let it wait for ever. Axio's own is
    imported as it is, however long a busy machine takes.
    """

    def __init__(
        self, report: Callable[[str], object], *, off: Mapping[str, Collection[str]] | None = None
    ) -> None:
        reserved = {TRANSPORT_GROUP: frozenset(server.name for server in SERVERS)}
        super().__init__(report, reserved=reserved, off=off or {})
        self._own = Installed(report)
        self.off = off or {}
        """The names of those that are left out, by group."""
        self.failed: dict[EntryPoint, PluginError] = {}
        """Those that could not be imported: they are not tried again."""

    def call(self, problem: str, code: Callable[[], T]) -> T:
        return held(problem, code)

    def import_entry(self, entry: EntryPoint) -> Any:
        if entry in self.failed:
            raise self.failed[entry]
        try:
            if is_own(entry):
                return self._own.import_entry(entry)
            return watched(entry, partial(super().import_entry, entry))
        except PluginError as error:
            self.failed[entry] = error
            raise


def disabled_in(config: Config) -> dict[str, tuple[str, ...]]:
    """The names of the parts that are switched off, by group."""
    return {group: tuple(config[setting] or ()) for group, setting in _DISABLED.items()}


def setting_of(group: str) -> str:
    """The setting that lists the parts of a group that are switched off."""
    return _DISABLED[group]


def named(entry: EntryPoint) -> str:
    """A part in words: group, name, distribution and version."""
    whose = f" of {entry.dist.name} {entry.dist.version}" if entry.dist else ""
    return f"{entry.group} {entry.name!r}{whose}"


async def _step(entry: EntryPoint, step: str, code: Callable[[], T]) -> T:
    problem = f"{named(entry)}: {step}"
    if is_own(entry):
        return await in_thread(problem, code)
    for _ in range(10):  # it takes its own time
        if not are_tried():
            with suppress(PluginError):
                await in_thread(problem, try_suspects)
    return await in_thread(problem, partial(watched, entry, code))


async def load_tool(entry: EntryPoint) -> AnyTool:
    part = await _step(entry, "import", entry.load)
    return await _step(entry, "constructor", lambda: as_tool(entry.name, part))


async def import_class(entry: EntryPoint) -> type:
    part = await _step(entry, "import", entry.load)
    return await _step(entry, "import", lambda: as_class(entry.name, part))


async def class_of(parts: Installed, group: str, name: str) -> type:
    """`parts.load_class` while the event loop goes on."""
    entry = parts.entry(group, name)
    if entry is None or not isinstance(parts, Parts):
        return await asyncio.to_thread(parts.load_class, group, name)
    if entry in parts.failed:
        raise parts.failed[entry]
    try:
        return await import_class(entry)
    except PluginError as error:
        parts.failed[entry] = error
        raise


async def load_guard(entry: EntryPoint) -> PermissionGuard:
    """A guard that needs no arguments."""
    part = await _step(entry, "import", entry.load)
    kind = await _step(entry, "import", lambda: as_guard(entry.name, part))
    return await _step(entry, "constructor", kind)


async def load_selector(entry: EntryPoint) -> ToolSelector:
    kind = await import_class(entry)
    made: Any = await _step(entry, "constructor", kind)
    if not inspect.iscoroutinefunction(getattr(made, "select", None)):
        raise PluginError(f"{named(entry)}: it has no async method 'select'")
    return made  # type: ignore[no-any-return]


# ── tools that need settings or a connection ──────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Begun:
    """A plug-in that has begun, and its tools."""

    entry: EntryPoint
    plugin: ToolsPlugin
    tools: tuple[AnyTool, ...]


async def begin(
    entry: EntryPoint, config: ConfigRows | None, global_config: ConfigRows | None
) -> Begun:
    """Make and begin a plug-in of the group `axio.tools.settings`. One that fails, or is
    cancelled, is ended."""
    part = await _step(entry, "import", entry.load)
    plugin = await _step(entry, "constructor", lambda: as_tools_plugin(entry.name, part))
    given = {"config": config, "global_config": global_config}
    try:
        with noted(entry):
            await on_loop(f"{named(entry)}: init", lambda: plugin.init(**given))
        return Begun(entry, plugin, await tools_of(entry, plugin))
    except BaseException:  # also where it is given up meanwhile
        await asyncio.shield(_ended(entry, plugin))
        raise


async def tools_of(entry: EntryPoint, plugin: ToolsPlugin) -> tuple[AnyTool, ...]:
    """The tools that a plug-in has now."""
    tools = await _step(entry, "all_tools", lambda: tuple(plugin.all_tools))
    for tool in tools:
        if not isinstance(tool, Tool):
            raise PluginError(f"{named(entry)}: all_tools: {type(tool).__name__} is no Tool")
    return tools


async def end(begun: Begun) -> None:
    """Close a plug-in. `PluginError` if that fails."""
    await on_loop(f"{named(begun.entry)}: close", begun.plugin.close)


async def _ended(entry: EntryPoint, plugin: ToolsPlugin) -> None:
    with suppress(PluginError):  # it has failed before, and that is told
        await on_loop("close", plugin.close)
