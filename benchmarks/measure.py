"""Interleaved rounds, medians, one table in Markdown.

Absolute figures drift with the machine and its load; systems are therefore measured in turns
(A B A B ...) and compared by the ratio of their medians. `process_time` is what counts, wall time
stands beside it.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True)
class Sample:
    """CPU and wall time of one measurement, in seconds for one unit of work."""

    cpu: float
    wall: float


@dataclass(frozen=True)
class Item:
    """One question: how much does `unit` cost in each system? The system `floor` comes last.

    `scale` turns seconds into the unit that is shown, `goal` is the ratio to the floor that is
    aimed at (of CPU, or of wall time where `by_wall`).
    """

    name: str
    unit: str
    systems: Mapping[str, Callable[[], Sample]]
    scale: float = 1e6
    goal: float | None = None
    by_wall: bool = False
    rounds: int = 7
    samples: dict[str, list[Sample]] = field(default_factory=dict)

    def run(self) -> None:
        for system in self.systems.values():
            system()  # warm-up: caches, first allocations
        for _ in range(self.rounds):
            for name, system in self.systems.items():
                self.samples.setdefault(name, []).append(system())

    def figure(self, system: str) -> float:
        values = self.samples[system]
        return median(s.wall if self.by_wall else s.cpu for s in values) * self.scale


class timed:
    """`with timed(n) as timer: ...` and then `timer.sample`: the cost of one of n units."""

    def __init__(self, units: int = 1) -> None:
        self.units = units
        self.sample = Sample(0, 0)

    def __enter__(self) -> timed:
        gc.collect()
        self._wall = time.perf_counter()
        self._cpu = time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        cpu = time.process_time() - self._cpu
        wall = time.perf_counter() - self._wall
        self.sample = Sample(cpu / self.units, wall / self.units)


HEADER = """\
| item | system | median | min to max | wall | ratio to the floor | goal |
|---|---|---|---|---|---|---|"""


def rows(items: Iterable[Item]) -> Iterable[str]:
    for item in items:
        floor = item.figure("floor")
        for name, samples in item.samples.items():
            values = [(s.wall if item.by_wall else s.cpu) * item.scale for s in samples]
            wall = median(s.wall for s in samples) * item.scale
            ratio = "" if name == "floor" else f"{item.figure(name) / floor:.2f}"
            goal = f"{item.goal:g}" if item.goal and name == "axio" else ""
            yield (
                f"| {item.name} ({item.unit}) | {name} | {median(values):.4g} |"
                f" {min(values):.4g} to {max(values):.4g} | {wall:.4g} | {ratio} | {goal} |"
            )
