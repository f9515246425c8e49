"""How often the offline model chooses the right tool and arguments, and how fast.

    .venv/bin/python -m benchmarks.local_model            # all sets of requests, some minutes
    .venv/bin/python -m benchmarks.local_model dev-git held-ops --misses

A set is some tools with examples, requests with the calls that fulfil them, and requests that need
no tool. `forty` is read from ../shared/local-model (left out where that is missing); the others
stand in packages/axio-transport-local/tests/requests. Those named dev-* and `forty` were used for
working on the model; those named held-* were written beforehand and are for judging only. The last
lines are about the start: a new process with a warm cache, from its first line to its last event.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from types import MappingProxyType, ModuleType
from typing import Any

from axio.blocks import TextBlock
from axio.events import ToolInputDelta, ToolUseStart
from axio.messages import Message
from axio.plugins import discover_tools
from axio.tool import Tool
from axio_transport_local import LocalTransport

ROOT = Path(__file__).resolve().parent.parent
OWN = ROOT / "packages" / "axio-transport-local" / "tests" / "requests"
SHARED = ROOT.parent / "shared" / "local-model"

Judge = Callable[[list[tuple[str, dict[str, Any]]]], tuple[bool, bool]]
"""Calls in; whether the tool was right, and whether all of the arguments were."""


@dataclass(frozen=True)
class Case:
    request: str
    needs_tool: bool
    judge: Judge


@dataclass(frozen=True)
class RequestSet:
    name: str
    tools: list[Tool[Any]]
    cases: list[Case]


@dataclass(frozen=True)
class Answer:
    case: Case
    calls: list[tuple[str, dict[str, Any]]]
    right: tuple[bool, bool]
    wall: float
    cpu: float


# ── sets of requests ──────────────────────────────────────────────────────────────────────────


def load(wanted: Sequence[str]) -> Iterator[RequestSet]:
    """The sets with the names that are wanted, or all."""
    six = _shared_tools() if SHARED.is_dir() else None
    if six and (not wanted or "forty" in wanted):
        yield RequestSet("forty", six, list(_shared_cases()))
    for path in sorted(OWN.glob("*.json")):
        if wanted and path.stem not in wanted:
            continue
        data = json.loads(path.read_text("utf-8"))
        match data["tools"]:
            case "six":
                tools = six
            case "own":
                tools = _own_tools()
            case described:
                tools = [_tool(tool) for tool in described]
        if tools is not None:
            yield RequestSet(path.stem, tools, [_case(*case) for case in data["cases"]])


def _own_tools() -> list[Tool[Any]]:
    """The tools that the command offers, with their own examples."""
    return list(discover_tools())


def _tool(described: dict[str, Any]) -> Tool[Any]:
    async def handler(**arguments: Any) -> str:
        raise NotImplementedError("nothing is called here")

    return Tool(
        name=described["name"],
        description=described["description"],
        handler=handler,
        schema=MappingProxyType(described["parameters"]),
        examples=[(request, arguments) for request, arguments in described["examples"]],
    )


def _case(request: str, expected: Any, arguments: dict[str, Any] | None = None) -> Case:
    """`expected` is a tool's name, a list of alternative [name, arguments], or None for no tool."""
    if expected is None:
        alternatives = []
    elif isinstance(expected, str):
        alternatives = [(expected, arguments or {})]
    else:
        alternatives = [(name, wanted) for name, wanted in expected]

    def judge(calls: list[tuple[str, dict[str, Any]]]) -> tuple[bool, bool]:
        if not alternatives:
            return not calls, not calls
        right = [wanted for name, wanted in alternatives if len(calls) == 1 and calls[0][0] == name]
        return bool(right), any(_same(calls[0][1], wanted) for wanted in right)

    return Case(request, bool(alternatives), judge)


