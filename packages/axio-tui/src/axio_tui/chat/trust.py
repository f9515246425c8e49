"""The files that a folder brings for axio, and the answer of a person if they may be used.

A folder from elsewhere may tell the model what to do, and axio which programs to start. None of
that is used before a person has trusted the folder. Each folder is trusted by itself: one that is
put below it later is asked about again, and so is one whose hooks or servers have changed.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TypeAlias

from axio_tui.config.file import LARGEST, ConfigFile, HookTable, parse_config, replace
from axio_tui.config.paths import data_folder, home_folder, locked
from axio_tui.config.reading import read_at_most

__all__ = (
    "Brought",
    "Project",
    "State",
    "Trust",
    "Trusted",
    "brought_to",
    "content_of",
    "look_at",
    "project_folders",
    "read_inside",
    "trust_file",
    "trusted_project",
)

State: TypeAlias = Literal["trusted", "refused", "unknown", "changed"]
"""Changed: it was trusted when other programs were to be started."""

CONFIG = ".axio/config.toml"
SKILLS = ".agents/skills"
_STARTING = (CONFIG, ".axio/mcp.json", ".mcp.json")
_BRINGING = ("AGENTS.md", *_STARTING, SKILLS)
_LARGEST = 4 << 20
_LOOKED_AT = 500  # names in a folder
_WORDS = 100  # of the commands of hooks


def trust_file(environment: Mapping[str, str] = os.environ) -> Path:
    """Where the answers of a person are kept."""
    return data_folder(environment) / "trusted.json"


# ── folders ───────────────────────────────────────────────────────────────────────────────────


def project_folders(start: Path) -> list[Path]:
    """The folders from the root of the project down to `start`, all links resolved.

    The root is the nearest with `.git` of this user or of root; without one, where `start` is in
    the home folder, the outermost below that; else `start` itself.
    """
    start = start.resolve()
    home = home_folder().resolve()
    above: list[Path] = []
    for folder in (start, *start.parents):
        if folder != start and (folder == home or folder.parent == folder):
            break
        above.append(folder)
        if _is_root_of_ours(folder):
            return above[::-1]
    return above[::-1] if home in start.parents else [start]


def _is_root_of_ours(folder: Path) -> bool:
    try:
        return (folder / ".git").lstat().st_uid in (os.getuid(), 0)
    except OSError:
        return False


def read_inside(folder: Path, name: str, limit: int) -> tuple[bytes, int]:
    """The first bytes of a regular file of a resolved folder, and its size. `OSError` also for a
    link that leads out of the folder: what is there was not looked at."""
    return read_at_most(_inside(folder, name), limit)


def _inside(folder: Path, name: str) -> Path:
    real = Path(os.path.realpath(folder / name, strict=True))
    if not real.is_relative_to(folder):
        raise OSError(0, "a link that leads out of the folder", str(folder / name))
    return real


@dataclass(frozen=True, slots=True)
class Brought:
    """All that a folder brings: the names of files, those that are left out with the reason, its
    settings, a text that stands for all that decides which programs are started, the user that it
    belongs to, and the content of what the words of hooks name, as `content_of` tells it."""

    folder: Path
    names: tuple[str, ...]
    problems: tuple[str, ...] = ()
    config: ConfigFile | None = None
    fingerprint: str = ""
    owner: int = -1
    files: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def starts_programs(self) -> bool:
        hooks = self.config is not None and bool(self.config.hooks)
        return hooks or any(name.endswith("mcp.json") for name in self.names)


def look_at(folder: Path) -> Brought | None:
    """All that a resolved folder brings; None for nothing. Nothing of it is used by looking."""
    names: list[str] = []
    problems: list[str] = []
    digest = hashlib.sha256()
    config: ConfigFile | None = None
    files: dict[str, str | None] = {}
    for name in _BRINGING:
        if not os.path.lexists(folder / name) or (name == SKILLS and not _has_skills(folder)):
            continue
        try:
            data, size = b"", 0
            if name == SKILLS:
                _inside(folder, name)
            elif name in _STARTING:
                limit = LARGEST if name == CONFIG else _LARGEST
                data, size = read_inside(folder, name, limit)
                if size > limit:
                    raise OSError(0, "it is too large", str(folder / name))
                if name == CONFIG:
                    parsed = parse_config(ConfigFile(folder / name, data=data))
                    config, files = parsed, _files_of_hooks(folder, parsed.hooks)
            else:
                read_inside(folder, name, 0)
        except OSError as error:
            problems.append(f"{folder / name} is left out: {error.strerror}")
            continue
        names.append(name)
        if name in _STARTING:
            digest.update(f"{name} {hashlib.sha256(data).hexdigest()}\n".encode())
        if name == CONFIG:
            for file, content in files.items():
                digest.update(f"{json.dumps(file)} {content}\n".encode())
    if not names and not problems:
        return None
    owner = folder.stat().st_uid
    return Brought(folder, tuple(names), tuple(problems), config, digest.hexdigest(), owner, files)


def brought_to(start: Path) -> list[Brought]:
    """All that the folders of its project bring, from the root down to `start`."""
    return [one for folder in project_folders(start) if (one := look_at(folder))]


def _has_skills(folder: Path) -> bool:
    """True for skills that are the folder's; those in the home folder are the person's own."""
    if folder == home_folder().resolve():
        return False
    try:
        with os.scandir(folder / SKILLS) as found:
            names = [entry.name for entry in islice(found, _LOOKED_AT)]
    except OSError:
        return os.path.islink(folder / SKILLS)
    files = (folder / SKILLS / name / "SKILL.md" for name in names)
    return len(names) == _LOOKED_AT or any(map(os.path.lexists, files))


def _files_of_hooks(folder: Path, hooks: list[HookTable]) -> dict[str, str | None]:
    """The words of the commands of hooks, each of which may name a file in the folder, with a text
    for its content; None where there is no such file, which may come later. `OSError` if there are
    so many that reading them would take long."""
    words: set[str] = set()
    for hook in hooks:
        command = hook.table.get("command")
        listed = command if isinstance(command, list) else []
        words |= {word for word in listed if isinstance(word, str) and word and "\0" not in word}
    if len(words) > _WORDS:
        raise OSError(0, f"its hooks have more than {_WORDS} words", str(folder / CONFIG))
    return {word: content_of(folder, word) for word in sorted(words)}


def content_of(folder: Path, name: str) -> str | None:
    """A text that stands for the content of a file in the folder; None if it is no such file."""
    try:
        data, size = read_inside(folder, name, _LARGEST)
        # Of a large one the rest is told by the time of its last change, which no program can set.
        changed = (folder / name).stat().st_ctime_ns if size > _LARGEST else 0
    except (OSError, ValueError):
        return None
    return f"{size} {changed} {hashlib.sha256(data).hexdigest()}"


# ── answers ───────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Trusted:
    """An answer of a person about a folder."""

    folder: str
    trusted: bool
    fingerprint: str
    owner: int
    since: str


@dataclass(slots=True)
class Trust:
    """The answers of a person, in a file out of reach for the tools. One that cannot be read
    trusts nothing, and `problem` says so."""

    path: Path = field(default_factory=trust_file)
    problem: str = ""

    def state(self, brought: Brought) -> State:
        """The answer of a person about a folder, if it still holds."""
        answer = self._read().get(str(brought.folder))
        if answer is None or answer.owner != brought.owner:
            return "unknown"
        if not answer.trusted:
            return "refused"
        return "trusted" if answer.fingerprint == brought.fingerprint else "changed"

    def keep(self, brought: Brought, trusted: bool) -> None:
        """Keep an answer about a folder as it was looked at. `OSError` if that cannot be done."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        folder = str(brought.folder)
        with locked(self.path.parent):
            answers = self._read()
            answers[folder] = Trusted(folder, trusted, brought.fingerprint, brought.owner, now)
            self._write(answers)

    def forget(self, folder: Path) -> bool:
        """Forget what was said of a folder, also one that is gone; False if nothing was."""
        with locked(self.path.parent):
            answers = self._read()
            was = answers.pop(str(folder), None)
            if was is not None:
                self._write(answers)
        return was is not None

    def list(self) -> list[Trusted]:
        """All answers, by folder."""
        return [answer for _, answer in sorted(self._read().items())]

    def _read(self) -> dict[str, Trusted]:
        try:
            answers = json.loads(read_at_most(self.path, _LARGEST)[0])
            return {folder: _trusted(folder, answer) for folder, answer in answers.items()}
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError):
            self.problem = f"{self.path} cannot be read, so that no folder is trusted: remove it"
            return {}

    def _write(self, answers: Mapping[str, Trusted]) -> None:
        data = {
            one.folder: {
                "trusted": one.trusted,
                "fingerprint": one.fingerprint,
                "owner": one.owner,
                "since": one.since,
            }
            for one in answers.values()
        }
        replace(self.path, (json.dumps(data, indent=1) + "\n").encode(), 0o600)


def _trusted(folder: str, answer: Mapping[str, Any]) -> Trusted:
    return Trusted(
        folder,
        answer["trusted"] is True,
        str(answer["fingerprint"]),
        int(answer["owner"]),
        str(answer["since"]),
    )


@dataclass(frozen=True, slots=True)
class Project:
    """All that trusted folders bring, from the root of the project down."""

    trusted: tuple[Brought, ...] = ()

    @property
    def configs(self) -> list[ConfigFile]:
        return [one.config for one in self.trusted if one.config is not None]

    def covers(self, folder: Path) -> bool:
        """True if all of a folder that is there may be used."""
        real = folder.resolve()
        return any(one.folder == real and not one.problems for one in self.trusted)


def trusted_project(start: Path) -> Project:
    """The project of a folder, with what is trusted already; no person is asked."""
    trust = Trust()
    return Project(tuple(one for one in brought_to(start) if trust.state(one) == "trusted"))
