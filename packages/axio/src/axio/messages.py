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
from axio.exceptions import wrong_kind
from axio.types import JSONObject

__all__ = ("Message", "Prompt", "as_message")


@dataclass(slots=True)
class Message:
    """One message: its role, and its content as blocks."""

    role: Literal["user", "assistant", "system"]
    content: list[ContentBlock] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text of all its text blocks; results of tools are not in it."""
        return "".join(block.text for block in self.content if isinstance(block, TextBlock))

    @property
    def tool_results(self) -> list[ToolResultBlock]:
        """The results of tools in it, in the order of the calls."""
        return [block for block in self.content if isinstance(block, ToolResultBlock)]

    def to_dict(self) -> JSONObject:
        """Plain data for JSON, with bytes as base64."""
        return {"role": self.role, "content": [to_dict(block) for block in self.content]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Message:
        """The message that `to_dict` gave."""
        return cls(data["role"], [from_dict(block) for block in data["content"]])


Prompt: TypeAlias = str | Sequence[ContentBlock] | Message
"""The start of a run: text, blocks, or a whole user message."""


def as_message(prompt: Prompt) -> Message:
    """The user message of a prompt; ValueError for one that would spoil the history."""
    if isinstance(prompt, str):
        return Message("user", [TextBlock(prompt)])
    if isinstance(prompt, Message):
        message = prompt
    elif not isinstance(prompt, Sequence):
        raise wrong_kind("a prompt", "text, content blocks or a Message", prompt)
    else:
        message = Message("user", [*prompt])
    if message.role != "user" or not message.content:
        raise ValueError("a run starts with a user message that has content")
    for block in message.content:
        if isinstance(block, (ToolUseBlock, ToolResultBlock)) or not isinstance(
            block, ContentBlock
        ):
            raise ValueError(f"a prompt cannot hold a {type(block).__name__}")
    return message
