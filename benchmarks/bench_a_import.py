"""a: `import axio` and its Agent, over a bare interpreter."""

from __future__ import annotations

import resource
import subprocess
import sys
import time

from benchmarks.measure import Item, Sample

FLOOR = "import asyncio, contextlib, dataclasses, inspect, json, logging, typing"
TIMES = 5


def cost(statement: str) -> Sample:
    """CPU and wall time of an interpreter that does this and nothing else."""

    def once() -> Sample:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", statement], check=True)
        wall = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Sample(used, wall)

    samples = [once() for _ in range(TIMES)]
    return Sample(min(s.cpu for s in samples), min(s.wall for s in samples))


def over_bare(statement: str) -> Sample:
    bare, full = cost("pass"), cost(statement)
    return Sample(full.cpu - bare.cpu, full.wall - bare.wall)


def items(rounds: int) -> list[Item]:
    systems = {
        "axio": lambda: over_bare("import axio; axio.Agent"),
        "floor": lambda: over_bare(FLOOR),
    }
    return [Item("a import", "ms CPU", systems, scale=1e3, goal=1.25, rounds=rounds)]
