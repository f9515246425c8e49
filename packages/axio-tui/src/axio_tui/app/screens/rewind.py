"""The prompts of the conversation, to go back to before one of them."""

from __future__ import annotations

from collections.abc import Sequence

from axio_tui.app.screens.ask import Ask
from axio_tui.app.screens.choice_list import ChoiceList, Row
from axio_tui.chat.points import Point

__all__ = ("RewindScreen", "what_question")


class RewindScreen(ChoiceList[int | None, int]):
    """Gives the number of a prompt, as `/rewind` counts them."""

    title_words = "Go back to before which prompt? The newest is on top"
    key_words = "Enter chooses, Esc closes"

    def __init__(self, points: Sequence[Point]) -> None:
        super().__init__()
        numbered = list(enumerate(points, 1))[::-1]
        self.rows = [Row(point.message.text, number) for number, point in numbered]


def what_question() -> Ask:
    """Asked when a prompt is chosen."""
    keys = {"c": "the conversation", "f": "the files", "b": "both"}
    return Ask("Take back what came after it: which part?", keys)
