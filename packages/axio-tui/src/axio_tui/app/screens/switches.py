"""Screens that switch parts on and off. Escape closes them, and gives what is off then."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from inspect import isawaitable
from typing import Any, ClassVar, Generic, TypeVar

from textual.binding import Binding, BindingType

from axio.exceptions import message_of
from axio.tool import AnyTool
from axio_tui.app.screens.choice_list import ChoiceList, Row
from axio_tui.how_many import how_many

__all__ = (
    "GuardSelectScreen",
    "GuardToolsScreen",
    "ToolSelectScreen",
    "TransportSelectScreen",
)

A = TypeVar("A")


class Switches(ChoiceList[A, str], Generic[A]):
    """Enter changes a row; `off` are the names that are switched off."""

    key_words = "Enter switches on or off, Esc closes"
    empty_words = "none is installed"

    def __init__(self, off: Collection[str]) -> None:
        super().__init__()
        self.off = set(off)

    def row(self, name: str, words: str = "", more: str = "") -> Row[str]:
        return Row(f"[{' ' if name in self.off else 'x'}] {words or name}", name, more)

    def lines(self) -> list[Row[str]]:
        """The rows as they are now."""
        raise NotImplementedError

    def _refresh_rows(self) -> None:
        self.fill(self.lines())

    def chosen(self, thing: str) -> None:
        self.off ^= {thing}
        self._refresh_rows()

    def result(self) -> A:
        """The answer of the screen."""
        raise NotImplementedError

    def action_close(self) -> Awaitable[None] | None:
        self.dismiss(self.result())
        return None


class ToolSelectScreen(Switches[set[str]]):
    """Gives the names of the tools that are off. `groups` are the tools by distribution."""

    title_words = "Tools"

    def __init__(
        self, groups: Mapping[str, Iterable[AnyTool | str]], disabled: Collection[str]
    ) -> None:
        super().__init__(disabled)
        self._groups = {whose: [*map(_name, tools)] for whose, tools in groups.items()}
        self.rows = self.lines()

    def lines(self) -> list[Row[str]]:
        return [
            self.row(name, more=whose) for whose, names in self._groups.items() for name in names
        ]

    def result(self) -> set[str]:
        return self.off


class TransportSelectScreen(Switches[set[str]]):
    """Gives the names of the transports that are switched off. Where `reload_cb` is given, r calls
    it for the counts of models."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "reload", "reload the models", show=False)
    ]
    has_search = False
    title_words = "Transports"

    def __init__(
        self,
        available: Iterable[str],
        discovered: Iterable[str],
        model_counts: Mapping[str, int],
        disabled: Collection[str],
        reload_cb: Callable[[], Any] | None = None,
    ) -> None:
        super().__init__(disabled)
        self._available = set(available)
        self._names = sorted({*discovered, *self._available})
        self._counts = model_counts
        self._reload = reload_cb
        if reload_cb is not None:
            self.key_words = "Enter switches on or off, r reloads the models, Esc closes"
        self.rows = self.lines()

    def lines(self) -> list[Row[str]]:
        return [self.row(name, more=self._told(name)) for name in self._names]

    def _told(self, name: str) -> str:
        count = self._counts.get(name, 0)
        if not count and name not in self._available:
            return "not available"
        return how_many(count, "model")

    def result(self) -> set[str]:
        return self.off

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "reload" and self._reload is None:
            return False
        return super().check_action(action, parameters)

    def action_reload(self) -> None:
        if self._reload is not None:
            self.run_worker(self._ask_again(self._reload), exclusive=True)

    async def _ask_again(self, reload: Callable[[], Any]) -> None:
        self.tell_keys("asking for models")
        try:
            again = reload()
            counts = await again if isawaitable(again) else again
        except Exception as error:  # it may be code of others
            self.tell_keys(f"{self.key_words}; that failed: {message_of(error)}")
            return
        if isinstance(counts, Mapping):
            self._counts = counts
        self.tell_keys(self.key_words)
        self._refresh_rows()


class GuardToolsScreen(Switches[tuple[bool, set[str]]]):
    """Gives whether a guard is on, and the names of the tools that it is asked about. Those among
    `assigned` that are not in `tools` stay."""

    def __init__(
        self,
        name: str,
        description: str,
        enabled: bool,
        assigned: Collection[str],
        tools: Iterable[AnyTool | str],
    ) -> None:
        self._tools = [*map(_name, tools)]
        super().__init__({tool for tool in self._tools if tool not in assigned})
        self._absent = set(assigned) - set(self._tools)
        self.title_words = f"The guard {name} is asked about: {description}".rstrip(": ")
        self._enabled = enabled
        self.rows = self.lines()

    def lines(self) -> list[Row[str]]:
        state = Row(f"[{'x' if self._enabled else ' '}] the guard is on", "")
        return [state, *(self.row(tool) for tool in self._tools)]

    def chosen(self, thing: str) -> None:
        if thing:
            super().chosen(thing)
        else:
            self._enabled = not self._enabled
            self._refresh_rows()

    def result(self) -> tuple[bool, set[str]]:
        return self._enabled, self._absent | (set(self._tools) - self.off)


class GuardSelectScreen(Switches[tuple[set[str], dict[str, set[str]]]]):
    """Gives the names of the guards that are switched off, and the tools of each by its name."""

    title_words = "Guards"
    key_words = "Enter opens a guard, Esc closes"

    def __init__(
        self,
        names: Mapping[str, Any] | Iterable[str],
        disabled: Collection[str],
        map: Mapping[str, Collection[str]],
        tools: Iterable[AnyTool | str],
    ) -> None:
        super().__init__(disabled)
        self._names = [*names]
        kinds = names if isinstance(names, Mapping) else {}
        self._words = {name: _first_line(kinds.get(name)) for name in self._names}
        self._map = {name: set(assigned) for name, assigned in map.items()}
        self._tools = [_name(tool) for tool in tools]
        self.rows = self.lines()

    def lines(self) -> list[Row[str]]:
        return [self.row(name, more=self._told(name)) for name in self._names]

    def _told(self, name: str) -> str:
        if name not in self._map:
            return "asked about all tools"
        return f"asked about {', '.join(sorted(self._map[name])) or 'no tool'}"

    def chosen(self, thing: str) -> None:
        def taken(answer: tuple[bool, set[str]] | None) -> None:
            if answer is None:
                return
            enabled, assigned = answer
            self.off = self.off - {thing} if enabled else self.off | {thing}
            if thing in self._map or assigned != {*self._tools}:
                self._map[thing] = assigned
            self._refresh_rows()

        assigned = self._map.get(thing, self._tools)
        is_on = thing not in self.off
        self.app.push_screen(
            GuardToolsScreen(thing, self._words[thing], is_on, assigned, self._tools), taken
        )

    def result(self) -> tuple[set[str], dict[str, set[str]]]:
        return self.off, self._map


def _name(tool: AnyTool | str) -> str:
    return tool if isinstance(tool, str) else tool.name


def _first_line(kind: object) -> str:
    return ((getattr(kind, "__doc__", "") or "").strip().splitlines() or [""])[0]
