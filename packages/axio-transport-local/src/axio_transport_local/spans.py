"""Which pieces of a request the arguments of a tool may be, judged by what stands around them.

The examples of a tool show the words before and after each value and what values look like. Every
piece of the request gets points for being like that; see `fillings` for which are taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from axio_transport_local.limits import allows
from axio_transport_local.parameters import NUMERIC
from axio_transport_local.request import Request
from axio_transport_local.skill import Skill, Slot
from axio_transport_local.words import (
    ARTICLES,
    CLOSED,
    POINTING,
    STRICT,
    Word,
    context,
    family,
    listed,
    shape,
    split,
    stem,
)

__all__ = ("Piece", "candidates")

# Points. Found by trying round values on several sets of tools; none matters by itself.
CUE = 2.0  # beside it stands what stands there in an example
EDGE = 0.7  # beside it stands a function word, a comma or the end
RUNS_ON = -1.0  # beside it stands an ordinary word, which may belong to it
BEGINS = -2.0  # it begins the request, which no example's value does
LOOKS = 2.0  # it looks like a value of an example
KIN = 1.0  # it looks similar
ALIEN = -2.0  # it looks like something else
LOOSE_END = -2.0  # it begins or ends with a function word
ARTICLE = -1.0  # it has several words and begins with an article
EXTRA_WORD = -1.5  # for each word after the first where examples have one
INNER_CUE = -1.0  # for each word in it that belongs around values, and for commas
OWN = -2.0  # it is no more than words of the tool's name and description
WHOLE = -3.0  # it is the whole request, and no example's value is
SWALLOWS = -4.0  # it is a text around something that alone would look right
NUMBER = -1.5  # for each number in it that another slot may want
QUOTED = 4.0  # it is just what is quoted
UNQUOTED = -3.0  # it is not, though something is quoted
UNHEARD_OF = -1.5  # a number for a slot that no example fills

MAX_WORDS = 14
"""Pieces are no longer, except up to the end of the request or a word that follows values."""

_PLAIN = frozenset(("word", "words", "Name", "CAPS"))
_NEAR = 32
_FAR = 4


@dataclass(frozen=True, slots=True)
class Piece:
    """A value for a slot and where it stands; a constant stands nowhere, at -1. `likeness`, up to
    1, tells how like an example's the request is that it was made of."""

    value: Any
    start: int
    end: int
    points: float
    likeness: float = 0.0

    def overlaps(self, other: Piece) -> bool:
        if self.start < 0 or other.start < 0:
            return False
        return self.start < other.end and other.start < self.end


def candidates(request: Request, slot: Slot, skill: Skill) -> Iterator[Piece]:
    """Every piece of the request that the schema allows in a slot, with its points."""
    kind, schema = slot.parameter.kind, slot.parameter.schema
    pieces = _numbers(request, slot) if kind in NUMERIC else _texts(request, slot, skill)
    for piece in pieces:
        value = _items(piece.value, slot) if kind == "list" else piece.value
        if value is not None and allows(schema, value):
            yield replace(piece, value=value)


def _numbers(request: Request, slot: Slot) -> Iterator[Piece]:
    for numeral in request.numerals[:_NEAR]:
        if slot.parameter.kind == "integer" and not isinstance(numeral.value, int):
            continue
        inside = [i for i, w in enumerate(request.words) if w.start <= numeral.start < w.last]
        before, after = context(request.words, inside[0], inside[0])
        points = CUE * (before in slot.before) + CUE * (after in slot.after)
        points += 0.0 if slot.known else UNHEARD_OF
        yield Piece(numeral.value, numeral.start, numeral.end, points)


def _items(text: str, slot: Slot) -> list[Any] | None:
    parts = listed(text)
    if slot.parameter.item == "text":
        return parts
    numbers = [numeral.value for part in parts for numeral in Request(part).numerals]
    whole = slot.parameter.item == "number" or all(isinstance(n, int) for n in numbers)
    return numbers if len(numbers) == len(parts) and whole else None


