"""Images on their way into a request: in place of what the receiver would refuse stands a note.

An image that is refused spoils not only one request but all that follow, since the history holds
it. So it is left out before the request, and the model is told why. Pure.

    fitted(messages, limits)   the messages of a request, whose images all fit
    taken(content, limits)     the content of one message, apart from the others
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from axio.blocks import (
    AudioBlock,
    ContentBlock,
    ImageBlock,
    TextBlock,
    ToolResultBlock,
    VideoBlock,
)
from axio.media import ImageLimits, encoded_size, image_problem
from axio.messages import Message

__all__ = ("NOTHING", "Weight", "fitted", "note", "taken")

B = TypeVar("B", bound=ContentBlock)


@dataclass(frozen=True, slots=True)
class Weight:
    """How many images there are, and how long they are together in base64."""

    count: int
    total: int

    @staticmethod
    def of(content: Iterable[ContentBlock]) -> Weight:
        sizes = [encoded_size(image.data) for image in _images(content)]
        return Weight(len(sizes), sum(sizes)) if sizes else NOTHING

    def __add__(self, other: Weight) -> Weight:
        return Weight(self.count + other.count, self.total + other.total)

    def exceeds(self, limits: ImageLimits) -> bool:
        """True if images that fit one by one are too many, or not all of them fit then."""
        counts = (limits.count, limits.many)
        return any(limit is not None and self.count > limit for limit in counts) or (
            limits.total is not None and self.total > limits.total
        )


NOTHING = Weight(0, 0)


def note(block: ImageBlock | AudioBlock | VideoBlock, why: str = "") -> str:
    """The text in place of media that are not sent."""
    return f"[{block.media_type}, {len(block.data)} bytes, not shown{why and ': ' + why}]"


def taken(content: Sequence[ContentBlock], limits: ImageLimits) -> list[ContentBlock]:
    """`content` with notes in place of the images that are refused by themselves."""
    if Weight.of(content) is NOTHING:
        return list(content)
    return _Room(replace(limits, count=None, total=None, many=None)).kept(content)


def fitted(messages: Iterable[Message], limits: ImageLimits) -> list[Message]:
    """`messages` with notes in place of the images that the receiver would refuse.

    Of too many images the latest are kept. A message without such images stays the same object,
    and so does what a model said.
    """
    history = list(messages)
    asked = [message for message in history if message.role != "assistant"]
    wanted = Weight.of(block for message in asked for block in message.content)
    if wanted is NOTHING:
        return history
    room = _Room(limits, wanted)
    fitting: list[Message] = []
    for message in reversed(history):
        if message.role != "assistant":
            content = room.kept(message.content)
            if _differ(content, message.content):
                message = replace(message, content=content)
        fitting.append(message)
    return fitting[::-1]


class _Room:
    """The room that is left in a request, which is filled from its end."""

    def __init__(self, limits: ImageLimits, wanted: Weight = NOTHING) -> None:
        self._limits = limits
        self._many = limits.many if limits.many and wanted.count > limits.many else None
        self._count = self._total = 0

    def kept(self, content: Sequence[B]) -> list[B | TextBlock]:
        return [self._block(block) for block in reversed(content)][::-1]

    def _block(self, block: B) -> B | TextBlock:
        if isinstance(block, ImageBlock):
            why = self._refusal(block.data)
            return block if why is None else TextBlock(note(block, why))
        if isinstance(block, ToolResultBlock) and not isinstance(block.content, str):
            content = self.kept(block.content)
            if _differ(content, block.content):
                return replace(block, content=content)
        return block

    def _refusal(self, data: bytes) -> str | None:
        limits = self._limits
        problem = image_problem(data, limits)
        if problem is not None:
            return problem
        if self._many is not None:
            problem = image_problem(data, ImageLimits(side=limits.many_side))
            if problem is not None:
                return f"{problem} where there are over {self._many} images"
        self._count += 1
        self._total += encoded_size(data)
        if limits.count is not None and self._count > limits.count:
            return f"only the last {limits.count} images are shown"
        if limits.total is not None and self._total > limits.total:
            return f"with later images over {limits.total} bytes in base64"
        return None


def _images(content: Iterable[ContentBlock]) -> Iterator[ImageBlock]:
    for block in content:
        if isinstance(block, ImageBlock):
            yield block
        elif isinstance(block, ToolResultBlock) and not isinstance(block.content, str):
            yield from _images(block.content)


def _differ(some: Sequence[object], others: Sequence[object]) -> bool:
    return any(a is not b for a, b in zip(some, others, strict=True))
