"""A form: fields one below the other, each with the words on what fits and on what does not."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.suggester import SuggestFromList
from textual.widgets import Static

from axio_tui.app.keys import binding, hint
from axio_tui.app.screens.window import Window
from axio_tui.app.widgets.line import Line
from axio_tui.config.forms import CLEAR, Field, Form
from axio_tui.harmless import one_line, plain

__all__ = ("FormScreen",)


class FieldRow(Vertical):
    """A field: its name with a sign while it has the focus, the line to type in, what is wrong."""

    def __init__(self, field: Field, value: str) -> None:
        super().__init__()
        self.field = field
        self._title = Static(markup=False, classes="label")
        self._wrong = Static(markup=False, classes="wrong")
        self.input = Line(
            "" if field.is_secret else value,
            placeholder=_placeholder(field, value),
            password=field.is_secret,
            suggester=SuggestFromList(_words(field)) if _words(field) else None,
            select_on_focus=False,
            compact=True,
        )

    def compose(self) -> ComposeResult:
        yield self._title
        yield self.input
        yield self._wrong

    def on_mount(self) -> None:
        self._wrong.display = False
        self._tell(False)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        self._tell(True)

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        self._tell(False)

    def _tell(self, is_here: bool) -> None:
        title = Content(f"{'>' if is_here else ' '} {one_line(self.field.title)}").stylize("bold")
        if hint := one_line(self.field.hint):
            title += Content(f"  {hint}").stylize("dim")
        self._title.update(title)

    def tell_wrong(self, words: str) -> None:
        self._wrong.display = bool(words)
        self._wrong.update(Content(f"  ! {one_line(words)}"))


class FormScreen(Window[dict[str, str] | None]):
    """Gives the texts to keep by the names of the fields, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "the field above", show=False),
        Binding("down", "move(1)", "the field below", show=False),
        Binding("enter", "next", "the next field, or done", show=False),
        binding("steer", "save"),
    ]
    DEFAULT_CSS = """
    FormScreen VerticalScroll { height: auto; }
    FormScreen FieldRow { height: auto; }
    FormScreen FieldRow Static { height: auto; }
    FormScreen FieldRow .wrong { color: $text-error; }
    FormScreen FieldRow Input { margin-left: 2; background: $boost; }
    FormScreen .notes { height: auto; padding-bottom: 1; }
    """

    def __init__(self, form: Form) -> None:
        super().__init__()
        self.form = form
        self.title_words = form.title
        self._rows = [FieldRow(one, form.values.get(one.name, "")) for one in form.fields]

    def compose(self) -> ComposeResult:
        at_once = hint(self.app, "steer", "is done at once")
        told = ["Enter goes on, after the last field it is done", at_once, "Esc leaves"]
        self.key_words = "; ".join(filter(None, told))
        yield from super().compose()

    def contents(self) -> ComposeResult:
        with VerticalScroll(classes="scrolls", can_focus=not self._rows):
            if self.form.notes:
                notes = "\n".join(plain(note) for note in self.form.notes)
                yield Static(Content(notes), classes="notes", markup=False)
            yield from self._rows

    def on_mount(self) -> None:
        if self._rows:
            self._go_to(self._rows[0])

    @property
    def _here(self) -> int:
        return next((n for n, row in enumerate(self._rows) if row.input.has_focus), 0)

    def action_move(self, by: int) -> None:
        place = min(max(self._here + by, 0), len(self._rows) - 1)
        if self._rows:
            self._go_to(self._rows[place])

    def _go_to(self, row: FieldRow) -> None:
        self.set_focus(row.input)

    def action_next(self) -> None:
        if self._here + 1 < len(self._rows):
            self.action_move(1)
        else:
            self.action_save()

    def action_save(self) -> None:
        kept, wrong = self.form.read({row.field.name: row.input.value for row in self._rows})
        for row in self._rows:
            row.tell_wrong(wrong.get(row.field.name, ""))
        if wrong:
            self._go_to(next(row for row in self._rows if row.field.name in wrong))
        else:
            self.dismiss(kept)


def _placeholder(field: Field, value: str) -> str:
    if field.is_secret and value:
        return f"{field.told(value)} stays; {CLEAR} takes it away"
    return field.default


def _words(field: Field) -> list[str]:
    return ["yes", "no"] if field.kind == "bool" else [*field.choices]
