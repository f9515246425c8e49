"""One call of a tool, whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from axio_tui.app.entry_rows import seconds_of, value_lines
from axio_tui.app.screens.pager import Pager
from axio_tui.chat.entries import ToolCall
from axio_tui.harmless import one_line, plain

__all__ = ("detail_of", "tool_detail")

_MOST = 200_000
"""Characters of a result that are shown: a screen that holds more is no help."""


def tool_detail(call: ToolCall) -> Pager:
    """The arguments of a call, its result, its time and what the person has decided."""
    told = [call.status, seconds_of(call.seconds), one_line(call.decision)]
    words = ", ".join(word for word in told if word)
    return Pager(*detail_of(call.name, call.input, call.result or call.output, words))


def detail_of(name: str, input: Mapping[str, Any], content: str, told: str) -> tuple[str, str]:
    """The title and the text for a call with these arguments and this result."""
    parts: list[str] = []
    for argument, lines in value_lines(input):
        parts.append(
            f"{argument}: {lines[0]}" if len(lines) == 1 else "\n".join([f"{argument}:", *lines])
        )
    text = plain(content)
    if len(text) > _MOST:
        half = _MOST // 2
        left = len(text) - _MOST
        text = f"{text[:half]}\n[{left:,} more characters]\n{text[-half:]}"
    return one_line(name, 100), "\n\n".join([*parts, told, text])
