"""A session as JSON lines: one about the session, then one for each message.

{"format": "axio-session", "version": 1, "name": "…", "input_tokens": 0, "output_tokens": 0}
{"role": "user", "content": [{"type": "text", "text": "…"}], "created_at": "2026-11-22 10:00:00"}
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from axio.exceptions import without_content
from axio.messages import Message
from axio_context_sqlite.payload import compress_payload, encode
from axio_context_sqlite.rows import Row

__all__ = ("Exported", "parse", "render", "whole_file")

_FORMAT = {"format": "axio-session", "version": 1}


@dataclass
class Exported:
    """A session on its way from a file."""

    name: str | None
    tokens: tuple[int, int]
    rows: list[Row] = field(default_factory=list)


def render(
    name: str | None, tokens: tuple[int, int], messages: Iterable[tuple[Message, str | None]]
) -> Iterator[str]:
    """The lines, without their ends. Each message comes with its time."""
    input_tokens, output_tokens = tokens
    counts = {"input_tokens": input_tokens, "output_tokens": output_tokens}
    yield json.dumps({**_FORMAT, "name": name, **counts})
    for message, created_at in messages:
        yield json.dumps({**message.to_dict(), "created_at": created_at})


def parse(lines: Iterable[str | bytes]) -> Exported:
    """Read what `render` wrote. ValueError with the line's number when it did not."""
    exported: Exported | None = None
    for number, line in enumerate(lines, 1):
        try:
            data = json.loads(line)
            if exported is None:
                exported = _header(data)
            else:
                exported.rows.append(_row(data))
            continue
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            why = without_content(error)
        raise ValueError(f"line {number} is not of an exported session: {why}")
    if exported is None:
        raise ValueError("no exported session: the file is empty")
    return exported


def _header(data: Any) -> Exported:
    if {key: data.get(key) for key in _FORMAT} != _FORMAT:
        raise ValueError(f"the first line must say {json.dumps(_FORMAT)[1:-1]}")
    name = data.get("name")
    tokens = (int(data.get("input_tokens", 0)), int(data.get("output_tokens", 0)))
    return Exported(None if name is None else str(name), tokens)


def _row(data: Any) -> Row:
    message = Message.from_dict(data)
    if message.role not in ("user", "assistant", "system"):
        raise ValueError("unknown role")
    created_at = data.get("created_at")
    payload = compress_payload(encode(message).text)
    return Row(message.role, payload, None if created_at is None else str(created_at))


@contextmanager
def whole_file(path: Path) -> Iterator[IO[str]]:
    """A file to write that takes the place of `path` when all is written, or never.

    Only its owner may read it: it holds a conversation.
    """
    draft = tempfile.NamedTemporaryFile(  # noqa: SIM115 - closed below, before it is moved
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
    )
    try:
        with draft:
            yield draft
            draft.flush()
            os.fsync(draft.fileno())
        os.replace(draft.name, path)
    except BaseException:
        os.unlink(draft.name)
        raise
