"""axio itself, under the same harness."""

from __future__ import annotations

from collections.abc import Sequence

from axio import Agent, MemoryContextStore, Message, TextBlock
from benchmarks.script import add, axio_agent, consume
from benchmarks.turns import Turn

REQUIRES: tuple[str, ...] = ()


class System:
    def agent(self, turns: Sequence[Turn], tools: bool) -> Agent:
        return axio_agent(turns, add=add) if tools else axio_agent(turns)

    def history(self, length: int) -> MemoryContextStore:
        return MemoryContextStore(
            [
                Message("assistant" if n % 2 else "user", [TextBlock(f"message {n}")])
                for n in range(length)
            ]
        )

    async def run(self, agent: Agent, history: MemoryContextStore) -> None:
        await consume(agent, history)
