"""`Connecting`: from a provider to the next prompt in three steps, tried before it is saved."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from axio.exceptions import StreamError
from axio.models import ModelSpec
from axio_tui.chat.asking import Choosing, Offered
from axio_tui.chat.commands import CommandFailed, Host
from axio_tui.chat.providers import title_of
from axio_tui.chat.setting_up import filled_in, signed_in
from axio_tui.chat.trial import Trial, failed, try_out
from axio_tui.choose import OFFLINE, Choice, choose_named
from axio_tui.config.saved import ACCOUNT
from axio_tui.connect import connect, models_of, models_there
from axio_tui.errors import CommandError

__all__ = ("Connecting",)

Step: TypeAlias = Literal["provider", "settings", "model", "trial", "again", "keep", "left"]


class Connecting:
    """The answers so far. Nothing is saved before "keep"."""

    def __init__(self, host: Host, name: str = "") -> None:
        self._host = host
        self._providers = host.providers
        self._asker = host.asker
        self._named = name
        self._choice = Choice("", "", "")
        self._settings: dict[str, str] | None = None
        self._model = ""
        self._unlisted = ""
        self._trial = Trial(False, "it was not tried")

    async def run(self) -> str:
        """The words on what was done."""
        steps = {
            "provider": self._provider,
            "settings": self._set_up,
            "model": self._choose_model,
            "trial": self._try,
            "again": self._again,
        }
        step: Step = "provider"
        while step in steps:
            step = await steps[step]()
        return await self._keep() if step == "keep" else "Nothing was changed."

    @property
    def _title(self) -> str:
        return title_of(self._choice.name)

    @property
    def _is_set_up(self) -> bool:
        """True for a server that was found here, and for one that is kept with its settings."""
        return bool(self._choice.settings or self._choice.own)

    async def _provider(self) -> Step:
        name, self._named = self._named, ""
        if not name:
            offered = [
                Offered(one.name, one.title, str(one)) for one in await self._providers.standing()
            ]
            if not offered:
                raise CommandFailed("no transport is installed, such as axio-transport-openai")
            name = await self._asker.choose(Choosing("Connect to", offered)) or ""
        if not name:
            return "left"
        self._choice, self._settings = await choose_named(name, self._providers.parts), None
        return "settings"

    async def _set_up(self) -> Step:
        name = self._choice.transport
        if self._is_set_up:
            return "model"
        if name == ACCOUNT:
            return await self._sign_in()
        settings = await filled_in(name, self._providers, self._asker, self._settings)
        if settings is None:
            return "provider"
        self._settings = settings
        return "model"

    async def _sign_in(self) -> Step:
        """An account is kept at once: each use of its tokens may replace them."""
        saved = await self._providers.saved(ACCOUNT)
        if not saved.get("api_key") or self._trial.step == "settings":
            tokens = await signed_in(self._asker)
            if not tokens:
                return "provider"
            await self._providers.save(ACCOUNT, {**saved, **tokens})
            self._trial = Trial(False, "")
        return "model"

    async def _choose_model(self) -> Step:
        found = await self._asker.wait(f"Asking {self._title} for its models", self._models())
        if found is None:
            return "provider"
        if isinstance(found, Trial):
            self._trial, self._model = found, ""
            return "again"
        offered = [Offered(id, id) for id in found]
        why = f": {self._unlisted}" if self._unlisted else ""
        choosing = Choosing(f"Model of {self._title}{why}", offered, "the name of a model")
        model = found[0] if len(found) == 1 else await self._asker.choose(choosing)
        if model is None:
            return "settings" if await self._has_form() else "provider"
        self._model = model
        return "trial"

    async def _has_form(self) -> bool:
        """True if there is something to fill in that one can go back to."""
        name = self._choice.transport
        if self._is_set_up or name == ACCOUNT:
            return False
        return bool((await self._providers.form(name)).fields)

    async def _models(self) -> list[str] | Trial:
        """The models there are, the transport's own choice first."""
        if self._choice.models:
            return list(self._choice.models)
        try:
            kept = await self._kept()
            async with connect(self._choice, None, self._providers.parts, kept) as opened:
                transport: Any = opened
                if self._choice.name == ACCOUNT:
                    await transport.fetch_models()
                own = getattr(transport, "model", None)
                found = await self._listed(transport)
        except CommandError as error:
            return failed(error)
        first = own.id if isinstance(own, ModelSpec) else ""
        return sorted(dict.fromkeys(found), key=lambda id: id != first)

    async def _listed(self, transport: Any) -> list[str]:
        """Those of the server; where it gives no list, those the transport knows, and why."""
        self._unlisted = ""
        try:
            return await models_there(self._choice, transport)
        except StreamError as error:
            known = models_of(transport)
            way = "these are known" if known else "type the name of one, or go back"
            self._unlisted = f"{way}; {failed(error, transport).words}"
            return known

    async def _try(self) -> Step:
        words = f"Asking {self._model} of {self._title} for one word"
        trial = await self._asker.wait(words, self._tried())
        self._trial = trial or Trial(False, "the trial was stopped", "model")
        return "keep" if self._trial.works else "again"

    async def _tried(self) -> Trial:
        if self._choice.name == OFFLINE:
            return Trial(True, "it is on this machine")
        try:
            kept = await self._kept()
            async with connect(self._choice, self._model, self._providers.parts, kept) as transport:
                return await try_out(transport, self._choice.name)
        except CommandError as error:
            return failed(error)

    async def _kept(self) -> dict[str, str]:
        """The settings that a transport is opened with, before they are saved."""
        name, settings = self._choice.transport, self._settings
        if settings is None:
            settings = await self._providers.saved(name)
        return self._providers.with_settings(name, settings)

    async def _again(self) -> Step:
        """The step with which the person goes on after a trial that has failed."""
        is_account = self._choice.name == ACCOUNT
        words: dict[Step, str] = {
            "settings": "sign in again" if is_account else "give the key or the address again",
            "model": "choose another model",
            "provider": "choose another provider",
        }
        if self._is_set_up:
            del words["settings"]
        steps: list[Step] = sorted(words, key=lambda step: step != self._trial.step)
        offered = [Offered(step, words[step]) for step in steps]
        if self._model:
            offered.append(Offered("keep", "keep it all the same"))
        title = f"{self._title}: {self._trial.words}"
        title += "" if is_account else ". Nothing is saved yet"
        chosen = await self._asker.choose(Choosing(title, offered))
        return next((step for step in (*steps, "keep") if step == chosen), "left")

    async def _keep(self) -> str:
        """Save, and let the next prompt go there."""
        transport, models = self._choice.transport, self._host.models
        lines = [f"{self._title}: {self._trial.words}."]
        saved = await self._providers.saved(transport)
        if self._settings is not None and self._settings != saved:
            source = await self._providers.save(transport, self._settings)
            lines += [f"Its key is kept in {source}."] if source else []
        models.renew(transport)
        name = f"{self._choice.name}:{self._model}"
        lines.append(f"Going on with {(await models.switch(self._host.session, name)).text}.")
        above = await self._providers.save_default(name)
        lines.append(f"axio begins with it from now on{f', {above}' if above else '.'}")
        return "\n".join(lines)
