"""All that can go wrong with a response, inside of all wrappers: the run ends as it should."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from random import Random

import pytest

from axio import exceptions
from axio.agent import Agent
from axio.context import MemoryContextStore
from axio.events import IterationEnd, StreamEvent, TextDelta, ToolInputDelta, ToolUseStart
from axio.exceptions import StreamError, TruncatedStream, UnexpectedError
from axio.history import check
from axio.testing import (
    CutShort,
    FaultTransport,
    OutputLimit,
    Raises,
    Stalls,
    make_text_response,
)
from axio.testing.faults import Fault, faults
from axio.tool import Tool
from axio.types import StopReason, Usage
from support.scene import PausingTransport, steps
from support.wraps import WRAPS, nested

Scenario = tuple[tuple[str, ...], Fault]

CALLING: list[StreamEvent] = [
    TextDelta(0, "I look. "),
    ToolUseStart(1, "a", "look"),
    ToolInputDelta(1, "a", "{}"),
    IterationEnd(1, StopReason.tool_use, Usage(1, 1)),
]
PAIRS = Random(7).sample(list(product(WRAPS, repeat=2)), 37)
NESTINGS: list[tuple[str, ...]] = [*((name,) for name in WRAPS), *PAIRS]
SCENARIOS: list[Scenario] = list(product(NESTINGS, faults(len(CALLING))))


def failure(names: tuple[str, ...], fault: Fault) -> type[BaseException] | None:
    """The class of the error that the caller gets; None if the run ends well."""
    match fault:
        case Raises(at, error):
            passes = isinstance(error, OSError) or getattr(error, "retryable", False)
            if at == 0 and ("fallback" in names or ("retry" in names and passes)):
                return None
            return type(error) if isinstance(error, StreamError) else UnexpectedError
        case CutShort(at) if at >= 2:
            return TruncatedStream
        case OutputLimit(at) if at < 2:
            return exceptions.OutputLimit
        case Stalls():
            return asyncio.CancelledError
    return None


async def judge(names: tuple[str, ...], fault: Fault, folder: Path) -> Iterator[str]:
    """Everything that is wrong with a run whose first response has the fault."""
    looked = []

    async def look() -> str:
        looked.append(1)
        await steps(2)
        return "seen"

    model = PausingTransport([CALLING, make_text_response("Done.")])
    transport = nested(names, FaultTransport(model, fault), folder)
    agent = Agent("", transport, [Tool("look", look)])
    store = MemoryContextStore()
    task = asyncio.create_task(agent.run_stream("go", store).get_final_text())
    if isinstance(fault, Stalls):
        await steps(40)
        task.cancel()
    await asyncio.wait([task], timeout=60)
    ended = asyncio.CancelledError if task.cancelled() else type(task.exception())
    await steps(2)
    wrong = []
    if ended is not (expected := failure(names, fault) or type(None)):
        wrong.append(f"it ended with {ended.__name__}, not with {expected.__name__}")
    if left := asyncio.all_tasks() - {asyncio.current_task()}:
        wrong.append(f"tasks left: {left}")
    if model.open:
        wrong.append(f"{model.open} responses are still open")
    if len(looked) > 1:
        wrong.append("the tool ran twice")
    wrong += [problem.text for problem in check(await store.get_history())]
    if await agent.run("and now?", store) != "Done.":
        wrong.append("the next run has another answer")
    return iter(wrong)


async def faults_of(scenarios: Sequence[Scenario], folder: Path) -> list[str]:
    return [
        f"{' of '.join(names)}, {fault}: {wrong}"
        for number, (names, fault) in enumerate(scenarios)
        for wrong in await judge(names, fault, folder / str(number))
    ]


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Retries are logged, and cassettes are recorded."""
    monkeypatch.delenv("CI", raising=False)
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


async def test_a_fault_inside_wrappers_ends_a_run_as_it_should(tmp_path: Path) -> None:
    assert await faults_of(Random(3).sample(SCENARIOS, 140), tmp_path) == []


@pytest.mark.heavy
async def test_every_fault_inside_wrappers_ends_a_run_as_it_should(tmp_path: Path) -> None:
    assert len(SCENARIOS) > 1400
    assert await faults_of(SCENARIOS, tmp_path) == []
