"""`redacted`: a text of the program itself, such as a traceback, without secrets."""

from __future__ import annotations

from collections.abc import Iterable

from axio_tui.harmless import plain

__all__ = ("redacted",)


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without `secrets`, and without what looks like one; of a line at most 2,000
    characters."""
    from axio_tui.errors import blotted, words_of_others  # Late: the first frame needs no core.

    return plain("\n".join(map(words_of_others, blotted(text, secrets).split("\n"))))