def _same(given: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return given.keys() == wanted.keys() and all(_like(given[k], wanted[k]) for k in wanted)


def _like(given: Any, wanted: Any) -> bool:
    """Texts are the same in any case of letters, and with quotes around them."""
    if isinstance(wanted, dict) and "any" in wanted:
        return any(_like(given, one) for one in wanted["any"])
    if isinstance(wanted, dict) and "re" in wanted:
        return isinstance(given, str) and re.search(wanted["re"], given, re.I) is not None
    if isinstance(given, str) and isinstance(wanted, str):
        return given.strip().strip("\"'").lower() == wanted.lower()
    return isinstance(given, bool) == isinstance(wanted, bool) and bool(given == wanted)


def _shared(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"shared_{name}", SHARED / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _shared_tools() -> list[Tool[Any]]:
    examples = _shared("lab/examples").EALL
    return [_tool(tool | {"examples": examples[tool["name"]]}) for tool in _shared("requests").FULL]


def _shared_cases() -> Iterator[Case]:
    module = _shared("requests")
    for request, alternatives in module.CASES:
        yield Case(request, bool(alternatives), partial(_judged, module, alternatives))


def _judged(module: ModuleType, alternatives: Any, calls: Any) -> tuple[bool, bool]:
    tool, full = module.judge(calls, alternatives)
    return bool(tool), bool(full)


# ── asking ────────────────────────────────────────────────────────────────────────────────────


async def ask(transport: LocalTransport, tools: list[Tool[Any]], case: Case) -> Answer:
    wall, cpu = time.perf_counter(), time.process_time()
    calls = await calls_for(transport, tools, case.request)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Answer(case, calls, case.judge(calls), wall, cpu)


async def calls_for(
    transport: LocalTransport, tools: list[Tool[Any]], request: str
) -> list[tuple[str, dict[str, Any]]]:
    names: dict[str, str] = {}
    texts: dict[str, str] = {}
    async for event in transport.stream([Message("user", [TextBlock(request)])], tools, ""):
        match event:
            case ToolUseStart(_, call_id, name):
                names[call_id] = name
            case ToolInputDelta(_, call_id, text):
                texts[call_id] = texts.get(call_id, "") + text
    return [(name, json.loads(texts[call_id])) for call_id, name in names.items()]


def row(name: str, answers: Sequence[Answer]) -> str:
    needing = [answer.right for answer in answers if answer.case.needs_tool]
    others = [answer.right for answer in answers if not answer.case.needs_tool]
    walls, cpus = (sorted(getattr(a, unit) for a in answers) for unit in ("wall", "cpu"))
    p95 = len(answers) * 95 // 100
    return (
        f"| {name} | {sum(tool for tool, _ in needing)} | {sum(full for _, full in needing)} "
        f"| {len(needing)} | {sum(full for _, full in others)} of {len(others)} "
        f"| {median(walls):.2f} / {walls[p95]:.2f} | {median(cpus):.2f} / {cpus[p95]:.2f} |"
    )


HEADER = """\
| set | right tool | fully right | of | declined | wall s: median / p95 | CPU s: median / p95 |
|---|---|---|---|---|---|---|"""


async def measure(wanted: Sequence[str], misses: bool) -> None:
    transport = LocalTransport()
    totals: dict[str, list[Answer]] = {}
    print(HEADER, flush=True)
    for requests in load(wanted):
        await transport.warm(requests.tools)
        answers = [await ask(transport, requests.tools, case) for case in requests.cases]
        print(row(requests.name, answers), flush=True)
        totals.setdefault(f"all {requests.name.split('-')[0]}", []).extend(answers)
        for answer in answers if misses else ():
            if not answer.right[1]:
                print(f"    {answer.case.request!r}: {answer.calls}", flush=True)
    for name, answers in totals.items():
        print(row(name, answers), flush=True)


# ── starting ──────────────────────────────────────────────────────────────────────────────────

FIRST_ANSWER = """
import asyncio
from benchmarks.local_model import calls_for, load
from axio_transport_local import LocalTransport
requests = next(load(["{name}"]))
print(asyncio.run(calls_for(LocalTransport(), requests.tools, "{request}")))
"""


def start(name: str) -> None:
    """How long a new process takes for one answer when an earlier one has read of the tools."""
    request = next(load([name])).cases[0].request
    times = []
    for _ in range(3):
        began = time.perf_counter()
        script = FIRST_ANSWER.format(name=name, request=request)
        subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True)
        times.append(time.perf_counter() - began)
    print(f"\nA new process's one answer ({name}), s: " + ", ".join(f"{t:.2f}" for t in times))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", help="names of sets; default: all")
    parser.add_argument("--misses", action="store_true", help="show what went wrong")
    options = parser.parse_args()
    asyncio.run(measure(options.sets, options.misses))
    if not options.sets:
        start("dev-files")


if __name__ == "__main__":
    main()
