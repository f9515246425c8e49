"""The turns that a scripted model says: plain data, the same for every system."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any, TypeAlias

Call: TypeAlias = tuple[str, str, list[str]]
"""Id, name of the tool, arguments in pieces."""

Turn: TypeAlias = Sequence[str | Call]


def words(count: int, seed: int = 7) -> list[str]:
    """Deltas of about five characters that do not repeat."""
    letters = random.Random(seed)
    alphabet = "abcdefghijklmnopqrstuvwxyz"
    return [" " + "".join(letters.choices(alphabet, k=4)) for _ in range(count)]


def call(name: str, arguments: dict[str, Any], id: str = "call_1", piece: int = 12) -> Call:
    """One call, its arguments in pieces of `piece` characters."""
    text = json.dumps(arguments)
    return id, name, [text[start : start + piece] for start in range(0, len(text), piece)]


# ── a run that is stored ──────────────────────────────────────────────────────────────────────────

TEXT = " ".join(words(200))
PROMPT = TEXT[:200]


def changing(text: str = TEXT) -> list[Turn]:
    """Four answers, three of them with two calls of `change`; eight messages with the results."""
    calls: list[Turn] = [
        (text[:300], *(call("change", {"key": f"{n} {i}"}, f"call_{i}") for i in range(2)))
        for n in range(3)
    ]
    return [*calls, (text,)]


def result_of(key: str, text: str = TEXT) -> str:
    """The result of `change`."""
    return f"{key}: {text}"
