"""The options that a command offers, to be chosen from."""

from __future__ import annotations

from axio_tui.app.screens.choice_list import ChoiceList, Row
from axio_tui.chat.commands import Pick

__all__ = ("PickScreen",)


class PickScreen(ChoiceList[str | None, str]):
    """Gives the command that takes what was chosen, or None."""

    key_words = "Enter chooses, Esc closes"

    def __init__(self, pick: Pick) -> None:
        super().__init__()
        self.title_words = pick.title
        self.rows = [Row(option.label, option.command) for option in pick.options]
