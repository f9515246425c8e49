"""Interleaved rounds, medians, one table in Markdown.

Absolute figures drift with the machine and its load; systems are therefore measured in turns
(A B A B ...) and compared by the ratio of their medians. On a machine that others use, the ratio
of the smallest figures is nearer to the truth: load only ever adds.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from statistics import median


@dataclass(frozen=True)
class Sample:
    """One measurement: seconds for one unit of work, and megabytes where memory is the question."""

    cpu: float
    wall: float
    memory: float = 0.0


@dataclass(frozen=True)
class Figure:
    """One figure of the samples: `of` names the field of `Sample`, `scale` makes the unit of it.

    `goal` is the ratio aimed at: to the floor, or to `ideal` (in the unit) where there is one.
    """

    unit: str
    scale: float = 1.0
    goal: float | None = None
    of: str = "cpu"
    ideal: float | None = None

    def values(self, samples: Sequence[Sample]) -> list[float]:
        return [value * self.scale for value in map(attrgetter(self.of), samples)]


@dataclass(frozen=True)
class Item:
    """One question: what does a unit of the same work cost in each system?

    Each system returns one sample a call. `floor` is what the others are compared with.
    """

    name: str
    systems: Mapping[str, Callable[[], Sample]]
    figures: Sequence[Figure]
    samples: dict[str, list[Sample]] = field(default_factory=dict)

    def median(self, system: str, figure: Figure) -> float:
        return median(figure.values(self.samples[system]))

    def least(self, system: str, figure: Figure) -> float:
        return min(figure.values(self.samples[system]))


@dataclass(frozen=True)
class Growth:
    """How much dearer the first figure of `large` is than that of `small`, and how much it may."""

    name: str
    large: Item
    small: Item
    goal: float


class timed:
    """`with timed(n) as timer: ...` and then `timer.sample`: the cost of one of n units.

    `mark` is called at both ends, for tools that look at the process from outside.
    """

    mark: Callable[[], object] = staticmethod(lambda: None)

    def __init__(self, units: int = 1) -> None:
        self.units = units
        self.sample = Sample(0, 0)

    def __enter__(self) -> timed:
        gc.collect()
        self.mark()
        self._wall = time.perf_counter()
        self._cpu = time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        cpu = time.process_time() - self._cpu
        wall = time.perf_counter() - self._wall
        self.mark()
        self.sample = Sample(cpu / self.units, wall / self.units)


def run(items: Sequence[Item | Growth], rounds: int) -> None:
    """Measure all systems of all items in turns."""
    measured = [item for item in items if isinstance(item, Item)]
    for item in measured:
        for system in item.systems.values():
            system()  # warm-up: caches, first allocations
    for _ in range(rounds):
        for item in measured:
            for name, system in item.systems.items():
                item.samples.setdefault(name, []).append(system())


HEADER = """\
| item | system | median | min to max | wall | ratio | of minima | goal |
|---|---|---|---|---|---|---|---|"""


def rows(items: Sequence[Item | Growth]) -> Iterator[str]:
    for item in items:
        yield from _growth(item) if isinstance(item, Growth) else _figures(item)


def _figures(item: Item) -> Iterator[str]:
    for figure in item.figures:
        floor = figure.ideal or item.median("floor", figure)
        least = figure.ideal or item.least("floor", figure)
        for name, samples in item.samples.items():
            values = figure.values(samples)
            wall = ""
            if figure.of == "cpu":
                wall = f"{median(sample.wall for sample in samples) * figure.scale:.4g}"
            ratio = of_minima = goal = ""
            if name != "floor":
                ratio = f"{median(values) / floor:.2f}"
                of_minima = f"{min(values) / least:.2f}"
                goal = f"< {figure.goal:g}" if figure.goal and name == "axio" else ""
            yield (
                f"| {item.name}, {figure.unit} | {name} | {median(values):.4g} |"
                f" {min(values):.4g} to {max(values):.4g} | {wall} | {ratio} | {of_minima} |"
                f" {goal} |"
            )


def _growth(growth: Growth) -> Iterator[str]:
    figure = growth.large.figures[0]
    for name in growth.large.systems:
        ratio = growth.large.median(name, figure) / growth.small.median(name, figure)
        of_minima = growth.large.least(name, figure) / growth.small.least(name, figure)
        goal = f"< {growth.goal:g}" if name == "axio" else ""
        yield f"| {growth.name} | {name} | | | | {ratio:.2f} | {of_minima:.2f} | {goal} |"
