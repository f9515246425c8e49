"""Measure all systems in turns: `python -m benchmarks.peers [ITEM ...]`.

Each framework is installed once into `.venv/peers/NAME`; a change of its `REQUIRES` or a removed
folder installs it again.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

from benchmarks.measure import HEADER, Figure, Item, Sample, rows, run
from benchmarks.peers.work import WORK

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
SYSTEMS = ("axio", "openai_agents", "pydantic_ai", "strands", "floor")


def requires(system: str) -> tuple[str, ...]:
    """`REQUIRES` of a system's file, read without importing what is not installed here."""
    for node in ast.parse((HERE / f"{system}.py").read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "REQUIRES":
            return tuple(ast.literal_eval(node.value))
    return ()


def interpreter(system: str) -> str:
    """The Python of the system's environment, made when it is not there."""
    wanted = requires(system)
    if not wanted:
        return sys.executable
    folder = ROOT / ".venv" / "peers" / system
    stamp = folder / ".installed"
    python = str(folder / "bin" / "python")
    if not stamp.exists() or stamp.read_text("utf-8") != " ".join(wanted):
        print(f"installing {', '.join(wanted)}", file=sys.stderr)
        uv = str(Path(sys.executable).with_name("uv"))
        quiet = ["--quiet", "--system-certs"]
        subprocess.run([uv, "venv", *quiet, "--clear", str(folder)], check=True)
        subprocess.run([uv, "pip", "install", *quiet, "--python", python, *wanted], check=True)
        stamp.write_text(" ".join(wanted), "utf-8")
    return python


def sample(python: str, system: str, item: str) -> Sample:
    command = [python, "-m", "benchmarks.peers.work", system, item]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, env=environment, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    return Sample(**json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers")
    parser.add_argument("items", nargs="*", help=f"which ({', '.join(WORK)}); default: all")
    parser.add_argument("--rounds", type=int, default=7, help="at least 7 for a figure to quote")
    options = parser.parse_args()
    if unknown := set(options.items) - set(WORK):
        parser.error(f"no item {', '.join(sorted(unknown))}; there are: {', '.join(WORK)}")
    pythons = {system: interpreter(system) for system in SYSTEMS}
    print(HEADER, flush=True)
    for name in options.items or WORK:
        systems = {system: partial(sample, pythons[system], system, name) for system in SYSTEMS}
        item = Item(WORK[name].title, systems, [Figure(WORK[name].unit, 1e6)])
        run([item], options.rounds)
        for row in rows([item]):
            print(row, flush=True)


if __name__ == "__main__":
    main()
