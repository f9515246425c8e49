"""The parts that are installed, with the state of each: tried, without harm, by what it needs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from types import MappingProxyType
from typing import Literal, TypeAlias

from axio.plugins import (
    GROUPS,
    GUARDS_GROUP,
    SELECTOR_GROUP,
    TOOLS_GROUP,
    TOOLS_SETTINGS_GROUP,
    PluginError,
    is_own,
)
from axio_tui.config.paths import database_file
from axio_tui.config.sqlite_config import GLOBAL_PROJECT, ProjectConfig
from axio_tui.parts import (
    Parts,
    begin,
    end,
    import_class,
    load_guard,
    load_selector,
    load_tool,
    named,
)

__all__ = ("Found", "State", "problem_of", "survey")

State: TypeAlias = Literal["ready", "off", "skipped", "broken"]
"""Skipped is what has a name that another has; off is what a person has switched off."""


@dataclass(frozen=True, slots=True)
class Found:
    """A part. `error` says why it is not ready."""

    group: str
    name: str
    distribution: str
    version: str
    state: State
    error: str = ""


async def survey(
    parts: Parts,
    off: Mapping[str, Collection[str]] = MappingProxyType({}),
    known: Mapping[EntryPoint, str] = MappingProxyType({}),
    names: Collection[str] = (),
) -> list[Found]:
    """All parts, or those that are named, sorted by group and name. All that are on are tried at
    the same time. Those that are `known` are not tried: their errors are given, "" for none."""
    entries = [
        entry
        for group in GROUPS
        for entry in parts.all_entries(group)
        if not names or {entry.name, f"{group}:{entry.name}"} & {*names}
    ]
    return list(await asyncio.gather(*(_found(entry, parts, off, known) for entry in entries)))


async def _found(
    entry: EntryPoint,
    parts: Parts,
    off: Mapping[str, Collection[str]],
    known: Mapping[EntryPoint, str],
) -> Found:
    state: State = "ready"
    error = ""
    used = parts.entry(entry.group, entry.name)
    if entry.name in off.get(entry.group, ()):
        state = "off"
    elif entry.name in parts.off.get(entry.group, ()):
        state, error = "off", "it is used from the next start on"
    elif used is None or used != entry or used.dist != entry.dist:
        state = "skipped"
        error = f"{named(used)} is used" if used else "the name is for a part of axio itself"
    elif error := known[entry] if entry in known else await problem_of(entry):
        state = "broken"
    name, version = (entry.dist.name, entry.dist.version) if entry.dist else ("", "")
    return Found(entry.group, entry.name, name, version, state, error)


async def problem_of(entry: EntryPoint) -> str:
    """The error of a part, which is tried; "" for none."""
    is_known = is_own(entry) and entry.group != TOOLS_GROUP
    attempt = import_class if is_known else _TRIALS.get(entry.group, import_class)
    try:
        await attempt(entry)
    except PluginError as error:
        return str(error).removeprefix(f"{named(entry)}: ")
    return ""


async def _lived(entry: EntryPoint) -> None:
    """Begin and end a plug-in, with the settings of the person."""
    path = database_file()
    configs = ProjectConfig(path), ProjectConfig(path, GLOBAL_PROJECT)
    try:
        await end(await begin(entry, *configs))
    finally:
        for config in configs:
            await config.close()


_TRIALS: Mapping[str, Callable[[EntryPoint], Awaitable[object]]] = {
    TOOLS_GROUP: load_tool,
    TOOLS_SETTINGS_GROUP: _lived,
    GUARDS_GROUP: load_guard,
    SELECTOR_GROUP: load_selector,
}
"""The trial of a part, by its group. Else its class is imported, as it is of axio's own."""
