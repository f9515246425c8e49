"""`/plugins` in the full screen: the hub, and the screens that it opens."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from typing import TYPE_CHECKING

from axio.plugins import (
    GUARDS_GROUP,
    SELECTOR_GROUP,
    TOOLS_GROUP,
    TRANSPORT_GROUP,
    PluginError,
    ToolsPlugin,
)
from axio_tui.app.asker import answer_of
from axio_tui.app.screens.contract import SelectorSelectScreen
from axio_tui.app.screens.hub import PluginHubScreen
from axio_tui.app.screens.switches import (
    GuardSelectScreen,
    ToolSelectScreen,
    TransportSelectScreen,
)
from axio_tui.chat.commands import CommandFailed, run
from axio_tui.chat.settings import set_up_plugin
from axio_tui.config.load import load_config
from axio_tui.config.values import Config
from axio_tui.extensions import Extensions
from axio_tui.parts import named, setting_of
from axio_tui.steps import in_thread
from axio_tui.switches import names_of, save_names

if TYPE_CHECKING:
    from axio_tui.app.app import AgentApp

__all__ = ("show_plugins",)

_LATER = "what was switched holds from the next start on"


async def show_plugins(app: AgentApp) -> str:
    """Let the person choose in the hub, and show what they chose. Words on what they changed."""
    extensions = app.opened.extensions
    if extensions is None:
        raise CommandFailed("there are no plug-ins here")
    plugins = extensions.plugins
    labels = await asyncio.gather(*(_label(name, one) for name, one in plugins.items()))
    entries = [
        ("tools", "Tools", "switch them on and off"),
        ("transports", "Transports", "switch them on and off"),
        ("guards", "Guards", "which of them are asked, about what"),
        ("selector", "Selector", "who chooses the tools that a model is shown"),
        *(
            (f"plugin {name}", label, "its settings")
            for name, label in zip(plugins, labels, strict=True)
        ),
    ]
    problems = [f"{named(entry)}: {error}" for entry, error in extensions.errors.items() if error]
    key = await answer_of(app, PluginHubScreen(entries, problems))
    if key is None:
        return ""
    kind, _, name = key.partition(" ")
    if kind == "plugin":
        return await set_up_plugin(app.host, name)
    return await _SHOWN[kind](app, extensions, load_config({}))


async def _label(name: str, plugin: ToolsPlugin) -> str:
    """The label of a plug-in; its name if it cannot say one."""
    with suppress(PluginError):
        return await in_thread("label", lambda: str(plugin.label))
    return name


async def _tools(app: AgentApp, extensions: Extensions, config: Config) -> str:
    groups: dict[str, list[str]] = {}
    for entry in extensions.parts.all_entries(TOOLS_GROUP):
        groups.setdefault(entry.dist.name if entry.dist else "", []).append(entry.name)
    known = {name for names in groups.values() for name in names}
    before = names_of(config, TOOLS_GROUP)

    off = await answer_of(app, ToolSelectScreen(groups, before & known))
    if off is None or off == before & known:
        return ""
    await save_names(setting_of(TOOLS_GROUP), before - known | off)
    for name in off - before:
        await extensions.switch_off(TOOLS_GROUP, name)
    on = before & known - off
    now = {name for name in on if extensions.switch_on(TOOLS_GROUP, name)}
    states = {"off now": off - before, "on now": now, "on from the next start on": on - now}
    words = [f"{', '.join(sorted(names))}: {state}" for state, names in states.items() if names]
    return "; ".join(words)


async def _transports(app: AgentApp, extensions: Extensions, config: Config) -> str:
    names = {entry.name for entry in extensions.parts.all_entries(TRANSPORT_GROUP)}
    before = names_of(config, TRANSPORT_GROUP)

    async def count() -> dict[str, int]:
        offers = await app.host.models.offers()
        return {name: sum(one.transport == name for one in offers) for name in names}

    counts = await count()
    available = [name for name, models in counts.items() if models]
    screen = TransportSelectScreen(available, names, counts, before & names, count)
    off = await answer_of(app, screen)
    if off is None:
        return ""
    return await _kept(TRANSPORT_GROUP, before - names | off, before)


async def _guards(app: AgentApp, extensions: Extensions, config: Config) -> str:
    names = sorted({entry.name for entry in extensions.parts.all_entries(GUARDS_GROUP)})
    before = names_of(config, GUARDS_GROUP)
    assigned = {
        name: {*config[key]} for name in names if (key := f"guards.{name}.tools") in config.values
    }
    tools = sorted(tool.name for tool in app.session.agent.tools)

    screen = GuardSelectScreen(dict.fromkeys(names), before, assigned, tools)
    answer = await answer_of(app, screen)
    if answer is None:
        return ""
    off, now = answer
    changed = {name: those for name, those in now.items() if assigned.get(name) != those}
    for name, those in changed.items():
        await save_names(f"guards.{name}.tools", those)
    return await _kept(GUARDS_GROUP, off, before) or (_LATER if changed else "")


async def _selector(app: AgentApp, extensions: Extensions, config: Config) -> str:
    names = extensions.parts.names(SELECTOR_GROUP)
    active = config["selector.active"] or ""
    name = await answer_of(app, SelectorSelectScreen(names, active))
    if name is None:
        return ""
    return str(await run(app.host, "plugins", f"use {name or 'none'}"))


async def _kept(group: str, off: Collection[str], before: set[str]) -> str:
    """Keep what is off in a group; "" if nothing has changed."""
    if {*off} == before:
        return ""
    await save_names(setting_of(group), off)
    return _LATER


_SHOWN = {"tools": _tools, "transports": _transports, "guards": _guards, "selector": _selector}
