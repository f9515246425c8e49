"""Where a path leads: every place that a tool could take it for.

Tools differ. One hands a path to the system, which follows symbolic links before `..`; another
tidies the text first; a third expands `~` or strips blanks. A guard that knows one reading is
passed by another, so a path is all of its readings, and each has to be allowed.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Collection, Iterable, Iterator, MutableSet
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = (
    "Finder",
    "Identities",
    "PathSet",
    "Unresolvable",
    "is_within",
    "leads_anywhere",
    "leads_to",
    "parents",
    "resolve",
)

_MAX_LINKS = 40  # as Linux
_MAX_PATH = 4096  # as Linux
_MAX_STEPS = 5000
_NO_LINK = (errno.EINVAL, errno.ENOENT, errno.ENOTDIR)
_LINKS_OF_PROC = re.compile(
    r"/proc/(?:[^/]+/(?:task/[^/]+/)?(?:root|cwd|exe|fd/[^/]+|map_files/[^/]+|ns/[^/]+)"
    r"|thread-self|mounts|net)(?:/|\Z)"
)


class Unresolvable(ValueError):
    """Nobody can say where this path leads."""


def resolve(path: str | os.PathLike[str]) -> str:
    """The absolute path without links, `.` and `..`, as the system would walk it.

    What does not exist is taken by its name. Links below /proc are not followed: what they show is
    not where they lead (another process, another root); `leads_anywhere` knows them.
    `Unresolvable` when a part cannot be looked at, links run in circles, or the text cannot be a
    path.
    """
    text = os.path.join(os.getcwd(), os.fspath(path))
    if "\0" in text:
        raise Unresolvable(f"{text!r} holds a NUL character")
    pending = text.split("/")[::-1]
    current = "/"
    links = 0
    while pending:
        name = pending.pop()
        if name in ("", "."):
            continue
        if name == "..":
            current = os.path.dirname(current)
            continue
        step = f"{current}/{name}" if current != "/" else f"/{name}"
        try:
            target = os.readlink(step)
        except (OSError, UnicodeError) as error:
            if isinstance(error, OSError) and error.errno in _NO_LINK:
                current = step
                continue
            raise Unresolvable(f"{text!r}: {error}") from error
        if step == "/proc/self":
            current = step
            continue
        if is_within(step, "/proc"):  # from here on `..` means something else, too
            return "/".join([step, *reversed(pending)])
        links += 1
        if links > _MAX_LINKS:
            raise Unresolvable(f"{text!r}: too many symbolic links")
        if target.startswith("/"):
            current = "/"
        pending.extend(target.split("/")[::-1])
    return current


def leads_anywhere(place: str) -> bool:
    """True for a resolved path that passes a link of /proc, and so may be any other."""
    return _LINKS_OF_PROC.match(place) is not None


def leads_to(path: str, bases: Iterable[str]) -> frozenset[str]:
    """Every resolved path that a tool may reach with `path`, relative to any of `bases`."""
    if len(path) > _MAX_PATH:
        raise Unresolvable(f"{path[:60]!r}... is longer than any path")
    texts = {path, path.strip()}
    if "$" in path:
        texts |= {os.path.expandvars(text) for text in texts}
    texts |= {os.path.expanduser(text) for text in texts if text.startswith("~")}
    texts |= {unquote(urlsplit(text).path) for text in texts if text[:5].lower() == "file:"}
    found = set()
    for base in bases:
        for text in texts:
            full = os.path.join(base, text)
            found.add(resolve(full))
            if ".." in full:
                found.add(resolve(os.path.normpath(full)))
    return frozenset(found)


class Finder:
    """Looks up the paths of one call, and only so many: each step is a question to the system."""

    def __init__(self) -> None:
        self._left = _MAX_STEPS
        self._known: dict[tuple[str, frozenset[str]], frozenset[str]] = {}

    def leads_to(self, path: str, bases: Collection[str]) -> frozenset[str]:
        """`leads_to`; `Unresolvable` when the call names more than can be looked at."""
        key = path, frozenset(bases)
        if key not in self._known:
            self._left -= (path.count("/") + 8) * len(bases)
            if self._left < 0:
                raise Unresolvable("it names more paths than can be looked at")
            self._known[key] = leads_to(path, bases)
        return self._known[key]


def is_within(path: str, directory: str) -> bool:
    """True if a resolved path is a resolved directory or lies below it."""
    return path == directory or path.startswith(directory.rstrip("/") + "/")


def parents(path: str) -> Iterator[str]:
    """A resolved path and all directories around it."""
    yield path
    while (around := os.path.dirname(path)) != path:
        path = around
        yield path


class Identities:
    """Tells that two paths are one file: a hard link, a mount, another case of letters."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, int] | None] = {}

    def of(self, path: str) -> tuple[int, int] | None:
        """Device and number of what lies there; None when there is nothing."""
        if path not in self._known:
            try:
                facts = os.lstat(path)
            except (OSError, ValueError):
                self._known[path] = None
            else:
                self._known[path] = facts.st_dev, facts.st_ino
        return self._known[path]

    def is_within(self, path: str, directory: str) -> bool:
        """`is_within`, and the same for other names of the same directory or file."""
        if is_within(path, directory):
            return True
        there = self.of(directory)
        return there is not None and any(self.of(parent) == there for parent in parents(path))


class PathSet(MutableSet[str]):
    """A set of paths, each resolved when it is put in or looked for."""

    def __init__(self, paths: Iterable[str | os.PathLike[str]] = ()) -> None:
        self._paths = {resolve(path) for path in paths}

    def __contains__(self, path: object) -> bool:
        return isinstance(path, str | Path) and resolve(path) in self._paths

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def add(self, value: str | os.PathLike[str]) -> None:
        self._paths.add(resolve(value))

    def discard(self, value: str | os.PathLike[str]) -> None:
        self._paths.discard(resolve(value))

    def update(self, paths: Iterable[str | os.PathLike[str]]) -> None:
        for path in paths:
            self.add(path)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({sorted(self._paths)})"

    def covers(self, path: str) -> bool:
        """True if a resolved path is in the set or below a member."""
        return any(parent in self._paths for parent in parents(path))

    def covers_by_identity(self, path: str, identities: Identities) -> bool:
        """The same, also where a hard link, a mount or another case of letters hides it."""
        if self.covers(path):
            return True
        mine = {identities.of(member) for member in self._paths} - {None}
        return any(identities.of(parent) in mine for parent in parents(path))

    def parents(self) -> set[str]:
        """All members, and all directories that hold one."""
        return {parent for member in self._paths for parent in parents(member)}
