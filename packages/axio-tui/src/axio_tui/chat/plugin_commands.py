"""`/plugins`: the plug-ins, and which of them are used."""

from __future__ import annotations

from collections.abc import Iterable

from axio.plugins import OWN, SELECTOR_GROUP, TOOLS_GROUP, TOOLS_SETTINGS_GROUP
from axio_tui.chat.commands import CommandFailed, Host, Option, Outcome, Pick, SlashCommand
from axio_tui.config.load import load_config
from axio_tui.extensions import Extensions
from axio_tui.parts import disabled_in
from axio_tui.survey import Found, survey
from axio_tui.switches import groups_of, switch, use_selector

__all__ = ("PLUGINS", "plugins_here")

_WORDS = ("enable", "disable", "use")
_USAGE = (
    "/plugins N switches it on or off; /plugins enable|disable NAME; /plugins use SELECTOR|none"
)
_LIVE = (TOOLS_GROUP, TOOLS_SETTINGS_GROUP, SELECTOR_GROUP)


async def _plugins(host: Host, arguments: str) -> Outcome:
    extensions = host.extensions
    if extensions is None:
        raise CommandFailed("there are no plug-ins here")
    word, _, name = arguments.partition(" ")
    name = name.strip()
    if not arguments:
        return _listed(await plugins_here(extensions))
    if word not in _WORDS or not name:
        raise CommandFailed(_USAGE)
    if word == "use":
        await use_selector(name, extensions.parts)
        extensions.select_with("" if name == "none" else name)
        chosen = "No plug-in" if name == "none" else f"The plug-in {name}"
        return f"{chosen} chooses the tools that the model is shown."
    return await _switched(extensions, name, word == "enable")


async def plugins_here(extensions: Extensions) -> list[Found]:
    """All parts of others, with their states as they are in this program."""
    off = disabled_in(load_config({}))
    found = await survey(extensions.parts, off, extensions.errors)
    return [one for one in found if one.distribution not in OWN]


def _listed(found: Iterable[Found]) -> Outcome:
    options = [
        Option(
            _words(one), f"/plugins {'enable' if one.state == 'off' else 'disable'} {_full(one)}"
        )
        for one in found
    ]
    if not options:
        return "No plug-in is installed. axio plugins lists the parts of axio itself."
    return Pick("Plug-ins; the one that is chosen is switched on or off", options, _USAGE)


def _full(one: Found) -> str:
    return f"{one.group}:{one.name}"


def _words(one: Found) -> str:
    more = f": {one.error}" if one.error else ""
    return f"{one.name} ({one.group}) of {one.distribution} {one.version}, {one.state}{more}"


async def _switched(extensions: Extensions, name: str, on: bool) -> str:
    groups = groups_of(name, extensions.parts)
    await switch(name, groups, on=on)
    short = name.rpartition(":")[2]
    if on:
        later = [group for group in groups if not extensions.switch_on(group, short)]
    else:
        for group in groups:
            await extensions.switch_off(group, short)
        later = [group for group in groups if group not in _LIVE]
    when = ", from the next start on" if later else ""
    return f"{short} is switched {'on' if on else 'off'} in this folder{when}."


async def _words_after(host: Host) -> Iterable[str]:
    return _WORDS


PLUGINS = SlashCommand(
    *(
        "plugins",
        "[WORD NAME]",
        "the plug-ins; switch them on and off",
        _plugins,
        _words_after,
        True,
    )
)
