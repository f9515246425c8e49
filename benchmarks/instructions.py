"""Count instructions: what must not creep, seen the same on a busy machine as on an idle one.

    python -m benchmarks.instructions          # compare with baseline.json
    python -m benchmarks.instructions --write  # after a change that was meant

Valgrind runs this file once; it writes down its count at each `timed.mark`. Interpreters differ:
what is compared is the ratio to the floor, per version of Python.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeAlias

from benchmarks import (
    bench_b_turn as b,
    bench_c_streaming as c,
    bench_d_tool_loop as d,
    bench_f_history as f,
    bench_h_arguments as h,
)
from benchmarks.measure import Sample, timed

BASELINE = Path(__file__).with_name("baseline.json")
VERSION = ".".join(platform.python_version_tuple()[:2])
TOLERANCE = 1.10

Counts: TypeAlias = dict[str, dict[str, int]]
"""Of each case, for each system: instructions for one unit of work."""

CASES: Mapping[str, tuple[int, Mapping[str, Callable[[], Sample]]]] = {
    f"{name} ({unit})": (units, {"axio": axio, "floor": floor})
    for name, unit, units, axio, floor in (
        ("b", "a run", 40, partial(b.cost, b.axio, 40), partial(b.cost, b.floor, 40)),
        (
            "c",
            "a delta",
            2_000,
            partial(c.cost, c.axio, 1_000, 2_000),
            partial(c.cost, c.floor, 1_000, 2_000),
        ),
        ("d", "an iteration", 100, partial(d.cost, d.axio, 10), partial(d.cost, d.floor, 10)),
        ("f", "a turn", 40, partial(f.cost, f.axio, 500, 40), partial(f.cost, f.floor, 500, 40)),
        ("h", "KB", 80, partial(h.cost, h.axio, 40_000, 2), partial(h.cost, h.floor, 40_000, 2)),
    )
}


def count() -> Counts:
    """Run all cases under valgrind."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "counts")
        subprocess.run(
            [
                "valgrind",
                "--quiet",
                "--tool=callgrind",
                "--dump-before=getppid",
                f"--callgrind-out-file={out}",
                *(sys.executable, "-m", "benchmarks.instructions", "--here"),
            ],
            cwd=BASELINE.parents[1],
            env={**os.environ, "PYTHONHASHSEED": "0"},
            check=True,
            capture_output=True,
        )
        # Parts 1, 3, 5 ... end where a measurement starts.
        measured = iter(range(2, 1_000_000, 2))
        return {
            case: {system: _total(Path(f"{out}.{next(measured)}")) // units for system in systems}
            for case, (units, systems) in CASES.items()
        }


def _total(dump: Path) -> int:
    for line in dump.open():
        if line.startswith("totals:"):
            return int(line.split()[1])
    raise ValueError(f"{dump} has no totals")


def here() -> None:
    for _, systems in CASES.values():
        for system in systems.values():
            timed.mark = staticmethod(int)
            system()  # the interpreter adapts its code to what it sees
            timed.mark = staticmethod(os.getppid)  # a C function that nothing else calls
            system()


def ratio(counts: Mapping[str, int]) -> float:
    return counts["axio"] / counts["floor"]


def grown(counts: Counts, baseline: Counts) -> list[str]:
    """The cases whose price has grown beyond the tolerance, in words."""
    return [
        f"{case}: {ratio(counts[case]):.2f} times the floor, was {ratio(before):.2f}"
        for case, before in baseline.items()
        if ratio(counts[case]) > ratio(before) * TOLERANCE
    ]


def baseline() -> Counts | None:
    """What was written for this version of Python."""
    found: Counts | None = json.loads(BASELINE.read_text("utf-8")).get(VERSION)
    return found


def write(counts: Counts) -> None:
    known = json.loads(BASELINE.read_text("utf-8")) if BASELINE.exists() else {}
    known[VERSION] = counts
    BASELINE.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n", "utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions")
    parser.add_argument("--write", action="store_true", help="make these counts the baseline")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        here()
        return 0
    counts = count()
    print("| instructions | axio | floor | ratio |\n|---|---|---|---|")
    for case, found in counts.items():
        print(f"| {case} | {found['axio']:,} | {found['floor']:,} | {ratio(found):.2f} |")
    if options.write:
        write(counts)
        return 0
    problems = grown(counts, baseline() or {})
    print(*problems, sep="\n", end="\n" if problems else "")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
