"""Arguments with a few possible values: which one the wording of a request speaks for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from axio_transport_local.examples import Example
from axio_transport_local.parameters import value_at
from axio_transport_local.request import Request
from axio_transport_local.skill import Skill, Slot
from axio_transport_local.words import CLOSED, stem, stems

__all__ = ("ABSENT", "likely_labels", "possible_labels")


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()
"""The label for an argument that is left out."""

NAMED = 2.0
"""Points that the parameter's name in the request, or its absence, is worth; the rest are log
odds."""

CLOSE = 1.0
"""Of labels whose points differ by less, the model chooses; an optional argument is left out."""

_NEGATIONS = frozenset(("no", "not", "without", "don't", "never", "non"))
_SMOOTHING = 0.3


def possible_labels(slot: Slot) -> tuple[Any, ...]:
    """The values that a boolean or a choice may take."""
    return (True, False) if slot.parameter.kind == "boolean" else slot.parameter.choices


def likely_labels(request: Request, slot: Slot, skill: Skill) -> list[Any]:
    """The values that come into question, the likeliest first; more than one is a close call.

    `ABSENT` stands for leaving an optional argument out, and is then the only answer.
    """
    labels = possible_labels(slot)
    mentioned = _mentioned(request, labels)
    if mentioned:
        return mentioned
    if not slot.parameter.required:
        if slot.parameter.kind == "choice":
            return [ABSENT]
        taught = {_label_of(example, slot) for example in skill.examples}
        named = stem(slot.parameter.path[-1]) in request.stems
        labels = (*(label for label in labels if named or label in taught), ABSENT)
    points = {id(label): _points(label, labels, request, slot, skill) for label in labels}
    ranked = sorted(labels, key=lambda label: -points[id(label)])
    close = [label for label in ranked if points[id(label)] > points[id(ranked[0])] - CLOSE]
    return [ABSENT] if ABSENT in close else close


def _mentioned(request: Request, labels: Sequence[Any]) -> list[Any]:
    """The choices that stand in the request: word for word, or if none does, in another form."""
    exact: list[Any] = []
    similar: list[Any] = []
    said = f" {' '.join(word.key for word in request.words)} "
    for label in labels:
        if isinstance(label, str) and label:
            if f" {label.lower()} " in said:
                exact.append(label)
            elif stems(label) and stems(label) <= request.stems:
                similar.append(label)
        elif isinstance(label, int | float) and not isinstance(label, bool):
            exact += [label for numeral in request.numerals if numeral.value == label][:1]
    return exact or similar


def _points(label: Any, labels: Sequence[Any], request: Request, slot: Slot, skill: Skill) -> float:
    """Log odds of a label by the words of the examples, and by the parameter's name."""
    theirs = [_cues(e, slot, skill) for e in skill.examples if _label_of(e, slot) == label]
    others = [_cues(e, slot, skill) for e in skill.examples if _label_of(e, slot) != label]
    total = len(theirs) + len(others)
    points = math.log((len(theirs) + 0.5) / (total + 0.5 * len(labels)))
    for word in _words(request.text, slot, skill):
        mine, rest = sum(word in cues for cues in theirs), sum(word in cues for cues in others)
        if mine or rest:
            points += math.log((mine + _SMOOTHING) / (len(theirs) + 2 * _SMOOTHING))
            points -= math.log((rest + _SMOOTHING) / (len(others) + 2 * _SMOOTHING))
    if label is True:
        points += _by_name(request, slot, theirs)
    return points


def _by_name(request: Request, slot: Slot, when_true: Sequence[frozenset[str]]) -> float:
    """The state of a boolean by its name: it is there, it is denied, or it is missing although the
    requests that mean it say it."""
    name = stem(slot.parameter.path[-1])
    if name in request.stems:
        return -NAMED if _NEGATIONS & {word.key for word in request.words} else NAMED
    return -NAMED if any(name in words for words in when_true) else 0.0


def _label_of(example: Example, slot: Slot) -> Any:
    value = value_at(example.arguments, slot.parameter.path)
    return ABSENT if value is None else value


def _cues(example: Example, slot: Slot, skill: Skill) -> frozenset[str]:
    return _words(example.request, slot, skill)


def _words(text: str, slot: Slot, skill: Skill) -> frozenset[str]:
    """The words that may speak for a value. Function words, and words that say what the tool
    does, do not show that an optional one is there."""
    if slot.parameter.required:
        return stems(text)
    name = stem(slot.parameter.path[-1])
    return frozenset(word for word in stems(text) - CLOSED if word not in skill.own or word == name)
