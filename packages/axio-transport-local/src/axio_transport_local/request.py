"""A request, taken apart once for everybody who looks for something in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from axio_transport_local.numerals import Numeral, numerals
from axio_transport_local.words import STRICT, Word, quoted, shape, split, stems

__all__ = ("MODEL_CHARACTERS", "Request")

MODEL_CHARACTERS = 600
"""So much of a request the model reads: the beginning and the end of a longer one. Arguments are
copied from the whole."""

_WORDS = 4000
"""A request is cut after so many words."""


@dataclass(frozen=True)
class Request:
    """What the user asks for. `Request(text)` does not look at it yet."""

    text: str

    @cached_property
    def words(self) -> list[Word]:
        return split(self.text)[:_WORDS]

    @cached_property
    def quotes(self) -> list[tuple[int, int]]:
        return quoted(self.text)

    @cached_property
    def numerals(self) -> list[Numeral]:
        return numerals(self.words)

    @cached_property
    def stems(self) -> frozenset[str]:
        return stems(self.text)

    @cached_property
    def salient(self) -> list[tuple[int, int]]:
        """Where words stand that are there for a reason: paths, addresses, numbers, codes."""
        return [(word.start, word.end) for word in self.words if shape(word.text) in STRICT]

    @cached_property
    def line(self) -> str:
        """The request as the model reads it: one line, bounded, without the model's own marks."""
        line = " ".join(self.text.replace("<|", "< |").split())
        if len(line) > MODEL_CHARACTERS:
            head = MODEL_CHARACTERS * 3 // 4
            line = f"{line[:head]} … {line[head - MODEL_CHARACTERS :]}"
        return re.sub(r"[\x00-\x1f\x7f]", " ", line)
