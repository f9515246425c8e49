"""A look for tests: each name is a colour of its own, so that rows tell what they are drawn as."""

from __future__ import annotations

from rich.style import Style

from axio_tui.app.look import Look
from axio_tui.app.wrap import Row

PLAIN = Look(lambda name: Style(meta={"names": (name,)}) if name == "base" else Style())


def text_of(rows: list[Row]) -> list[str]:
    """The rows as text, without the blanks at their ends."""
    return [row.strip.text.rstrip() for row in rows]
