"""Texts that a person decides about, as lines on a screen: nothing hidden, nothing cut unsaid."""

from __future__ import annotations

import re
from collections.abc import Iterator

from axio_tui_guards.showing import visible

__all__ = ("lines_of", "shown_line")

_INDENT = re.compile(r" {1,60}")
_TAB = 4
# Marks that are drawn over the character before them. Languages put few on one.
_MARKS = re.compile(
    "([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{4,})"
)
_PIECE = 400  # characters of a line that are laid out at once


def shown_line(text: str) -> str:
    """One line, without its end. Characters without a shape of their own are told, as `⟨U+200B⟩`;
    the indentation stays as it is, with tabs as blanks."""
    text = text.expandtabs(_TAB)
    indent = _INDENT.match(text)
    start = indent.end() if indent else 0
    marked = _MARKS.sub(lambda found: f"⟪{len(found[0])}⟫", text[start:])
    told = visible(marked)
    return text[:start] + re.sub(r"⟪(\d+)⟫", r"⟨\1 marks⟩", told)


def lines_of(text: str) -> Iterator[str]:
    """All lines of a text as `shown_line` gives them, very long ones in pieces."""
    for line in text.removesuffix("\n").split("\n"):
        told = shown_line(line)
        for start in range(0, max(1, len(told)), _PIECE):
            yield told[start : start + _PIECE]
