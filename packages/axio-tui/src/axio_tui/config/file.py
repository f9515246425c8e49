"""A configuration file: what it sets, on which line, and what is wrong with it.

Nothing that is wrong in it raises: it is told in one line, and the rest holds. One that cannot be
read at all, and may limit what tools do, sets the mode `plan`: nothing is looser than it was meant.
"""

from __future__ import annotations

import datetime
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from axio_tui.config.reading import read_at_most
from axio_tui.config.settings import SETTINGS, Setting, find_setting, is_secret

__all__ = (
    "LARGEST",
    "ConfigFile",
    "Entry",
    "HookTable",
    "Problem",
    "keep_broken",
    "read_config",
    "replace",
)

LARGEST = 256 << 10
"""Bytes of a file that is meant to be a configuration."""
_NAMED = 20  # problems of one file
_DOTS = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """One line for a person. Where it `limits` what tools may do, nothing is run, unless a higher
    source has a value for the setting called `name`."""

    text: str
    limits: bool = False
    name: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A setting as the file has it: a valid value, and where it stands."""

    setting: Setting
    value: Any
    where: str


@dataclass(frozen=True, slots=True)
class HookTable:
    """One `[[hooks]]` as the file has it, and where it stands. `problem` says why it is not known
    what it is."""

    table: dict[str, Any]
    where: str
    problem: str = ""


@dataclass(slots=True)
class ConfigFile:
    """The settings of a file, by name. `broken` says why it cannot be read at all."""

    path: Path
    entries: dict[str, Entry] = field(default_factory=dict)
    hooks: list[HookTable] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    broken: str = ""
    data: bytes = b""


def read_config(path: Path) -> ConfigFile:
    """The file at `path`; an empty one where there is none."""
    file = ConfigFile(path)
    try:
        file.data, size = read_at_most(path, LARGEST)
    except (FileNotFoundError, NotADirectoryError):
        return file
    except OSError as error:
        return _broken(file, f"{path} cannot be read: {error.strerror}", is_whole=False)
    if size > LARGEST:
        words = f"{path} cannot be read: it is larger than {LARGEST >> 10} KiB"
        return _broken(file, words, is_whole=False)
    return parse_config(file)


def parse_config(file: ConfigFile) -> ConfigFile:
    """The file with what its `data` says."""
    import tomllib  # Only where there is a file.

    from axio_tui.config.toml import Lines, statements

    try:
        text = file.data.decode("utf-8-sig")
        _check_keys(text)
        document = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = file.data.count(b"\n", 0, error.start) + 1
        return _broken(file, f"{file.path}:{line}: no UTF-8")
    except (ValueError, RecursionError) as error:
        return _broken(file, _located(file.path, error))
    lines = Lines(statements(text.replace("\r\n", "\n")))
    hooks = document.pop("hooks", [])
    if not isinstance(hooks, list) or not all(isinstance(hook, dict) for hook in hooks):
        where = f"{file.path}:{lines.of(('hooks',))}"
        file.hooks.append(HookTable({}, where, "a hook is written as a table [[hooks]]"))
        hooks = []
    for number, table in enumerate(hooks):
        where = f"{file.path}:{lines.of(('hooks',), number)}"
        file.hooks.append(HookTable(table, where))
    for path, value in _leaves(document, ()):
        if len(file.problems) == _NAMED:
            file.problems.append(Problem(f"{file.path}: more is wrong than this"))
            break
        _take(file, path, value, f"{file.path}:{lines.of(path)}")
    return file


def _check_keys(text: str) -> None:
    """`ValueError` for a key of very many names: reading it would take very long."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.partition("=")[0].count(".") > _DOTS:
            raise ValueError(f"a key of too many names (at line {number}, column 1)")


def _leaves(table: dict[str, Any], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in table.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, (*path, name))
        elif value != {}:
            yield (*path, name), value


def _take(file: ConfigFile, path: tuple[str, ...], value: Any, where: str) -> None:
    name = ".".join(path)
    setting = find_setting(name)
    if setting is None and is_secret(path[-1]):
        words = f"{where}: {name}: keys are not kept here: axio config set-key PROVIDER"
        file.problems.append(Problem(words))
    elif setting is None:
        file.problems.append(Problem(f"{where}: there is no setting {name!r}{_meant(name)}"))
    else:
        try:
            file.entries[name] = Entry(setting, setting.checked(value), where)
        except ValueError as error:
            file.problems.append(Problem(f"{where}: {error}", setting.limits, name))


def _meant(name: str) -> str:
    import difflib

    close = difflib.get_close_matches(name, [setting.name for setting in SETTINGS], n=1)
    return f"; {close[0]} is meant?" if close else ""


def _broken(file: ConfigFile, words: str, *, is_whole: bool = True) -> ConfigFile:
    """`is_whole` if `data` is all of the file."""
    file.broken = words
    mode = find_setting("mode")
    if mode is not None and (not is_whole or _names_a_limit(file.data)):
        file.entries["mode"] = Entry(mode, "plan", str(file.path))
        words += "; it may limit tools, so the mode is plan unless --mode or AXIO_MODE names one"
    file.problems.append(Problem(words))
    if b"hooks" in file.data:  # one of them may be there to refuse calls
        file.hooks.append(HookTable({}, str(file.path), "the file cannot be read"))
    return file


def _names_a_limit(data: bytes) -> bool:
    names = b"|".join(setting.name.encode() for setting in SETTINGS if setting.limits)
    # A name may be written with escapes, and UTF-16 is no text to look through.
    return re.search(rb"\\|\0|\b(?:" + names + rb")\b", data) is not None


def _located(path: Path, error: BaseException) -> str:
    said = re.fullmatch(r"(.*) \(at line (\d+), column \d+\)", str(error))
    if said is not None:
        return f"{path}:{said[2]}: {said[1]}"
    return f"{path}: {error}"


def keep_broken(file: ConfigFile, today: datetime.date | None = None) -> Path | None:
    """A copy of a file that cannot be read, beside it; None where none can be made of it."""
    if not file.data:
        return None
    day = (today or datetime.date.today()).isoformat()
    for number in range(1, 100):
        end = f".broken-{day}" + (f"-{number}" if number > 1 else "")
        copy = file.path.with_name(file.path.name + end)
        try:
            descriptor = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            with suppress(OSError):
                if read_at_most(copy, LARGEST)[0] == file.data:
                    return copy
            continue
        except OSError:
            return None
        try:
            with open(descriptor, "wb") as new:
                new.write(file.data)
        except OSError:  # the disk is full
            with suppress(OSError):
                copy.unlink()
            return None
        return copy
    return None


def replace(path: Path, data: bytes, mode: int | None = None) -> None:
    """Put a whole new content into a file, or none: also on a full disk, and if this is killed.

    A link is followed. The mode is `mode`, or else that of the file before.
    """
    path = path.resolve()
    if mode is None:
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
