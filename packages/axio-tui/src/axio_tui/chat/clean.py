"""`clean`: text from a keyboard, a clipboard or an editor, as a prompt may hold it."""

from __future__ import annotations

import re

__all__ = ("clean",)

# All controls but tab and newline, and half characters, which no encoding can write.
_UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def clean(text: str) -> str:
    """The text with newlines alone as the ends of lines, and U+FFFD for each control or half
    character: terminals paste CR as the end of a line, and an escape would reach the next one."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _UNWANTED.sub("\ufffd", text)
