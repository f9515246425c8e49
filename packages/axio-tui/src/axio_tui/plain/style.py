"""Colour, where a terminal wants it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TextIO

__all__ = ("COLOUR", "PLAIN", "Style", "style_for")


@dataclass(frozen=True, slots=True)
class Style:
    """Escape sequences around the parts of the text; all empty where there is no terminal."""

    call: str = ""
    dim: str = ""
    error: str = ""
    reset: str = ""

    def put(self, how: str, text: str) -> str:
        """The text in the colour of one of these."""
        return f"{how}{text}{self.reset}" if how and text else text


PLAIN = Style()
COLOUR = Style(call="\x1b[1m", dim="\x1b[2m", error="\x1b[31m", reset="\x1b[0m")


def style_for(stream: TextIO) -> Style:
    """Colour on a terminal, unless NO_COLOR (no-color.org) or TERM=dumb forbid it."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb"
    return PLAIN if plain or not stream.isatty() else COLOUR
