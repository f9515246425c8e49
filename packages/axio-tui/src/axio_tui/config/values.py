"""The value of each setting and where it comes from: flag, environment, project, user, database,
default, in this order. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias, get_args

from axio_tui.config.file import ConfigFile, HookTable, Problem
from axio_tui.config.keys import part_keys
from axio_tui.config.settings import SETTINGS, Setting, find_setting, variable_of

__all__ = ("Config", "Source", "Value", "resolve")

Source: TypeAlias = Literal["default", "database", "user", "project", "environment", "flag"]
"""Lowest first."""

_RANKS: Mapping[Source, int] = {source: rank for rank, source in enumerate(get_args(Source))}


@dataclass(frozen=True, slots=True)
class Value:
    """A value, the kind of place that it comes from, and the place: a variable, or file and
    line."""

    setting: Setting
    value: Any
    source: Source = "default"
    where: str = ""

    @property
    def rank(self) -> int:
        return _RANKS[self.source]

    @property
    def origin(self) -> str:
        """The kind of place and the place, for a person."""
        return f"{self.source}, {self.where}" if self.where else self.source


@dataclass(slots=True)
class Config:
    """All values by name, the hooks of the person, and all that was wrong."""

    values: dict[str, Value] = field(default_factory=dict)
    hooks: list[HookTable] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def __getitem__(self, name: str) -> Any:
        return self.values[name].value

    def below(self, name: str) -> dict[str, Any]:
        """The values that are set whose names begin with `name` and a dot, by the rest of them."""
        start = f"{name}."
        return {
            name.removeprefix(start): value.value
            for name, value in self.values.items()
            if name.startswith(start) and value.value is not None
        }


def resolve(
    *,
    flags: Mapping[str, Any],
    environment: Mapping[str, str],
    projects: Sequence[ConfigFile] = (),
    user: ConfigFile | None = None,
    database: Mapping[str, str] | None = None,
) -> Config:
    """The settings that hold. `flags` are values as they are used, by name; None is not given.

    `projects` are the files of trusted folders, from the root down: each may only allow less.
    """
    config = Config({s.name: Value(s, s.default) for s in SETTINGS if "*" not in s.name})
    for name, text in (database or {}).items():
        _take_text(config, name, text, "database", name)
    if user is not None:
        _forgive(config, user.entries)
        for name, entry in user.entries.items():
            config.values[name] = Value(entry.setting, entry.value, "user", entry.where)
        config.hooks += user.hooks
        config.problems += user.problems
    for project in projects:
        _take_project(config, project)
    names = dict.fromkeys([*config.values, *flags])
    for name in names:
        if text := environment.get(variable_of(name), ""):
            _forgive(config, [name])
            _take_text(config, name, text, "environment", variable_of(name))
    for name, value in flags.items():
        setting = find_setting(name)
        if value is not None and setting is not None:
            _forgive(config, [name])
            config.values[name] = Value(setting, value, "flag")
    _keep_model_with_its_transport(config, [*projects, user])
    keys, said = part_keys(config.values)
    for name, kept in keys.items():
        config.values[name] = replace(config.values[name], value=kept)
    config.problems += map(Problem, said)
    return config


def _forgive(config: Config, names: Collection[str]) -> None:
    """Nothing that was wrong in lower sources matters any more."""
    config.problems = [
        replace(problem, limits=False) if problem.name in names else problem
        for problem in config.problems
    ]


def _take_text(config: Config, name: str, text: str, source: Source, where: str) -> None:
    setting = find_setting(name)
    if setting is None:
        return
    try:
        config.values[name] = Value(setting, setting.parsed(text), source, where)
    except ValueError as error:
        words = f"{where} in the {source}: {error}"
        config.problems.append(Problem(words, setting.limits, name))


def _take_project(config: Config, project: ConfigFile) -> None:
    config.problems += project.problems
    for name, entry in project.entries.items():
        before = config.values.get(name, Value(entry.setting, entry.setting.default))
        if entry.setting.tightens is None:
            words = f"{entry.where}: {name} is not for a folder to set"
            config.problems.append(Problem(words))
        elif not entry.setting.tightens(before.value, entry.value):
            words = (
                f"{entry.where}: {name} stays {_shown(before.value)}: a folder may only allow less"
            )
            config.problems.append(Problem(words))
        else:
            _forgive(config, [name])
            config.values[name] = Value(entry.setting, entry.value, "project", entry.where)


def _shown(value: Any) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def _keep_model_with_its_transport(config: Config, files: Iterable[ConfigFile | None]) -> None:
    """A model that was chosen for one transport says nothing where a higher source names
    another."""
    model, transport = config.values["model"], config.values["transport"]
    if model.rank >= transport.rank or model.value is None:
        return
    for file in files:
        same = file.entries.get("model") if file is not None else None
        if file is not None and same is not None and same.where == model.where:
            named = file.entries.get("transport")
            if named is not None and named.value == transport.value:
                return
    config.values["model"] = Value(model.setting, None)
