"""The sub-agents of the conversation, and the transcript of one of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from axio_tui.app.agent_lines import AgentAt
from axio_tui.app.keys import binding
from axio_tui.app.screens.choice_list import ChoiceList, Row
from axio_tui.app.widgets.transcript import Transcript
from axio_tui.chat.conversation import Conversation
from axio_tui.harmless import one_line

__all__ = ("AgentScreen", "TasksScreen")


class TasksScreen(ChoiceList[AgentAt | None, AgentAt]):
    """Gives the agent whose transcript is to be seen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "stop", "stop the agent", show=False),
    ]
    has_search = False
    title_words = "Agents that work, or have worked, for this conversation"
    key_words = "Enter opens its transcript, s stops it, Esc closes"
    empty_words = "none"

    def __init__(
        self, find: Callable[[], list[tuple[AgentAt, str]]], stop: Callable[[str], bool]
    ) -> None:
        super().__init__()
        self._find = find
        self._stop = stop

    def on_mount(self) -> None:
        self._list()
        self.set_interval(1, self._list)

    def _list(self) -> None:
        self.fill([Row(line, agent) for agent, line in self._find()])

    def action_stop(self) -> None:
        if self.thing is not None:
            stopped = self._stop(self.thing.call_id)
            self.tell_keys("it is stopped; the others go on" if stopped else "it works no more")


class AgentScreen(Screen[None]):
    """The transcript of one agent, to be read. `touch` shows what has come."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "back", show=False, priority=True),
        binding("page_up", "page(-1)", priority=True),
        binding("page_down", "page(1)", priority=True),
        binding("end", "end", priority=True),
        binding("calls", "toggle_calls", priority=True),
    ]
    DEFAULT_CSS = """
    AgentScreen > Static { height: 1; padding: 0 1; background: $panel; color: $text-muted; }
    """

    def __init__(self, name: str, conversation: Conversation, *, is_ascii: bool = False) -> None:
        super().__init__()
        self._conversation = conversation
        self._name_words = one_line(name, 200)
        self.transcript = Transcript(is_ascii=is_ascii)

    def compose(self) -> ComposeResult:
        yield Static(Content(f"{self._name_words}: read only, Esc goes back"), markup=False)
        yield self.transcript

    def on_mount(self) -> None:
        self.transcript.show(self._conversation)
        self.transcript.focus()

    def touch(self) -> None:
        self.transcript.touch()

    def action_close(self) -> None:
        self.dismiss(None)

    def action_page(self, by: int) -> None:
        self.transcript.action_page(by)

    def action_end(self) -> None:
        self.transcript.follow()

    def action_toggle_calls(self) -> None:
        self.transcript.toggle_all()
