"""Images, audio, video and PDF: known by their content, or else by their name."""

from __future__ import annotations

from pathlib import PurePath
from typing import NamedTuple

HEAD_BYTES = 64
"""How much of a file `media_of` wants to see."""


class Media(NamedTuple):
    kind: str
    """`"image"`, `"audio"`, `"video"` or `"document"`."""
    media_type: str


_BY_EXTENSION = {
    "aac": Media("audio", "audio/x-aac"),
    "flac": Media("audio", "audio/flac"),
    "mp3": Media("audio", "audio/mp3"),
    "m4a": Media("audio", "audio/m4a"),
    "mpeg": Media("audio", "audio/mpeg"),
    "mpga": Media("audio", "audio/mpga"),
    "ogg": Media("audio", "audio/ogg"),
    "pcm": Media("audio", "audio/pcm"),
    "wav": Media("audio", "audio/wav"),
    "weba": Media("audio", "audio/webm"),
    "jpg": Media("image", "image/jpeg"),
    "jpeg": Media("image", "image/jpeg"),
    "png": Media("image", "image/png"),
    "gif": Media("image", "image/gif"),
    "webp": Media("image", "image/webp"),
    "mp4": Media("video", "video/mp4"),
    "mov": Media("video", "video/mov"),
    "avi": Media("video", "video/avi"),
    "flv": Media("video", "video/x-flv"),
    "mpg": Media("video", "video/mpg"),
    "webm": Media("video", "video/webm"),
    "wmv": Media("video", "video/wmv"),
    "3gp": Media("video", "video/3gpp"),
    "pdf": Media("document", "application/pdf"),
}

# (offset, bytes, extensions that such content may have). Of several the file's own counts, else
# the first. What can be met by chance (MPEG audio without an ID3 tag begins with eleven set bits)
# is not here and goes by its extension.
_BY_CONTENT: list[tuple[int, bytes, tuple[str, ...]]] = [
    (0, b"\x89PNG\r\n\x1a\n", ("png",)),
    (0, b"\xff\xd8\xff", ("jpg", "jpeg")),
    (0, b"GIF87a", ("gif",)),
    (0, b"GIF89a", ("gif",)),
    (8, b"WEBPVP8", ("webp",)),
    (8, b"WAVEfmt ", ("wav",)),
    (8, b"AVI LIST", ("avi",)),
    (0, b"%PDF-", ("pdf",)),
    (0, b"fLaC", ("flac",)),
    (0, b"OggS", ("ogg",)),
    (0, b"ID3", ("mp3", "mpga", "mpeg", "aac")),
    (0, b"FLV\x01", ("flv",)),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", ("wmv",)),
    (0, b"\x1a\x45\xdf\xa3", ("webm", "weba")),
    (0, b"\x00\x00\x01\xba", ("mpg",)),
    (0, b"\x00\x00\x01\xb3", ("mpg",)),
    (4, b"ftypM4A ", ("m4a",)),
    (4, b"ftypqt  ", ("mov",)),
    (4, b"ftyp3g", ("3gp",)),
    (4, b"ftypisom", ("mp4", "m4a")),
    (4, b"ftypiso2", ("mp4", "m4a")),
    (4, b"ftypmp4", ("mp4", "m4a")),
    (4, b"ftypavc1", ("mp4",)),
    (4, b"ftypdash", ("mp4", "m4a")),
]


def media_of(name: str, head: bytes) -> Media | None:
    """The kind of a file with this name and these first bytes; None for all others, as text.

    The content decides where it is recognised, otherwise the extension.
    """
    extension = PurePath(name).suffix.lower().removeprefix(".")
    for offset, magic, candidates in _BY_CONTENT:
        if head.startswith(magic, offset):
            return _BY_EXTENSION[extension if extension in candidates else candidates[0]]
    by_name = _BY_EXTENSION.get(extension)
    # A PDF has its mark (ISO 32000-1, 7.5.2); without it the name is wrong.
    return None if by_name is None or by_name.kind == "document" else by_name
