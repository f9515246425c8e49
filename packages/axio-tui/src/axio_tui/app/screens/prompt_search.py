"""`PromptSearch`: the prompts of the past, to be searched."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from axio_tui.app.keys import binding, hint
from axio_tui.app.screens.choice_list import ChoiceList, Row

__all__ = ("PromptSearch",)


class PromptSearch(ChoiceList[str | None, str]):
    """Gives the prompt that was chosen, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [binding("search", "move(1)")]
    title_words = "Earlier prompts"
    empty_words = "no such prompt"

    def __init__(self, prompts: Iterable[str]) -> None:
        super().__init__()
        self.rows = [Row(prompt, prompt) for prompt in prompts]

    def compose(self) -> ComposeResult:
        older = hint(self.app, "search", "an older one")
        self.key_words = ", ".join(filter(None, ["Enter takes it", older, "Esc closes"]))
        yield from super().compose()
