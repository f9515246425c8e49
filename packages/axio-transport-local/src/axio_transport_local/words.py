"""A text cut into words, and what a piece of text looks like."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

__all__ = (
    "ARTICLES",
    "ASKING",
    "CLOSED",
    "NAMING",
    "POINTING",
    "STRICT",
    "Shape",
    "Word",
    "context",
    "family",
    "listed",
    "quoted",
    "shape",
    "split",
    "stem",
    "stems",
)

Shape: TypeAlias = str
"""The look of a text: a name of the table `_SHAPES`, or "empty", "words", "other"."""

_FILE = r"[\w.~@+-]*[\w~-]\.[A-Za-z][A-Za-z0-9]{0,7}"
_NUMBER = r"[-+]?\d[\d,]*(?:\.\d+)?"

# The first that matches the whole text names it.
_SHAPES: tuple[tuple[Shape, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("url", r"[a-z][a-z0-9+.-]*://\S+|www\.\S+"),
        ("mail", r"[^\s@]+@[^\s@]+\.[^\s@]+"),
        ("number", rf"[$€£]?{_NUMBER}%?"),
        ("time", r"\d{1,2}[:.h]\d{2}(?:\s?[ap]\.?m\.?)?|\d{1,2}\s?[ap]\.?m\.?|noon|midnight"),
        ("date", r"\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[./]\d{1,2}[./](?:\d{2,4})?"),
        ("version", r"v?\d+(?:\.\d+){1,3}[\w.-]*|v\d+"),
        ("file", rf"/?(?:[^\s/()<>]+/)*{_FILE}"),
        ("folder", r"[\w.~@+-]*(?:/[\w.~@+-]*)+|[A-Za-z]:\\\S*"),
        ("id", r"#?(?=\S*\d)(?=\S*[A-Za-z])[\w.-]+"),
        ("code", r"\S*[()<>{}\[\]=*+|\\^;$`]\S*(?:\s[\s\S]*)?|[\d(][-+*/()^.%\d\s]+"),
        ("CAPS", r"[A-Z][A-Z0-9_]+"),
        ("Name", r"[A-Z][\w'’.-]*(?:\s[A-Z][\w'’.-]*)*"),
        ("word", r"[\w'’-]+"),
    )
)

STRICT = frozenset(("url", "mail", "number", "time", "date", "version", "file", "folder", "id"))
"""Shapes that ordinary wording does not take by accident."""

CLOSED = frozenset(
    "a an the to in into on of for from with at by as is are was be it this that these those my "
    "me i you your please can could would will do does did and or about called named titled "
    "saying says containing".split()
)
"""Function words and the like: they stand around a value more often than in it."""

ASKING = frozenset(
    "what what's which where how when who why much many there have has we us show tell give let "
    "want need".split()
)
"""Words that ask, and say little about what for."""

POINTING = frozenset(
    "here there it them this that these those everything anything something all any now current "
    "folder folders directory directories file files place computer machine".split()
)
"""Words that point to something and are not its name."""

NAMING = frozenset(("called", "named", "titled"))

ARTICLES = frozenset(("the", "a", "an", "my"))

_OPENING = "\"'`“‘«"
_CLOSING = "\"'`”’»"
_STOPS = _CLOSING + "?!,;:."
_PAIRS = dict(zip(_OPENING, _CLOSING, strict=True))
_QUOTED = re.compile(
    rf"(?<!\w)([{_OPENING}])(.{{1,1000}}?)([{_CLOSING}])(?=$|[\s.,;:?!)])", re.DOTALL
)
_LONG = 300
_ENDINGS = ("ing", "ed", "es", "s", "e")


@dataclass(frozen=True, slots=True)
class Word:
    """A word: `text[start:end]`, without the punctuation around it.

    `last` is where the piece up to the next blank ends; `after` is the first character of the
    punctuation behind the word that is not a quote, or "".
    """

    text: str
    start: int
    end: int
    last: int
    after: str

    @property
    def key(self) -> str:
        return self.text.lower()


def split(text: str) -> list[Word]:
    """The words of `text` in order; a piece of nothing but punctuation counts as a word."""
    words = []
    for match in re.finditer(r"\S+", text):
        piece = match.group()
        core = _core(piece) or piece
        start = match.start() + piece.index(core)
        after = text[start + len(core) : match.end()].strip(_CLOSING)
        words.append(Word(core, start, start + len(core), match.end(), after[:1]))
    return words


def _core(piece: str) -> str:
    core = piece.lstrip(_OPENING).rstrip(_STOPS)
    # A bracket around words is punctuation, one around part of a word belongs to it: (4+5)/3.
    if core.startswith("(") and core.find(")") in (-1, len(core) - 1):
        core = core[1:].removesuffix(")")
    elif core.endswith(")") and "(" not in core:
        core = core[:-1]
    return core.rstrip(_STOPS)


def context(words: list[Word], first: int, last: int) -> tuple[str, str]:
    """The neighbours of the words `first` to `last`, before and after: a word, the shape of a
    number, path or the like, a comma or the like, or "^" and "$" for the ends of the text.

    >>> context(split("mail Ann: come in"), 1, 1)
    ('mail', ':')
    """
    before = "^" if first == 0 else words[first - 1].after or _beside(words[first - 1])
    if last == len(words) - 1:
        return before, "$"
    return before, words[last].after or _beside(words[last + 1])


def _beside(word: Word) -> str:
    if (form := shape(word.text)) in STRICT:
        return f"<{form}>"
    # A capital inside a text makes a function word part of a name: put on The Wall.
    name = word.start > 0 and word.text[:1].isupper() and word.key in CLOSED
    return word.text if name else word.key


def quoted(text: str) -> list[tuple[int, int]]:
    """Where quoted passages begin and end, without their quotes. An apostrophe opens none."""
    return [match.span(2) for match in _QUOTED.finditer(text) if _PAIRS[match[1]] == match[3]]


def listed(text: str) -> list[str]:
    """The items of an enumeration.

    >>> listed("a.txt, b.txt and c.txt")
    ['a.txt', 'b.txt', 'c.txt']
    """
    items = re.split(r"\s*[,;]\s*(?:(?:and|or)\s+)?|\s+(?:and|or|&)\s+", text)
    return [item for item in items if item]


@lru_cache(maxsize=4096)
def shape(text: str) -> Shape:
    """The shape of `text`.

    >>> [shape(t) for t in ("lib/a.py", "docs/", "Nina Simone", "12:30", "x@y.org", "two words")]
    ['file', 'folder', 'Name', 'time', 'mail', 'words']
    """
    if not text:
        return "empty"
    if len(text) > _LONG:
        return "words" if re.search(r"\s", text) else "other"
    for name, pattern in _SHAPES:
        if pattern.fullmatch(text):
            return name
    return "words" if re.search(r"\s", text) else "other"


def family(form: Shape) -> str:
    """Shapes that may stand for one another have one family: "path", "text", or themselves."""
    if form in ("file", "folder"):
        return "path"
    return form if form in STRICT else "text"


@lru_cache(maxsize=4096)
def stem(word: str) -> str:
    """`word` in lower case without a common ending, so that "lists" and "listing" meet."""
    word = word.lower()
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def stems(text: str) -> frozenset[str]:
    """The stems of the plain words in `text`; "set_timer" has two."""
    return frozenset(stem(word) for word in re.findall(r"[^\W_]+", text))
