"""The best values for the slots of a tool: pieces of a request, constants, and what it makes.

The best set of pieces that do not overlap fills the slots. No model is asked.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, zip_longest

from axio_transport_local.limits import allows
from axio_transport_local.parameters import NUMERIC, Path
from axio_transport_local.request import Request
from axio_transport_local.skill import Skill, Slot
from axio_transport_local.spans import Piece, candidates
from axio_transport_local.words import (
    ASKING,
    CLOSED,
    NAMING,
    POINTING,
    Word,
    context,
    family,
    shape,
    stems,
)

__all__ = ("Filling", "fillings", "usual_points")

# Points, as in `spans`.
CONSTANT = 1.5  # a value that does not stand in the request, before resemblance
RESEMBLANCE = 6.0  # how much a request like that of the constant's example counts
TEMPLATE = 2.0  # a value that is made of the request, before resemblance
GIVEN_AWAY = -1.0  # a number in the request is left over
UNASKED = -2.5  # an optional text is filled
SHARED = -1.0  # two slots take the same piece
HINT = 0.01  # of the points of a value that could as well be made up: they only rank such values
EMPTY = -6.0  # a required slot stays empty although something could fill it

ENOUGH = 0.5
"""So much of what a request says, and of what an example says, they must have in common for the
value of the one to be made like that of the other."""

_SUM = re.compile(r"[-+*/().\d\s]+")
_MARKS = re.compile(r"[^\w\s./-]")
_IDLE = stems(" ".join(CLOSED | ASKING | POINTING))
_BEAM = 40
_BEST = 25


@dataclass(frozen=True, slots=True)
class Filling:
    """Pieces for the slots of a tool, by path; a slot without one is not there."""

    pieces: dict[Path, Piece]
    points: float


def fillings(request: Request, skill: Skill) -> list[Filling]:
    """The best ways to fill the slots that are copied from the request, best first.

    Slots that are made up or chosen from a few values are left to others. The first filling may
    lack a required slot: then the tool cannot be called.
    """
    found = [Filling({}, 0.0)]
    for slot in skill.slots:
        if not slot.is_found:
            options = [replace(piece, points=HINT * piece.points) for piece in _made(request, slot)]
            extended = [more for old in found for more in _with(old, slot, options)]
            found = sorted(extended, key=lambda filling: -filling.points)[:_BEAM]
            continue
        options = sorted(candidates(request, slot, skill), key=lambda piece: -piece.points)[:_BEST]
        options += [*_constants(request, slot), *_made(request, slot)]
        extended = [more for old in found for more in _extended(old, slot, options)]
        found = sorted(extended, key=lambda filling: -filling.points)[:_BEAM]
    return found


def usual_points(skill: Skill) -> float:
    """The average score of the best fillings for the requests of the tool's own examples."""
    totals = [fillings(Request(example.request), skill)[0].points for example in skill.examples]
    return sum(totals) / len(totals) if totals else 0.0


def _with(old: Filling, slot: Slot, options: list[Piece]) -> Iterator[Filling]:
    """Fillings with and without a value for a slot that can be made up."""
    yield old
    for piece in options:
        yield Filling({**old.pieces, slot.parameter.path: piece}, old.points + piece.points)


def _extended(old: Filling, slot: Slot, options: list[Piece]) -> Iterator[Filling]:
    path, required = slot.parameter.path, slot.parameter.required
    numeric = slot.parameter.kind in NUMERIC
    if required:
        yield Filling(old.pieces, old.points + EMPTY)
    else:
        yield Filling(old.pieces, old.points + (GIVEN_AWAY if numeric and options else 0.0))
    for piece in options:
        rivals = [other for other, taken in old.pieces.items() if piece.overlaps(taken)]
        if not all(_may_share(slot, other, old.pieces[other], piece) for other in rivals):
            continue
        points = old.points + piece.points + (SHARED if rivals else 0.0)
        points += 0.0 if required or numeric else UNASKED
        yield Filling({**old.pieces, path: piece}, points)


def _may_share(slot: Slot, other: Path, taken: Piece, piece: Piece) -> bool:
    return other in slot.shared and (taken.start, taken.end) == (piece.start, piece.end)


def _constants(request: Request, slot: Slot) -> Iterator[Piece]:
    usual = max((_resemblance(request, other) for other in slot.requests), default=0.0)
    for constant in slot.constants:
        like = max(_resemblance(request, other) for other in constant.requests)
        yield Piece(constant.value, -1, -1, CONSTANT + RESEMBLANCE * (like - usual))


def _resemblance(request: Request, other: str) -> float:
    theirs = stems(other)
    return len(request.stems & theirs) / math.sqrt(len(request.stems) * len(theirs) or 1)


def _made(request: Request, slot: Slot) -> Iterator[Piece]:
    """Values that are made of the request as those of examples are made of theirs."""
    seen = Counter(stem for template in slot.templates for stem in template.said)

    def weight(stems: Iterable[str]) -> float:
        return sum(1 / (seen[stem] or 1) for stem in stems if stem not in _IDLE)

    for template in slot.templates:
        best = fillings(request, template.holes)[0]
        used = list(best.pieces.values())
        texts = [piece.value for piece in used]
        holes = template.holes.slots
        if len(used) < len(holes) or not all(map(partial(_fits_in, request), holes, used)):
            continue
        said = stems(" ".join(w.text for w in request.words if not _within(w, used)))
        both = weight(said & template.said)
        most = max(weight(said), weight(template.said))
        common = both / most if most else float(bool(used))
        if common < ENOUGH:
            continue
        value = "".join(chain(*zip_longest(template.literals, texts, fillvalue="")))
        if allows(slot.parameter.schema, value):
            start = min((piece.start for piece in used), default=-1)
            end = max((piece.end for piece in used), default=-1)
            points = TEMPLATE + RESEMBLANCE * common + min(1.0, both)
            yield Piece(value, start, end, points, common)


def _within(word: Word, pieces: Iterable[Piece]) -> bool:
    return any(piece.start <= word.start < piece.end for piece in pieces)


def _fits_in(request: Request, hole: Slot, piece: Piece) -> bool:
    """True if a piece looks like that of the example, has no marks that it has not, and, where it
    is plain words, stands where that stands."""
    text = " ".join(hole.texts)
    if _SUM.fullmatch(text):
        return _SUM.fullmatch(piece.value) is not None
    form, kin = shape(piece.value), {_kind(known) for known in hole.shapes}
    if _kind(form) not in kin or (form == "other" and form not in hole.shapes):
        return False
    if not set(_MARKS.findall(piece.value)) <= set(_MARKS.findall(text)):
        return False
    first = next(i for i, word in enumerate(request.words) if word.last > piece.start)
    before = context(request.words, first, first)[0]
    named = before in NAMING and hole.before <= NAMING
    return _kind(form) != "text" or before in hole.before or named


def _kind(form: str) -> str:
    return form if form == "code" else family(form)
