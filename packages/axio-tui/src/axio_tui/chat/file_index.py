"""`FileIndex`: the files of a folder, as a person may want to name them.

It obeys `.gitignore` in the folder, below it and, in a repository, above it. Secrets are left out,
and so are names that cannot be written on a screen.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from pathspec import GitIgnoreSpec

from axio_tui.chat.fuzzy import Ranking
from axio_tui_guards.protected import belongs_to

__all__ = ("FileIndex", "files_below")

MAX_FILES = 100_000
_FRESH = 5.0  # seconds for which an index is taken as it is
_SLICE = 200  # entries after which other threads have their turn
_PAUSE = 0.001
_USUAL = """
.git/
.hg/
.svn/
node_modules/
.venv/
__pycache__/
.mypy_cache/
.pytest_cache/
.ruff_cache/
"""

Rules = Sequence[tuple[str, GitIgnoreSpec]]
"""Specs with the folder that each is for, ending in a slash, outermost first."""


class FileIndex:
    """The files below `root`. It is made, and made anew, in a thread; until then the last one is
    searched."""

    def __init__(self, root: str | os.PathLike[str] = ".") -> None:
        self.root = os.path.realpath(root)
        self._ranking = Ranking(())
        self._made_at = float("-inf")
        self._making: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._ranking.paths)

    def best(self, query: str, limit: int = 20) -> list[str]:
        """Paths that fit, best first, from `root`."""
        return self._ranking.best(query, limit)

    async def refresh(self) -> None:
        """Make the index anew, unless it is new. Calls at the same time wait for the same."""
        if time.monotonic() - self._made_at < _FRESH:
            return
        if self._making is None:
            self._making = asyncio.create_task(self._make())
        await asyncio.shield(self._making)

    async def _make(self) -> None:
        try:
            self._ranking = await asyncio.to_thread(self._read)
            self._made_at = time.monotonic()
        finally:
            self._making = None

    def _read(self) -> Ranking:
        return Ranking(list(files_below(self.root)))


def files_below(root: str) -> Iterator[str]:
    """The paths of files from `root`, nearest first, at most `MAX_FILES`."""
    root = os.path.realpath(root)
    pending: deque[tuple[str, Rules]] = deque([(root, _rules_above(root))])
    found = seen = 0
    while pending:
        folder, rules = pending.popleft()
        try:
            with os.scandir(folder) as entries:
                here = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            continue
        rules = [*rules, *_rules_of(folder)]
        for entry in here:
            seen += 1
            if seen % _SLICE == 0:
                time.sleep(_PAUSE)
            is_folder = _is_folder(entry)
            if not entry.name.isprintable() or _is_ignored(rules, entry.path, is_folder):
                continue
            if is_folder:
                pending.append((entry.path, rules))
            elif _is_file(entry) and not belongs_to("secrets", entry.path):
                yield os.path.relpath(entry.path, root)
                found += 1
                if found == MAX_FILES:
                    return


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


# ── .gitignore ────────────────────────────────────────────────────────────────────────────────


def _is_ignored(rules: Rules, path: str, is_folder: bool) -> bool:
    """The innermost file that says something about the path decides."""
    path = f"{path}/" if is_folder else path
    for folder, spec in reversed(rules):
        include = spec.check_file(path[len(folder) :]).include
        if include is not None:
            return include
    return False


def _rules_above(root: str) -> Rules:
    """Those that hold everywhere, and those of the repository around a folder."""
    rules = [(f"{root}/", GitIgnoreSpec.from_lines(_USUAL.split()))]
    around = root
    folders: list[str] = []
    while not os.path.lexists(os.path.join(around, ".git")):
        above = os.path.dirname(around)
        if above == around:
            return rules
        around = above
        folders.append(around)
    excluded = _spec_in(os.path.join(around, ".git", "info", "exclude"))
    rules += [(f"{around}/", spec) for spec in excluded]
    for folder in reversed(folders):
        rules += _rules_of(folder)
    return rules


def _rules_of(folder: str) -> Rules:
    return [(f"{folder}/", spec) for spec in _spec_in(os.path.join(folder, ".gitignore"))]


def _spec_in(path: str) -> Iterable[GitIgnoreSpec]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read(1_000_000).splitlines()
        return [GitIgnoreSpec.from_lines(lines)]
    except (OSError, ValueError):  # not there, or no pattern: then nothing is ignored
        return []
