"""A list of things that are added, changed and removed, each in a dialog."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Generic, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Label, OptionList
from textual.widgets.option_list import Option

__all__ = ("Listed",)

T = TypeVar("T")


class Listed(ModalScreen[dict[str, str] | None], Generic[T]):
    """`things` are those of the list. It ends with None; `keep` is called after each change."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close"),
        Binding("a", "add", "Add"),
        Binding("d", "remove", "Remove"),
    ]
    DEFAULT_CSS = """
    Listed { align: center middle; }
    Listed > Vertical {
        width: 70; height: auto; max-height: 90%; padding: 1 2;
        border: round $primary; background: $surface;
    }
    Listed OptionList { height: auto; max-height: 20; border: none; }
    """
    heading = ""
    kind = ""
    keys = "Enter changes one, a adds one, d removes one, Esc closes"

    def __init__(self, things: Iterable[T]) -> None:
        super().__init__()
        self.things = list(things)

    def words(self, thing: T) -> str:
        """The words on a thing."""
        raise NotImplementedError

    def name_of(self, thing: T) -> str:
        """The name, which no other has."""
        raise NotImplementedError

    def dialog(self, thing: T | None) -> ModalScreen[T | None]:
        """The dialog that changes a thing, or makes one."""
        raise NotImplementedError

    def keep(self) -> None:
        """Something has changed."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label(self.heading, markup=False)
            yield OptionList(id=f"{self.kind}s", markup=False)
            yield Label(self.keys, id="keys", markup=False)

    def on_mount(self) -> None:
        self._list()

    def _list(self) -> None:
        options = self.query_one(OptionList)
        here = options.highlighted or 0
        options.clear_options()
        options.add_options([Option(Content(self.words(thing))) for thing in self.things])
        if self.things:
            options.highlighted = min(here, len(self.things) - 1)

    @property
    def place(self) -> int | None:
        """That of the thing that is pointed at."""
        place = self.query_one(OptionList).highlighted
        return place if place is not None and place < len(self.things) else None

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        place = event.option_index
        self.app.push_screen(self.dialog(self.things[place]), lambda one: self._put(place, one))

    def action_add(self) -> None:
        self.app.push_screen(self.dialog(None), lambda one: self._put(len(self.things), one))

    def action_remove(self) -> None:
        if (place := self.place) is not None:
            del self.things[place]
            self.changed()

    def action_close(self) -> None:
        self.dismiss(None)

    def _put(self, place: int, thing: T | None) -> None:
        if thing is None:
            return
        others = [one for number, one in enumerate(self.things) if number != place]
        if self.name_of(thing) in map(self.name_of, others):
            self.query_one("#keys", Label).update(f"another {self.kind} has this name already")
            return
        self.things[place : place + 1] = [thing]
        self.changed()

    def changed(self) -> None:
        """Keep the things as they are now, and show them."""
        self.keep()
        self._list()
