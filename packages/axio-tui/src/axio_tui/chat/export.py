"""A conversation as a text to read or to hand on: Markdown, or JSON lines.

Nothing of the configuration is in it. A key that a tool has shown is blotted out, if it is told.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from axio.messages import Message
from axio.types import JSONObject
from axio_tui.chat.entries import (
    Entry,
    Failure,
    Media,
    MediaBlock,
    Note,
    Reasoning,
    Text,
    ToolCall,
    User,
)
from axio_tui.harmless import visible

__all__ = ("to_jsonl", "to_markdown", "write_new")

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})", re.M)
_HEADING = re.compile(r"^ {0,3}(#{1,6})(?=\s|$)")
_UNDERLINE = re.compile(r"^ {0,3}((?:=+|-+)[ \t]*)$")  # makes a heading of the line above it
_BLOTTED = "***"


def to_markdown(entries: Iterable[Entry], title: str = "", secrets: Iterable[str] = ()) -> str:
    """The transcript as Markdown: who speaks is a heading, calls and their results are code.

    A code block that a speaker left open ends with what they said, and the fence around a text is
    longer than any in it. The `secrets` are blotted out.
    """
    parts = [f"# {_line(title)}"] if title else []
    speaker = ""
    for entry in entries:
        who = "You" if isinstance(entry, User) else "axio"
        if who != speaker and not isinstance(entry, Note | Failure):
            parts.append(f"## {who}")
            speaker = who
        parts += filter(None, _parts(entry))
    return _without(secrets, "\n\n".join(parts) + "\n")


def _parts(entry: Entry) -> Iterator[str]:
    match entry:
        case User(text):
            yield _said(text)
            yield from map(_medium, entry.unnamed)
        case Text(text):
            yield _said(text)
        case Media(block):
            yield _medium(block)
        case Reasoning(text):
            yield "\n".join(f"> {line}".rstrip() for line in text.splitlines())
        case ToolCall():
            yield from _call(entry)
        case Failure(text, lost):
            yield f"*Failed: {_line(text)}*"
            if lost:
                yield f"*Of the answer there was, and was lost:*\n\n{_fenced(lost)}"
        case Note(kind, text):
            yield f"*{_line(kind)}{': ' if text else ''}{_line(text)}*"


def _call(call: ToolCall) -> Iterator[str]:
    how = ", ".join(filter(None, [call.decision, "failed" if call.status == "failed" else ""]))
    yield f"**{_line(call.name)}** ({_line(how)})" if how else f"**{_line(call.name)}**"
    yield _fenced(json.dumps(call.input, ensure_ascii=False, indent=2), "json")
    if call.result:
        yield _fenced(call.result)
    yield from map(_medium, call.media)


def _medium(block: MediaBlock) -> str:
    return f"*({block.media_type}, {len(block.data):,} bytes)*"


def _fenced(text: str, language: str = "") -> str:
    longest = max((len(fence) for fence in _FENCE.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def _said(text: str) -> str:
    """The words of a speaker: headings in them are below that of the speaker, and a code block that
    is left open ends with them."""
    opened = ""
    lines = []
    for line in text.rstrip().splitlines():
        fence = _FENCE.match(line)
        if not opened:
            opened = fence[1] if fence else ""
            line = line if fence else _UNDERLINE.sub(r"\\\1", _HEADING.sub(_below, line))
        elif fence and fence[1].startswith(opened) and not line.strip().strip(opened[0]):
            opened = ""
        lines.append(line)
    return "\n".join([*lines, opened] if opened else lines)


def _below(heading: re.Match[str]) -> str:
    return "#" * min(6, len(heading[1]) + 2)


def _line(text: str) -> str:
    return visible(" ".join(text.split()))


def to_jsonl(
    messages: Sequence[Message],
    session_id: str,
    name: str | None = None,
    secrets: Iterable[str] = (),
) -> str:
    """The messages, one JSON object a line, after a line about the session.

    `axio_context_sqlite` reads such a file back (`import_jsonl`). The `secrets` are blotted out.
    """
    head: JSONObject = {"format": "axio-session", "version": 1, "name": name, "id": session_id}
    lines = [head, *(message.to_dict() for message in messages)]
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    return _without((json.dumps(secret)[1:-1] for secret in secrets), text)


def _without(secrets: Iterable[str], text: str) -> str:
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, _BLOTTED)
    return text


def write_new(path: str, text: str) -> None:
    """Write a file that is not there yet. `FileExistsError` if it is."""
    with Path(path).expanduser().open("x", encoding="utf-8", errors="replace") as file:
        file.write(text)
