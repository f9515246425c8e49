"""The log of this program: its last lines, and those that come."""

from __future__ import annotations

from collections import deque

from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from axio_tui.app.redacted import redacted
from axio_tui.app.screens.pager import Pager
from axio_tui.logs import RecentLog

__all__ = ("LogScreen",)

_EVERY = 0.5
_SHOWN = 500  # lines
_NOTHING = "Nothing yet. --log-level debug tells more."


class LogScreen(Pager):
    """Follows the log while its end is in sight. `secrets` are shown nowhere in it."""

    def __init__(self, log: RecentLog, secrets: tuple[str, ...] = ()) -> None:
        where = f"kept in {log.file}" if log.file else "--log-file PATH keeps it"
        super().__init__(f"Log; {where}", _NOTHING)
        self._log = log
        self._secrets = secrets
        self._seen = 0
        self._lines: deque[str] = deque(maxlen=_SHOWN)

    def on_mount(self) -> None:
        super().on_mount()
        self.set_interval(_EVERY, self._take)
        self._take()
        self._to_end()

    def _take(self) -> None:
        seen = self._log.seen
        if seen == self._seen:
            return
        for text in self._log.since(self._seen):
            self._lines.extend(redacted(text, self._secrets).split("\n"))
        self._seen = seen
        view = self.query_one(VerticalScroll)
        is_at_end = view.scroll_y >= view.max_scroll_y
        view.query_one(Static).update(Content("\n".join(self._lines)))
        if is_at_end:
            self.call_after_refresh(self._to_end)

    def _to_end(self) -> None:
        self.query_one(VerticalScroll).scroll_end(animate=False)
