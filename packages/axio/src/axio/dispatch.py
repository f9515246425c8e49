"""The calls of one turn: run side by side, their events as they come, their results in order."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence, Set
from contextlib import aclosing
from time import monotonic
from typing import Any

from axio import eager
from axio.blocks import (
    AudioBlock,
    ContentBlock,
    ImageBlock,
    ReasoningBlock,
    TextBlock,
    ToolResultBlock,
    ToolUseBlock,
    VideoBlock,
)
from axio.events import (
    AudioOutput,
    ImageOutput,
    StreamEvent,
    ToolOutputDelta,
    ToolResult,
    VideoOutput,
)
from axio.exceptions import Deferred
from axio.history import INTERRUPTED
from axio.messages import Message
from axio.run import RUN, Run
from axio.tool import Tool
from axio.turn import Call
from axio.types import ToolName

__all__ = ("ToolDispatch", "as_content", "holds_media")

logger = logging.getLogger(__name__)

_GRACE = 5.0  # seconds a cancelled handler has to clean up before it is left behind

_MEDIA_OUTPUT: dict[type, Any] = {
    ImageBlock: ImageOutput,
    AudioBlock: AudioOutput,
    VideoBlock: VideoOutput,
}
_NOT_IN_RESULTS = (ToolUseBlock, ToolResultBlock, ReasoningBlock)


class ToolDispatch:
    """The calls of one turn: start them, read `events` while any is `running`, `close`.

    Each call then has its `result`. A call is a task, whose first step runs before `start` returns.
    What a tool raises is told to the model; what is no `Exception` is raised by `is_done`.
    """

    __slots__ = (
        *("events", "running"),
        *("_failure", "_loop", "_run", "_stopped", "_tasks", "_tools", "_wakeup"),
    )

    def __init__(self, tools: Sequence[Tool[Any]], run: Run) -> None:
        self.events: deque[StreamEvent] | None = None
        self.running = 0
        """How many calls have been started and have no result yet."""
        self._failure: BaseException | None = None
        """What a tool raised that is no `Exception`: for the program, not for the model."""
        self._loop = asyncio.get_running_loop()
        self._run = run
        self._stopped: Set[asyncio.Future[None]] = frozenset()
        self._tasks: list[asyncio.Future[None]] = []
        """Of the calls that had to wait for something."""
        self._tools = tools
        self._wakeup: asyncio.Future[None] | None = None
        if run.control is not None:
            run.control.tools = self

    def start(self, calls: Sequence[Call]) -> None:
        """Start those of `calls` that have not been started yet."""
        for call in calls:
            if call.started:
                continue
            call.started = True
            self.running += 1
            if call.problem is not None:
                self._finish(call, call.problem, True)
                continue
            tool = self._find(call.name)
            if tool is None:
                self._finish(call, self._unknown(call.name), True)
                continue
            task = eager.start(self._perform(call, tool), self._loop)
            if not task.done():
                self._tasks.append(task)
            elif call.result is None:  # At the end of the stack not even an error can be handled.
                logger.error("a tool call broke down", exc_info=task.exception())
                self._finish(call, INTERRUPTED, True)

    def is_done(self) -> bool:
        """Whether every call has its result. Raises what a tool meant for the program."""
        if self._failure is not None:
            raise self._failure
        return not self.running

    def _find(self, name: ToolName) -> Tool[Any] | None:
        for tool in self._tools:
            if tool.name == name:
                return tool
        return None

    def _unknown(self, name: ToolName) -> str:
        known = ", ".join(tool.name for tool in self._tools) or "none"
        return f"Unknown tool: {name}. Tools there are: {known}."

    def next_event(self) -> asyncio.Future[None]:
        """What to await when there are no `events` and calls are still `running`."""
        self._wakeup = self._loop.create_future()
        return self._wakeup

    def stop(self) -> None:
        """Cancel what runs; whoever has been told cleans up, and is not told again."""
        told, self._stopped = self._stopped, {task for task in self._tasks if not task.done()}
        for task in self._stopped - told:
            task.cancel()

    async def close(self) -> None:
        """Stop what still runs and answer it as interrupted; finished results stay.

        Returns when every handler has ended or has had `_GRACE` seconds for it, also if this very
        call is cancelled meanwhile.
        """
        if self._loop.is_closed():
            return
        self.stop()
        pending = set(self._stopped)
        cancelled: asyncio.CancelledError | None = None
        deadline = self._loop.time() + _GRACE
        while pending and (left := deadline - self._loop.time()) > 0:
            try:
                _, pending = await asyncio.wait(pending, timeout=left)
            except asyncio.CancelledError as exc:
                cancelled = exc
                pending = {task for task in pending if not task.done()}
        if pending:
            logger.error("%d tool calls ignore cancellation and are left behind", len(pending))
        if cancelled is not None:
            raise cancelled

    def interrupt(self, call: Call) -> None:
        """Answer a call that did not finish: with its output so far, and that it was stopped."""
        text = INTERRUPTED
        tool = self._find(call.name)
        if call.output and tool is not None:
            try:
                shown = tool.format_stream_result(call.output)
                text = f"{_flattened(as_content(shown))}\n{INTERRUPTED}"
            except Exception:
                logger.exception("tool %r cannot format its own output", call.name)
        self._finish(call, text, True)

    def emit(self, event: StreamEvent) -> None:
        """Hand an event to the consumer; from any thread."""
        if asyncio._get_running_loop() is self._loop:
            self._push(event)
        else:
            self._loop.call_soon_threadsafe(self._push, event)

    def _push(self, event: StreamEvent) -> None:
        if self.events is None:
            self.events = deque()
        self.events.append(event)
        if self._wakeup is not None and not self._wakeup.done():
            self._wakeup.set_result(None)

    async def _perform(self, call: Call, tool: Tool[Any]) -> None:
        """Run one call to its result."""
        try:
            # This coroutine has a context of its own.
            RUN.set(self._run.inside(call.id, call.name, self.emit, call.approved))
            if tool.supports_streaming:
                content = as_content(await self._stream(call, tool))
            else:
                content = as_content(await tool(**call.arguments()))
        except Deferred as exc:
            from axio.approval import waiting_note  # Most programs never get here.

            self._run.stop("approval")
            note = waiting_note(call.id, call.name, call.input, _words(exc))
            self._finish(call, note, True)
        except Exception as exc:
            self._finish(call, _words(exc), True)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            self._finish(call, "the tool was cancelled from within", True)
        except BaseException as exc:
            self._failure = exc
            self._finish(call, _words(exc), True)
            if isinstance(exc, (KeyboardInterrupt, SystemExit)):
                raise  # asyncio has a way of its own for these
        else:
            self._finish(call, content, False)
        finally:
            if call.result is None:
                self.interrupt(call)

    async def _stream(self, call: Call, tool: Tool[Any]) -> Any:
        chunks = call.output = []
        start = monotonic()
        async with aclosing(tool.call_streaming(**call.arguments())) as source:
            async for key, text in source:
                chunks.append((monotonic() - start, key, text))
                self._push(ToolOutputDelta(call.id, call.name, key, text))
        return tool.format_stream_result(chunks)

    def _finish(self, call: Call, content: Any, is_error: bool) -> None:
        if call.result is not None:
            return  # It has been answered as interrupted, and ended after all.
        text = content if isinstance(content, str) else _flattened(content)
        call.result = ToolResultBlock(call.id, content, is_error)
        self.running -= 1
        if not self.running:
            self._tasks.clear()  # so that they are free to go before the run goes on
        if text is not content:
            for block in content:
                output = _MEDIA_OUTPUT.get(type(block))
                if output is not None:
                    self._push(output(0, block.data, block.media_type))
        self._push(ToolResult(call.id, call.name, is_error, text, call.input))


def _words(exc: BaseException) -> str:
    """What an exception says; its name where it says nothing, or cannot."""
    try:
        return str(exc) or type(exc).__name__
    except Exception:
        return type(exc).__name__


def holds_media(message: Message) -> bool:
    """Whether a tool result in it holds more than text."""
    return any(
        type(block) in _MEDIA_OUTPUT
        for result in message.content
        if isinstance(result, ToolResultBlock)
        for block in result.content
    )


def as_content(value: Any) -> Any:
    """A tool's return value as the content of a result."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(map(_may_stand_in_result, value)):
        return value.copy()  # what the tool does with its own afterwards is not part of the history
    return str(value)


def _may_stand_in_result(value: Any) -> bool:
    return isinstance(value, ContentBlock) and not isinstance(value, _NOT_IN_RESULTS)


def _flattened(content: Any) -> str:
    """The text of a result."""
    if isinstance(content, str):
        return content
    return "\n".join(block.text for block in content if isinstance(block, TextBlock))
