"""Files inside of a prompt: behind the words of the person, a block for each. Pure."""

from __future__ import annotations

import re

from axio.blocks import TextBlock
from axio.messages import Message

__all__ = ("attached", "typed_in", "words_of")

_HEAD = re.compile(r"\n\n(\[(?:file|folder|image) [^\n]*\])(?:\n|\Z)")
_FENCES = re.compile("^`{3,}", re.M)


def attached(head: str, text: str | None = None) -> TextBlock:
    """The block of a file: `head` tells its kind and name, `text` is its content."""
    head = f"\n\n[{' '.join(head.split())}]"
    if text is None:
        return TextBlock(head)
    longest = max(map(len, _FENCES.findall(text)), default=2)
    fence = "`" * (longest + 1)  # no line of the content ends it
    end = "" if text.endswith("\n") or not text else "\n"
    return TextBlock(f"{head}\n{fence}\n{text}{end}{fence}")


def typed_in(message: Message) -> str:
    """The words of a prompt that the person has typed."""
    return next((block.text for block in message.content if isinstance(block, TextBlock)), "")


def words_of(message: Message) -> str:
    """The text of a prompt for a person: of a file only its kind and name."""
    words: list[str] = []
    for block in message.content:
        if isinstance(block, TextBlock):
            head = _HEAD.match(block.text) if words else None
            words.append(f"\n{head[1]}" if head else block.text)
    return "".join(words)
