"""Media judged by their bytes: whether they are any, how large an image is, who takes it. Pure.

    media_problem(data)          an HTML page called photo.png: "an HTML or XML page"
    image_problem(data, limits)  the same, and "9000 x 10 pixels, the limit is 8000 a side"
    image_size(data)             (9000, 10), from the header alone

Content of a kind that is not known here is believed to be what it is said to be.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass

__all__ = (
    "NO_LIMITS",
    "ImageLimits",
    "encoded_size",
    "image_problem",
    "image_size",
    "media_problem",
)


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """How large and how many images a receiver takes; None means no limit."""

    base64: int | None = None
    """Characters of the image in base64, which is how it travels."""
    side: int | None = None
    """Pixels of the longer side."""
    pixels: int | None = None
    """Pixels in all."""
    count: int | None = None
    """Images in one request."""
    total: int | None = None
    """Characters of all images of a request in base64."""
    many: int | None = None
    """From one image more than this on, each may be smaller only:"""
    many_side: int | None = None
    """the pixels of the longer side of each where there are many."""


NO_LIMITS = ImageLimits()

# The files that pose as media most often, by how they begin. A blank beginning changes nothing.
_POSING = (
    (re.compile(rb"\s*\Z"), "an empty file"),
    (re.compile(rb"\s*version https?://(git-lfs|git-media|hawser)\."), "a Git LFS pointer"),
    (re.compile(rb"(\xef\xbb\xbf)?\s*<[!?/A-Za-z]"), "an HTML or XML page"),
    (re.compile(rb'(\xef\xbb\xbf)?\s*(\{\s*["}]|\[\s*["{}\[\]0-9tfn-])'), "JSON text"),
    (re.compile(rb'(\xef\xbb\xbf)?\s*(null|true|false|-?\d+|"[^"\\]*")\s*\Z'), "JSON text"),
)
_BEGINNING = 1024  # bytes that tell in text of two bytes a character

_SIGNATURE_ALONE = re.compile(
    rb"\x89PNG\r\n\x1a\n|\xff\xd8(\xff[\xc0-\xff]?)?|GIF8[79]a|RIFF(.{4}(WEBP|WAVE|AVI )?)?"
    rb"|%PDF-(1\.\d|2\.0)?|ID3|OggS|fLaC|FLV\x01|\x1a\x45\xdf\xa3",
    re.DOTALL,
)


def media_problem(data: bytes) -> str | None:
    """Say what `data` is when it cannot be an image, a sound or a film; None when it may be one."""
    if _SIGNATURE_ALONE.fullmatch(data):
        return "a signature without content"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        data = data[:_BEGINNING].decode("utf-16", "replace").encode("utf-8", "replace")
    for pattern, what in _POSING:
        if pattern.match(data):
            return what
    return None


def image_problem(data: bytes, limits: ImageLimits = NO_LIMITS) -> str | None:
    """Say why a receiver with these limits would refuse an image of these bytes; None when it is
    taken, as far as can be seen."""
    problem = media_problem(data)
    if problem is not None:
        return problem
    encoded = encoded_size(data)
    if limits.base64 is not None and encoded > limits.base64:
        return f"{encoded} bytes in base64, the limit is {limits.base64}"
    if limits.side is None and limits.pixels is None:
        return None
    width, height = image_size(data) or (0, 0)
    if limits.side is not None and max(width, height) > limits.side:
        return f"{width} x {height} pixels, the limit is {limits.side} a side"
    if limits.pixels is not None and width * height > limits.pixels:
        return f"{width} x {height} pixels, the limit is {limits.pixels} in all"
    return None


def encoded_size(data: bytes) -> int:
    """How many characters `data` has in base64."""
    return (len(data) + 2) // 3 * 4


def image_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG, JPEG, GIF or WebP; None for all others, and for a header that is
    not whole."""
    for signature, read in _READERS:
        if data.startswith(signature):
            return read(data)
    return None


def _png(data: bytes) -> tuple[int, int] | None:
    if data[12:16] != b"IHDR" or len(data) < 24:
        return None
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def _gif(data: bytes) -> tuple[int, int] | None:
    if len(data) < 10:
        return None
    return int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")


def _webp(data: bytes) -> tuple[int, int] | None:
    """https://developers.google.com/speed/webp/docs/riff_container: three kinds of first chunk."""
    kind = data[8:16]
    if kind == b"WEBPVP8X" and len(data) >= 30:
        return (
            int.from_bytes(data[24:27], "little") + 1,
            int.from_bytes(data[27:30], "little") + 1,
        )
    if kind == b"WEBPVP8L" and len(data) >= 25:
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"WEBPVP8 " and len(data) >= 30:  # the upper two bits of each are a scale
        return (
            int.from_bytes(data[26:28], "little") & 0x3FFF,
            int.from_bytes(data[28:30], "little") & 0x3FFF,
        )
    return None


def _jpeg(data: bytes) -> tuple[int, int] | None:
    """The size stands in the frame header (ITU T.81, B.2.2), behind segments to be skipped."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # a marker may be padded with these
            at += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:  # these stand alone
            at += 2
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = data[at + 5 : at + 7], data[at + 7 : at + 9]
            return int.from_bytes(width, "big"), int.from_bytes(height, "big")
        elif marker in (0xD9, 0xDA):  # the end, or the picture itself: no frame came before it
            return None
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


_READERS: tuple[tuple[bytes, Callable[[bytes], tuple[int, int] | None]], ...] = (
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"\xff\xd8\xff", _jpeg),
    (b"GIF87a", _gif),
    (b"GIF89a", _gif),
    (b"RIFF", _webp),
)
