"""Made-up histories are resumed: what was approved runs once, and the history is valid after it."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from random import Random

import pytest

from axio.agent import Agent
from axio.context import MemoryContextStore
from axio.events import SessionEndEvent
from axio.exceptions import AxioError
from axio.testing import make_text_response
from axio.tool import Tool
from axio.types import StopReason
from support.faulty import FaultyStore
from support.fuzz import StoreDown, StoreFault
from support.fuzz_histories import Resumed, history, judge_resumed
from support.scene import PausingTransport, steps

COUNT, SHARE = 2800, 200


async def resume(seed: int) -> Resumed:
    """Resume a history; one in three is stopped meanwhile, one in three has a store that fails.
    What was stopped or failed is resumed once more."""
    random = Random(seed)
    before = history(random)
    trouble = random.choice(("none", "stop", "store"))
    faults = []
    if trouble == "store":
        place = random.choice(("before", "after"))
        faults = [StoreFault(random.randrange(8), place, random.randrange(3))]
    store = FaultyStore(faults, random.randrange(2), before)
    ran: Counter[int] = Counter()

    async def work(n: int) -> str:
        ran[n] += 1
        await steps(n % 4)
        return f"did {n}"

    model = PausingTransport([make_text_response("Yes.")])
    agent = Agent("", model, [Tool("work", work)])
    task = asyncio.create_task(agent.resume(store).get_session_end())
    if trouble == "stop":
        await steps(random.randrange(25))
        stopped = task.cancel()
    else:
        stopped = False
    end = ""
    try:
        last = await task
    except (asyncio.CancelledError, StoreDown, AxioError) as exc:
        end = repr(exc)
    else:
        assert isinstance(last, SessionEndEvent)
        end = "" if last.stop_reason is StopReason.end_turn else last.reason
    whole = not stopped and not store.failures
    after = await MemoryContextStore.get_history(store)
    found = Resumed(
        *(before, ran, len(model.requests), after, whole, store.last_failed),
        *(len(asyncio.all_tasks()) - 1, end),
    )
    if not whole:
        store.heal()
        await agent.resume(store).get_session_end()
        found.after, found.may_be_invalid = await MemoryContextStore.get_history(store), False
    return found


async def faults_of(seeds: Sequence[int]) -> list[str]:
    return [f"{seed}: {fault}" for seed in seeds for fault in judge_resumed(await resume(seed))]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Each history that is mended is logged."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


async def test_what_was_approved_runs_once() -> None:
    assert await faults_of(range(SHARE)) == []


@pytest.mark.heavy
async def test_what_was_approved_runs_once_in_all_histories() -> None:
    assert await faults_of(range(COUNT)) == []
