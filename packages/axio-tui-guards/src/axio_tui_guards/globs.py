"""Patterns in the words of a command, replaced by the files that a shell would put there now."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from itertools import islice

from axio_tui_guards.shell_words import Word

__all__ = ("expanded",)

_MAX_ENTRIES = 2000
_MAX_FOUND = 200
_MAX_PATTERNS = 20
# Only what all shells read alike, and only in the last part of a path.
_PATTERN = re.compile(r"((?:[\w.@+%,-]*/)*)([\w.@+%,*?-]*[*?][\w.@+%,*?-]*)", re.A)


def expanded(words: Iterable[Word], directory: str) -> tuple[Word, ...]:
    """The words, each pattern replaced by what it stands for in `directory`.

    One that cannot be looked up stays as it is, and so unclear.
    """
    words = tuple(words)
    if sum(not word.literal for word in words) > _MAX_PATTERNS:
        return words
    return tuple(found for word in words for found in _files_of(word, directory))


def _files_of(word: Word, directory: str) -> list[Word]:
    pattern = None if word.literal else _PATTERN.fullmatch(word.text)
    if pattern is None:
        return [word]
    folder, names = pattern[1], pattern[2]
    try:
        with os.scandir(os.path.join(directory, folder)) as entries:
            held = [entry.name for entry in islice(entries, _MAX_ENTRIES + 1)]
    except FileNotFoundError:
        held = []
    except OSError:
        return [word]
    found = [
        Word(f"{folder}{name}")
        for name in sorted(held)
        if fnmatchcase(name, names) and (name[0] != "." or names[0] == ".")
    ]
    if len(held) > _MAX_ENTRIES or len(found) > _MAX_FOUND:
        return [word]
    return found or [Word(word.text)]
