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
    "for conversation connect a larger model: set ANTHROPIC_API_KEY or OPENAI_API_KEY, or start a "
    "model server on this machine, such as Ollama, which the command axio then takes by itself."
)


def no_tool_fits(names: Sequence[str]) -> str:
    """For a request that none of the tools with these `names` can do: one line."""
    if not names:
        return (
            "I have no tools here, and choosing tools is all that I, a small offline model, can "
            f"do; {_CONNECT}"
        )
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return (
        "None of my tools fits this request: I am a small offline model that only picks a tool, of "
        f"{', '.join(names[:LISTED])}{more}, and fills it in; {_CONNECT}"
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
    if not text.strip():
        return f"{name} is done; it gave no output."
    if "\n" in text:
        text = _fenced(text)
    return f"{name} gave:\n{text}"


def _fenced(text: str) -> str:
    """Lines that stay lines where an answer is shown as Markdown."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"


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
