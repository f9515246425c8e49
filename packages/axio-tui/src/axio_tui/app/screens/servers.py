"""The MCP servers, and what is done with them by one key."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from axio.exceptions import AxioError
from axio_tui.app.screens.ask import Ask
from axio_tui.app.screens.choice_list import ChoiceList, Row
from axio_tui.app.screens.pager import LongText, Pager
from axio_tui.app.screens.window import Window
from axio_tui.app.widgets.line import Line
from axio_tui.chat.commands import CommandFailed
from axio_tui.chat.servers import act, add, differences, whole_of, words_of
from axio_tui.errors import CommandError
from axio_tui.harmless import one_line, visible
from axio_tui.server_tools import ServerTools

__all__ = ("AddServer", "Changes", "ServersScreen")

_EVERY = 0.5  # seconds between two looks at their states
_FAULTS = (AxioError, CommandFailed, CommandError, OSError, ValueError, LookupError)


class ServersScreen(ChoiceList[None, str]):
    """Lists the servers with their states."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "act('try')", "connect it anew", show=False),
        Binding("o", "switch", "switch it on or off", show=False),
        Binding("l", "act('login')", "sign in to it", show=False),
        Binding("p", "approve", "approve its changed tools", show=False),
        Binding("a", "add", "add a server", show=False),
        Binding("x", "remove", "remove it", show=False),
    ]
    has_search = False
    title_words = "MCP servers"
    key_words = "Enter tools, t try, o on/off, l sign in, p approve, a add, x remove, Esc closes"
    empty_words = "none yet: a adds one"

    def __init__(self, servers: ServerTools) -> None:
        super().__init__()
        self._servers = servers

    def on_mount(self) -> None:
        self._list()
        self.set_interval(_EVERY, self._list)

    def _list(self) -> None:
        registry = self._servers.registry
        names = [] if registry is None else registry.server_names
        rows = []
        for name in names:
            state, way = words_of(self._servers, name)
            rows.append(Row(f"{visible(name)}: {visible(state)}", name, visible(way)))
        if rows != list(self.rows):
            self.fill(rows)

    def chosen(self, thing: str) -> None:
        self.app.push_screen(Pager(visible(thing), whole_of(self._servers, thing)))

    async def action_act(self, word: str) -> None:
        if self.thing is not None:
            await self._do(act(self._servers, word, self.thing))

    async def action_switch(self) -> None:
        registry = self._servers.registry
        if self.thing is not None and registry is not None:
            is_on = registry.server_config(self.thing).enabled
            await self._do(act(self._servers, "off" if is_on else "on", self.thing))

    async def _do(self, doing: Awaitable[str]) -> None:
        """Do it, and say in the line of the keys what came of it."""
        try:
            said = await doing
        except _FAULTS as error:
            said = str(error)
        self.tell_keys(one_line(said, 300))
        self._list()

    def action_approve(self) -> None:
        """Show what has changed; only then it is approved."""
        name = self.thing
        if name is None:
            return
        lines = differences(self._servers, name)
        if not lines:
            self.tell_keys(f"no tool of {visible(name)} has changed since it was approved")
            return

        async def answered(key: str | None) -> None:
            if key == "y":
                await self._do(act(self._servers, "approve", name))

        title = f"Changed tools of {visible(name)}"
        self.app.push_screen(Changes(title, "\n".join(lines)), answered)

    def action_remove(self) -> None:
        name = self.thing
        if name is None:
            return

        async def answered(key: str | None) -> None:
            if key == "y":
                await self._do(act(self._servers, "remove", name))

        question = f"Remove the server {visible(name)}, also from its file?"
        self.app.push_screen(Ask(question, {"y": "remove it", "n": "keep it"}), answered)

    def action_add(self) -> None:
        def added(said: str | None) -> None:
            if said is not None:
                self.tell_keys(said)
                self._list()

        self.app.push_screen(AddServer(self._servers), added)


class Changes(LongText[str | None]):
    """The differences of the tools of a server. Gives "y" to approve them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss('y')", "approve", show=False),
    ]
    key_words = "y approves them as they are now, Esc leaves them refused, arrows scroll"


class AddServer(Window[str | None]):
    """One line that names a server. Gives what is said of it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "add", "add it", show=False)]
    title_words = "Add a server: its name, then its URL, or the command that starts it"
    key_words = "Enter adds it, Esc closes"

    def __init__(self, servers: ServerTools) -> None:
        super().__init__()
        self._servers = servers

    def contents(self) -> ComposeResult:
        yield Line(placeholder="time uvx mcp-server-time", compact=True, id="line")

    def on_mount(self) -> None:
        self.set_focus(self.query_one(Line))

    def action_add(self) -> None:
        try:
            self.dismiss(add(self._servers, self.query_one(Line).value))
        except _FAULTS as error:
            self.tell_keys(str(error))
