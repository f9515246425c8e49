"""The way to all that plug-ins bring, and to what is switched off."""

from __future__ import annotations

from collections.abc import Iterable

from axio_tui.app.screens.choice_list import ChoiceList, Row

__all__ = ("PluginHubScreen",)


class PluginHubScreen(ChoiceList[str | None, str]):
    """Gives the key of one of `entries`, which are keys with words and more words; None for none.
    `problems` are shown below them."""

    title_words = "Plug-ins"
    key_words = "Enter opens, Esc closes"

    def __init__(
        self, entries: Iterable[tuple[str, str, str]], problems: Iterable[str] = ()
    ) -> None:
        super().__init__()
        self.rows = [Row(words, key, more) for key, words, more in entries]
        self.rows = [*self.rows, *(Row(f"broken: {problem}", "") for problem in problems)]

    def chosen(self, thing: str) -> None:
        if thing:
            self.dismiss(thing)
