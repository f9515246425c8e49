"""One call of a tool, whole."""

from __future__ import annotations

from axio_tui.app.entry_rows import seconds_of, value_lines
from axio_tui.app.screens.pager import Pager
from axio_tui.chat.entries import ToolCall
from axio_tui.harmless import one_line, plain

__all__ = ("tool_detail",)

_MOST = 200_000
"""Characters of a result that are shown: a screen that holds more is no help."""


def tool_detail(call: ToolCall) -> Pager:
    """The arguments of a call, its result, its time and what the person has decided."""
    parts: list[str] = []
    for name, lines in value_lines(call.input):
        parts.append(f"{name}: {lines[0]}" if len(lines) == 1 else "\n".join([f"{name}:", *lines]))
    told = [call.status, seconds_of(call.seconds), one_line(call.decision)]
    parts.append(", ".join(word for word in told if word))
    text = plain(call.result or call.output)
    if len(text) > _MOST:
        half = _MOST // 2
        left = len(text) - _MOST
        text = f"{text[:half]}\n[{left:,} more characters]\n{text[-half:]}"
    return Pager(one_line(call.name, 100), "\n\n".join([*parts, text]))
