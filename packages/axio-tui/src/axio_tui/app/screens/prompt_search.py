"""`PromptSearch`: the prompts of the past, to be searched."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType

from axio_tui.app.screens.choice_list import ChoiceList, Row

__all__ = ("PromptSearch",)


class PromptSearch(ChoiceList[str | None, str]):
    """Gives the prompt that was chosen, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "move(1)", "an older one", show=False, id="search")
    ]
    title_words = "Earlier prompts"
    key_words = "Enter takes it, Ctrl+R an older one, Esc closes"
    empty_words = "no such prompt"

    def __init__(self, prompts: Iterable[str]) -> None:
        super().__init__()
        self.rows = [Row(prompt, prompt) for prompt in prompts]
