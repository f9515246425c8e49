"""The wire: what is read of a streamed event of the Responses API.

Fields that are not here are skipped unread. What differs from server to server is `Any`.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

__all__ = ("Event", "Response", "parse_event")


class Response(msgspec.Struct, gc=False):
    status: Any = None
    error: Any = None
    incomplete_details: Any = None
    output: Any = None
    usage: Any = None


class Event(msgspec.Struct, gc=False):
    type: str | None = None
    delta: Any = None  # a string in every event that is read
    output_index: int | None = None  # left out by llama.cpp
    item_id: Any = None
    summary_index: Any = None
    item: Any = None
    arguments: Any = None
    input: Any = None
    response: Response | None = None
    error: Any = None
    code: Any = None
    message: Any = None


_parse = msgspec.json.Decoder(Event).decode


def parse_event(data: str) -> Event:
    """Raises `msgspec.ValidationError` for JSON of another shape, else `ValueError`.

    Half a character, which a server cut in two with an escape, is kept as it came: with the next
    delta it may become whole.
    """
    try:
        return _parse(data)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, RecursionError) as error:
        try:
            parsed = json.loads(data)
        except RecursionError:
            raise ValueError("nested too deeply") from error
        return msgspec.convert(parsed, Event)
