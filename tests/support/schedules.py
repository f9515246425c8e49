"""Random schedules of two workers, a person and a client in a `support.durable_world`.

    PYTHONPATH=tests python -m support.schedules --schedules 1000000 --seed 0 --processes 2

tries the schedules of that many seeds from the first on, and names the first seed that went wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import logging
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from random import Random
from typing import Any

from axio.agent import Agent
from axio.approval import ApprovalError, pending, waiting
from axio.blocks import ToolResultBlock, ToolUseBlock
from axio.events import IterationEnd, StreamEvent, TextDelta, ToolInputDelta, ToolUseStart
from axio.exceptions import Deferred, SessionBusy, StoreError
from axio.history import NOT_BEGUN, check
from axio.messages import Message
from axio.permission import PermissionGuard
from axio.run import RUN
from axio.tool import Tool
from axio.types import StopReason, Usage
from axio_durable import Durable, Restarted, Rested, Stored
from axio_durable.children import child_tool
from support.durable_world import Dead, Fault, Machine, Pokes, Process, QuickLoop, World

__all__ = ("main", "run", "simulate")

ROOT = "s"
ANSWER = ("all is ", "done")
PLANS = (
    "",
    "effect effect",
    "effect+effect",
    "again+effect read",
    "asks",
    "asks+asks",
    "effect+asks effect",
    "later",
    "child",
    "child+effect+child",
    "child:effect+later",
)
"""Turns, each with calls at once; the task of a child comes after a colon."""


class Model:
    """Makes the calls that the last prompt says, turn by turn, and then answers."""

    async def stream(
        self, messages: list[Message], tools: Any, system: str
    ) -> AsyncIterator[StreamEvent]:
        at = max(n for n, one in enumerate(messages) if one.role == "user" and one.text)
        turn = sum(one.role == "assistant" for one in messages[at:])
        plan = messages[at].text.split()[1:]
        await pause(0.5)
        if turn >= len(plan):
            for piece in ANSWER:
                yield TextDelta(0, piece)
                await pause(0.5)
            yield IterationEnd(1, StopReason.end_turn, Usage(1, 1))
            return
        for index, call in enumerate(plan[turn].split("+")):
            name, _, task = call.partition(":")
            yield ToolUseStart(index, f"{turn}.{index}", name)
            task = f'{{"task": "do {task}"}}' if name == "child" else "{}"
            yield ToolInputDelta(index, f"{turn}.{index}", task)
        yield IterationEnd(1, StopReason.tool_use, Usage(1, 1))


# ── tools ────────────────────────────────────────────────────────────────────────────────────────

HERE: ContextVar[Durable] = ContextVar("HERE")
"""Of the process that is at work."""


def here() -> Process:
    process: Process = HERE.get().database.process  # type: ignore[attr-defined]
    return process


async def pause(longest: float) -> None:
    await asyncio.sleep(here().world.delay(longest))


class Asks(PermissionGuard):
    async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
        raise Deferred("a person decides")


async def effect() -> str:
    process = here()
    run, effects = RUN.get(), process.world.effects
    await process.reach(lambda: effects.update([(run.store.session_id, run.call_id or "")]))
    await pause(2)
    return "changed"


async def later() -> str:
    raise Deferred("another is asked")


async def begin_child(*arguments: str) -> None:
    await HERE.get()._begin_child(*arguments)


TOOLS = [
    Tool("effect", effect),
    Tool("again", effect, idempotent=True),
    Tool("read", effect, read_only=True),
    Tool("asks", effect, guards=(Asks(),)),
    Tool("later", later),
    child_tool(begin_child, "worker", "child", ""),
]
WORKER = Agent("", Model(), TOOLS)


# ── those who take part ──────────────────────────────────────────────────────────────────────────


def program(process: Process) -> Durable:
    return Durable(Machine(process), Pokes(process), agents={"worker": WORKER})


async def work(world: World) -> None:
    """A process that works until it dies; then another begins."""
    while True:
        process = Process(world, is_worker=True)
        process.task = asyncio.create_task(live(process))
        try:
            await asyncio.wait((process.task,))
        finally:
            process.task.cancel()
            await asyncio.wait((process.task,))
        if not process.is_dead:
            process.task.result()
        await asyncio.sleep(world.delay(5))


async def live(process: Process) -> None:
    world, durable = process.world, program(process)
    HERE.set(durable)
    async with asyncio.TaskGroup() as group:
        group.create_task(look(durable, world))
        while True:
            group.create_task(serve(durable, await world.jobs.get()))


async def look(durable: Durable, world: World) -> None:
    with suppress(Dead):
        while True:
            await asyncio.sleep(3 + world.delay(5))
            with suppress(StoreError):
                for session in await durable.database.unfinished():
                    await durable.scheduler.poke(session)


async def serve(durable: Durable, session: str) -> None:
    # The look-out comes back to it; a process that has hung sees what took too long.
    with suppress(Dead, SessionBusy, StoreError, TimeoutError):
        await durable.advance(session)


async def ask(durable: Durable, world: World, prompts: list[str]) -> None:
    """A person posts prompts, decides, answers and cancels, until nothing is left to do."""
    chance = world.chance
    for number, prompt in enumerate(prompts):
        for _ in range(chance.randrange(1, 3)):
            await until_done(partial(durable.post, ROOT, prompt, agent="worker", id=str(number)))
        await asyncio.sleep(world.delay(20))
        if chance.random() < 0.1:
            await until_done(partial(durable.cancel, ROOT))
    while not is_at_rest(world):
        for id, session in list(world.sessions.items()):
            with suppress(SessionBusy, ApprovalError, StoreError):
                for call in pending(session.messages):
                    await durable.decide(id, call, approve=chance.random() < 0.7)
                for call in waiting(session.messages):
                    if call.name == "later":
                        await durable.answer(id, call, "answered")
        await asyncio.sleep(4)
    world.is_over = True


async def until_done(action: Callable[[], Awaitable[object]]) -> None:
    while True:
        with suppress(StoreError):
            await action()
            return


def is_at_rest(world: World) -> bool:
    """Of all sessions that were given to an agent, for good."""
    return all(
        not session.stirred or (session.is_at_rest and session.reason in ("end_turn", "cancelled"))
        for session in world.sessions.values()
        if session.agent is not None
    )


async def watch(durable: Durable, world: World, seen: list[Message]) -> None:
    """A client that connects again and again with nothing but the number of messages it has."""
    while True:
        stream = durable.follow(ROOT, len(seen), every=world.delay(3))
        text, is_whole = "", not seen or seen[-1].role == "user"
        try:
            async for event in stream:
                if isinstance(event, Stored):
                    assert event.index == len(seen), "a message was left out, or came twice"
                    seen.append(event.message)
                    is_told = event.message.role == "assistant" and is_whole
                    if is_told and not world.was_away:  # else some may have been lost
                        assert event.message.text.startswith(text), "void words were not recalled"
                    text, is_whole = "", True
                elif isinstance(event, Restarted):
                    text = ""
                elif isinstance(event, TextDelta):
                    text += event.delta
                elif isinstance(event, Rested) and world.is_over:
                    return
                if world.chance.random() < 0.2:
                    break
        except StoreError:
            pass
        finally:
            await stream.aclose()
        await asyncio.sleep(world.delay(5))


# ── one schedule, and many ───────────────────────────────────────────────────────────────────────


async def simulate(seed: int) -> World:
    chance = Random(seed)
    kinds = (Fault.DEATH, Fault.DEATH, Fault.DEATH, Fault.HANG, Fault.AWAY)
    world = World(chance, [chance.choice(kinds) for _ in range(chance.randrange(7))])
    prompts = [f"{n} {chance.choice(PLANS)}".strip() for n in range(chance.randrange(1, 3))]
    person = Process(world, is_worker=False)
    tasks = [asyncio.create_task(work(world)) for _ in range(2)]
    seen: list[Message] = []
    asking = asyncio.create_task(ask(program(person), world, prompts))
    tasks.append(asking)
    if chance.random() < 0.2:
        tasks.append(asyncio.create_task(watch(program(person), world, seen)))
    try:
        async with asyncio.timeout(5_000):
            while not all(task.done() for task in tasks[2:]):
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
                tasks[2:] = [task for task in tasks[2:] if not task.done()]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    judge(world, prompts)
    assert not seen or seen == world.session(ROOT).messages
    return world


NOT_MADE = (NOT_BEGUN, "denied: ", "[called off] This call has not been run")


def judge(world: World, prompts: list[str]) -> None:
    """Promises of durable work that must hold at the end."""
    told = [one.text for one in world.session(ROOT).messages if one.role == "user" and one.text]
    assert told == prompts, told
    made: set[tuple[str, str]] = set()
    for id, session in world.sessions.items():
        assert check(session.messages) == []
        for before, after in itertools.pairwise(session.messages):
            results = {result.tool_use_id: result for result in after.tool_results}
            for call in before.content:
                if isinstance(call, ToolUseBlock):
                    made.add((id, call.id))
                    judge_call(world, id, call, results[call.id])
        if session.reason == "end_turn":
            assert session.messages[-1].text == "".join(ANSWER)
    assert set(world.effects) <= made, "a call was made that is not in the history"


def judge_call(world: World, id: str, call: ToolUseBlock, result: ToolResultBlock) -> None:
    done, text = world.effects[id, call.id], str(result.content)
    if call.name in ("effect", "asks"):
        assert done <= 1, f"{call} was made {done} times"
    if text == "changed":
        assert done >= 1, f"{call} was not made"
    if text.startswith(NOT_MADE) and call.name != "read":
        assert done == 0, f"{call} was made: {text}"
    wanted = {"child": "".join(ANSWER), "again": "changed", "read": "changed"}
    if call.name in wanted and not (world.was_away or world.was_cancelled):
        assert text == wanted[call.name], f"{call}: {text}"


def run(seeds: Iterable[int]) -> Counter[str]:
    """Simulate all of them; how often each thing has happened."""
    logging.disable(logging.CRITICAL)
    happened: Counter[str] = Counter()
    try:
        for seed in seeds:
            with asyncio.Runner(loop_factory=QuickLoop) as runner:
                try:
                    happened += runner.run(simulate(seed)).happened
                except BaseException as error:
                    error.add_note(f"seed {seed}")
                    raise
    finally:
        logging.disable(logging.NOTSET)
    return happened


_CHUNK = 500


def main() -> int:
    parser = argparse.ArgumentParser(description="Try random schedules of durable work.")
    parser.add_argument("--schedules", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="the first one")
    parser.add_argument("--processes", type=int, default=1)
    args = parser.parse_args()
    began, last = time.monotonic(), args.seed + args.schedules
    chunks = [range(at, min(at + _CHUNK, last)) for at in range(args.seed, last, _CHUNK)]
    happened: Counter[str] = Counter()
    with ProcessPoolExecutor(args.processes) as pool:
        for chunk, found in zip(chunks, pool.map(run, chunks), strict=True):
            happened += found
            seconds = time.monotonic() - began
            number = chunk.stop - args.seed
            told = ", ".join(f"{count} {name}" for name, count in sorted(happened.items()))
            print(
                f"{number} schedules in {seconds:.0f} s, {number / seconds:.0f}/s: {told}",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
