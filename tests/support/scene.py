"""A run with tools of every temper, ready to be stopped at any step, and what may be left of it.

scene = Scene()
task = asyncio.create_task(scene.consume())
...  # stop it
await scene.judge()
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

from axio.agent import Agent
from axio.blocks import ContentBlock, TextBlock, ToolResultBlock, ToolUseBlock
from axio.context import MemoryContextStore
from axio.events import (
    IterationEnd,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    ToolOutputDelta,
    ToolResult,
    ToolUseStart,
)
from axio.history import INTERRUPTED
from axio.messages import Message
from axio.testing import make_text_response
from axio.tool import Tool
from axio.transport import closing
from axio.types import StopReason, Usage
from support.watching import Watching

__all__ = ("PausingTransport", "Scene", "SlowStore", "Work", "results_of")


async def steps(count: int) -> None:
    """Let the event loop turn so often."""
    for _ in range(count):
        await asyncio.sleep(0)


class PausingTransport(Watching):
    """Waits before every event, as a network does; `open` are the streams not yet closed."""

    open = 0

    async def _paused(self, source: AsyncIterator[StreamEvent]) -> AsyncIterator[StreamEvent]:
        self.open += 1
        try:
            async with closing(source):
                async for event in source:
                    await asyncio.sleep(0)
                    yield event
        finally:
            self.open -= 1

    def stream(
        self, messages: list[Message], tools: list[Tool[Any]], system: str
    ) -> AsyncIterator[StreamEvent]:
        return self._paused(super().stream(messages, tools, system))


class SlowStore(MemoryContextStore):
    """Takes turns of the loop `before` a write has its effect and `after` it, and for reading."""

    def __init__(self, before: int = 1, after: int = 1, reading: int = 1) -> None:
        super().__init__()
        self.before, self.after, self.reading = before, after, reading

    async def append(self, message: Message) -> None:
        await steps(self.before)
        await super().append(message)
        await steps(self.after)

    async def extend(self, messages: Iterable[Message]) -> None:
        await steps(self.before)
        await super().extend(messages)
        await steps(self.after)

    async def replace(self, messages: Iterable[Message]) -> None:
        await steps(self.before)
        await super().replace(messages)
        await steps(self.after)

    async def get_history(self) -> list[Message]:
        await steps(self.reading)
        return await super().get_history()


class Work:
    """Tools that are done at once, that wait, that show output meanwhile, that take no notice of
    being cancelled, and that take their time to clean up; and what each of them did."""

    names = ("quick", "slow", "flow", "stubborn", "tidy")

    def __init__(self) -> None:
        self.running = 0
        self.started: list[str] = []
        self.finished: list[str] = []
        self.lines = 0
        """How many lines `flow` has shown."""
        self.clean = True
        """False while `tidy` has something lying about."""

    async def quick(self) -> str:
        self.started.append("quick")
        self.finished.append("quick")
        return "quick is done"

    async def slow(self) -> str:
        self.started.append("slow")
        self.running += 1
        try:
            await steps(12)
            self.finished.append("slow")
            return "slow is done"
        finally:
            self.running -= 1

    async def flow(self) -> AsyncIterator[tuple[str, str]]:
        self.started.append("flow")
        self.running += 1
        try:
            for n in range(4):
                await steps(2)
                self.lines += 1
                yield "stdout", f"line {n}\n"
            self.finished.append("flow")
        finally:
            self.running -= 1

    async def stubborn(self) -> str:
        self.started.append("stubborn")
        self.running += 1
        try:
            await steps(8)
        except asyncio.CancelledError:
            await steps(3)
        self.running -= 1
        self.finished.append("stubborn")
        return "stubborn is done"

    async def tidy(self) -> str:
        self.started.append("tidy")
        self.running += 1
        self.clean = False
        try:
            await steps(10)
        except asyncio.CancelledError:
            await steps(4)
            self.clean = True
            self.running -= 1
            raise
        self.clean = True
        self.running -= 1
        self.finished.append("tidy")
        return "tidy is done"

    def tools(self) -> list[Tool[Any]]:
        handlers: list[Callable[..., Any]] = [getattr(self, name) for name in self.names]
        return [Tool(name=handler.__name__, handler=handler) for handler in handlers]

    def result(self, name: str) -> ToolResultBlock:
        """The one right result of a call, after all that has happened."""
        shown = "".join(f"line {n}\n" for n in range(self.lines)) if name == "flow" else ""
        if name in self.finished:
            return ToolResultBlock(f"id_{name}", shown or f"{name} is done")
        told = f"{shown}\n{INTERRUPTED}" if shown else INTERRUPTED
        return ToolResultBlock(f"id_{name}", told, True)


PROMPT = Message("user", [TextBlock("go")])
CALLS = Message(
    "assistant",
    [TextBlock("I will do it."), *(ToolUseBlock(f"id_{name}", name, {}) for name in Work.names)],
)
CLOSING = ("All ", "done.")


def calls() -> list[StreamEvent]:
    events: list[StreamEvent] = [TextDelta(0, "I will "), TextDelta(0, "do it.")]
    for index, name in enumerate(Work.names, 1):
        events.append(ToolUseStart(index, f"id_{name}", name))
        events.append(ToolInputDelta(index, f"id_{name}", "{"))
        events.append(ToolInputDelta(index, f"id_{name}", "}"))
    return [*events, IterationEnd(1, StopReason.tool_use, Usage(1, 1))]


def closing_words() -> list[StreamEvent]:
    end = IterationEnd(2, StopReason.end_turn, Usage(1, 1))
    return [*(TextDelta(0, word) for word in CLOSING), end]


class Scene:
    """One run: text, one call to each tool, text. `events` are those its consumer has got."""

    def __init__(self, store: MemoryContextStore | None = None) -> None:
        self.work = Work()
        self.transport = PausingTransport([calls(), closing_words()])
        self.agent = Agent("", self.transport, self.work.tools())
        self.store = SlowStore() if store is None else store
        self.stream = self.agent.run_stream("go", self.store)
        self.events: list[StreamEvent] = []
        self.output = asyncio.Event()

    async def consume(self) -> None:
        async for event in self.stream:
            self.events.append(event)
            if isinstance(event, ToolOutputDelta):
                self.output.set()

    async def read_until(self, kind: type[StreamEvent]) -> None:
        """Take events up to the first of a kind, and leave the stream open."""
        async for event in self.stream:
            self.events.append(event)
            if isinstance(event, kind):
                break

    async def judge(self) -> None:
        """Nothing is left running, and the history is the one right one: no message is lost, none
        is there twice, and each result tells what its tool really did."""
        work = self.work
        left = (work.running, work.clean, self.transport.open)
        assert left == (0, True, 0), left
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert len(work.started) == len(set(work.started)), "a tool ran twice"
        history = list(await MemoryContextStore.get_history(self.store))
        assert history == self.right_history(stored=len(history))
        told = [event for event in self.events if isinstance(event, ToolResult)]
        results = {name: work.result(name) for name in work.names}
        assert len(told) == len({event.name for event in told}), "a call ended twice"
        for event in told:
            result = results[event.name]
            assert (event.content, event.is_error) == (result.content, result.is_error)
        await self.check_that_it_goes_on(history)

    def right_history(self, stored: int) -> list[Message]:
        """The messages that the store must hold, if it holds `stored` of them: a write that was
        stopped may have had its effect or not, and nothing else is left to chance."""
        turns: list[list[str]] = [[], []]
        for event in self.events:
            if isinstance(event, TextDelta):
                turns[event.delta in CLOSING].append(event.delta)
        first, last = ("".join(turn) for turn in turns)
        if not stored and not first:
            return []
        if stored < 3 and not self.work.started:
            return [PROMPT, *_said(first)]
        results: list[ContentBlock] = [self.work.result(name) for name in self.work.names]
        return [PROMPT, CALLS, Message("user", results), *_said(last)]

    async def check_that_it_goes_on(self, history: list[Message]) -> None:
        """The next run sends what is there, and nothing else."""
        again = PausingTransport([make_text_response("Here I am.")])
        async with asyncio.timeout(60):
            assert await Agent("", again).run("are you there?", self.store) == "Here I am."
        [request] = again.requests
        assert request.messages == [*history, Message("user", [TextBlock("are you there?")])]


def _said(text: str) -> list[Message]:
    return [Message("assistant", [TextBlock(text)])] if text else []


def results_of(history: Iterable[Message]) -> dict[str, ToolResultBlock]:
    """The results in it by their ids."""
    return {
        block.tool_use_id: block
        for message in history
        for block in message.content
        if isinstance(block, ToolResultBlock)
    }
