"""`Look`: how the parts of a transcript are drawn, by their names. One for each theme."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from rich.style import Style

__all__ = ("GLYPHS", "NAMES", "Look", "glyph")

NAMES = """dim heading strong emphasis struck code code-block link quote marker keyword string
number comment function added removed error warning success tool user selected selection""".split()
"""Styles that a theme gives, besides that of the base."""

GLYPHS: Mapping[str, tuple[str, str]] = {
    "prompt": ("❯", ">"),
    "bar": ("▌", "|"),
    "bullet": ("•", "-"),
    "quote": ("│", "|"),
    "rule": ("─", "-"),
    "cross": ("┼", "+"),
    "closed": ("▸", "+"),
    "opened": ("▾", "-"),
    "branch": ("└", "`"),
    "more": ("…", "..."),
    "dot": ("·", "-"),
    "down": ("↓", "v"),
}
"""A sign, and another for terminals that know nothing but ASCII."""


def glyph(name: str, is_ascii: bool) -> str:
    return GLYPHS[name][is_ascii]


@dataclass(eq=False)
class Look:
    """`style_of` gives the style of one name; `look("strong", "link")` that of several together."""

    style_of: Callable[[str], Style]
    is_ascii: bool = False
    _known: dict[tuple[str, ...], Style] = field(default_factory=dict, repr=False)

    def __call__(self, *names: str) -> Style:
        style = self._known.get(names)
        if style is None:
            style = Style()
            for name in names:
                style += self.style_of(name)
            self._known[names] = style
        return style

    def glyph(self, name: str) -> str:
        return glyph(name, self.is_ascii)
