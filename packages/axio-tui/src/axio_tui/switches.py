"""The choices of a person that are kept for this project: parts that are off, models of roles."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from axio.plugins import GROUPS, SELECTOR_GROUP, Installed
from axio_tui.config.paths import data_folder, database_file, own_folder
from axio_tui.config.sqlite_config import ProjectConfig
from axio_tui.config.values import Config
from axio_tui.parts import setting_of

__all__ = ("groups_of", "names_of", "save_names", "save_role", "switch", "use_selector")


def groups_of(name: str, parts: Installed) -> list[str]:
    """The groups that have a part of this name, also one that is off. LookupError if none has;
    `GROUP:NAME` names one of them."""
    group, colon, rest = name.partition(":")
    wanted = [group] if colon and group in GROUPS else list(GROUPS)
    short = rest if colon and group in GROUPS else name
    found = [one for one in wanted if any(e.name == short for e in parts.all_entries(one))]
    if not found:
        raise LookupError(f"no plug-in {name!r} is installed")
    return found


async def switch(name: str, groups: Iterable[str], *, on: bool) -> None:
    """Switch a part on or off in these groups, in this project."""
    short = name.rpartition(":")[2]
    async with _here() as config:
        for setting in dict.fromkeys(map(setting_of, groups)):
            listed = await config.get(setting, "") or ""
            names = [one.strip() for one in listed.split(",") if one.strip() not in ("", short)]
            await config.set(setting, ",".join(names if on else [*names, short]))


async def use_selector(name: str, parts: Installed) -> None:
    """Let this selector choose the tools from now on; none for "none". LookupError without it."""
    offered = parts.names(SELECTOR_GROUP)
    if name != "none" and name not in offered:
        there_is = ", ".join(offered) or "none is installed"
        raise LookupError(f"no selector {name!r}; there is: {there_is}")
    async with _here() as config:
        await config.set("selector.active", "" if name == "none" else name)


def names_of(config: Config, group: str) -> set[str]:
    """The names of the parts of a group that are switched off."""
    return set(config[setting_of(group)] or ())


async def save_names(setting: str, names: Iterable[str]) -> None:
    """Keep names for a setting. None is kept as none, and does not fall back to a default."""
    async with _here() as config:
        await config.set(setting, ",".join(sorted(names)))


async def save_role(role: str, model: str) -> None:
    """Let a role have this model from the next start on, "" for that of the conversation."""
    key = f"model.{'compact' if role == 'compaction' else role}"
    async with _here() as config:
        await (config.set(key, model) if model else config.delete(key))


@asynccontextmanager
async def _here() -> AsyncIterator[ProjectConfig]:
    own_folder(data_folder())
    config = ProjectConfig(database_file())
    try:
        yield config
    finally:
        await config.close()
