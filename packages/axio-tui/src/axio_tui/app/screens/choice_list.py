"""A list to choose from, which a text narrows."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from axio_tui.app.screens.window import Window
from axio_tui.app.widgets.line import Line
from axio_tui.harmless import one_line

__all__ = ("ChoiceList", "Row")

T = TypeVar("T")
A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class Row(Generic[T]):
    """A line of the list: words, more that are less important, and the thing it stands for."""

    words: str
    thing: T
    more: str = ""


class Choices(OptionList, inherit_bindings=False):
    """Lines whose keys are those of the window, in the order in which they came."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("home", "first", "the first line", show=False),
        Binding("end", "last", "the last line", show=False),
    ]


class ChoiceList(Window[A], Generic[A, T]):
    """`rows` is what there is to choose from. It gives the thing that is chosen, unless a subclass
    says otherwise in `chosen`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "the line above", show=False),
        Binding("down", "move(1)", "the line below", show=False),
        Binding("pageup", "move(-10)", "ten lines up", show=False),
        Binding("pagedown", "move(10)", "ten lines down", show=False),
        Binding("enter", "choose", "choose", show=False),
    ]
    has_search = True
    placeholder = "type to search"
    empty_words = "nothing"

    def __init__(self) -> None:
        super().__init__()
        self.rows: Sequence[Row[T]] = ()
        self.shown: list[Row[T]] = []
        self._pointed: int | None = None
        self._narrowed_by = ""

    def contents(self) -> ComposeResult:
        if self.has_search:
            yield Line(placeholder=self.placeholder, compact=True, id="search")
        yield Choices(id="choices", classes="scrolls", markup=False, compact=True)

    def _on_mount(self, event: events.Mount) -> None:
        super()._on_mount(event)
        self.set_focus(self.query_one("#search" if self.has_search else "#choices"))
        self.fill(self.rows)

    def fill(self, rows: Sequence[Row[T]]) -> None:
        """Let these be the rows; the search goes on in them."""
        self.rows = rows
        self._narrowed_by = self.typed
        self.shown = [row for row in rows if self.matches(row)]
        choices = self.query_one("#choices", OptionList)
        here = max(0, min(choices.highlighted or 0, len(self.shown) - 1))
        choices.clear_options()
        choices.add_options(
            [Option(_line(row, index == here)) for index, row in enumerate(self.shown)]
        )
        self._pointed = here
        if self.shown:
            choices.highlighted = here
        else:
            choices.add_option(Option(Content(self.empty_words).stylize("dim"), disabled=True))

    def matches(self, row: Row[T]) -> bool:
        """True for a row with all words of the search."""
        words = self.typed.lower().split()
        told = f"{row.words} {row.more}".lower()
        return all(word in told for word in words)

    @property
    def typed(self) -> str:
        """The text of the search."""
        return self.query_one("#search", Line).value if self.has_search else ""

    @property
    def thing(self) -> T | None:
        """The one that is pointed at."""
        index = self.query_one("#choices", OptionList).highlighted
        if index is None or not 0 <= index < len(self.shown):
            return None
        return self.shown[index].thing

    async def on_input_changed(self, event: Line.Changed) -> None:
        event.stop()
        await self.settle()

    async def settle(self) -> None:
        if self._narrowed_by != self.typed:
            await self.narrow()

    async def narrow(self) -> None:
        """Show the rows for the text of the search."""
        self.fill(self.rows)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """The line that is pointed at has a sign too: its colour alone would not do."""
        event.stop()
        if event.option_index == self._pointed:
            return
        for index, is_here in ((self._pointed, False), (event.option_index, True)):
            if index is not None and index < len(self.shown):
                line = _line(self.shown[index], is_here)
                event.option_list.replace_option_prompt_at_index(index, line)
        self._pointed = event.option_index

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.call_next(self.action_choose)

    def action_move(self, by: int) -> None:
        choices = self.query_one("#choices", OptionList)
        if self.shown:
            place = (choices.highlighted or 0) + by
            choices.highlighted = min(max(place, 0), len(self.shown) - 1)

    def action_choose(self) -> Awaitable[None] | None:
        if self.thing is not None:
            self.chosen(self.thing)
        return None

    def chosen(self, thing: T) -> None:
        """The person has chosen."""
        self.dismiss(cast(A, thing))


def _line(row: Row[Any], is_here: bool) -> Content:
    line = Content(f"{'>' if is_here else ' '} {one_line(row.words, 300)}")
    if row.more:
        line += Content(f"  {one_line(row.more, 300)}").stylize("dim")
    return line
