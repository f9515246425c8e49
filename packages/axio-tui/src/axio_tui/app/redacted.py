"""`redacted`: a text of the program itself, such as a traceback, without secrets."""

from __future__ import annotations

from collections.abc import Iterable

from axio_tui.harmless import plain

__all__ = ("redacted",)


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without `secrets`, and without what looks like one; of a line at most 2,000
    characters."""
    from axio_tui_guards.redaction import without_secrets  # Late: a first frame needs no guards.

    for secret in secrets:
        if len(secret) >= 6:
            text = text.replace(secret, "***")
    return plain("\n".join(str(without_secrets(line)) for line in text.split("\n")))
