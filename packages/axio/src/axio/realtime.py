"""A spoken conversation: events flow while tools work in the background."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from axio.blocks import ContentBlock
from axio.events import Error, StreamEvent, ToolInputDelta, ToolUseStart, TurnComplete
from axio.results import Content, as_content, words_of
from axio.run.call import Call
from axio.run.turn import Turn
from axio.tool import Tool
from axio.transport import RealtimeSession, RealtimeTransport
from axio.types import StopReason

__all__ = ("RealtimeAgent",)

logger = logging.getLogger(__name__)

_INTERRUPTED = "error: the call was interrupted before it finished"
_CLOSING = 10.0  # seconds that running tools have to finish, and then to clean up


@dataclass(slots=True)
class RealtimeAgent:
    """`async with` it, or `connect` and `close`; iterate `events()` while sending.

    Each call of the model becomes a task, so that audio keeps flowing, and is answered through
    `session.send_tool_result`, also when it fails or is interrupted.
    """

    system: str
    transport: RealtimeTransport
    tools: list[Tool[Any]] = field(default_factory=list)
    voice: str | None = None
    input_audio_format: str = "audio/pcm;rate=16000"
    output_audio_format: str = "audio/pcm;rate=24000"
    raise_on_error: bool = True
    _session: RealtimeSession | None = field(default=None, init=False, repr=False, compare=False)
    _tasks: dict[asyncio.Task[None], Call] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _turn: Turn = field(default_factory=Turn, init=False, repr=False, compare=False)

    async def __aenter__(self) -> RealtimeAgent:
        await self.connect()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def session(self) -> RealtimeSession:
        if self._session is None:
            raise RuntimeError("not connected: use `async with` or `await agent.connect()` first")
        return self._session

    async def connect(self) -> None:
        if self._session is not None:
            raise RuntimeError("already connected")
        self._session = await self.transport.connect(
            system=self.system,
            tools=self.tools,
            voice=self.voice,
            input_audio_format=self.input_audio_format,
            output_audio_format=self.output_audio_format,
        )

    async def close(self) -> None:
        """Wait for running tools, ten seconds at most, cancel the rest, and close the session.

        Those that are cancelled have as long again to clean up, twenty seconds in all.
        """
        session, self._session = self._session, None
        if session is None:
            return
        try:
            await self._finish_tools(session, _CLOSING)
        finally:
            await session.close()

    async def _finish_tools(self, session: RealtimeSession, patience: float | None) -> None:
        """Wait so many seconds for running tools, or for as long as they take; end what is left."""
        try:
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=patience)
        finally:
            await self._cancel_tools(session)

    async def _cancel_tools(self, session: RealtimeSession) -> None:
        """End what still runs, and answer it: the provider waits for an answer to every call."""
        running = dict(self._tasks)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=_CLOSING)
        for task, call in running.items():
            if task.cancelled() or not task.done():
                await self._deliver(session, call, _INTERRUPTED)

    async def send(self, content: ContentBlock | list[ContentBlock]) -> None:
        await self.session.send(content)

    async def commit(self) -> None:
        """What was sent is complete: the model may answer."""
        await self.session.commit()

    async def interrupt(self) -> None:
        """Stop the model's turn: half-received calls are dropped, running ones cancelled."""
        session = self.session
        self._turn = Turn()
        await self._cancel_tools(session)
        await session.interrupt()

    async def events(self) -> AsyncIterator[StreamEvent]:
        """The session's events, unchanged. Leaving the loop waits for running tools: ten seconds
        where the session has failed, not at all where the loop's task was cancelled."""
        session = self.session
        consumer = asyncio.current_task()
        # It may have been cancelled before, and be cleaning up.
        before = 0 if consumer is None else consumer.cancelling()
        patience: float | None = None
        try:
            async for event in session.events():
                if isinstance(event, Error) and self.raise_on_error:
                    raise event.exception
                if isinstance(event, (ToolUseStart, ToolInputDelta)):
                    self._turn.feed(event)
                elif isinstance(event, TurnComplete):
                    self._complete_turn(session, event)
                yield event
        except Exception:
            patience = _CLOSING
            raise
        finally:
            task = asyncio.current_task()
            known = before if task is consumer else 0
            cancelled = task is not None and task.cancelling() > known
            await self._finish_tools(session, 0 if cancelled else patience)

    def _complete_turn(self, session: RealtimeSession, event: TurnComplete) -> None:
        turn, self._turn = self._turn, Turn()
        if event.stop_reason != StopReason.tool_use:
            return
        turn.close()
        for call in turn.calls:
            task = asyncio.create_task(self._answer(session, call))
            self._tasks[task] = call
            task.add_done_callback(self._tasks.pop)

    async def _answer(self, session: RealtimeSession, call: Call) -> None:
        await self._deliver(session, call, await self._run(call))

    async def _run(self, call: Call) -> Content:
        if call.problem is not None:
            return f"error: {call.problem}"
        tool = next((tool for tool in self.tools if tool.name == call.name), None)
        if tool is None:
            return f"Unknown tool: {call.name}"
        try:
            result = await tool(**call.input)
        except asyncio.CancelledError as exc:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return f"error: {str(exc) or 'the tool cancelled itself'}"
        except Exception as exc:
            return f"error: {words_of(exc)}"
        return as_content(result)

    async def _deliver(self, session: RealtimeSession, call: Call, content: Content) -> None:
        try:
            await session.send_tool_result(call.id, call.name, content)
        except Exception:
            logger.exception("Failed to deliver tool result for call %s", call.id)
