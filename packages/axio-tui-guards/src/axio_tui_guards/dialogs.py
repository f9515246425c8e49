"""Questions of guards as windows of a Textual application. Only an explicit yes allows.

async def prompt(text: str) -> str:
    return await app.push_screen_wait(PathGuardDialog(text))

guard = PathGuard(prompt_fn=prompt)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from axio_tui_guards.asking import MAX_QUESTION, choice_of
from axio_tui_guards.showing import visible

__all__ = ("LLMGuardDialog", "PathGuardDialog")


class _Dialog(ModalScreen[str]):
    """Shows a text over buttons. The one that refuses has the focus, and Escape presses it."""

    DEFAULT_CSS = """
    _Dialog { align: center middle; }
    _Dialog > Vertical {
        width: 90%; max-width: 100; height: auto; max-height: 90%;
        border: round $warning; background: $surface; padding: 0 1;
    }
    _Dialog VerticalScroll { height: auto; max-height: 60vh; }
    _Dialog Horizontal { height: auto; }
    _Dialog Button { margin-right: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "answer('y')", "Allow"),
        Binding("d,escape", "answer('n')", "Deny"),
        Binding("left,up", "app.focus_previous", "before", show=False),
        Binding("right,down", "app.focus_next", "next", show=False),
    ]
    choices: ClassVar[Sequence[tuple[str, str]]] = ()
    """The words on a button, and its answer; the last one refuses."""

    def __init__(self, text: str) -> None:
        super().__init__()
        shown = text if len(text) <= MAX_QUESTION else f"{text[:MAX_QUESTION]}..."
        self._text = "\n".join(visible(line) for line in shown.split("\n"))

    def compose(self) -> ComposeResult:
        with Vertical():
            with VerticalScroll(can_focus=False):
                yield Static(Content(self._text), markup=False, id="question")
            yield from self.more()
            with Horizontal():
                for words, answer in self.choices:
                    yield Button(words, id=f"btn-{answer}")

    def more(self) -> ComposeResult:
        """The widgets between the text and the buttons."""
        yield from ()

    def on_mount(self) -> None:
        self.query_one("#btn-n", Button).focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss((event.button.id or "btn-n").removeprefix("btn-"))

    def action_answer(self, answer: str) -> None:
        self.dismiss(answer)


class PathGuardDialog(_Dialog):
    """Gives "y", "n" or "deny", which refuses for good."""

    choices = (("Allow", "y"), ("Always Deny", "deny"), ("Deny", "n"))


class LLMGuardDialog(_Dialog):
    """Gives "y", "always", "n", or the text that was written: the reason to refuse.

    A text that is an answer itself, such as "always", is no reason, and gives "n".
    """

    choices = (("Allow", "y"), ("Always", "always"), ("Deny", "n"))

    def more(self) -> ComposeResult:
        yield Input(placeholder="or say why not, then Enter", id="reason")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        text = event.value.strip()
        answers = {answer for _words, answer in self.choices}
        is_answer = text.lower() in answers or choice_of(text) is not None
        self.dismiss("n" if is_answer else text)
