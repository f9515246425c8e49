"""`/plugins` in the full screen: the hub, and the screens that it opens."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from axio.plugins import (
    GUARDS_GROUP,
    SELECTOR_GROUP,
    TOOLS_GROUP,
    TRANSPORT_GROUP,
    PluginError,
)
from axio_tui.app.screens.contract import SelectorSelectScreen
from axio_tui.app.screens.hub import PluginHubScreen
from axio_tui.app.screens.switches import (
    GuardSelectScreen,
    ToolSelectScreen,
    TransportSelectScreen,
)
from axio_tui.chat.commands import CommandFailed
from axio_tui.chat.composer import Command
from axio_tui.config.load import load_config
from axio_tui.config.values import Config
from axio_tui.extensions import Extensions
from axio_tui.parts import named, setting_of
from axio_tui.switches import names_of, save_names

if TYPE_CHECKING:
    from axio_tui.app.app import AgentApp

__all__ = ("show_plugins",)

_LATER = "what was switched holds from the next start on"


async def show_plugins(app: AgentApp) -> None:
    """Open the hub."""
    extensions = app.opened.extensions
    if extensions is None:
        raise CommandFailed("there are no plug-ins here")
    plugins = extensions.plugins
    entries = [
        ("tools", "Tools", "switch them on and off"),
        ("transports", "Transports", "switch them on and off"),
        ("guards", "Guards", "which of them are asked, about what"),
        ("selector", "Selector", "who chooses the tools that a model is shown"),
        *((f"plugin {name}", str(one.label), "its settings") for name, one in plugins.items()),
    ]
    problems = [f"{named(entry)}: {error}" for entry, error in extensions.errors.items() if error]

    async def chosen(key: str | None) -> None:
        if key is None:
            return
        kind, _, name = key.partition(" ")
        if kind == "plugin":
            await _settings(app, extensions, name)
        else:
            await _SHOWN[kind](app, extensions, load_config({}))

    app.push_screen(PluginHubScreen(entries, problems), chosen)


async def _settings(app: AgentApp, extensions: Extensions, name: str) -> None:
    try:
        screen: Any = await extensions.screen_of(name)
    except PluginError as error:
        app.say(str(error))
        return

    async def closed(result: object) -> None:
        await extensions.refresh(name)

    app.push_screen(screen, closed)


async def _tools(app: AgentApp, extensions: Extensions, config: Config) -> None:
    groups: dict[str, list[str]] = {}
    for entry in extensions.parts.all_entries(TOOLS_GROUP):
        groups.setdefault(entry.dist.name if entry.dist else "", []).append(entry.name)
    known = {name for names in groups.values() for name in names}
    before = names_of(config, TOOLS_GROUP)

    async def chosen(off: set[str] | None) -> None:
        if off is not None and await _kept(app, TOOLS_GROUP, before - known | off, before):
            for name in off - before:
                await extensions.switch_off(TOOLS_GROUP, name)

    app.push_screen(ToolSelectScreen(groups, before & known), chosen)


async def _transports(app: AgentApp, extensions: Extensions, config: Config) -> None:
    names = {entry.name for entry in extensions.parts.all_entries(TRANSPORT_GROUP)}
    before = names_of(config, TRANSPORT_GROUP)
    offers = await app.host.models.offers()
    counts = {name: sum(one.transport == name for one in offers) for name in names}
    available = [name for name, count in counts.items() if count]

    async def chosen(off: set[str] | None) -> None:
        if off is not None:
            await _kept(app, TRANSPORT_GROUP, before - names | off, before)

    app.push_screen(TransportSelectScreen(available, names, counts, before & names), chosen)


async def _guards(app: AgentApp, extensions: Extensions, config: Config) -> None:
    names = sorted({entry.name for entry in extensions.parts.all_entries(GUARDS_GROUP)})
    before = names_of(config, GUARDS_GROUP)
    assigned = {
        name: {*config[key]} for name in names if (key := f"guards.{name}.tools") in config.values
    }
    tools = sorted(tool.name for tool in app.session.agent.tools)

    async def chosen(answer: tuple[set[str], dict[str, set[str]]] | None) -> None:
        if answer is None:
            return
        off, now = answer
        changed = {name: tools for name, tools in now.items() if assigned.get(name) != tools}
        for name, those in changed.items():
            await save_names(f"guards.{name}.tools", those)
        if not await _kept(app, GUARDS_GROUP, off, before) and changed:
            app.say(_LATER)

    screen = GuardSelectScreen(dict.fromkeys(names), before, assigned, tools)
    app.push_screen(screen, chosen)


async def _selector(app: AgentApp, extensions: Extensions, config: Config) -> None:
    names = extensions.parts.names(SELECTOR_GROUP)

    async def chosen(name: str | None) -> None:
        if name is not None:
            await app.host.call(Command("plugins", f"use {name or 'none'}"))

    app.push_screen(SelectorSelectScreen(names, config["selector.active"] or ""), chosen)


async def _kept(app: AgentApp, group: str, off: Collection[str], before: set[str]) -> bool:
    """Keep what is off in a group; False if nothing has changed."""
    if {*off} == before:
        return False
    await save_names(setting_of(group), off)
    app.say(_LATER)
    return True


_SHOWN = {"tools": _tools, "transports": _transports, "guards": _guards, "selector": _selector}
