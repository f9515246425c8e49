"""Messages as text in a column, the same text that release 0.9.6 wrote and read.

A message's content is the JSON of its block dicts. The column holds `plain:` and that text, or
`gzip:` and the base64 of its gzip when it has 512 bytes or more. Text without a prefix is older
still and is read as it stands.
"""

from __future__ import annotations

import json
import zlib
from binascii import a2b_base64, b2a_base64
from typing import Any, NamedTuple

from axio.blocks import to_dict
from axio.messages import Message

__all__ = (
    "COMPRESS_THRESHOLD",
    "Encoded",
    "compress_payload",
    "decode",
    "decompress_payload",
    "encode",
)

COMPRESS_THRESHOLD = 512
"""Texts of this many UTF-8 bytes and more are compressed."""

_PLAIN = "plain:"
_GZIP = "gzip:"
_GZIP_FORMAT = 16  # added to zlib's window bits: "write a gzip header", RFC 1952


def compress_payload(text: str) -> str:
    """`text` as the column holds it."""
    data = text.encode()
    if len(data) < COMPRESS_THRESHOLD:
        return _PLAIN + text
    # A window and hash tables no larger than the text: setting up zlib's usual ones takes five
    # times as long as compressing a message of 1 KB (65 µs of 80).
    bits = len(data).bit_length()
    window, memory = min(15, bits), min(8, bits - 7)
    gzip = zlib.compressobj(1, zlib.DEFLATED, _GZIP_FORMAT + window, memory)
    packed = gzip.compress(data) + gzip.flush()
    return _GZIP + b2a_base64(packed, newline=False).decode("ascii")


def decompress_payload(payload: str) -> str:
    """Undo `compress_payload`. ValueError or zlib.error when the column is damaged."""
    if payload.startswith(_PLAIN):
        return payload[len(_PLAIN) :]
    if payload.startswith(_GZIP):
        packed = a2b_base64(payload[len(_GZIP) :])
        return zlib.decompress(packed, _GZIP_FORMAT + zlib.MAX_WBITS).decode()
    return payload


class Encoded(NamedTuple):
    """A message and the text it is stored as."""

    role: str
    text: str
    message: Message


def encode(message: Message) -> Encoded:
    """The content as JSON, and the message that will be read back: the same object if equal.

    TypeError or ValueError for a message that could not be read back: it must not be stored.
    """
    # ASCII, so that half a surrogate pair from a broken stream can be stored too.
    text = json.dumps([to_dict(block) for block in message.content])
    decoded = decode(message.role, text)
    return Encoded(message.role, text, message if decoded == message else decoded)


def decode(role: Any, text: str) -> Message:
    content = json.loads(text)
    if not isinstance(content, list):
        raise ValueError("the content is no list of blocks")
    return Message.from_dict({"role": role, "content": content})
