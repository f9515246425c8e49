"""The words of `find`: where it starts, what it asks of each file, and what it runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from axio_tui_guards.shell_words import Unparsable, Word
from axio_tui_guards.usage import Reading, read_table

__all__ = ("FIND", "executed", "read_find", "writes_files")

FIND = read_table("find: : r* ! reads deep here wanders=-L,-follow writes=-delete")["find"]

_ALONE = frozenset(
    "! ( ) , -not -a -and -o -or -empty -print -print0 -prune -depth -d -delete -xdev -mount -true "
    "-false -executable -readable -writable -quit -ls -nouser -nogroup -daystart -noleaf "
    "-ignore_readdir_race -follow -warn -nowarn -H -L -P -E -X -x -s".split()
)
_WITH_TEXT = frozenset(
    "-name -iname -path -ipath -wholename -iwholename -regex -iregex -regextype -type -xtype "
    "-maxdepth -mindepth -size -mtime -mmin -atime -amin -ctime -cmin -newermt -perm -user -group "
    "-uid -gid -links -inum -printf -fstype -lname -ilname -used -D".split()
)
_WITH_PATH = frozenset("-newer -anewer -cnewer -samefile -mnewer".split())
_RUNS = frozenset("-exec -execdir -ok -okdir".split())
_OWN_FILES = ("-fprint", "-fls", "-files0")


def read_find(words: Sequence[str]) -> Reading:
    """Read the words behind `find`."""
    reading = Reading()
    pending = list(reversed(words))
    starts = True
    while pending:
        word = pending.pop()
        starts &= word[:1] not in ("-", "(", "!", ")", ",") or word in ("-H", "-L", "-P")
        if starts and not word.startswith("-"):
            reading.arguments.append(("r", Word(word)))
        elif word in _ALONE:
            reading.options.add(word)
        elif word in _WITH_TEXT or word in _WITH_PATH:
            kind = "t" if word in _WITH_TEXT else "R"
            reading.arguments.append((kind, Word(pending.pop() if pending else "")))
        elif word in _RUNS:
            while pending and not _ends(word, pending[-1]):
                word = pending.pop()
        elif not (word == ";" or word == "+"):
            reading.doubt(f"find {word} is not known")
    return reading


def _ends(before: str, word: str) -> bool:
    return word == ";" or (before, word) == ("{}", "+")


def writes_files(words: Sequence[str]) -> bool:
    """True if it writes or reads files besides those that it finds."""
    return any(word.startswith(_OWN_FILES) for word in words)


def executed(words: Sequence[str]) -> Iterator[list[str]]:
    """The commands that it runs, each with `{}` for what it found."""
    pending = list(reversed(words))
    while pending:
        if pending.pop() not in _RUNS:
            continue
        command: list[str] = []
        while not _ends(command[-1] if command else "", pending[-1] if pending else ";"):
            command.append(pending.pop())
        if not pending:
            raise Unparsable("find -exec that does not end")
        yield command
