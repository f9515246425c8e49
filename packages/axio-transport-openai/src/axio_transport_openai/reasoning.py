"""Reasoning in the several forms that it has inside a chunk. Pure."""

from __future__ import annotations

from typing import Any

from axio.types import JSONObject
from axio_transport_openai.chunks import Delta

__all__ = ("Untold", "detail_text", "joined", "merged", "reasoning_in")


class Untold:
    """The part of each piece of reasoning that is new.

    Some servers begin every piece anew from the first word. The second piece shows it: it begins
    with all of the first.
    """

    __slots__ = ("_before", "repeats")

    def __init__(self) -> None:
        self.repeats: bool | None = None
        """True if each piece repeats the one before it; None while that is not known."""
        self._before = ""

    def feed(self, piece: str) -> str:
        before, self._before = self._before, piece
        longer = len(piece) >= len(before) and piece.startswith(before)
        if self.repeats is None and before:
            self.repeats = longer and piece != before and any(map(str.isalpha, before))
        return piece[len(before) :] if self.repeats and longer else piece


def joined(text: Any) -> str:
    """The text of a string, of `{"text": …}`, or of a list of them."""
    if isinstance(text, str):
        return text
    if isinstance(text, dict):
        return joined(text.get("text"))
    return "".join(map(joined, text)) if isinstance(text, list) else ""


def detail_text(detail: Any) -> str:
    if not isinstance(detail, dict):
        return ""
    return joined(detail.get("text") or detail.get("summary"))


def reasoning_in(delta: Delta) -> str:
    """The reasoning of a delta or a message, once: where a server pleases several clients the same
    text comes in several fields."""
    text = delta.reasoning_content or delta.reasoning or delta.reasoning_text
    if not text and isinstance(delta.reasoning_details, list):
        text = "".join(map(detail_text, delta.reasoning_details))
    return text if isinstance(text, str) else ""


def merged(details: list[JSONObject], repeats: bool = False) -> list[JSONObject]:
    """Streamed pieces of `reasoning_details` as the whole entries they are pieces of.

    Pieces of an entry share its type and index and follow one another; their text is joined, and
    of everything else, the signature above all, the last value that is not null is the entry's.
    With `repeats` a piece that begins with the one before it takes its place.
    """
    entries: list[JSONObject] = []
    texts: list[list[str]] = []
    for detail in details:
        field = _text_field(detail)
        last = entries[-1] if entries else {}
        if field and all(last.get(key) == detail.get(key) for key in ("type", "index")):
            last.update((key, value) for key, value in detail.items() if value is not None)
        else:
            entries.append(dict(detail))
            texts.append([])
        if field and isinstance(detail.get(field), str):
            if repeats and texts[-1] and detail[field].startswith(texts[-1][-1]):
                texts[-1].pop()
            texts[-1].append(detail[field])
    for entry, pieces in zip(entries, texts, strict=True):
        if pieces:
            entry[_text_field(entry)] = "".join(pieces)
    return entries


def _text_field(detail: JSONObject) -> str:
    """Where the text of an entry is that may come in pieces; empty for one that comes whole."""
    kind = detail.get("type")
    if kind == "reasoning.text":
        return "text"
    return "summary" if kind == "reasoning.summary" else ""
