"""The only place that runs calls: side by side, events as they come, results in order.

Runs, resumed runs, `Agent.dispatch_tools` and calls inside of calls all come here.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import aclosing
from time import monotonic
from typing import Any

from axio.blocks import AudioBlock, ImageBlock, TextBlock, ToolResultBlock, ToolUseBlock, VideoBlock
from axio.cancellation import is_being_cancelled
from axio.events import (
    AudioOutput,
    ImageOutput,
    StreamEvent,
    ToolOutputDelta,
    ToolResult,
    VideoOutput,
)
from axio.exceptions import Deferred, message_of
from axio.history import INTERRUPTED
from axio.journal import Journal
from axio.permission import APPROVED, BEGIN
from axio.results import Content, as_content, as_text, words_of
from axio.run.call import Call
from axio.run.ending import outlast
from axio.run.face import RUN, Run
from axio.run.inner import InnerCalls, call_inside, made_inside, waits
from axio.run.start import start_at_once
from axio.tool import AnyTool
from axio.types import ToolName

__all__ = ("GRACE", "ToolDispatch")

logger = logging.getLogger(__name__)

GRACE = 5.0
"""Seconds a cancelled handler has to clean up before it is left behind."""

_NOT_RUN = "[not run] The run failed before this call's turn was complete."

_OUTPUT: dict[type, Any] = {
    ImageBlock: ImageOutput,
    AudioBlock: AudioOutput,
    VideoBlock: VideoOutput,
}


class ToolDispatch:
    """Runs calls of the tools of `run.agent`: `start` them, and read `events` as long as there are
    `more`:

        dispatch.start(calls)
        while await dispatch.more():
            while dispatch.events:
                event = dispatch.events.popleft()

    Each call then has its `result`. A call is a task, whose first step runs before `start` returns.
    An `Exception` of a tool is told to the model; anything else is raised by `more`.
    """

    __slots__ = (
        "_dropped",
        "_failure",
        "_run",
        "_tasks",
        "_wakeup",
        "events",
        "journal",
        "loop",
        "running",
    )

    def __init__(self, run: Run) -> None:
        self.events: deque[StreamEvent] = deque()
        self._dropped = False
        """True once the turn of the calls has failed."""
        self._failure: BaseException | None = None
        """An error that a tool raised for the program, not for the model."""
        self.journal = run.store.journal
        self.loop = asyncio.get_running_loop()
        self._run = run
        run._dispatch = self
        self.running = 0
        """The number of calls that have been started and have no result yet."""
        self._tasks: dict[asyncio.Future[None], bool] = {}
        """The running calls that had to wait for something; true if they have been cancelled."""
        self._wakeup: asyncio.Future[None] | None = None

    def start(self, calls: Sequence[Call]) -> None:
        """Start those of `calls` that have not been started yet."""
        for call in calls:
            if call.started:
                continue
            call.started = True
            self.running += 1
            task = start_at_once(self.perform(call), self.loop)
            if not task.done():
                call.task = task
                self._tasks[task] = False
                task.add_done_callback(_retrieve)
            elif call.result is None:  # At the end of the stack not even an error can be handled.
                logger.error("a tool call broke down", exc_info=task.exception())
                self.finish(call, INTERRUPTED, True)

    async def more(self) -> bool:
        """Wait for `events` to read; False once every call has its result and all were read."""
        if self.events:
            return True
        if self._failure is not None:
            raise self._failure
        if not self.running:
            return False
        self._wakeup = self.loop.create_future()
        await self._wakeup
        return True

    async def call_inside(self, view: Run, name: ToolName, arguments: Any) -> ToolResultBlock:
        """Run one more call inside the current one of `view`, in the task of its caller."""
        return await call_inside(self, view, name, arguments)

    def find(self, name: ToolName) -> AnyTool | None:
        for tool in self._run.agent.tools:
            if tool.name == name:
                return tool
        return None

    def _unknown(self, name: ToolName) -> str:
        known = ", ".join(tool.name for tool in self._run.agent.tools) or "none"
        return f"Unknown tool: {name}. Tools there are: {known}."

    def stop(self) -> None:
        """Cancel the running calls, each of them once: a handler cleans up undisturbed."""
        for task, told in self._tasks.items():
            if not told:
                self._tasks[task] = True
                task.cancel()

    async def close(self, calls: Iterable[Call] = ()) -> None:
        """Stop the running calls, and answer those of `calls` that have no result as interrupted.

        Returns when every handler has ended or has had `GRACE` seconds for it, also if this very
        call is cancelled meanwhile.
        """
        cancelled = None
        if not self.loop.is_closed():
            self.stop()
            pending, cancelled = await outlast(self._tasks, GRACE)
            if pending:
                logger.error("%d tool calls ignore cancellation and are left behind", len(pending))
        for call in calls:
            if call.result is None:
                self._interrupt(call)
        if cancelled is not None:
            raise cancelled

    def _interrupt(self, call: Call) -> None:
        """Answer a call that did not finish: with its output so far, and that it was stopped."""
        text = INTERRUPTED
        tool = self.find(call.name)
        if call.output and tool is not None:
            try:
                shown = tool.format_stream_result(call.output)
                text = f"{as_text(as_content(shown))}\n{INTERRUPTED}"
            except Exception:
                logger.exception("tool %r cannot format its own output", call.name)
        self.finish(call, text, True)

    def drop(self, calls: Sequence[Call], held: bool) -> None:
        """Tell the consumer that the calls of a failed turn have ended without a result.

        Those `held` back until now go with the turn, and so does all that its calls still tell.
        """
        if held:
            self.events.clear()
        for call in calls:
            self.push(ToolResult(call.id, call.name, True, _NOT_RUN, call.input))
        self._dropped = bool(calls)

    def emit(self, event: StreamEvent) -> None:
        """Hand an event to the consumer; from any thread."""
        if asyncio._get_running_loop() is self.loop:
            self.push(event)
        else:
            self.loop.call_soon_threadsafe(self.push, event)

    def push(self, event: StreamEvent) -> None:
        if self._dropped:
            return
        self.events.append(event)
        if self._wakeup is not None and not self._wakeup.done():
            self._wakeup.set_result(None)

    async def perform(self, call: Call) -> None:
        """Run one call to its result. The context is the call's own, or is put back after it."""
        tool = self.find(call.name)
        if tool is None or call.problem is not None:
            self.finish(call, call.problem or self._unknown(call.name), True)
            return
        RUN.set(self._run.inside(call))
        if call.approved:
            APPROVED.set(call.name)
        content: Content | None = None
        is_error = True
        try:
            if not tool.read_only and (self.journal is not None or call.outer is not None):
                await self._announce(call, tool)
            if tool.supports_streaming:
                content = as_content(await self._stream(call, tool))
            else:
                content = as_content(await tool(**call.arguments()))
            is_error = False
        except Deferred as exc:
            content = self._put_off(call, exc)
        except Exception as exc:
            content = words_of(exc)
        except asyncio.CancelledError:
            if call.inside is not None:
                call.inside.end()
            if is_being_cancelled():
                raise
            content = "the tool was cancelled from within"
        except BaseException as exc:
            self._failure = exc
            content = words_of(exc)
        finally:
            if content is None:
                self._interrupt(call)
        if call.inside is not None and (note := self._waits_inside(call, call.inside)):
            content, is_error = note, True
        try:
            if call.begun and self.journal is not None:
                await self._note(call, ToolResultBlock(call.id, content, is_error), self.journal)
        finally:
            self.finish(call, content, is_error)

    async def _announce(self, call: Call, tool: AnyTool) -> None:
        """Have it noted that the handler starts, now or when the call has waited for its turn."""

        async def begin() -> None:
            if self.journal is not None:
                await self.journal.begin(ToolUseBlock(call.id, call.name, call.input))
            call.begun = True

        if tool.waits:
            BEGIN.set(begin)
        else:
            await begin()

    async def _note(self, call: Call, result: ToolResultBlock, journal: Journal) -> None:
        """Have a result noted before it is told."""
        try:
            await journal.finish(ToolUseBlock(call.id, call.name, call.input), result)
        except Exception as exc:
            logger.warning("the result of call %r could not be noted: %s", call.id, exc)

    def _put_off(self, call: Call, exc: Deferred) -> str:
        """The note for a call that has to wait for a person, or for its result."""
        outer = call.outer
        has_ended = outer is not None and outer.inside is not None and outer.inside.ended
        if self._run.can_be_resumed and not has_ended:
            from axio.approval import waiting_note  # Most programs never get here.

            if outer is None:
                self._run.stop("waiting" if exc.has_begun else "approval")
            return waiting_note(
                call.id, call.name, call.input, message_of(exc), has_begun=exc.has_begun
            )
        place = "outside of a run" if outer is None else f"inside of {outer.name!r}"
        return (
            f"not run: this call has to wait for a person, and a call {place} cannot wait. "
            f"{message_of(exc)}"
        )

    def _waits_inside(self, call: Call, inside: InnerCalls) -> str | None:
        """The note for a call whose handler has ended while calls that it has made wait."""
        inside.end()
        if not any(waits(inner) for inner in inside.calls):
            return None
        from axio.approval import as_history, reason_to_stop, waiting_inside_note

        if call.outer is not None:
            return waiting_inside_note(call.id, call.name, call.input)
        made = made_inside(call)
        self._run.stop(reason_to_stop(as_history(made)))
        return waiting_inside_note(call.id, call.name, call.input, made)

    async def _stream(self, call: Call, tool: AnyTool) -> Any:
        chunks = call.output = []
        start = monotonic()
        async with aclosing(tool.call_streaming(**call.arguments())) as source:
            async for key, text in source:
                chunks.append((monotonic() - start, key, text))
                self.push(ToolOutputDelta(call.id, call.name, key, text))
        return tool.format_stream_result(chunks)

    def finish(self, call: Call, content: Content, is_error: bool) -> None:
        if call.result is not None:
            return  # It has been answered as interrupted, and ended after all.
        call.result = ToolResultBlock(call.id, content, is_error)
        self.running -= 1
        if not self.running:
            self._tasks.clear()  # so that they are free to go before the run goes on
        if isinstance(content, str):
            text = content
        else:
            text = as_text(content)
            for block in content:
                if not isinstance(block, TextBlock):
                    self.push(_OUTPUT[type(block)](0, block.data, block.media_type))
        self.push(ToolResult(call.id, call.name, is_error, text, call.input))


def _retrieve(task: asyncio.Future[None]) -> None:
    """Look at the exception of a task: it has been told, and asyncio need not report it."""
    if not task.cancelled():
        task.exception()
