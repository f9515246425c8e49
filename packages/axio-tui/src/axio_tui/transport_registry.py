"""`TransportRegistry`: installed transports, with the settings that a person has saved.

    registry = TransportRegistry()
    await registry.init(session, ProjectConfig(path), ProjectConfig(path, GLOBAL_PROJECT))
    binding = registry.resolve("openai:gpt-4.1")
    transport = registry.make_transport(binding.transport, binding.model)

Code of others fails here without harm: `problems` tells it, and the rest can be used.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from axio.models import Capability, ModelRegistry, ModelSpec
from axio.plugins import PluginError, discover_transport_settings, discover_transports
from axio_tui.config.forms import arguments, secret_names
from axio_tui.config.saved import SavedSettings
from axio_tui.config.secrets import Secrets
from axio_tui.errors import blotted
from axio_tui.steps import in_thread, on_loop

__all__ = ("ConfigRows", "RoleBinding", "TransportRegistry")

logger = logging.getLogger(__name__)

_ROWS = "transport."


class ConfigRows(Protocol):
    """Texts by key, such as `axio_tui.sqlite_config.ProjectConfig`."""

    async def get(self, key: str, default: str | None = None) -> str | None: ...
    async def set(self, key: str, value: str) -> None: ...
    async def delete(self, key: str) -> None: ...
    async def get_prefix(self, prefix: str) -> dict[str, str]: ...
    async def delete_prefix(self, prefix: str) -> None: ...


@dataclass(frozen=True, slots=True)
class RoleBinding:
    """A model, and the name of the transport that has it."""

    transport: str
    model: ModelSpec


@dataclass(slots=True)
class TransportRegistry:
    """A transport is `discovered` when its class loads, and `available` when one could be made and
    has told its models. One that was given no key usually is available."""

    problems: dict[str, str] = field(default_factory=dict)
    """The reason for each that is not available, by name."""
    on_change: Callable[[str], object] = field(default=lambda name: None, repr=False)
    """Called with the name of a transport that is another now."""
    _session: Any = field(default=None, init=False, repr=False)
    _settings: SavedSettings | None = field(default=None, init=False, repr=False)
    _classes: dict[str, type] = field(default_factory=dict, init=False, repr=False)
    _screens: dict[str, type] = field(default_factory=dict, init=False, repr=False)
    _transports: dict[str, Any] = field(default_factory=dict, init=False, repr=False)
    _saved: dict[str, dict[str, str]] = field(default_factory=dict, init=False, repr=False)

    async def init(
        self,
        session: Any,
        config: ConfigRows | None = None,
        global_config: ConfigRows | None = None,
    ) -> None:
        """Make all that are installed, at the same time. `session` is given to each, and not
        closed. Settings of transports are in `global_config`, and secrets where secrets are kept;
        `config` says which are switched off here."""
        self._session = session
        self._classes = await _discovered(discover_transports)
        self._screens = await _discovered(discover_transport_settings)
        if global_config is not None:
            self._settings = SavedSettings(global_config, Secrets(say=logger.warning))
            await self._read(await global_config.get_prefix(_ROWS))
        off = "" if config is None else await config.get("transports.disabled", "") or ""
        disabled = {name.strip() for name in off.split(",")}
        wanted = [name for name in self._classes if name not in disabled]
        await asyncio.gather(*(self._make(name) for name in wanted))
        await asyncio.gather(
            *(self._load_more(name, screen) for name, screen in self._screens.items())
        )

    async def _read(self, rows: dict[str, str]) -> None:
        assert self._settings is not None
        names = sorted({*self._classes, *self._screens}, key=len, reverse=True)
        for key, value in rows.items():
            owner = next((name for name in names if key.startswith(f"{_ROWS}{name}.")), None)
            if owner is not None:
                setting = key.removeprefix(f"{_ROWS}{owner}.")
                self._saved.setdefault(owner, {})[setting] = value
        for name in names:
            if kept := await self._settings.of(name):
                self._saved.setdefault(name, {}).update(kept)

    # ── what there is ─────────────────────────────────────────────────────────────────────────

    @property
    def discovered(self) -> list[str]:
        """The names of all whose class loads."""
        return sorted(self._classes)

    @property
    def available(self) -> list[str]:
        """The names of all that can be used."""
        return sorted(self._transports)

    @property
    def settings_screens(self) -> dict[str, type]:
        """The settings screens by the names of the transports that they are for."""
        return dict(self._screens)

    @property
    def model_counts(self) -> dict[str, int]:
        """How many models each has that is available."""
        return {name: len(_models_of(self._transports[name])) for name in self.available}

    def get_transport(self, name: str) -> Any:
        """The one of this name. KeyError, which names all, if it is not available."""
        if name not in self._transports:
            there_is = ", ".join(self.available) or "none"
            why = f" ({self.problems[name]})" if name in self.problems else ""
            raise KeyError(f"the transport {name!r} is not available{why}; there is: {there_is}")
        return self._transports[name]

    def all_models(self, *capabilities: Capability) -> list[tuple[str, ModelSpec]]:
        """All models that have these capabilities, each with the name of its transport."""
        wanted = frozenset(capabilities)
        return [
            (name, spec)
            for name in self.available
            for spec in _models_of(self._transports[name])
            if wanted <= spec.capabilities
        ]

    def resolve(self, name: str) -> RoleBinding | None:
        """The model that is called `TRANSPORT:MODEL` or `MODEL`; None if there is none."""
        transport, colon, model = name.partition(":")
        if colon and transport in self._transports:
            spec = _models_of(self._transports[transport]).get(model)
            return None if spec is None else RoleBinding(transport, spec)
        found = ((owner, spec) for owner, spec in self.all_models() if spec.id == name)
        return next((RoleBinding(*one) for one in found), None)

    @staticmethod
    def encode(name: str, model_id: str) -> str:
        """The name of a model, for `resolve`."""
        return f"{name}:{model_id}"

    def make_transport(self, name: str, model: ModelSpec | str) -> Any:
        """Another one of this name, with that model. It shares key, address, models, session and
        saved settings with the first. KeyError if it is not available."""
        first = self.get_transport(name)
        models = _models_of(first)
        spec = models.get(model, ModelSpec(model)) if isinstance(model, str) else model
        shared = {"api_key": getattr(first, "api_key", ""), "session": self._session}
        if hasattr(first, "base_url"):
            shared["base_url"] = first.base_url
        kind = type(first)
        saved = arguments(kind, self.get_settings(name))
        made = kind(**{**saved, **shared, "model": spec, "models": models})
        self._follow(name, made)
        return made

    # ── settings ──────────────────────────────────────────────────────────────────────────────

    def get_settings(self, name: str) -> dict[str, str]:
        """The settings that are saved for it."""
        return dict(self._saved.get(name, {}))

    async def save_settings(self, name: str, settings: dict[str, str]) -> None:
        """Let these be all that is saved for it, and make it anew."""
        await self._keep(name, settings)
        await self._make(name)
        self.on_change(name)

    async def _keep(self, name: str, settings: dict[str, str]) -> None:
        self._saved[name] = dict(settings)
        if self._settings is not None:
            apart = secret_names(self._classes.get(name))
            await self._settings.replace(name, settings, apart)

    def _follow(self, name: str, transport: Any) -> None:
        """Save the tokens that it renews."""
        if hasattr(transport, "on_auth_refresh"):

            async def renewed(tokens: dict[str, str]) -> None:
                await self._keep(name, {**self.get_settings(name), **tokens})

            transport.on_auth_refresh = renewed

    async def reload_models(self, name: str | None = None) -> None:
        """Let one, or all, tell their models again."""
        names = self.available if name is None else [name]
        await asyncio.gather(*(self._fetch(one, self.get_transport(one)) for one in names))

    # ── those that are made elsewhere ─────────────────────────────────────────────────────────

    def register_dynamic(self, name: str, transport: Any) -> None:
        """Take in one that was made elsewhere, in place of one of this name."""
        self._transports[name] = transport
        self.on_change(name)

    def unregister_by_prefix(self, prefix: str) -> None:
        """Forget those whose names begin so."""
        for name in [name for name in self._transports if name.startswith(prefix)]:
            del self._transports[name]
            self.on_change(name)

    # ── code of others ────────────────────────────────────────────────────────────────────────

    async def _make(self, name: str) -> None:
        kind = self._classes.get(name)
        if kind is None:
            return
        self.problems.pop(name, None)
        settings = arguments(kind, self.get_settings(name))
        make = partial(kind, session=self._session, **settings)
        try:
            made = await in_thread(f"transport {name!r} cannot be made", make)
        except PluginError as error:
            self._transports.pop(name, None)
            self._tell(name, error)
            return
        if await self._fetch(name, made):
            self._follow(name, made)
            self._transports[name] = made
        else:
            self._transports.pop(name, None)

    async def _fetch(self, name: str, transport: Any) -> bool:
        if not hasattr(transport, "fetch_models"):
            return True
        try:
            await on_loop(f"transport {name!r} cannot tell its models", transport.fetch_models)
        except PluginError as error:
            self._tell(name, error)
            return False
        return True

    async def _load_more(self, name: str, screen: Any) -> None:
        """Those that a settings screen keeps itself, such as servers of one's own."""
        if not hasattr(screen, "load_config"):
            return
        problem = f"what the settings of {name!r} keep cannot be read"

        def load() -> dict[str, Any]:
            return {f"{name}.{one.name}": one for one in screen.load_config(self._session)}

        try:
            self._transports |= await in_thread(problem, load)
        except PluginError as error:
            self._tell(name, error)

    def _tell(self, name: str, error: PluginError) -> None:
        saved, secret = self.get_settings(name), secret_names(self._classes.get(name))
        words = blotted(str(error), (saved[one] for one in secret & saved.keys()))
        self.problems[name] = words
        logger.warning("%s", words)


async def _discovered(discover: Callable[[], dict[str, type]]) -> dict[str, type]:
    try:
        return await in_thread("transports cannot be looked for", discover)
    except PluginError as error:
        logger.warning("%s", error)
        return {}


def _models_of(transport: Any) -> ModelRegistry:
    models = getattr(transport, "models", None)
    return models if isinstance(models, ModelRegistry) else ModelRegistry()
