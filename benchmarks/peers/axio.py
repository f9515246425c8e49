"""axio itself, under the same harness."""

from __future__ import annotations

from collections.abc import Sequence

from axio import Agent, MemoryContextStore, Message, TextBlock
from benchmarks.bench_d_tool_loop import add
from benchmarks.script import agent, consume
from benchmarks.turns import Turn

REQUIRES: tuple[str, ...] = ()


class System:
    def agent(self, turns: Sequence[Turn], tools: bool) -> Agent:
        return agent(turns, add) if tools else agent(turns)

    def history(self, length: int) -> MemoryContextStore:
        return MemoryContextStore(
            [
                Message("assistant" if n % 2 else "user", [TextBlock(f"message {n}")])
                for n in range(length)
            ]
        )

    async def run(self, agent: Agent, history: MemoryContextStore) -> None:
        await consume(agent.run_stream("go", history))
