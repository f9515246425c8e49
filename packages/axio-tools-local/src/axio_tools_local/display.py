"""Names of files, as text that fits on a line and can be encoded."""

from __future__ import annotations


def printable(name: str) -> str:
    r"""`name` with control characters and bytes that are not UTF-8 escaped (`\n`, `\xff`)."""
    if name.isprintable():
        return name
    return "".join(c if c.isprintable() else _escape(c) for c in name)


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that os.fsdecode could not decode
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")
