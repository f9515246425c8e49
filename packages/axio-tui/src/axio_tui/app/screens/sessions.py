"""The conversations of the project: search, go on, rename, fork, delete."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from axio.context import SessionInfo
from axio_tui.app.keys import binding, hint
from axio_tui.app.screens.choice_list import ChoiceList, Row
from axio_tui.app.widgets.line import Line
from axio_tui.chat.library import Library
from axio_tui.harmless import one_line
from axio_tui.how_many import how_many

__all__ = ("Choice", "SessionsScreen")

Choice = tuple[str, str]
"""Either "open" or "fork", and the id of the conversation."""

_LISTED = 200


class SessionsScreen(ChoiceList[Choice | None, SessionInfo]):
    """Gives what the person wants to do. Names are changed, and conversations deleted, at once."""

    BINDINGS: ClassVar[list[BindingType]] = [
        binding("rename", "rename"),
        Binding("f3", "fork", "go on in a copy", show=False),
        Binding("delete", "delete", "delete, twice", show=False),
    ]
    title_words = "Conversations of this folder, newest first"
    placeholder = "search in names and first prompts"
    empty_words = "no conversations"

    def __init__(self, library: Library, current: str) -> None:
        super().__init__()
        self._library = library
        self._current = current
        self._renaming: SessionInfo | None = None
        self._deleting: SessionInfo | None = None

    def compose(self) -> ComposeResult:
        renames = hint(self.app, "rename", "renames")
        told = ["Enter goes on", renames, "F3 goes on in a copy", "Del Del deletes", "Esc closes"]
        self.key_words = ", ".join(filter(None, told))
        yield from super().compose()

    async def on_mount(self) -> None:
        await self.narrow()

    async def narrow(self) -> None:
        self._deleting = None
        if self._renaming is not None:
            return
        text = self.typed.strip()
        found = await (self._library.search(text) if text else self._library.sessions())
        if text == self.typed.strip():  # else they are those of an older text
            self._show(found)

    def _show(self, found: Sequence[SessionInfo]) -> None:
        self.rows = [Row(_name(info), info, self._more(info)) for info in found[:_LISTED]]
        self.fill(self.rows)
        if len(found) > _LISTED:
            self.tell_keys(f"{len(found) - _LISTED:,} more: type to search. {self.key_words}")
        else:
            self.tell_keys(self.key_words)

    def _more(self, info: SessionInfo) -> str:
        here = "this one, " if info.session_id == self._current else ""
        return f"{here}{how_many(info.message_count, 'message')}, {info.created_at[:16]}"

    def matches(self, row: Row[SessionInfo]) -> bool:
        return True  # the library has searched already

    def chosen(self, thing: SessionInfo) -> None:
        if self._renaming is None:
            is_open = thing.session_id == self._current  # it goes on already
            self.dismiss(None if is_open else ("open", thing.session_id))

    def action_fork(self) -> None:
        if self.thing is not None:
            self.dismiss(("fork", self.thing.session_id))

    # ── names ─────────────────────────────────────────────────────────────────────────────────

    def action_rename(self) -> None:
        """The line for the search takes the new name."""
        if self.thing is not None:
            self._renaming = self.thing
            self._field.value = one_line(self.thing.preview, 200)
            self._field.action_end()
            self.tell_keys("the new name, then Enter; Esc leaves it as it is")

    @property
    def _field(self) -> Line:
        return self.query_one("#search", Line)

    async def action_choose(self) -> None:
        if self._renaming is None:
            super().action_choose()
            return
        info, self._renaming = self._renaming, None
        name = self._field.value.strip()
        self._field.value = ""
        await self.narrow()
        if name:
            with self._telling():
                await self._library.rename(info.session_id, name)
                await self.narrow()

    async def action_close(self) -> None:
        if self._renaming is None:
            self.dismiss(None)
            return
        self._renaming = None
        self._field.value = ""
        await self.narrow()

    async def action_delete(self) -> None:
        info = self.thing
        if info is None or self._renaming is not None:
            return
        if info.session_id == self._current:
            self.tell_keys("this conversation is open: it cannot be deleted")
        elif self._deleting != info:
            self._deleting = info
            self.tell_keys(f"Del again deletes {_name(info)!r} for good")
        else:
            self._deleting = None
            with self._telling():
                await self._library.delete(info.session_id)
                await self.narrow()

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Tell why a conversation cannot be changed: another program has it, the disk is full."""
        try:
            yield
        except Exception as error:
            self.tell_keys(one_line(str(error), 200))


def _name(info: SessionInfo) -> str:
    return one_line(info.preview, 200) or info.session_id[:8]
