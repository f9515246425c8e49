"""The floor of the tool loop under the same harness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.bench_d_tool_loop import add
from benchmarks.by_hand import loop_by_hand
from benchmarks.script import Script, consume
from benchmarks.turns import Turn

REQUIRES: tuple[str, ...] = ()
TOOLS = {"add": (add, (("a", int), ("b", str)))}


class System:
    def agent(self, turns: Sequence[Turn], tools: bool) -> Script:
        return Script(turns)

    def history(self, length: int) -> list[Any]:
        return [("user", [f"message {n}"]) for n in range(length)]

    async def run(self, agent: Script, history: list[Any]) -> None:
        await consume(loop_by_hand(agent, TOOLS, history))
