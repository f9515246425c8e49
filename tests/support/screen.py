"""The full screen in a test: over a model that says what the test lets it say, event by event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from axio.agent import Agent
from axio.context import ContextStore
from axio.events import (
    Error,
    IterationEnd,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    ToolUseStart,
)
from axio.messages import Message
from axio.models import Capability, ModelSpec
from axio.tool import AnyTool
from axio.types import StopReason, Usage
from axio_tui.app.app import AgentApp
from axio_tui.app.opening import Opened
from axio_tui.chat.library import open_library
from axio_tui.chat.offers import Offer
from axio_tui.chat.permissions import Ask, Permissions
from axio_tui.chat.prompt_history import PromptHistory
from axio_tui.chat.session import ChatSession
from axio_tui.logs import RecentLog
from axio_tui.place import Place
from axio_tui.server_tools import ServerTools

__all__ = ("Offering", "Puppet", "app_over", "until", "words_on")

DEADLINE = 50.0


class Puppet:
    """A transport that does nothing by itself. `requests` is what it was asked."""

    name = "puppet"
    api_key = "sk-puppet-123456"

    def __init__(self) -> None:
        self.model = ModelSpec(
            "puppet-1",
            frozenset({Capability.text, Capability.tool_use}),
            context_window=1_000,
            input_cost=1.0,
            output_cost=2.0,
        )
        self.requests: list[list[Message]] = []
        self._events: asyncio.Queue[StreamEvent] = asyncio.Queue()
        self._ids = count(1)

    async def stream(
        self, messages: list[Message], tools: list[AnyTool], system: str
    ) -> AsyncIterator[StreamEvent]:
        self.requests.append(list(messages))
        while True:
            event = await self._events.get()
            if isinstance(event, Error):
                raise event.exception
            yield event
            if isinstance(event, IterationEnd):
                return

    def say(self, *texts: str) -> None:
        for text in texts:
            self._events.put_nowait(TextDelta(0, text))

    def think(self, text: str) -> None:
        self._events.put_nowait(ReasoningDelta(1, text))

    def call(self, name: str, arguments: str) -> str:
        """A call with the arguments as JSON; its id."""
        id = f"call_{next(self._ids)}"
        self._events.put_nowait(ToolUseStart(2, id, name))
        self._events.put_nowait(ToolInputDelta(2, id, arguments))
        self._events.put_nowait(IterationEnd(1, StopReason.tool_use, Usage(100, 20)))
        return id

    def fail(self, error: BaseException) -> None:
        self._events.put_nowait(Error(error))

    def end(self) -> None:
        self._events.put_nowait(IterationEnd(1, StopReason.end_turn, Usage(100, 20)))

    def answer(self, text: str) -> None:
        """A whole answer."""
        self.say(text)
        self.end()


def app_over(
    puppet: Puppet,
    folder: Path,
    *,
    tools: Sequence[AnyTool] = (),
    guarded: Sequence[AnyTool] = (),
    messages: Sequence[Message] = (),
    keeps: bool = False,
    store: ContextStore | None = None,
    theme: str = "",
    is_ascii: bool = False,
    servers: ServerTools | None = None,
    place: Place | None = None,
    keys: Mapping[str, Sequence[str]] | None = None,
) -> AgentApp:
    """The application with tools, those of `guarded` behind questions, and with a history."""

    @asynccontextmanager
    async def open(ask: Ask, say: Callable[[str], object]) -> AsyncIterator[Opened]:
        from axio_tools_local.local import LocalWorkspace

        app.writing.history = PromptHistory(folder / "prompts", folder)  # not of this machine
        permissions = Permissions(ask, root=folder)
        agent = Agent("Help.", puppet, [*tools, *permissions.guarded(guarded)])
        if servers is not None:
            servers.on_change = lambda: setattr(agent, "tools", [*tools, *servers.tools])

        def make(store: ContextStore) -> ChatSession:
            return ChatSession(agent, store, permissions=permissions)

        async with open_library(folder / "axio.db", folder, keep=keeps) as library:
            first = store or await library.store()
            for message in messages:
                await first.append(message)
            files = LocalWorkspace(folder)
            more: Any = {"servers": servers, "place": place}
            yield Opened(make(first), make, library, files, lambda: "puppet", **more)

    app = _Ended(open, theme=theme, is_ascii=is_ascii, keys=keys or {}, log=RecentLog())
    return app


class _Ended(AgentApp):
    """Ends with the test, also where the test fails: else the loop would wait for it."""

    @asynccontextmanager
    async def run_test(self, **given: Any) -> AsyncIterator[Pilot[None]]:
        try:
            async with super().run_test(**given) as pilot:
                yield pilot
        finally:
            await self.close()


class Offering:
    """Models that are offered, and given to roles: `used` has those that were."""

    def __init__(self, *offered: Offer) -> None:
        self._offered = offered
        self.used: list[tuple[str, str]] = []

    async def offers(self) -> Sequence[Offer]:
        return self._offered

    async def use(self, role: str, name: str) -> None:
        self.used.append((role, name))

    def whole_name(self, name: str) -> str:
        return name


async def until(pilot: Pilot[Any], what: Callable[[], object], told: str = "") -> None:
    """Let the application go on until it is so."""
    loop = asyncio.get_running_loop()
    end = loop.time() + DEADLINE
    while not what():
        if loop.time() > end:
            raise AssertionError(
                f"it never came to be {told}; on the screen:\n{words_on(pilot.app)}"
            )
        await pilot.pause(0.01)


def words_on(app: Any) -> str:
    """All that is on the screen, as text."""
    lines = app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in lines)
