"""`attach`: the files that a prompt mentions, as blocks for the model. Nothing is sent by it.

Files outside of the folder and secrets are taken only if the person agrees. Pictures are taken if
the model can see.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from axio.blocks import ContentBlock
from axio_tui.chat.attached import attached
from axio_tui.chat.pictures import MAX_BYTES, NoPicture, is_picture, picture_in
from axio_tui.chat.shown import shown_line
from axio_tui.how_many import how_many
from axio_tui_guards.protected import belongs_to

__all__ = ("Attached", "MentionRefused", "Unseen", "attach")

MAX_TEXT = 100_000
"""Bytes of a text that go into a prompt; the block says if there are more."""
_MAX_NAMES = 200

Agree = Callable[[str], Awaitable[bool]]
"""Asks the person if a file may be sent; the text says which, and why it is asked."""


class MentionRefused(Exception):
    """A file cannot be a part of the prompt; the message says why, and nothing is to be sent."""


class Unseen(MentionRefused):
    """It is a picture, and the model sees none."""


@dataclass(slots=True)
class Attached:
    """The blocks to be sent behind the words, and what the person should know."""

    blocks: list[ContentBlock] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


async def attach(
    mentions: Iterable[str],
    root: str | os.PathLike[str] = ".",
    *,
    can_see: bool = False,
    agree: Agree | None = None,
) -> Attached:
    """The files that are mentioned, seen from the folder `root`.

    A mention that names no file is words, and noted. Raises `MentionRefused` for a file that must
    not be sent, without `agree` for each that would be asked about.
    """
    result = Attached()
    for mention in mentions:
        path, name, why = await asyncio.to_thread(_look, mention, os.fspath(root))
        if not path:
            result.notes.append(f"@{shown_line(mention)} names no file: sent as words")
            continue
        if why and (agree is None or not await agree(f"Send {shown_line(path)}? It {why}.")):
            raise MentionRefused(f"{name} {why}: not sent")
        result.blocks += await asyncio.to_thread(_read, path, name, can_see)
    return result


def _look(mention: str, root: str) -> tuple[str, str, str]:
    """Where a mention leads, "" if nowhere; the file's name; and why the person is to be asked."""
    root = os.path.realpath(root)
    path = os.path.realpath(os.path.join(root, os.path.expanduser(mention)))
    if not os.path.lexists(path):
        return "", "", ""
    is_inside = path == root or path.startswith(f"{root.rstrip('/')}/")
    name = shown_line(os.path.relpath(path, root) if is_inside else path)
    if belongs_to("secrets", path):
        return path, name, "may hold secrets"
    return path, name, "" if is_inside else "lies outside of this folder"


def _read(path: str, name: str, can_see: bool) -> list[ContentBlock]:
    # The path was resolved: a link in its place is not what the person has agreed to. Without
    # waiting: opening a pipe would.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        with open(os.open(path, flags), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise MentionRefused(f"{name} is no file that can be read: not sent")
            data = file.read(MAX_BYTES + 1)
            return _blocks(name, data, status.st_size, can_see)
    except IsADirectoryError:
        return _folder(path, name)
    except OSError as error:
        raise MentionRefused(f"{name} cannot be read: {error.strerror}") from error


def _folder(path: str, name: str) -> list[ContentBlock]:
    try:
        with os.scandir(path) as entries:
            names = sorted(f"{e.name}{'/' * e.is_dir(follow_symlinks=False)}" for e in entries)
    except OSError as error:
        raise MentionRefused(f"{name} cannot be read: {error.strerror}") from error
    shown = [shown_line(one) for one in names[:_MAX_NAMES]]
    more = f", the first {_MAX_NAMES}" if len(names) > _MAX_NAMES else ""
    return [attached(f"folder {name}, {len(names):,} entries{more}", "\n".join(shown))]


def _blocks(name: str, data: bytes, size: int, can_see: bool) -> list[ContentBlock]:
    if is_picture(data):
        if not can_see:
            raise Unseen(f"{name} is a picture, and this model sees none: not sent")
        try:
            picture = picture_in(data, name, size)
        except NoPicture as error:
            raise MentionRefused(f"{error}: not sent") from error
        return [attached(f"image {picture.told}"), picture.block]
    text = _text(data[:MAX_TEXT], is_cut=size > MAX_TEXT)
    if text is None:
        from axio_tools_local.media import media_of  # Only where a file is mentioned.

        media = media_of(name, b"")
        if media is not None and media.kind == "image":
            raise MentionRefused(f"{name} is no png, jpeg, gif or webp: not sent")
        return [attached(f"file {name} is binary, {size:,} bytes: its content is not sent")]
    if size > MAX_TEXT:
        told = f"the first {MAX_TEXT:,} of {size:,} bytes: the rest is not sent"
        return [attached(f"file {name}, {told}", text)]
    lines = text.count("\n") + (not text.endswith("\n") and bool(text))
    return [attached(f"file {name}, {how_many(lines, 'line')}", text)]


def _text(data: bytes, *, is_cut: bool) -> str | None:
    """The text of a file; None if it is none."""
    if b"\0" in data:
        return None
    for end in range(len(data), max(0, len(data) - 4 * is_cut) - 1, -1):
        try:
            return data[:end].decode("utf-8-sig")
        except UnicodeDecodeError:
            if not is_cut:
                return None
    return None
