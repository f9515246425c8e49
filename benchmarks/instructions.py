"""Count instructions: what must not creep, seen the same on a busy machine as on an idle one.

    python -m benchmarks.instructions          # compare with baseline.json
    python -m benchmarks.instructions --write  # after a change that was meant

Valgrind runs this file once and writes down its count at each `timed.mark`. A case has grown when
it takes more than 10 % more instructions than written down for this version of Python, and more
than 10 % more against its floor: interpreters built differently differ in both, but not that way.
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
from typing import Any, TypeAlias

from benchmarks import (
    bench_b_turn,
    bench_c_streaming,
    bench_d_tool_loop,
    bench_f_history,
    bench_h_arguments,
    bench_i4_one_request,
)
from benchmarks.measure import Sample, timed

BASELINE = Path(__file__).with_name("baseline.json")
VERSION = ".".join(platform.python_version_tuple()[:2])
TOLERANCE = 1.10

Counts: TypeAlias = dict[str, dict[str, int]]
"""Of each case, for each system: instructions for one unit of work."""

Case: TypeAlias = tuple[int, Mapping[str, Callable[[], Sample]]]
"""How many units one call of each system measures."""


def _case(units: int, bench: Any, *arguments: int) -> Case:
    return units, {
        system: partial(bench.cost, getattr(bench, system), *arguments)
        for system in ("axio", "floor")
    }


CASES: Mapping[str, Case] = {
    "b (a run)": _case(30, bench_b_turn, 30),
    "c (a delta)": _case(1_000, bench_c_streaming, 1_000, 1_000),
    "d (an iteration)": _case(60, bench_d_tool_loop, 6),
    "f (a turn)": _case(30, bench_f_history, 500, 30),
    "h (a KB)": _case(20, bench_h_arguments, 20_000, 1),
    "i4 (a request)": _case(20, bench_i4_one_request, 20),
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
        # A part ends at each mark; 1, 3, 5 ... are what lies before a measurement.
        measured = iter(range(2, 4 * len(CASES) + 1, 2))
        return {
            case: {system: _total(Path(f"{out}.{next(measured)}")) // units for system in systems}
            for case, (units, systems) in CASES.items()
        }


def _total(dump: Path) -> int:
    """The count of one part, which callgrind writes near the end of its file."""
    return int(dump.read_text().rpartition("totals:")[2].split()[0])


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
    """The cases that cost more than they did, in words."""
    return [
        f"{case}: {counts[case]['axio']:,} instructions, {ratio(counts[case]):.2f} times the floor;"
        f" it was {before['axio']:,}, {ratio(before):.2f} times the floor"
        for case, before in baseline.items()
        if counts[case]["axio"] > before["axio"] * TOLERANCE
        and ratio(counts[case]) > ratio(before) * TOLERANCE
    ]


def baseline() -> Counts | None:
    """The part that was written for this version of Python."""
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
    for problem in problems:
        print(problem)
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
