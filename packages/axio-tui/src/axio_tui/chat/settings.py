"""`/connect` and `/settings`: transports that are set up, by questions of any front end."""

from __future__ import annotations

from collections.abc import Iterable

from axio_tui.chat.asking import Asker, Choosing, Offered
from axio_tui.chat.commands import Host, Outcome, SlashCommand
from axio_tui.chat.connecting import Connecting
from axio_tui.chat.providers import Providers, title_of
from axio_tui.chat.setting_up import filled_in, signed_in
from axio_tui.choose import choose_named
from axio_tui.config.saved import ACCOUNT
from axio_tui.errors import CommandError

__all__ = ("SETTING_UP",)


async def _connect(host: Host, arguments: str) -> Outcome:
    return await Connecting(host, arguments).run()


async def _settings(host: Host, arguments: str) -> Outcome:
    said = ""
    while True:
        name = arguments or await _listed(host.providers, host.asker, said)
        if name is None:
            return said
        said = await _change(host, name)
        if arguments:
            return said


async def _listed(providers: Providers, asker: Asker, said: str) -> str | None:
    offered = [Offered(one.name, one.title, str(one)) for one in await providers.list()]
    return await asker.choose(Choosing(f"{said} Transports".strip(), offered))


async def _change(host: Host, name: str) -> str:
    """Let the person change the settings of a transport; words on what was done."""
    providers, models = host.providers, host.models
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


async def _account(name: str, providers: Providers, asker: Asker) -> dict[str, str] | None:
    saved = await providers.saved(name)
    is_in = bool(saved.get("api_key"))
    offered = [Offered("in", "sign in as another" if is_in else "sign in")]
    offered += [Offered("out", "sign out")] * is_in
    offered += [Offered("form", "other settings")]
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
    return [one.name for one in await host.providers.list()]


SETTING_UP = (
    SlashCommand("connect", "[NAME]", "take another provider, tried first", _connect, _names),
    SlashCommand("settings", "[NAME]", "keys and addresses of providers", _settings, _names),
)
