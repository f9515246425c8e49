"""The words of the offline model: fixed sentences and results of tools, nothing of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from axio.blocks import (
    AudioBlock,
    ContentBlock,
    ImageBlock,
    TextBlock,
    ToolResultBlock,
    VideoBlock,
)

__all__ = ("LISTED", "SHOWN", "no_tool_fits", "results")

LISTED = 8
"""So many tools are named when none fits."""

SHOWN = 4000
"""So many characters of a result are repeated."""

_CONNECT = (
    "For conversation, connect a larger model: set ANTHROPIC_API_KEY or OPENAI_API_KEY, or start "
    "a model server on this machine, such as Ollama; the command axio then takes it by itself."
)


def no_tool_fits(tools: Sequence[tuple[str, str]]) -> str:
    """For a request that none of `tools`, pairs of name and description, can do."""
    if not tools:
        return (
            "I have no tools here, and choosing tools is all I can do: "
            f"I am a small offline model and answer no questions myself. {_CONNECT}"
        )
    lines = [f"- {name}: {_first_sentence(text)}".rstrip(": ") for name, text in tools[:LISTED]]
    if len(tools) > LISTED:
        lines.append(f"- and {len(tools) - LISTED} more")
    listed = "\n".join(lines)
    return (
        "None of my tools fits this request. I am a small offline model: I choose a tool and fill "
        f"in its arguments, and answer no questions myself. What I can do:\n{listed}\n{_CONNECT}"
    )


def results(blocks: Iterable[ToolResultBlock], names: Mapping[str, str]) -> str:
    """The results of calls, as they are. `names` says which tool a call's id belongs to."""
    return "\n\n".join(_result(block, names.get(block.tool_use_id, "the tool")) for block in blocks)


def _result(block: ToolResultBlock, name: str) -> str:
    text = _text(block.content).strip("\n")
    if len(text) > SHOWN:
        text = f"{text[:SHOWN]}\n[{len(text) - SHOWN} more characters]"
    if block.is_error:
        return f"{name} failed: {text or 'it gave no reason'}"
    return f"{name} gave:\n{text}" if text.strip() else f"{name} is done; it gave no output."


def _text(content: str | Sequence[ContentBlock]) -> str:
    if isinstance(content, str):
        return content
    parts = []
    for block in content:
        match block:
            case TextBlock(text):
                parts.append(text)
            case ImageBlock(kind, data) | AudioBlock(kind, data) | VideoBlock(kind, data):
                parts.append(f"[{kind}, {len(data)} bytes]")
    return "\n".join(parts)


def _first_sentence(text: str) -> str:
    line = " ".join(text.split())
    return re.split(r"(?<=[.!?])\s", line, maxsplit=1)[0][:120]
