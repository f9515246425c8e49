"""Random schedules of two workers that die, on a store that dies with them before or after any
access, with pokes that come late, twice or not at all, on a clock that jumps."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest

from axio.agent import Agent
from axio.approval import decide, pending
from axio.blocks import TextBlock, ToolResultBlock, ToolUseBlock
from axio.context import ContextStore
from axio.durable import Cursor, Seen, Standing
from axio.events import IterationEnd, StreamEvent, TextDelta, ToolInputDelta, ToolUseStart
from axio.exceptions import Deferred, SessionBusy
from axio.history import UNKNOWN_OUTCOME, check
from axio.journal import Outcome, is_final
from axio.messages import Message, as_message
from axio.permission import PermissionGuard
from axio.run import RUN
from axio.tool import Tool
from axio.types import StopReason, Usage
from axio_durable import advance
from support.clock import JumpingLoop

T = TypeVar("T")


class Dead(BaseException):
    """The process is gone: no line of it is run any more."""


class Truth:
    """All that is stored, and that was done in the world."""

    def __init__(self, chance: random.Random, deaths: int) -> None:
        self.chance = chance
        self.deaths = deaths
        self.messages: list[Message] = []
        self.notes: dict[str, tuple[ToolUseBlock, ToolResultBlock | None]] = {}
        self.inbox: list[tuple[str, Message, bool]] = []
        self.stirred = self.rested = self.epoch = 0
        self.owner: Process | None = None
        self.reason = ""
        self.effects: Counter[str] = Counter()


class Process:
    """A worker, or a person's program, until it dies."""

    def __init__(self, truth: Truth, *, may_die: bool = True) -> None:
        self.truth = truth
        self.may_die = may_die
        self.is_dead = False

    def live(self) -> None:
        """Die here, perhaps."""
        truth = self.truth
        if self.may_die and not self.is_dead and truth.deaths and truth.chance.random() < 0.04:
            truth.deaths -= 1
            self.is_dead = True
            if truth.owner is self:
                truth.owner = None  # as the end of its lease does
        if self.is_dead:
            raise Dead

    async def do(self, change: Callable[[Truth], T]) -> T:
        """One access of the store."""
        await asyncio.sleep(self.truth.chance.random())
        self.live()
        result = change(self.truth)
        self.live()
        await asyncio.sleep(self.truth.chance.random())
        return result


