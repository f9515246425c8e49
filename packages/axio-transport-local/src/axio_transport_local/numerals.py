"""Numbers as people write them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from axio_transport_local.words import Word, shape

__all__ = ("Numeral", "numerals")

_DIGITS = re.compile(r"([$€£#]?)([-+]?\d[\d,]*(?:\.\d+)?)([A-Za-z%°]{0,3})")
_GROUPED = re.compile(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_WORDS = {
    word: value
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen nineteen twenty".split()
    )
} | {"thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "ninety": 90, "hundred": 100}


@dataclass(frozen=True, slots=True)
class Numeral:
    """A number and where it stands in the request."""

    value: int | float
    start: int
    end: int


def numerals(words: Sequence[Word]) -> list[Numeral]:
    """The numbers among `words`; spelled ones only where there are no digits.

    >>> from axio_transport_local.words import split
    >>> [n.value for n in numerals(split("1,500 g in 2.50 min, not LH12 or 12:30"))]
    [1500, 2.5]
    """
    found = [
        Numeral(value, word.start, word.end)
        for word in words
        if (value := _digits(word.text)) is not None
    ]
    return found or [
        Numeral(_WORDS[word.key], word.start, word.end) for word in words if word.key in _WORDS
    ]


def _digits(text: str) -> int | float | None:
    match = _DIGITS.fullmatch(text)
    if not match or shape(text) in ("time", "date", "version"):
        return None
    digits = match[2]
    if "," in digits:
        if not _GROUPED.fullmatch(digits):
            return None
        digits = digits.replace(",", "")
    return float(digits) if "." in digits else int(digits)
