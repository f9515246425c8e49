"""A model that talks at a pace, and a history of such answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

from axio.blocks import TextBlock
from axio.events import IterationEnd, StreamEvent, TextDelta
from axio.messages import Message
from axio.models import Capability, ModelSpec
from axio.tool import AnyTool
from axio.types import StopReason, Usage

__all__ = ("Talker", "answer", "messages")

_PARAGRAPH = (
    "The agent asks the model, runs **each tool** that it names, and stores `every word`, with a "
    "[page](https://example.org/a) for those who want *more* of it than fits into a line. "
)
_PARTS = (
    "```python\nasync def main(agent):\n    async for event in agent.run_stream('go'):\n"
    "        print(event)\n```\n",
    "| part | size |\n|---|---:|\n| one | 10 |\n| two | 200 |\n",
    "- a first item\n- a second, **longer** one\n  - inside of it\n",
    "",
)
_SIZE = 5  # characters of a delta


def answer(number: int) -> str:
    part = _PARTS[number % len(_PARTS)]
    return f"## Part {number}\n\n{_PARAGRAPH * 2}\n\n{part}\n{_PARAGRAPH}\n\n"


def messages(count: int) -> Iterator[Message]:
    for number in range(count):
        if number % 2:
            yield Message("assistant", [TextBlock(answer(number))])
        else:
            yield Message("user", [TextBlock(f"What about part {number}?")])


class Talker:
    """A transport; `talk` gives what it says."""

    name = "talker"

    def __init__(self) -> None:
        self.model = ModelSpec("talker", frozenset({Capability.text}))
        self._events: asyncio.Queue[StreamEvent] = asyncio.Queue()

    async def stream(
        self, messages: list[Message], tools: list[AnyTool], system: str
    ) -> AsyncIterator[StreamEvent]:
        while True:
            event = await self._events.get()
            yield event
            if isinstance(event, IterationEnd):
                return

    async def talk(self, rate: int, seconds: float, *, fence: bool) -> None:
        """Say so many deltas a second, then end the turn."""
        if fence:
            lines = (f"def f{n}(x: int) -> str:  # line {n}\n" for n in range(int(rate * seconds)))
            text = "```python\n" + "".join(lines)
        else:
            text = "".join(answer(n) for n in range(int(rate * seconds * _SIZE / 400) + 2))
        start = time.perf_counter()
        for number in range(int(rate * seconds)):
            due = start + number / rate - time.perf_counter()
            if due > 0:
                await asyncio.sleep(due)
            piece = text[number * _SIZE : (number + 1) * _SIZE]
            self._events.put_nowait(TextDelta(0, piece))
        self._events.put_nowait(IterationEnd(1, StopReason.end_turn, Usage(100, 100)))
