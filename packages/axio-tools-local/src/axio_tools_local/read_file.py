"""The tool `read_file`: text, or media as blocks."""

from __future__ import annotations

import codecs
import os
from typing import Annotated, Any, TypeAlias

from axio.blocks import AudioBlock, ImageBlock, TextBlock, VideoBlock
from axio.field import FieldInfo
from axio.media import media_problem
from axio.tool import tool_options
from axio_tools_local import examples
from axio_tools_local.current import current_workspace
from axio_tools_local.media import Media, media_of
from axio_tools_local.workspace import Workspace

MAX_MEDIA_BYTES = 20 * 1024 * 1024
MAX_CHARS = 16 * 1024 * 1024
"""However many are asked for."""
_CHUNK = 1 << 20

Blocks: TypeAlias = list[TextBlock | ImageBlock | AudioBlock | VideoBlock]
_BLOCK_TYPES: dict[str, Any] = {"image": ImageBlock, "audio": AudioBlock, "video": VideoBlock}


@tool_options(read_only=True, eager=True, examples=examples.READ_FILE)
async def read_file(
    filename: Annotated[str, FieldInfo("file path", strict=True)],
    max_chars: Annotated[int, FieldInfo("cut the text after so many characters", ge=1)] = 32768,
    binary_as_hex: Annotated[bool, FieldInfo("show what is not text as hexadecimal")] = True,
    start_line: Annotated[int | None, FieldInfo("first line, counted from 1", ge=1)] = None,
    end_line: Annotated[int | None, FieldInfo("last line, itself included", ge=1)] = None,
    line_numbers: Annotated[bool, FieldInfo("put its number and a tab before each line")] = False,
) -> str | Blocks:
    """Read a file and return its text; images, audio and video are returned as such."""
    selection = Selection(start_line, end_line, line_numbers, max_chars)
    workspace = current_workspace()
    entry = await workspace.stat(filename)
    if entry.broken:
        raise FileNotFoundError(f"broken symbolic link: {filename}")
    if entry.is_directory:
        raise IsADirectoryError(f"{filename} is a directory; list_files shows what it holds")
    if not entry.is_file:
        raise OSError(f"{filename} is not a regular file")
    head = await workspace.read(filename, 0, _CHUNK)
    media = media_of(filename, head)
    note = ""
    if media is not None:
        problem = media_problem(head)
        if problem is None:
            return await _read_media(workspace, filename, media, entry.size)
        note = f"[{os.path.basename(filename)} is {problem}, no {media.kind}]\n"
    try:
        return note + await _read_text(workspace, filename, head, selection)
    except UnicodeDecodeError:
        if not binary_as_hex:
            raise
        return f"{note}Encoded binary data HEX: {head[:max_chars].hex()}"


async def _read_media(workspace: Workspace, filename: str, media: Media, size: int) -> str | Blocks:
    name = os.path.basename(filename)
    if media.kind == "document":
        return (
            f"{name} is a PDF document of {size} bytes. "
            "A command such as pdftotext can turn it into text."
        )
    label = f"{media.kind}: {name}, {size} bytes"
    if size > MAX_MEDIA_BYTES:
        return [TextBlock(f"{label}: too large, the limit is {MAX_MEDIA_BYTES} bytes")]
    data = await workspace.read(filename, 0, MAX_MEDIA_BYTES)
    return [TextBlock(label), _BLOCK_TYPES[media.kind](media.media_type, data)]


async def _read_text(
    workspace: Workspace, filename: str, chunk: bytes, selection: Selection
) -> str:
    """Read as far as needed. `UnicodeDecodeError` when what was read is not UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    offset = 0
    while chunk:
        offset += len(chunk)
        selection.feed(decoder.decode(chunk))
        if selection.done:
            return selection.text()
        chunk = await workspace.read(filename, offset, _CHUNK)
    selection.feed(decoder.decode(b"", final=True))
    selection.finish()
    return selection.text()


class Selection:
    """Some lines of a text that comes in chunks. A line ends with a line feed and nothing else."""

    def __init__(self, first: int | None, last: int | None, numbered: bool, max_chars: int) -> None:
        self._first = 1 if first is None else first
        self._last = last
        if self._first < 1:
            raise ValueError(f"start_line must be >= 1, got {first}")
        if last is not None and last < self._first:
            raise ValueError(f"end_line must be >= {self._first}, got {last}")
        self._numbered = numbered
        self._max_chars = min(max_chars, MAX_CHARS)
        self._line = 1
        self._at_start = True
        self._parts: list[str] = []
        self._size = 0

    @property
    def done(self) -> bool:
        """True when nothing that follows can be part of the result."""
        past = self._last is not None and self._line > self._last
        return past or self._size > self._max_chars

    def feed(self, text: str) -> None:
        passed = self._line + text.count("\n")
        if text and passed < self._first:
            self._line = passed
            self._at_start = text.endswith("\n")
            return
        position = 0
        while position < len(text) and not self.done:
            end = text.find("\n", position) + 1
            if self._line >= self._first:
                if self._numbered and self._at_start:
                    self._add(f"{self._line}\t")
                self._add(text[position : end or None])
            self._at_start = end > 0
            self._line += self._at_start
            position = end or len(text)

    def _add(self, part: str) -> None:
        self._parts.append(part)
        self._size += len(part)

    def finish(self) -> None:
        """To be called at the end of the file; `ValueError` when it is too short."""
        lines = self._line - self._at_start
        if self._first > max(lines, 1):
            raise ValueError(f"start_line is {self._first}, but the file has {lines} lines")

    def text(self) -> str:
        text = "".join(self._parts)
        if len(text) > self._max_chars:
            return f"{text[: self._max_chars]}\n...[truncated]"
        return text