class Store(ContextStore):
    """The session as a process sees it: a store, its journal, its inbox, its live tail and its
    work in one."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.inbox = self.live = self.work = self

    @property
    def journal(self) -> Any:
        return self

    @asynccontextmanager
    async def own(self) -> AsyncIterator[None]:
        def take(truth: Truth) -> None:
            if truth.owner is not None:
                raise SessionBusy("another has it")
            truth.owner = self.process

        await self.process.do(take)
        try:
            yield
        finally:
            if self.process.truth.owner is self.process:
                self.process.truth.owner = None

    async def append(self, message: Message) -> None:
        await self.extend((message,))

    async def extend(self, messages: Iterable[Message]) -> None:
        await self.process.do(lambda truth: _extend(truth, list(messages)))

    async def replace(self, messages: Iterable[Message]) -> None:
        def change(truth: Truth) -> None:
            truth.messages = []
            _extend(truth, list(messages))
            truth.stirred += 1

        await self.process.do(change)

    async def get_history(self) -> list[Message]:
        return await self.process.do(lambda truth: truth.messages.copy())

    async def begin(self, call: ToolUseBlock) -> None:
        await self.process.do(lambda truth: truth.notes.update({call.id: (call, None)}))

    async def finish(self, call: ToolUseBlock, result: ToolResultBlock) -> None:
        await self.process.do(lambda truth: truth.notes.update({call.id: (call, result)}))

    async def outcome(self, call: ToolUseBlock) -> ToolResultBlock | Outcome:
        found = await self.process.do(lambda truth: truth.notes.get(call.id))
        if found is None or found[0] != call:
            return Outcome.NOT_BEGUN
        return found[1] or Outcome.UNKNOWN

    async def post(self, prompt: str, id: str) -> bool:
        def change(truth: Truth) -> bool:
            if any(id == one for one, *_ in truth.inbox):
                return False
            truth.inbox.append((id, as_message(prompt), False))
            truth.stirred += 1
            return True

        return await self.process.do(change)

    async def take(self, until: int | None = None) -> int:
        def change(truth: Truth) -> int:
            waiting = [message for _, message, taken in truth.inbox if not taken]
            _extend(truth, waiting)
            truth.inbox = [(id, message, True) for id, message, _ in truth.inbox]
            return len(waiting)

        return await self.process.do(change)

    async def write(self, events: Iterable[StreamEvent]) -> None:
        await self.process.do(lambda truth: None)

    async def read(self, after: Cursor | None = None) -> Seen:
        return Seen(after or Cursor())

    async def standing(self) -> Standing:
        return await self.process.do(
            lambda truth: Standing(
                "worker",
                None,
                truth.stirred,
                truth.stirred == truth.rested,
                any(not taken for *_, taken in truth.inbox),
                None,
                truth.reason,
                is_owned=truth.owner is not None,
            )
        )

    async def attempt(self) -> Standing:
        return await self.standing()

    async def rest(self, stirred: int, reason: str, words: str = "") -> bool:
        def change(truth: Truth) -> bool:
            if truth.stirred != stirred:
                return False
            truth.rested, truth.reason = stirred, reason
            return True

        return await self.process.do(change)


def _extend(truth: Truth, messages: list[Message]) -> None:
    truth.messages += messages
    for message in messages:
        for result in message.tool_results:
            if is_final(result):
                truth.notes.pop(result.tool_use_id, None)


class Model:
    """Calls as many tools as the last prompt says, some at once, and then answers."""

    async def stream(
        self, messages: list[Message], tools: Any, system: str
    ) -> AsyncIterator[StreamEvent]:
        at = max(n for n, one in enumerate(messages) if one.role == "user" and one.text)
        turn = sum(one.role == "assistant" for one in messages[at:])
        plan = messages[at].text.split()
        await asyncio.sleep(1)
        if turn >= len(plan):
            yield TextDelta(0, "done")
            yield IterationEnd(1, StopReason.end_turn, Usage(1, 1))
            return
        for index, name in enumerate(plan[turn].split("+")):
            yield ToolUseStart(index, f"{at}.{turn}.{index}", name)
            yield ToolInputDelta(index, f"{at}.{turn}.{index}", "{}")
        yield IterationEnd(1, StopReason.tool_use, Usage(1, 1))


class Asks(PermissionGuard):
    async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
        raise Deferred("a person decides")


def agent_of(process: Process) -> Agent:
    async def effect() -> str:
        await asyncio.sleep(process.truth.chance.random())
        process.live()
        process.truth.effects[RUN.get().call_id or ""] += 1
        process.live()
        await asyncio.sleep(process.truth.chance.random())
        return "changed"

    tools = [Tool("effect", effect), Tool("asks", effect, guards=(Asks(),))]
    return Agent("", Model(), tools)


async def work(truth: Truth) -> None:
    """A process that works until it dies; then another begins."""
    while True:
        process = Process(truth)
        serving: asyncio.Task[Any] | None = None
        while not process.is_dead:
            await asyncio.sleep(2 * truth.chance.random())  # a poke, late or without need
            serving = asyncio.create_task(_serve(process))
            while not serving.done() and not process.is_dead:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        if serving is not None:
            serving.cancel()
            await asyncio.wait((serving,))
        await asyncio.sleep(truth.chance.random())


async def _serve(process: Process) -> None:
    try:
        await advance(Store(process), agent_of(process))  # type: ignore[arg-type]
    except (Dead, SessionBusy, asyncio.CancelledError):
        pass
    except Exception:
        if not process.is_dead:  # what a dead process says counts for nothing
            raise


PLANS = ("effect effect", "effect+effect", "asks", "effect+asks effect", "", "asks+asks")


async def simulate(seed: int) -> Truth:
    chance = random.Random(seed)
    truth = Truth(chance, deaths=chance.randrange(6))
    person = Store(Process(truth, may_die=False))
    prompts = [chance.choice(PLANS) or "hello" for _ in range(chance.randrange(1, 4))]
    workers = [asyncio.create_task(work(truth)) for _ in range(2)]
    try:
        for number, prompt in enumerate(prompts):
            for _ in range(chance.randrange(1, 3)):
                await person.post(prompt, str(number))
            await asyncio.sleep(5 * chance.random())
        async with asyncio.timeout(10_000):
            while truth.stirred != truth.rested or truth.reason != "end_turn":
                for call in pending(truth.messages):
                    try:
                        await decide(person, call, approve=chance.random() < 0.7)
                    except SessionBusy:
                        break
                    except Exception:
                        break  # decided meanwhile
                await asyncio.sleep(1)
    finally:
        for task in workers:
            task.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    judge(truth, prompts)
    return truth


def judge(truth: Truth, prompts: list[str]) -> None:
    assert check(truth.messages) == []
    told = [one.text for one in truth.messages if one.role == "user" and one.text]
    assert told == prompts
    assert all(number == 1 for number in truth.effects.values())
    for message in truth.messages:
        for result in message.tool_results:
            done = truth.effects[result.tool_use_id]
            if result.content == "changed":
                assert done == 1
            elif result.content != UNKNOWN_OUTCOME:
                assert done == 0, result
    assert isinstance(truth.messages[-1].content[0], TextBlock)


def run(seeds: Iterable[int]) -> int:
    """Simulate all of them; how many processes have died."""
    died = 0
    for seed in seeds:
        with asyncio.Runner(loop_factory=JumpingLoop) as runner:
            before = random.Random(seed).randrange(6)
            died += before - runner.run(simulate(seed)).deaths
    return died


def test_some_random_schedules() -> None:
    assert run(range(150)) > 100


async def _not_begun(store: Store, call: ToolUseBlock) -> Outcome:
    return Outcome.NOT_BEGUN


async def _takes(store: Store, until: int | None = None) -> int:
    """In two steps, between which the process may die."""
    waiting = [message for _, message, taken in store.process.truth.inbox if not taken]
    await store.process.do(lambda truth: _extend(truth, waiting))
    taken = [(id, message, True) for id, message, _ in store.process.truth.inbox]
    await store.process.do(lambda truth: setattr(truth, "inbox", taken))
    return len(waiting)


async def _posts(store: Store, prompt: str, id: str) -> bool:
    store.process.truth.inbox.append((id, as_message(prompt), False))
    store.process.truth.stirred += 1
    return True


@pytest.mark.parametrize(
    ("name", "wrong"), [("outcome", _not_begun), ("take", _takes), ("post", _posts)]
)
def test_a_store_that_breaks_its_word_is_found(
    monkeypatch: pytest.MonkeyPatch, name: str, wrong: Any
) -> None:
    monkeypatch.setattr(Store, name, wrong)
    with pytest.raises((AssertionError, TimeoutError)):
        run(range(300))


@pytest.mark.heavy
@pytest.mark.timeout(36_000)
def test_many_random_schedules() -> None:
    assert run(range(1_000, 101_000)) > 100_000
