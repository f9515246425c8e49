"""The wire: what is read of a streamed event of the Responses API.

Fields that are not here are skipped unread. What differs from server to server is `Any`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from axio.types import JSONObject
from axio.wire.lenient import place_of
from axio_transport_openai.chunks import converted

__all__ = ("Event", "Response", "odd_event", "parse_event")


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
    text: Any = None
    arguments: Any = None
    input: Any = None
    response: Response | None = None
    error: Any = None
    code: Any = None
    message: Any = None


parse_event = msgspec.json.Decoder(Event).decode
"""Raises `msgspec.ValidationError` for JSON of another shape, else `msgspec.DecodeError`."""


def odd_event(payload: JSONObject) -> Event | None:
    """The event that a payload is which `parse_event` refused; None for what is none."""
    place = payload.get("output_index")
    if isinstance(place, str | float) and place_of(place) is not None:
        payload["output_index"] = place_of(place)
    return converted(payload, Event)
