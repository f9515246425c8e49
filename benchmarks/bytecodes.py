"""Count bytecodes by function: where the work of a short case is, without a clock.

    python -m benchmarks.bytecodes d           # the busiest functions of item d, and of its floor
    python -m benchmarks.bytecodes b --most 40

One unit of work after a warm-up, seen through `sys.settrace`. What is done in C does not count, and
a bytecode that calls costs more than one that does not: a place to look, not a measure of time.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import Mapping
from types import CodeType, FrameType
from typing import Any

from benchmarks import bench_b_turn, bench_d_tool_loop
from benchmarks.script import Start, consume

RUNS = 10

CASES: Mapping[str, tuple[Any, int]] = {
    "b": (bench_b_turn, 1),
    "d": (bench_d_tool_loop, bench_d_tool_loop.ITERATIONS),
}
"""Item to its module, and how many units of work are one run of it."""


def count(start: Start) -> tuple[Counter[CodeType], Counter[CodeType]]:
    """Bytecodes, and calls or resumptions, by code object, in `RUNS` runs."""
    codes: Counter[CodeType] = Counter()
    entered: Counter[CodeType] = Counter()

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "call":
            entered[frame.f_code] += 1
        elif event == "opcode":
            codes[frame.f_code] += 1
        return trace

    async def runs() -> None:
        for _ in range(RUNS):
            await consume(start())

    async def main() -> None:
        await runs()
        sys.settrace(trace)
        # A task of its own: what is traced begins with a call.
        await asyncio.create_task(runs())
        sys.settrace(None)

    asyncio.run(main())
    return codes, entered


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bytecodes")
    parser.add_argument("item", choices=CASES)
    parser.add_argument("--most", type=int, default=25, help="how many functions (25)")
    options = parser.parse_args()
    module, units = CASES[options.item]
    for system in ("axio", "floor"):
        codes, entered = count(getattr(module, system)())
        units_traced = RUNS * units
        print(f"{sum(codes.values()) / units_traced:8.0f}        {system}, all")
        for code, bytecodes in codes.most_common(options.most):
            calls = entered[code] / units_traced
            print(f"{bytecodes / units_traced:8.1f} {calls:6.1f} {code.co_qualname}")


if __name__ == "__main__":
    main()
