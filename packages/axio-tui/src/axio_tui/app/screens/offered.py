"""Things that are offered, one of which is chosen; where it may be, a text of one's own too."""

from __future__ import annotations

from collections.abc import Awaitable

from axio_tui.app.screens.choice_list import ChoiceList, Row
from axio_tui.chat.asking import Choosing

__all__ = ("OfferedScreen",)

_FEW = 6


class OfferedScreen(ChoiceList[str | None, str]):
    """Gives the word that was chosen, or None."""

    def __init__(self, choosing: Choosing) -> None:
        super().__init__()
        self._other = choosing.other
        self.title_words = choosing.title
        self.key_words = "Enter chooses, Esc goes back"
        self.has_search = bool(choosing.other) or len(choosing.offered) > _FEW
        if choosing.other:
            self.placeholder = f"type to search, or {choosing.other}"
            self.empty_words = f"Enter takes what you have typed: {choosing.other}"
        self.rows = [Row(one.label, one.word, one.more) for one in choosing.offered]

    def action_choose(self) -> Awaitable[None] | None:
        typed = self.typed.strip()
        if self.thing is None and self._other and typed and typed.isprintable():
            self.dismiss(typed)
            return None
        return super().action_choose()
