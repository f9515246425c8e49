"""The data of server-sent events as Python objects: typed where there are many, else dicts.

A stream consists of deltas, and decoding them into types takes a tenth of the time that
`json.loads` takes (0.24 µs against 2.7 µs for one recorded delta). Fields that are not named here
are skipped unread.
"""

from __future__ import annotations

import msgspec

from axio.exceptions import ProtocolError
from axio.types import JSONObject
from axio.wire.lenient import load_object

__all__ = (
    "FIELDS",
    "BlockDelta",
    "InputJSON",
    "Signature",
    "Text",
    "Thinking",
    "parse_delta",
    "parse_object",
)


class Text(msgspec.Struct, tag_field="type", tag="text_delta"):
    text: str


class Thinking(msgspec.Struct, tag_field="type", tag="thinking_delta"):
    thinking: str


class Signature(msgspec.Struct, tag_field="type", tag="signature_delta"):
    signature: str


class InputJSON(msgspec.Struct, tag_field="type", tag="input_json_delta"):
    partial_json: str


class BlockDelta(msgspec.Struct):
    index: int
    delta: Text | InputJSON | Thinking | Signature


parse_delta = msgspec.json.Decoder(BlockDelta).decode
"""Raises `msgspec.DecodeError` for what is no JSON or another kind of delta."""

FIELDS = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "signature_delta": "signature",
    "input_json_delta": "partial_json",
}


def parse_object(data: str) -> JSONObject:
    value = load_object(data)
    if value is None:
        raise ProtocolError(f"Anthropic sent an event that is not a JSON object: {data[:200]!r}")
    return value
