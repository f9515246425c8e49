"""The decision about a request: to call a tool with some arguments, or none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from axio.types import JSONObject
from axio_transport_local.arguments import fill, fillable
from axio_transport_local.choice import likelihoods
from axio_transport_local.fillings import Filling, fillings
from axio_transport_local.model import Model
from axio_transport_local.repertoire import Repertoire
from axio_transport_local.request import Request
from axio_transport_local.skill import Skill

__all__ = ("Call", "decide")

# How the evidence is weighed against the model's calibrated log odds. Found by trying round values
# on the sets of requests that are for working; each may be a third larger or smaller.
LIKENESS = 7.0  # wording like that of the tool's examples, from 0 to 1
FIT = 0.3  # points that a slot of the tool gets less than in its examples
MADE = 2.0  # a value is made of the request as one of an example
LEFT_OVER = 1.0  # each path, number or the like that the call would not use
RELUCTANCE = 1.2  # in favour of calling no tool: a wrong call does more harm than none


@dataclass(frozen=True, slots=True)
class Call:
    name: str
    arguments: JSONObject


def decide(
    model: Model, repertoire: Repertoire, leaning: Mapping[str, float], request: Request
) -> Call | None:
    """The call for a request; None where no tool fits, or the one that does lacks an argument.

    `leaning` is the model's log probability of each name when nothing is asked. When the best tool
    cannot be filled the second best is not tried: it is not what was asked for.
    """
    ways = {skill.name: fillings(request, skill) for skill in repertoire.skills}
    able = {s.name: s for s in repertoire.skills if fillable(ways[s.name][0], s)}
    if not able:
        return None
    found = likelihoods(model, repertoire.prefix, request.line, repertoire.names)
    likeness = repertoire.nearest.likeness(request)
    scores = {name: found[name] - leaning[name] + LIKENESS * likeness[name] for name in found}
    scores[repertoire.reply] += RELUCTANCE - LEFT_OVER * len(request.salient)
    for name, skill in able.items():
        scores[name] += _fit(request, skill, ways[name][0], repertoire.usual[name])
    best = max(scores, key=lambda name: scores[name])
    if best not in able:
        return None
    arguments = fill(model, repertoire.prefix, request, able[best], ways[best])
    return None if arguments is None else Call(best, arguments)


def _fit(request: Request, skill: Skill, best: Filling, usual: float) -> float:
    """How much worse the request fills the tool's slots than its examples do."""
    slots = sum(slot.is_found for slot in skill.slots)
    missing = min(0.0, best.points - usual) / max(1, slots)
    made = max((piece.likeness for piece in best.pieces.values()), default=0.0)
    return FIT * missing + MADE * made - LEFT_OVER * _left_over(request, skill, best)


def _left_over(request: Request, skill: Skill, best: Filling) -> int:
    if any(not slot.copied or slot.parameter.kind == "unknown" for slot in skill.slots):
        return 0  # what is made up may use anything
    used = [(piece.start, piece.end) for piece in best.pieces.values()]
    return sum(not any(a <= start and end <= b for a, b in used) for start, end in request.salient)
