"""How much a request is worded like the examples of each tool."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from axio_transport_local.examples import Example
from axio_transport_local.request import Request
from axio_transport_local.words import STRICT, shape, split, stem

__all__ = ("NearestExamples", "features")

NEAREST = (0.5, 0.5)
"""How much the nearest examples of a tool count: one alone may be close by accident."""

UNSEEN = 0.5
"""Weight of a word that no example has, against one that a single example has."""

_SYMBOLS = re.compile(r"(?<!\w)[+*/=<>](?!\w)")


def features(text: str, values: Iterable[str] = ()) -> frozenset[str]:
    """The features that count for likeness: stems of words, shapes of names, paths and numbers.

    Texts among `values` are what a person put in: they say nothing of what was wanted.
    """
    found = {f"<{shape(word.text)}>" for word in split(text) if shape(word.text) in STRICT}
    for value in sorted(values, key=len, reverse=True):
        if 1 < len(value) < len(text):  # a whole request has nothing else to be known by
            text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", " ", text)
    found |= {stem(word.text) for word in split(text) if shape(word.text) not in STRICT}
    if Request(text).quotes:
        found.add("<quote>")
    return frozenset(found.union(_SYMBOLS.findall(text)))


class NearestExamples:
    """Examples by label, ready to be compared with requests (tf-idf cosine)."""

    def __init__(self, labelled: Mapping[str, Sequence[Example]]) -> None:
        self._examples = {
            label: [features(example.request, _texts(example.arguments)) for example in examples]
            for label, examples in labelled.items()
        }
        every = [found for examples in self._examples.values() for found in examples]
        seen = Counter(feature for found in every for feature in found)
        self._weights = {f: math.log(1 + len(every) / n) ** 2 for f, n in seen.items()}
        self._unseen = (UNSEEN * math.log(1 + len(every))) ** 2

    def likeness(self, request: Request) -> dict[str, float]:
        """For each label how like its nearest examples the request is, from 0 to 1."""
        asked = features(request.text)
        return {
            label: _mean(sorted((self._cosine(asked, e) for e in examples), reverse=True))
            for label, examples in self._examples.items()
        }

    def _cosine(self, asked: frozenset[str], example: frozenset[str]) -> float:
        common = self._weight(asked & example)
        return common / math.sqrt(self._weight(asked) * self._weight(example)) if common else 0.0

    def _weight(self, found: Iterable[str]) -> float:
        return sum(self._weights.get(feature, self._unseen) for feature in found)


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    parts = (
        value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    )
    return [text for part in parts for text in _texts(part)]


def _mean(values: Sequence[float]) -> float:
    return sum(value * share for value, share in zip(values, NEAREST, strict=False))
