"""Where a path leads: every place that a tool could take it for.

Tools differ. One hands a path to the system, which follows symbolic links before `..`; another
tidies the text first; a third expands `~` or strips blanks. A guard that knows one reading is
passed by another, so a path is all of its readings, and each has to be allowed.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, MutableSet
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ("PathSet", "Unresolvable", "is_within", "leads_to", "resolve")

_MAX_LINKS = 40  # as Linux
_NO_LINK = (errno.EINVAL, errno.ENOENT, errno.ENOTDIR)


class Unresolvable(ValueError):
    """Nobody can say where this path leads."""


def resolve(path: str | os.PathLike[str]) -> str:
    """The absolute path without links, `.` and `..`, as the system would walk it.

    What does not exist is taken by its name. Links below /proc are not followed: what they show is
    not where they lead (another process, another root). `Unresolvable` when a part cannot be looked
    at, links run in circles, or the text cannot be a path.
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
        step = os.path.join(current, name)
        try:
            target = os.readlink(step)
        except (OSError, UnicodeError) as error:
            if isinstance(error, OSError) and error.errno in _NO_LINK:
                current = step
                continue
            raise Unresolvable(f"{text!r}: {error}") from error
        if is_within(step, "/proc"):
            current = step
            continue
        links += 1
        if links > _MAX_LINKS:
            raise Unresolvable(f"{text!r}: too many symbolic links")
        if target.startswith("/"):
            current = "/"
        pending.extend(target.split("/")[::-1])
    return current


def leads_to(path: str, bases: Iterable[str]) -> frozenset[str]:
    """Every resolved path that a tool may reach with `path`, relative to any of `bases`."""
    texts = {path, path.strip()}
    texts |= {os.path.expandvars(text) for text in texts}
    texts |= {os.path.expanduser(text) for text in texts}
    texts |= {unquote(urlsplit(text).path) for text in texts if text[:5].lower() == "file:"}
    found = set()
    for base in bases:
        for text in texts:
            full = os.path.join(base, text)
            found.add(resolve(full))
            found.add(resolve(os.path.normpath(full)))
    return frozenset(found)


def is_within(path: str, directory: str) -> bool:
    """Whether a resolved path is a resolved directory or lies below it."""
    return path == directory or path.startswith(directory.rstrip("/") + "/")


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
        """Whether a resolved path is in the set or below a member."""
        return any(is_within(path, directory) for directory in self._paths)

    def covers_by_identity(self, path: str) -> bool:
        """The same, also where a hard link, a mount or another case of letters hides it."""
        if self.covers(path):
            return True
        mine = {_identity(member) for member in self._paths} - {None}
        return any(_identity(str(parent)) in mine for parent in (Path(path), *Path(path).parents))

    def any_below(self, directory: str) -> bool:
        """Whether a member lies below a resolved path."""
        return any(is_within(member, directory) for member in self._paths)


def _identity(path: str) -> tuple[int, int] | None:
    try:
        facts = os.lstat(path)
    except OSError:
        return None
    return facts.st_dev, facts.st_ino