def _texts(request: Request, slot: Slot, skill: Skill) -> Iterator[Piece]:
    words, text = request.words, request.text
    unquoted = set(request.quotes[:_FAR])
    for first, last in _ranges(request, slot):
        start, end = words[first].start, _end(request, slot, last)
        unquoted.discard((start, end))
        points = _points(request, slot, skill, first, last, end)
        if points is not None:
            yield Piece(text[start:end], start, end, points)
    for start, end in unquoted:  # Quotations whose ends are not those of words: 'really?'
        yield Piece(text[start:end], start, end, QUOTED + LOOKS)


def _ranges(request: Request, slot: Slot) -> Iterator[tuple[int, int]]:
    """First and last words of pieces: short ones that begin near the beginning or the end of the
    request or where values do, and long ones that stand where values do."""
    words = request.words
    around = [context(words, i, i) for i in range(len(words))]
    cued = [i for i, (before, _) in enumerate(around) if before in slot.before]
    ends = [i for i, (_, after) in enumerate(around) if after in slot.after or after == "$"]
    far_ends = ends[:_FAR] + ends[-1:]
    begins = {*range(len(words))[:_NEAR], *range(len(words))[-_NEAR:], *cued[:_FAR]}
    for first in sorted(begins):
        yield from ((first, last) for last in range(first, min(first + MAX_WORDS, len(words))))
        if first in cued[:_FAR]:
            yield from ((first, last) for last in far_ends if last >= first + MAX_WORDS)


def _end(request: Request, slot: Slot, last: int) -> int:
    """Where a piece ends. A final stop belongs to it if examples keep theirs, or if it is ";"."""
    word = request.words[last]
    if last < len(request.words) - 1 or word.end == word.last:
        return word.end
    if slot.keeps:
        return word.last
    return word.end + 1 if request.text[word.end] == ";" else word.end


def _points(
    request: Request, slot: Slot, skill: Skill, first: int, last: int, end: int
) -> float | None:
    """How much words `first` to `last` look like a value of the slot; None for not at all."""
    words, text = request.words, request.text[request.words[first].start : end]
    quoted = (words[first].start, end) in request.quotes
    whole = first == 0 and last == len(words) - 1
    before, after = context(words, first, last)
    if not quoted:
        run = words[first : last + 1]
        if slot.known and _only_points(run, slot):
            return None
        if slot.whole and (
            _is_prose(run, slot) or not (whole or _stands(run[0], before, after, slot))
        ):
            return None
    looks = _look_points(slot, _form(request, first, last, text))
    if looks is None:
        return None
    cued = before in slot.before, after in slot.after
    if not any(cued) and slot.single and shape(text) == "word" and _names_places(slot):
        return None  # a word is a folder only where one stands
    points = looks + _edge_points(slot, skill, before, after)
    points += _word_points(request, slot, skill, first, last, all(cued))
    if whole and not slot.whole:
        points += WHOLE
    return points + _quote_points(request, slot, words[first].start, end)


def _only_points(words: Sequence[Word], slot: Slot) -> bool:
    """True if words say no more than "here", "this folder" or "all of it"."""
    return all(word.key in POINTING | CLOSED and word.key not in slot.openings for word in words)


def _is_prose(words: Sequence[Word], slot: Slot) -> bool:
    """True if words that may be a whole request, such as a command, are ordinary wording."""
    learnt = _words_of(slot.texts)
    return any(word.key in CLOSED | POINTING and word.key not in learnt for word in words)


@lru_cache(maxsize=256)
def _words_of(texts: tuple[str, ...]) -> frozenset[str]:
    return frozenset(word.key for text in texts for word in split(text))


def _names_places(slot: Slot) -> bool:
    return slot.known and any(family(form) == "path" for form in slot.shapes)


def _stands(word: Word, before: str, after: str, slot: Slot) -> bool:
    """True if a value that may be a whole request, such as a command, can stand inside one here."""
    if word.key in slot.openings:
        return True
    cued = before in slot.before - ARTICLES and after in slot.after
    return word.start > 0 and cued and word.key not in CLOSED


