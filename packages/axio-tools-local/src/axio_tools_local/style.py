"""The style of a text file: its encoding, its mark and its line ends, which a change keeps.

Files are changed as bytes, so that what is not text stays as it is. The price is that new text has
to be written in the file's own encoding, or not at all.
"""

from __future__ import annotations

import codecs
from typing import NamedTuple

_WIDE = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class Style(NamedTuple):
    encoding: str | None = "utf-8"
    """None when the bytes are in no encoding that can be told, such as Latin-1."""
    mark: bytes = b""
    """The byte order mark at the beginning."""
    crlf: bool = False
    """All lines end with CR LF."""

    @classmethod
    def of(cls, data: bytes) -> Style:
        """The style of a file with this content. A new file has that of an empty one."""
        for mark, encoding in _WIDE:
            if data.startswith(mark):
                text = _decode(data[len(mark) :], encoding)
                if text is not None:
                    return cls(encoding, mark, _has_crlf(text.encode()))
        mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
        try:
            data.decode()
        except UnicodeDecodeError:
            return cls(None, mark, _has_crlf(data))
        return cls("utf-8", mark, _has_crlf(data))

    def encode(self, text: str) -> bytes:
        """`text` as the whole content of the file. What was in no known encoding becomes UTF-8."""
        data = self.with_ends(text.removeprefix("\ufeff" if self.mark else "").encode())
        return self.mark + data.decode().encode(self.encoding or "utf-8")

    def body(self, data: bytes) -> bytes:
        """The content after the mark; `ValueError` when no text can be put in among it."""
        if self.encoding not in ("utf-8", None):
            name = self.encoding.removesuffix("-le").removesuffix("-be").upper()
            raise ValueError(f"the file is {name}, not UTF-8; nothing was changed")
        if b"\0" in data:
            raise ValueError("the file has NUL bytes, so it is not UTF-8 text; nothing was changed")
        return data[len(self.mark) :]

    def piece(self, text: str) -> bytes:
        """`text` as it stands in the file, or would; `ValueError` when that cannot be told."""
        text = text.removeprefix("\ufeff" if self.mark else "")
        if self.encoding is None and not text.isascii():
            raise ValueError(
                "the file is not UTF-8, so only ASCII text can be looked for or put into it; "
                "nothing was changed"
            )
        return text.encode()

    def with_ends(self, piece: bytes) -> bytes:
        """A piece with the file's line ends; as it is when it has a carriage return of its own."""
        return piece.replace(b"\n", b"\r\n") if self.crlf and b"\r" not in piece else piece


def _decode(data: bytes, encoding: str) -> str | None:
    """The text, of which the last character may be cut off; None when it is another encoding."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(data)
    except UnicodeDecodeError:
        return None


def _has_crlf(data: bytes) -> bool:
    ends = data.count(b"\n")
    return ends > 0 and data.count(b"\r\n") == ends
