"""Run the items and print their table."""

from __future__ import annotations

import argparse
import importlib
import platform
from pathlib import Path

from benchmarks.measure import HEADER, rows, run

MODULES = {
    path.stem.split("_")[1]: path.stem for path in sorted(Path(__file__).parent.glob("bench_*.py"))
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("items", nargs="*", help=f"which ({', '.join(MODULES)}); default: all")
    parser.add_argument("--rounds", type=int, default=7, help="at least 7 for a figure to quote")
    options = parser.parse_args()
    if unknown := set(options.items) - set(MODULES):
        parser.error(f"no item {', '.join(sorted(unknown))}; there are: {', '.join(MODULES)}")
    print(f"Python {platform.python_version()}, medians of {options.rounds} interleaved rounds\n")
    print(HEADER, flush=True)
    for letter in options.items or MODULES:
        items = importlib.import_module(f"benchmarks.{MODULES[letter]}").items()
        run(items, options.rounds)
        for row in rows(items):
            print(row, flush=True)


if __name__ == "__main__":
    main()
