"""`/connect` and `/settings`: transports that are set up, by questions of any front end."""

from __future__ import annotations

from collections.abc import Iterable

from axio.plugins import PluginError
from axio_tui.chat.asking import Asker, Choosing, NoScreens, Offered
from axio_tui.chat.commands import CommandFailed, Host, Outcome, SlashCommand
from axio_tui.chat.connecting import Connecting
from axio_tui.chat.providers import Providers, title_of
from axio_tui.chat.setting_up import filled_in, signed_in
from axio_tui.choose import available, choose_named
from axio_tui.config.saved import ACCOUNT
from axio_tui.errors import CommandError
from axio_tui.own_servers import split_name

__all__ = ("SETTING_UP", "set_up_plugin")

_PLUGIN, _SEVERAL = "plug-in", "several"
_ONLY_ON_A_SCREEN = "the settings of {} are on a screen of its own: open axio without --plain"


async def _connect(host: Host, arguments: str) -> Outcome:
    return await Connecting(host, arguments).run()


async def _settings(host: Host, arguments: str) -> Outcome:
    said = ""
    while True:
        name = arguments or await _listed(host, said)
        if name is None:
            return said
        said = await _change(host, name)
        if arguments:
            return said


async def _listed(host: Host, said: str) -> str | None:
    providers = host.providers
    offered = [Offered(one.name, one.title, str(one)) for one in await providers.standing()]
    offered += [
        Offered(f"{_SEVERAL} {name}", f"{title_of(name)}: several", "each with a name of its own")
        for name in await providers.with_own()
    ]
    offered += [
        Offered(f"{_PLUGIN} {name}", name, "plug-in with tools") for name in _plugins_of(host)
    ]
    return await host.asker.choose(Choosing(f"{said} Settings of".strip(), offered))


def _plugins_of(host: Host) -> list[str]:
    """The names of those that bring tools and have begun."""
    return [] if host.extensions is None else [*host.extensions.plugins]


async def _change(host: Host, name: str) -> str:
    """Let the person change the settings of a transport; words on what was done."""
    providers, models = host.providers, host.models
    kind, _, other = name.partition(" ")
    if kind == _PLUGIN:
        return await set_up_plugin(host, other)
    if name in _plugins_of(host) and name not in available(providers.parts):
        return await set_up_plugin(host, name)
    if kind == _SEVERAL or (other := split_name(name, providers.parts)[0]):
        return await _of_several(host, other)
    choice = await choose_named(name, providers.parts)
    if choice.settings:
        return f"{choice.title} needs no settings."
    saved = await providers.saved(name)
    change = _account if name == ACCOUNT else filled_in
    settings = await change(name, providers, host.asker)
    if settings is None or settings == saved:
        return f"{title_of(name)} is set as it was."
    source = await providers.save(name, settings)
    words = f"The settings of {title_of(name)} are saved{f', its key in {source}' * bool(source)}."
    models.renew(name)
    if models.choice.name == name:
        try:
            await models.switch(host.session, models.name)
        except CommandError as error:
            return f"{words} But it cannot be used: {error}."
    return words


async def set_up_plugin(host: Host, name: str) -> str:
    """Show the screen of a plug-in that brings tools, and take the tools that it has then."""
    extensions = host.extensions
    if extensions is None:
        raise CommandFailed("there are no plug-ins here")
    try:
        await host.asker.show(lambda: extensions.screen_of(name))
    except NoScreens as error:
        raise CommandFailed(_ONLY_ON_A_SCREEN.format(f"the plug-in {name}")) from error
    except PluginError as error:
        raise CommandFailed(str(error)) from error
    await extensions.refresh(name)
    return f"The tools of {name} are as its settings say now."


async def _of_several(host: Host, transport: str) -> str:
    try:
        await host.asker.show(lambda: host.providers.make_screen(transport))
    except NoScreens as error:
        raise CommandFailed(_ONLY_ON_A_SCREEN.format(f"several of {transport}")) from error
    host.models.renew(transport)
    if host.models.choice.name.startswith(f"{transport}."):
        await host.models.switch(host.session, host.models.name)
    return f"/connect names those of {title_of(transport)} now."


async def _account(name: str, providers: Providers, asker: Asker) -> dict[str, str] | None:
    saved = await providers.saved(name)
    is_in = bool(saved.get("api_key"))
    offered = [Offered("in", "sign in as another" if is_in else "sign in")]
    if is_in:
        offered.append(Offered("out", "sign out"))
    offered.append(Offered("form", "other settings"))
    what = await asker.choose(Choosing(title_of(name), offered))
    if what == "form":
        return await filled_in(name, providers, asker)
    if what == "in":
        tokens = await signed_in(asker)
        return {**saved, **tokens} if tokens else None
    if what is None:
        return None
    asked = {field.name for field in (await providers.form(name)).fields}
    return {setting: text for setting, text in saved.items() if setting in asked}


async def _names(host: Host) -> Iterable[str]:
    return [one.name for one in await host.providers.standing()]


async def _settable(host: Host) -> Iterable[str]:
    return [*await _names(host), *_plugins_of(host)]


SETTING_UP = (
    SlashCommand("connect", "[NAME]", "take another provider, tried first", _connect, _names),
    SlashCommand("settings", "[NAME]", "keys and addresses of providers", _settings, _settable),
)
