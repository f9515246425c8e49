"""The parts of the next request, each with its share of the model's window. Pure.

The sizes of the parts are estimates. Where the provider has counted the tokens of the whole, they
are scaled to that.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from axio.blocks import (
    AudioBlock,
    ContentBlock,
    ImageBlock,
    TextBlock,
    ToolResultBlock,
    ToolUseBlock,
    VideoBlock,
    to_dict,
)
from axio.media import image_size
from axio.messages import Message
from axio.run.budget import CHARACTERS_PER_TOKEN
from axio.tool import AnyTool
from axio_tui.chat.stored import is_words
from axio_tui.harmless import one_line

__all__ = ("Filling", "Kind", "estimated", "filling", "within")

Kind: TypeAlias = Literal["system", "tool", "message"]

_MEDIA = (ImageBlock, AudioBlock, VideoBlock)
_MEDIUM = 1_500  # tokens of sound, and of a picture whose size is not known
_MOST = 1_600  # tokens of a picture: larger ones are made smaller by providers
_PIXELS_PER_TOKEN = 750
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Filling:
    """A part of the request, and about how many tokens it takes.

    `name` is that of the part of the system prompt (a file, for instance) or of the tool, or how
    the message begins; `server` that of the MCP server which the tool is from.
    """

    kind: Kind
    name: str
    tokens: int
    server: str = ""


def filling(
    system: str | Mapping[str, str],
    tools: Iterable[AnyTool],
    history: Sequence[Message],
    counted: int | None = None,
) -> list[Filling]:
    """The parts in the order in which the model reads them.

    `system` is the system prompt, or its parts by name. `counted` is the number of tokens of all,
    as the provider has counted them.
    """
    named = {"system prompt": system} if isinstance(system, str) else system
    sizes: list[tuple[Kind, str, int, str]] = []
    sizes += [("system", name, len(text), "") for name, text in named.items() if text]
    for tool in tools:
        text = json.dumps([tool.name, tool.description, tool.input_schema])
        server, separator, _ = tool.name.partition("__")
        sizes.append(("tool", tool.name, len(text), server if separator else ""))
    sizes += [("message", _name(message), _length(message), "") for message in history]
    total = sum(size for _, _, size, _ in sizes)
    if counted is None:
        counted = total // CHARACTERS_PER_TOKEN
    parts: list[Filling] = []
    before = behind = 0
    for kind, name, size, server in sizes:
        # Rounded at the ends of the parts, so that together they are the whole.
        before, behind = behind, behind + size
        tokens = counted * behind // total - counted * before // total
        parts.append(Filling(kind, name, tokens, server))
    return parts


def within(parts: Iterable[Filling]) -> dict[str, int]:
    """The tokens of larger parts: each part of the system prompt, the tools of each server, other
    tools, and messages."""
    sums: dict[str, int] = {}
    for part in parts:
        name = part.name
        if part.kind == "tool":
            name = f"tools of {part.server}" if part.server else "tools"
        elif part.kind == "message":
            name = "messages"
        sums[name] = sums.get(name, 0) + part.tokens
    return sums


def estimated(history: Iterable[Message]) -> int:
    """About how many tokens messages take."""
    return sum(map(_length, history)) // CHARACTERS_PER_TOKEN


def _name(message: Message) -> str:
    names = [block.name for block in message.content if isinstance(block, ToolUseBlock)]
    if message.tool_results:
        who, text = "results", f"{len(message.tool_results)} of tools"
    elif message.role == "user":
        who, text = ("you" if is_words(message) else "axio"), message.text
    else:
        who, text = ("axio" if message.role == "assistant" else "system"), message.text
    return f"{who}: {one_line(text, _SHOWN) or one_line(', '.join(names), _SHOWN)}"


def _length(message: Message) -> int:
    return sum(map(_length_of, message.content))


def _length_of(block: ContentBlock) -> int:
    if isinstance(block, TextBlock):
        return len(block.text)
    if isinstance(block, ToolResultBlock):
        if isinstance(block.content, str):
            return len(block.content)
        return sum(map(_length_of, block.content))
    if isinstance(block, _MEDIA):
        return _tokens_of(block) * CHARACTERS_PER_TOKEN
    return len(json.dumps(to_dict(block)))


def _tokens_of(medium: ImageBlock | AudioBlock | VideoBlock) -> int:
    size = image_size(medium.data) if isinstance(medium, ImageBlock) else None
    if size is None:
        return _MEDIUM
    return min(_MOST, size[0] * size[1] // _PIXELS_PER_TOKEN + 1)
