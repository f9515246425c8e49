"""The prompts that wait, a line each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from textual.app import App
from textual.content import Content
from textual.widgets import Static

from axio_tui.app.keys import hint
from axio_tui.harmless import one_line

if TYPE_CHECKING:
    from axio_tui.chat.inbox import Waiting

__all__ = ("QueueLines",)

_WORDS = {"queued": "next", "steering": "steers", "parked": "parked"}
_SHOWN = 4


def _parked(app: App[Any]) -> str:
    sends = hint(app, "send", "on an empty line sends what is parked")
    takes = hint(app, "older", "takes the last one back")
    return ", ".join(filter(None, (sends, takes)))


class QueueLines(Static):
    """Shown only while something waits."""

    DEFAULT_CSS = """
    QueueLines { height: auto; max-height: 6; padding: 0 1; color: $text-warning; display: none; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("", markup=False, id=id)
        self._told: list[str] = []

    def tell(self, waiting: Sequence[Waiting]) -> None:
        from axio_tui.chat.attached import words_of  # Late: a first frame has no queue.

        shown = waiting[:_SHOWN]
        lines = [f"{_WORDS[w.state]}: {one_line(words_of(w.message), 300)}" for w in shown]
        if len(waiting) > _SHOWN:
            lines.append(f"and {len(waiting) - _SHOWN} more")
        if any(w.state == "parked" for w in waiting):
            lines.append(_parked(self.app))
        if lines != self._told:
            self._show(lines)

    def ahead(self, text: str) -> None:
        """A text was sent that no session has yet."""
        self._show([*self._told, f"{_WORDS['queued']}: {one_line(text, 300)}"])

    def _show(self, lines: list[str]) -> None:
        self._told = lines
        self.display = bool(lines)
        self.update(Content("\n".join(lines)))
