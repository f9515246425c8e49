"""Reasoning in the several forms that it has inside a chunk. Pure."""

from __future__ import annotations

from typing import Any

__all__ = ("detail_text", "joined", "merged")


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


def merged(details: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Streamed pieces of `reasoning_details` as the whole entries they are pieces of.

    Pieces of an entry share its type and index and follow one another; their text is joined, and
    of everything else, the signature above all, the last value that is not null is the entry's.
    """
    entries: list[dict[str, Any]] = []
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
            texts[-1].append(detail[field])
    for entry, pieces in zip(entries, texts, strict=True):
        if pieces:
            entry[_text_field(entry)] = "".join(pieces)
    return entries


def _text_field(detail: dict[str, Any]) -> str:
    """Where the text of an entry is that may come in pieces; empty for one that comes whole."""
    kind = detail.get("type")
    if kind == "reasoning.text":
        return "text"
    return "summary" if kind == "reasoning.summary" else ""
