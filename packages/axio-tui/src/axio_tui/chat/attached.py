"""Files inside of a prompt: behind the words of the person, a block for each. Pure.

A picture that was pasted stands among the words as a placeholder, which is the head of its block
too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from axio.blocks import ContentBlock, ImageBlock, TextBlock
from axio.messages import Message

__all__ = (
    "attached",
    "drawn",
    "is_named",
    "named_pictures",
    "pictures_of",
    "typed_in",
    "words_of",
)

_HEAD = re.compile(r"\n\n(\[(?:file|folder|image) [^\n]*\])(?:\n|\Z)")
_NAMED = re.compile(r"\[image [^\n\]]*\]")
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
            if head is None:
                words.append(block.text)
            elif head[1] not in words[0]:
                words.append(f"\n{head[1]}")
    return "".join(words)


def is_named(words: str, pictures: int) -> bool:
    """True if the words of a prompt tell of so many pictures already."""
    return len(_NAMED.findall(words)) >= pictures


def drawn(pictures: Iterable[tuple[str, ImageBlock]]) -> Iterator[ContentBlock]:
    """The blocks of pictures that were pasted, by their placeholders."""
    for placeholder, picture in pictures:
        yield attached(placeholder[1:-1])
        yield picture


def pictures_of(message: Message) -> Iterator[tuple[str, ImageBlock]]:
    """The pictures of a prompt that were pasted, by their placeholders."""
    typed = typed_in(message)
    return (named for named in named_pictures(message) if named[0] in typed)


def named_pictures(message: Message) -> Iterator[tuple[str, ImageBlock]]:
    """The pictures of a prompt, each by the head of its block."""
    for head, picture in pairwise(message.content):
        if isinstance(head, TextBlock) and isinstance(picture, ImageBlock):
            found = _HEAD.match(head.text)
            yield found[1] if found else "[image]", picture
