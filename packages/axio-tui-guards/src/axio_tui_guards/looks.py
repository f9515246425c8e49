"""Values that look like paths, whatever the argument is called."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ("leaving_parts", "looks_leaving", "possible_paths")

_MAX_PATH = 4096  # as Linux
_MAX_PARTS = 200
_LEAVES = re.compile(r"/|~|\$\{?\w|file:|(?:.*/)?\.\.(?:/|\Z)|[A-Za-z]:\\", re.I)
_LIST = re.compile(r"[,;|]+")
_STRUCTURE = re.compile(r"[\s,;|:=\"'`()\[\]{}<>]+")
_LIKE_A_FILE = re.compile(r"[^\s]*[./~][^\s]*")
_CLUSTER = re.compile(r"-+[A-Za-z0-9]*")
_SEPARATOR = re.compile(r"[=:,@]")
_PLAIN = re.compile(r"[\w./@:=+,%~^-]*")


def looks_leaving(text: str) -> bool:
    """True if it does not just go down from where it starts: `/x`, `~/x`, `../x`, `$X/x`."""
    return _LEAVES.match(text.lstrip()) is not None


def leaving_parts(text: str, one: bool = False) -> Iterator[str]:
    """The parts of a value that may lead elsewhere: of a list in one text, an option, an object.

    A text of several words counts only if each of them could be the name of a file: prose may
    speak of paths. So does a text of several lines. When the value is `one` path, blanks in it
    belong to it.
    """
    text = text.strip()
    if not text or len(text) > _MAX_PATH or "\n" in text:
        return
    whole = looks_leaving(text)
    if whole:
        yield text
    if text[0] in "[{\"'":
        parts = _STRUCTURE.split(text)
    else:
        words = text.split()
        if len(words) > 1 and not (whole or all(map(_LIKE_A_FILE.fullmatch, words))):
            return
        parts = [part for word in words[one:] for part in _parts_of(word)]
        parts += _parts_of(words[0]) if one and len(words) == 1 else []
    for part in parts[:_MAX_PARTS]:
        if part != text and looks_leaving(part):
            yield part


def _parts_of(word: str) -> list[str]:
    """`a:/b` and `--x=/b` hold a path, an address does not."""
    if "://" in word and not word.lower().startswith("file:"):
        return []
    return [part for piece in _LIST.split(word) for part in (piece, *_SEPARATOR.split(piece))]


def possible_paths(word: str) -> set[str] | None:
    """All that a program could take for a path in an argument: `--file=x`, `-abx`, `host:x`, `@x`.

    None when it may hold a path that cannot be found: a text of its own, or too many parts.
    """
    if len(word) > _MAX_PATH or not _PLAIN.fullmatch(word):
        return None
    starts = {0, *(found.end() for found in _SEPARATOR.finditer(word))}
    if cluster := _CLUSTER.match(word):
        starts |= set(range(2, cluster.end() + 1))
    if len(starts) > 40:
        return None
    rests = {word[start:] for start in starts}
    return (rests | {re.split(r"[=:,@]", rest, maxsplit=1)[0] for rest in rests}) - {"", "-"}
