"""a: `import axio` and its Agent, over a bare interpreter."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from functools import partial

from benchmarks.measure import Figure, Item, Sample

FLOOR = "import asyncio, dataclasses, json, typing"
"""Import the modules that no agent loop of typed events can do without."""

AXIO = "import axio; axio.Agent"
TIMES = 5


def cost(statement: str) -> Sample:
    """CPU and wall time of an interpreter that does this and nothing else, the best of some."""
    samples = [_once(statement) for _ in range(TIMES)]
    return Sample(min(s.cpu for s in samples), min(s.wall for s in samples))


def _once(statement: str) -> Sample:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run([sys.executable, "-I", "-c", statement], check=True)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Sample(used, wall)


def over_bare(statement: str) -> Sample:
    bare, full = cost("pass"), cost(statement)
    return Sample(full.cpu - bare.cpu, full.wall - bare.wall)


def modules(statement: str) -> set[str]:
    """The modules that are loaded after it and not in a bare interpreter."""
    show = "; import sys; print(*sys.modules)"
    bare, full = (
        subprocess.run(
            [sys.executable, "-I", "-c", code + show], check=True, capture_output=True, text=True
        ).stdout.split()
        for code in ("pass", statement)
    )
    return set(full) - set(bare)


def items() -> list[Item]:
    systems = {"axio": partial(over_bare, AXIO), "floor": partial(over_bare, FLOOR)}
    return [Item("a import", systems, [Figure("ms CPU", 1e3, goal=1.25)])]
