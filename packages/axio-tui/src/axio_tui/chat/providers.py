"""`Providers`: the transports that could be used here, how each stands, and what is saved."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from axio.plugins import TRANSPORT_GROUP, TRANSPORT_SETTINGS_GROUP, Installed, PluginError
from axio_tui.choose import COMPATIBLE, OFFLINE, Choice
from axio_tui.config.forms import Field, Form, fields_of, secret_names, shown
from axio_tui.config.paths import database_file, own_folder
from axio_tui.config.saved import ACCOUNT, SavedSettings, saved_rows, saved_secrets
from axio_tui.config.secrets import KEYS, Secrets
from axio_tui.config.stored import GLOBAL_PROJECT
from axio_tui.config.values import Config
from axio_tui.own_servers import names_of_own
from axio_tui.parts import class_of
from axio_tui.servers import SERVERS, find_own_servers
from axio_tui.steps import in_thread, on_loop

__all__ = ("Provider", "Providers", "State", "title_of")

State: TypeAlias = Literal["available", "not set up", "error"]

_TITLES = {
    "anthropic": "Anthropic",
    "openai": "OpenAI",
    "openrouter": "OpenRouter",
    "nebius": "Nebius",
    ACCOUNT: "ChatGPT account",
    COMPATIBLE: "another server",
    OFFLINE: "offline model",
    **{server.name: server.title for server in SERVERS},
}


def title_of(name: str) -> str:
    """The name of a provider for a person."""
    return _TITLES.get(name, name)


@dataclass(frozen=True, slots=True)
class Provider:
    """`name` is what `--transport` takes; `words` say why it stands so."""

    name: str
    state: State
    words: str

    @property
    def title(self) -> str:
        return title_of(self.name)

    def __str__(self) -> str:
        return f"{self.state}, {self.words}" if self.words else self.state


class Providers:
    """`config` is what holds here: a value of it comes before one that is saved."""

    def __init__(
        self,
        parts: Installed,
        config: Config,
        secrets: Secrets,
        database: Path | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self.parts = parts
        self._config = config
        self._secrets = secrets
        self._database = database or database_file(environment)
        self._environment = environment

    # ── how things stand ──────────────────────────────────────────────────────────────────────

    async def standing(self) -> list[Provider]:
        """All that are installed, and servers that run here; those that can be used come first."""
        installed = self.parts.names(TRANSPORT_GROUP)
        keys = await asyncio.to_thread(self._secrets.sources)
        found = [await asyncio.to_thread(self._standing_of, name, keys) for name in installed]
        found += [
            Provider(name, "available", "a server of your own")
            for name in await asyncio.to_thread(names_of_own, self.parts)
        ]
        if COMPATIBLE in installed:
            found += [
                Provider(running.server.name, "available", "it runs on this machine")
                for running in await find_own_servers(SERVERS)
            ]
        order = [*KEYS, ACCOUNT, *(server.name for server in SERVERS), COMPATIBLE]
        ranks = {name: rank for rank, name in enumerate(order)}
        states = ("available", "not set up", "error")
        return sorted(
            found,
            key=lambda one: (
                states.index(one.state),
                one.name == OFFLINE,
                ranks.get(one.name, len(ranks)),
                one.name,
            ),
        )

    def _standing_of(self, name: str, keys: Mapping[str, str]) -> Provider:
        try:
            fields = fields_of(self.parts.load_class(TRANSPORT_GROUP, name))
        except (PluginError, ValueError) as error:
            return Provider(name, "error", str(error))
        if name in keys:
            return Provider(name, "available", f"its key is in {keys[name]}")
        if name in KEYS:
            return Provider(name, "not set up", "it needs a key")
        saved = self._saved(name)
        if name == ACCOUNT:
            words = "signed in" if saved.get("api_key") else "not signed in"
            return Provider(name, "available" if saved.get("api_key") else "not set up", words)
        for field in fields:
            if field.required and not (saved.get(field.name) or self._variable(field)):
                return Provider(name, "not set up", f"it needs: {field.title}")
        return Provider(name, "available", "it needs no key" if name == OFFLINE else "")

    def _variable(self, field: Field) -> str:
        return self._environment.get(field.variable, "").strip() if field.variable else ""

    # ── what is set ───────────────────────────────────────────────────────────────────────────

    async def saved(self, name: str) -> dict[str, str]:
        """All that is saved for a transport."""
        return await asyncio.to_thread(self._saved, name)  # a keyring may take its time

    def _saved(self, name: str) -> dict[str, str]:
        return {**saved_rows(name, self._database), **saved_secrets(name, self._secrets)}

    def kept(self, choice: Choice) -> dict[str, str]:
        """The settings that a transport is opened with, as they are now. A keyring may take its
        time."""
        return self.with_settings(choice.transport, self._saved(choice.transport))

    def with_settings(self, name: str, settings: Mapping[str, str]) -> dict[str, str]:
        """The settings that a transport would be opened with, were these saved. A key of the
        environment comes first: the transport finds it itself."""
        kept = dict(settings)
        if self._environment.get(KEYS.get(name, ""), "").strip():
            kept.pop("api_key", None)
        address = self._config.values.get(f"transports.{name}.base_url")
        if address is not None and address.source != "database":  # which may have changed since
            kept["base_url"] = address.value
        return kept

    async def form(self, name: str) -> Form:
        """The fields of a transport with what is set. `PluginError`, and `ValueError` for fields
        that are none."""
        saved = await self.saved(name)
        notes: list[str] = []
        asked: list[Field] = []
        for field in fields_of(await class_of(self.parts, TRANSPORT_GROUP, name)):
            if value := self._variable(field):
                told = shown(value) if field.is_secret else value
                notes.append(f"{field.title}: {told}, in {field.variable}, which comes first")
            else:
                asked.append(field)
        address = self._config.values.get(f"transports.{name}.base_url")
        if address is not None and address.source != "database":
            notes.append(f"Address: {address.value} ({address.origin}), which comes first")
            asked = [field for field in asked if field.name != "base_url"]
        return Form(title_of(name), asked, saved, notes)

    async def has_screen(self, name: str) -> bool:
        """True if a plug-in has a screen for the settings of a transport, and no fields."""
        has_one = name in self.parts.names(TRANSPORT_SETTINGS_GROUP)
        return has_one and not hasattr(await self._class(name), "FIELDS")

    async def with_own(self) -> list[str]:
        """The transports with fields whose screen keeps several, each with a name."""
        names = self.parts.names(TRANSPORT_SETTINGS_GROUP)
        kinds = {name: await self._class(name) for name in names}
        return [
            name
            for name, kind in kinds.items()
            if hasattr(kind, "FIELDS") and hasattr(kind, "load_config")
        ]

    async def _class(self, name: str) -> type | None:
        with suppress(PluginError):
            return await class_of(self.parts, TRANSPORT_GROUP, name)
        return None

    async def make_screen(self, name: str) -> object:
        """That screen, with what is saved. `PluginError` says why it cannot be made."""
        saved = dict(await self.saved(name))
        kind = await in_thread(
            f"the screen of {name!r}",
            lambda: self.parts.load_class(TRANSPORT_SETTINGS_GROUP, name),
        )

        async def make() -> object:  # widgets belong to the thread of the application
            return kind(saved)

        return await on_loop(f"the screen of {name!r} cannot be made", make)

    # ── saving ────────────────────────────────────────────────────────────────────────────────

    async def save(self, name: str, settings: Mapping[str, str]) -> str:
        """Let these be the settings of a transport, and no others; where its key is kept.

        `ValueError`, `OSError` or a `StoreError` says why they cannot be saved.
        """
        from axio_tui.config.sqlite_config import ProjectConfig

        own_folder(self._database.parent)
        secret: set[str] = set()
        with suppress(PluginError):
            secret = secret_names(await class_of(self.parts, TRANSPORT_GROUP, name))
        rows = ProjectConfig(self._database, GLOBAL_PROJECT)
        try:
            return await SavedSettings(rows, self._secrets).replace(name, settings, secret)
        finally:
            await rows.close()

    async def save_default(self, model: str) -> str:
        """Let the command begin with `TRANSPORT:MODEL`, here and everywhere; words on a value that
        comes before it, "" if none does."""
        from axio_tui.config.sqlite_config import ProjectConfig

        everywhere = ProjectConfig(self._database, GLOBAL_PROJECT)
        here = ProjectConfig(self._database)
        try:
            await everywhere.set("model.chat", model)
            if await here.get("model.chat") is not None:
                await here.set("model.chat", model)
        finally:
            await everywhere.close()
            await here.close()
        above = self._config.values.get("transport")
        if above is None or above.source in ("database", "default", "flag"):
            return ""
        return f"but transport = {above.value!r} comes first: {above.origin}"