def _form(request: Request, first: int, last: int, text: str) -> str:
    """The shape of a piece; a capital at the beginning of the request says nothing."""
    form = shape(text)
    return "word" if form == "Name" and first == last == 0 else form


def _look_points(slot: Slot, form: str) -> float | None:
    if not slot.shapes:
        return 0.0
    if slot.known and _is_of_another_kind(slot, form):
        return None
    kin = {family(known) for known in slot.shapes}
    if slot.parameter.kind == "list" or form in slot.shapes:
        return LOOKS
    points = 0.0
    if family(form) in kin:
        points = KIN
    elif "text" in kin:
        points = ALIEN if form in ("url", "mail", "file", "folder") else 0.0
    elif "path" in kin and form in ("Name", "CAPS", "word"):
        points = ALIEN
    elif slot.known:
        return None
    named = slot.shapes <= {"Name", "CAPS"}
    return points + (ALIEN if named and form not in ("Name", "CAPS") else 0.0)


def _is_of_another_kind(slot: Slot, form: str) -> bool:
    """True if no example's value is anything like it: plain words where all are file names, a file
    where they are folders, several words where each is one."""
    if slot.parameter.kind == "text" and form in _PLAIN and not slot.shapes & _PLAIN:
        return True
    if form == "file":
        return "folder" in slot.shapes and "file" not in slot.shapes
    return slot.single and form == "words" and not slot.shapes & {"word", "Name"}


def _edge_points(slot: Slot, skill: Skill, before: str, after: str) -> float:
    points = 0.0
    for beside, cues, ends in ((before, slot.before, "^:,;"), (after, slot.after, "$,;:.?!")):
        if beside in cues:
            points += CUE
        elif beside == "^":
            points += BEGINS
        elif beside in skill.frame or beside in CLOSED or beside in ends:
            points += EDGE
        else:
            points += RUNS_ON
    return points


def _word_points(
    request: Request, slot: Slot, skill: Skill, first: int, last: int, cued: bool
) -> float:
    words = request.words[first : last + 1]
    several = last > first
    # A capital inside the request makes a function word part of a name: put on The Wall.
    keys = [
        word.text if several and word.start and word.text[:1].isupper() else word.key
        for word in words
    ]
    around = CLOSED | skill.frame
    plain = all(shape(word.text) not in STRICT for word in words)
    points = 0.0
    if keys[0] in around and keys[0] not in slot.openings and shape(words[0].text) not in STRICT:
        points += ARTICLE if several and keys[0] in ARTICLES and not slot.single else LOOSE_END
    if several and keys[-1] in around:
        points += LOOSE_END
    if not several and keys[0] in CLOSED:
        points += LOOSE_END
    if slot.known and plain and not cued and all(_is_own(key, skill) for key in keys):
        points += OWN
    if several:
        points += INNER_CUE * sum(
            word.key in skill.frame and word.key not in CLOSED for word in words[1:-1]
        )
        if slot.parameter.kind == "list":
            return points
        points += INNER_CUE * (not request.quotes and any(word.after for word in words[:-1]))
        wanted = {family(known) for known in slot.shapes} - {"text", "number"}
        points += SWALLOWS * (any(family(shape(word.text)) in wanted for word in words))
        if skill.counts:
            points += NUMBER * sum(shape(word.text) == "number" for word in words)
        if slot.single and not (slot.shapes <= {"Name", "CAPS"} and shape(_join(keys)) == "Name"):
            points += EXTRA_WORD * (last - first)
    return points


def _join(keys: Iterable[str]) -> str:
    return " ".join(keys)


def _is_own(key: str, skill: Skill) -> bool:
    return key in CLOSED or stem(key) in skill.own


def _quote_points(request: Request, slot: Slot, start: int, end: int) -> float:
    if not request.quotes or not _takes_text(slot):
        return 0.0
    if (start, end) in request.quotes:
        return QUOTED
    if any(start < theirs_end and theirs < end for theirs, theirs_end in request.quotes):
        return 2 * UNQUOTED
    return 0.0 if slot.single else UNQUOTED


def _takes_text(slot: Slot) -> bool:
    return not slot.shapes or any(family(form) == "text" for form in slot.shapes)
