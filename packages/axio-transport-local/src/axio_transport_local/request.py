"""A request, taken apart once for all that is looked for in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from axio_transport_local.numerals import Numeral, numerals
from axio_transport_local.words import STRICT, Word, quoted, shape, split, stems

__all__ = ("MODEL_BYTES", "Request")

MODEL_BYTES = 600
"""So much of a request the model reads, as UTF-8: three quarters from the beginning and the rest
from the end of a longer one. Arguments are copied from the whole."""

WORDS = 4000
"""So many words of a request, and up to so many numbers and paths, are looked at."""


@dataclass(frozen=True)
class Request:
    """The user's request. Making one costs nothing; it is taken apart when asked for parts."""

    text: str

    @classmethod
    def clean(cls, text: str) -> Request:
        """A request from outside, with halves of characters replaced: JSON cannot carry them."""
        return cls(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))

    @cached_property
    def words(self) -> list[Word]:
        return split(self.text)[:WORDS]

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
        line = " ".join(re.sub(r"[\x00-\x1f\x7f]", " ", self.text).replace("<|", "< |").split())
        data = line.encode()
        if len(data) <= MODEL_BYTES:
            return line
        head = MODEL_BYTES * 3 // 4
        ends = data[:head], data[head - MODEL_BYTES :]
        return " … ".join(end.decode(errors="ignore") for end in ends)
