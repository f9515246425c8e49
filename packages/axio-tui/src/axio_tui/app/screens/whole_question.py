"""`WholeQuestion`: all of a call that is asked about, on the whole screen."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from axio_tui.app.sight import in_sight
from axio_tui.app.widgets.diff import Sheet
from axio_tui.chat.diff_rows import Row

__all__ = ("WholeQuestion",)

_ANSWERS = frozenset("yspnde")


class WholeQuestion(ModalScreen[str | None]):
    """Ends with the key that answers, or None."""

    DEFAULT_CSS = """
    WholeQuestion { background: $background; }
    WholeQuestion Sheet { height: 1fr; border: heavy $success; padding: 0 1; }
    WholeQuestion Static { height: auto; padding: 0 1; }
    """

    def __init__(self, rows: Sequence[Row], keys: Content) -> None:
        super().__init__()
        self._rows = rows
        self._keys = keys

    def compose(self) -> ComposeResult:
        sheet = Sheet(self._rows)
        sheet.can_focus = True
        yield sheet
        yield Static(self._keys, markup=False)

    def on_key(self, event: events.Key) -> None:
        if event.key in _ANSWERS:
            event.stop()
            if in_sight(*self.query("Sheet, Static")):
                self.dismiss(event.key)
            else:
                self.notify("Enlarge the window to answer", markup=False)
        elif event.key in ("escape", "ctrl+f"):
            event.stop()
            self.dismiss(None)
