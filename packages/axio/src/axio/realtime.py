"""A spoken conversation: events flow while tools work in the background."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from math import inf
from typing import Any, cast

from axio.agent import Agent
from axio.blocks import ContentBlock
from axio.cancellation import Cancels
from axio.context import MemoryContextStore
from axio.events import (
    Error,
    StreamEvent,
    ToolInputDelta,
    ToolResult,
    ToolUseStart,
    TurnComplete,
)
from axio.exceptions import wrong_kind
from axio.run import Run
from axio.run.call import Call
from axio.run.dispatch import GRACE, ToolDispatch
from axio.run.ending import outlast
from axio.run.turn import Turn
from axio.tool import AnyTool, require_tools
from axio.transport import DummyCompletionTransport, RealtimeSession, RealtimeTransport
from axio.types import StopReason, ToolCallID

__all__ = ("RealtimeAgent",)

logger = logging.getLogger(__name__)

_CLOSING = 10.0  # seconds that running tools have to finish


@dataclass(slots=True)
class RealtimeAgent:
    """`async with` it, or `connect` and `close`; iterate `events()` while sending.

    Calls of the model run as they do in a run: side by side, so that audio keeps flowing, guards
    asked, with `axio.RUN` set. Each is answered through `session.send_tool_result`, also when it
    fails or is interrupted. One that would have to wait for a person is an error.
    """

    system: str
    transport: RealtimeTransport
    tools: list[AnyTool] = field(default_factory=list)
    voice: str | None = None
    input_audio_format: str = "audio/pcm;rate=16000"
    output_audio_format: str = "audio/pcm;rate=24000"
    raise_on_error: bool = True
    # A factory: a subclass without slots would look for a plain default on the class, in vain.
    _calls: _Calls | None = field(
        default_factory=lambda: None, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        if not callable(getattr(self.transport, "connect", None)):
            raise wrong_kind(
                "transport", "a realtime one, such as OpenAIRealtimeTransport(...)", self.transport
            )
        require_tools(self.tools)

    def __getstate__(self) -> Any:
        attributes, slots = cast(Any, object.__getstate__(self))
        return attributes, {**slots, "_calls": None}  # A copy is not connected.

    async def __aenter__(self) -> RealtimeAgent:
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def session(self) -> RealtimeSession:
        return self._connected().session

    def _connected(self) -> _Calls:
        if self._calls is None:
            raise RuntimeError("not connected: use `async with` or `await agent.connect()` first")
        return self._calls

    async def connect(self) -> None:
        if self._calls is not None:
            raise RuntimeError("already connected")
        agent = Agent(self.system, DummyCompletionTransport(), self.tools)
        session = await self.transport.connect(
            system=self.system,
            tools=self.tools,
            voice=self.voice,
            input_audio_format=self.input_audio_format,
            output_audio_format=self.output_audio_format,
        )
        self._calls = _Calls(session, agent)

    async def close(self) -> None:
        """Wait for running tools, ten seconds at most, cancel the rest, and close the session.

        Those that are cancelled have five seconds to clean up.
        """
        calls, self._calls = self._calls, None
        if calls is None:
            return
        try:
            await calls.end(_CLOSING)
        finally:
            await calls.session.close()

    async def send(self, content: ContentBlock | list[ContentBlock]) -> None:
        await self.session.send(content)

    async def commit(self) -> None:
        """Say that the user has finished: the model may answer."""
        await self.session.commit()

    async def interrupt(self) -> None:
        """Stop the model's turn: half-received calls are dropped, running ones cancelled."""
        calls = self._connected()
        calls.drop()
        await calls.end(0)
        await calls.session.interrupt()

    async def events(self) -> AsyncIterator[StreamEvent]:
        """The session's events, unchanged. Leaving the loop waits for running tools: ten seconds
        where the session has failed, not at all where the loop's task was cancelled."""
        calls = self._connected()
        listening = Cancels(asyncio.current_task())
        patience = inf
        try:
            async for event in calls.session.events():
                if isinstance(event, Error) and self.raise_on_error:
                    raise event.exception
                calls.feed(event, self.tools)
                yield event
        except Exception:
            patience = _CLOSING
            raise
        finally:
            cancelled = listening.come_from_elsewhere(asyncio.current_task())
            await calls.end(0 if cancelled else patience)


class _Calls:
    """The calls that the model makes in one session, each answered through it."""

    def __init__(self, session: RealtimeSession, agent: Agent) -> None:
        self.session = session
        self._agent = agent
        self._answering: asyncio.Task[None] | None = None
        """Sends the results while calls are running."""
        self._dispatch = ToolDispatch(Run(MemoryContextStore(), agent))
        self._taken: set[ToolCallID] = set()
        self._turn = Turn(self._taken)
        self._unanswered: dict[ToolCallID, Call] = {}

    def feed(self, event: StreamEvent, tools: list[AnyTool]) -> None:
        """Take an event of the session; the end of a turn starts its calls."""
        if isinstance(event, (ToolUseStart, ToolInputDelta)):
            self._turn.feed(event)
        elif isinstance(event, TurnComplete):
            turn = self._turn
            self.drop()
            if event.stop_reason == StopReason.tool_use:
                turn.close()
                self._agent.tools = tools
                self._start(turn.calls)

    def drop(self) -> None:
        """Forget what has been received of a turn."""
        self._turn = Turn(self._taken)

    def _start(self, calls: list[Call]) -> None:
        self._unanswered.update((call.id, call) for call in calls)
        self._dispatch.start(calls)
        if calls and self._answering is None:
            self._answering = asyncio.create_task(self._answer())

    async def _answer(self) -> None:
        dispatch = self._dispatch
        while await dispatch.more():
            while dispatch.events:
                event = dispatch.events.popleft()
                if isinstance(event, ToolResult):
                    # Calls inside of calls, which it does not know, are none of the session's.
                    call = self._unanswered.pop(event.tool_use_id, None)
                    if call is not None:
                        await self._deliver(call)
        self._answering = None

    async def _deliver(self, call: Call) -> None:
        result = call.result
        assert result is not None
        content = f"error: {result.content}" if result.is_error else result.content
        try:
            await self.session.send_tool_result(call.wire_id, call.name, content)
        except Exception:
            logger.exception("Failed to deliver tool result for call %s", call.wire_id)

    async def end(self, patience: float) -> None:
        """Wait for running calls so many seconds, stop those that are left, and answer them all:
        the provider waits for an answer to every call. A cancel ends the waiting."""
        answering = self._answering
        if answering is None:
            return
        _, cancelled = await outlast((answering,), patience, grace=0)
        try:
            await self._dispatch.close(self._unanswered.values())
        finally:
            late, again = await outlast((answering,), GRACE)
            if late:
                answering.cancel()
                logger.error("the session does not take the answers to its calls")
        self._answering = None
        if stopped := cancelled or again:
            raise stopped
        if not late:
            answering.result()  # An error that a tool raised for the program.
