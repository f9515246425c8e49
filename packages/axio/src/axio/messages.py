"""One message of a conversation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from axio.blocks import (
    ContentBlock,
    TextBlock,
    ToolResultBlock,
    ToolUseBlock,
    from_dict,
    to_dict,
)

__all__ = ("Message", "Prompt", "as_message")


@dataclass(slots=True)
class Message:
    role: Literal["user", "assistant", "system"]
    content: list[ContentBlock] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        return {"role": self.role, "content": [to_dict(block) for block in self.content]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Message:
        return cls(data["role"], [from_dict(block) for block in data["content"]])


Prompt: TypeAlias = str | Sequence[ContentBlock] | Message
"""What a run starts with: text, blocks, or a whole user message."""


def as_message(prompt: Prompt) -> Message:
    """The user message of a prompt; ValueError for one that would spoil the history."""
    if isinstance(prompt, str):
        return Message("user", [TextBlock(prompt)])
    if isinstance(prompt, Message):
        message = prompt
    else:
        message = Message("user", list(prompt))
    if message.role != "user" or not message.content:
        raise ValueError("a run starts with a user message that has content")
    for block in message.content:
        if isinstance(block, (ToolUseBlock, ToolResultBlock)) or not isinstance(
            block, ContentBlock
        ):
            raise ValueError(f"a prompt cannot hold a {type(block).__name__}")
    return message
