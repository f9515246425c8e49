"""The floor under the same harness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.floor import FloorAgent
from benchmarks.script import add, consume, floor_agent
from benchmarks.turns import Turn

REQUIRES: tuple[str, ...] = ()


class System:
    def agent(self, turns: Sequence[Turn], tools: bool) -> FloorAgent:
        return floor_agent(turns, add=add) if tools else floor_agent(turns)

    def history(self, length: int) -> list[Any]:
        return [("user", [f"message {n}"]) for n in range(length)]

    async def run(self, agent: FloorAgent, history: list[Any]) -> None:
        await consume(agent, history)
