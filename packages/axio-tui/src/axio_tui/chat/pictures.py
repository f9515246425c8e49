"""Pictures for a prompt: told by their content and never by their name, sized by their header.

    picture = picture_in(data, "shot.png")     # `NoPicture` says why it is none that can be sent
    path = dropped_path("file:///tmp/my%20shot.png\\n")       # what a terminal pastes for a file

Nothing is decompressed. Pure, but for `picture_at`.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from axio.blocks import ImageBlock, ImageMediaType
from axio.media import image_size, media_problem
from axio_tui.chat.shown import shown_line
from axio_tui.config.reading import read_at_most

__all__ = (
    "MAX_BYTES",
    "NoPicture",
    "Picture",
    "dropped_path",
    "dropped_paths",
    "dropped_pictures",
    "is_picture",
    "picture_at",
    "picture_in",
)

MAX_BYTES = 5 << 20
MAX_PIXELS = 100_000_000
_HEAD = 64  # bytes that tell the kind
_LONGEST_PATH = 4096
_LONGEST_DROP = 20_000
_SHOWN_NAME = 60

_KINDS: tuple[tuple[re.Pattern[bytes], ImageMediaType], ...] = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"RIFF....WEBP", re.S), "image/webp"),
)


class NoPicture(Exception):
    """It cannot be sent as a picture; the words say why, and name the limit that it is over."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture, and its name, pixels and size in words."""

    told: str
    block: ImageBlock


def is_picture(data: bytes) -> bool:
    """True if it begins as a png, jpeg, gif or webp does."""
    return _kind_of(data) is not None


def _kind_of(data: bytes) -> ImageMediaType | None:
    return next((kind for head, kind in _KINDS if head.match(data)), None)


def picture_in(data: bytes, name: str, size: int | None = None) -> Picture:
    """The picture in `data`, which is the beginning of a file of `size` bytes."""
    size, name = len(data) if size is None else size, shown_line(name)
    kind = _kind_of(data[:_HEAD])
    if kind is None:
        raise NoPicture(f"{name} is no png, jpeg, gif or webp")
    if size > MAX_BYTES:
        raise NoPicture(f"{name} has {size:,} bytes: at most {MAX_BYTES:,} can be sent")
    pixels = None if media_problem(data) else image_size(data)
    if pixels is None or 0 in pixels:
        raise NoPicture(f"{name} is broken: its size in pixels cannot be read")
    width, height = pixels
    if width * height > MAX_PIXELS:
        raise NoPicture(f"{name} has {width}x{height} pixels: at most {MAX_PIXELS:,} can be sent")
    return Picture(f"{_short(name)}, {width}x{height}, {size:,} bytes", ImageBlock(kind, data))


def _short(name: str) -> str:
    """A name for a placeholder: none of it is read as a part of that, or as a mention."""
    tidy = re.sub(r"""[\[\]@"\s]""", "_", name) or "picture"
    return tidy if len(tidy) <= _SHOWN_NAME else f"...{tidy[-_SHOWN_NAME:]}"


def picture_at(path: str) -> Picture:
    """The picture in a file. `NoPicture` also where there is none that can be read."""
    name = os.path.basename(path) or path
    try:
        data, size = read_at_most(os.path.expanduser(path), MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise NoPicture(f"{shown_line(path)} cannot be read: {why}") from error
    return picture_in(data, name, size)


# ── paths that a terminal pastes for a file ───────────────────────────────────────────────────


def dropped_path(text: str) -> str | None:
    """The path of the one file that a pasted text names: an absolute path, as shells quote it, or
    a `file://` URL. None for any other text."""
    line = text.strip()
    if not line or len(line) > _LONGEST_PATH or "\n" in line or "\0" in line:
        return None
    if line.startswith("file://"):
        return _of_url(line)
    if line.startswith(("/", "~/")) and os.path.lexists(os.path.expanduser(line)):
        return os.path.expanduser(line)  # blanks in it are not quoted
    try:
        words = shlex.split(line)
    except ValueError:
        return None
    is_path = len(words) == 1 and words[0].startswith(("/", "~/"))
    return os.path.expanduser(words[0]) if is_path else None


def dropped_pictures(text: str) -> list[Picture]:
    """The pictures whose files a pasted text names, and nothing else; none for any other text.
    `NoPicture` if one of them cannot be sent. Reads the files."""
    line = text.strip()
    path = dropped_path(line)
    paths = [path] if path is not None else [*map(dropped_path, _words(line[:_LONGEST_DROP]))]
    if not paths or not all(path is not None and _begins_as_picture(path) for path in paths):
        return []
    return [picture_at(path) for path in paths if path is not None]


def dropped_paths(text: str) -> Iterator[str]:
    """The paths of pictures that are there among the words of a text."""
    for word in _words(text):
        path = dropped_path(word)
        if path is not None and _begins_as_picture(path):
            yield path


def _words(text: str) -> list[str]:
    """The words of a text as a shell tells them apart, with their quotes."""
    return re.findall(r"""'[^'\n]+'|"[^"\n]+"|(?:\\.|[^\s\\])+""", text)


def _begins_as_picture(path: str) -> bool:
    try:
        return is_picture(read_at_most(path, _HEAD)[0])
    except (OSError, ValueError):
        return False


def _of_url(url: str) -> str | None:
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    path = unquote(parts.path)
    is_here = parts.netloc in ("", "localhost") and path.startswith("/") and "\0" not in path
    return path if is_here else None
