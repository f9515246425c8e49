"""Processes that die while calls wait inside of others: no effect comes twice, none is lost."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from axio import RUN, Agent, MemoryContextStore, PermissionGuard, Tool
from axio.approval import answer, decide, pending, waiting
from axio.blocks import TextBlock, ToolResultBlock, ToolUseBlock
from axio.exceptions import Deferred
from axio.history import UNKNOWN_OUTCOME, check
from axio.journal import Outcome, is_final
from axio.messages import Message
from axio.testing import StubTransport, make_text_response, make_tool_use_response


class Killed(BaseException):
    """The process is dead; nothing that it still does reaches the disk."""


class Disk:
    """All that outlives a process: the history, the journal and the effects of tools."""

    def __init__(self) -> None:
        self.history: list[Message] = []
        self.notes: dict[str, tuple[ToolUseBlock, ToolResultBlock | None]] = {}
        self.effects: list[str] = []
        self.kills = 0
        self._left = 0
        self._dead = False

    def live(self, kill: int) -> None:
        """A new process, which dies at its moment number `kill`; not at all at 0."""
        self._left, self._dead = kill, False

    def moment(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._dead = True
            self.kills += 1
        if self._dead:
            raise Killed

    def write(self, messages: Iterable[Message]) -> None:
        self.moment()
        self.history = list(messages)
        for message in self.history:
            for result in filter(is_final, message.tool_results):
                for id in [*self.notes]:
                    if f"{id}/".startswith(f"{result.tool_use_id}/"):
                        del self.notes[id]
        self.moment()


class Journal:
    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    async def begin(self, call: ToolUseBlock) -> None:
        self._note(call, None)

    async def finish(self, call: ToolUseBlock, result: ToolResultBlock) -> None:
        self._note(call, result)

    def _note(self, call: ToolUseBlock, result: ToolResultBlock | None) -> None:
        self._disk.moment()
        self._disk.notes[call.id] = call, result
        self._disk.moment()

    async def outcome(self, call: ToolUseBlock) -> ToolResultBlock | Outcome:
        self._disk.moment()
        known, result = self._disk.notes.get(call.id, (None, None))
        return Outcome.NOT_BEGUN if known != call else result or Outcome.UNKNOWN


class DiskStore(MemoryContextStore):
    def __init__(self, disk: Disk, noted: bool) -> None:
        super().__init__(disk.history)
        self._disk = disk
        self._notes = Journal(disk) if noted else None

    @property
    def journal(self) -> Journal | None:
        return self._notes

    async def append(self, message: Message) -> None:
        await self.replace([*self._messages, message])

    async def extend(self, messages: Iterable[Message]) -> None:
        await self.replace([*self._messages, *messages])

    async def replace(self, messages: Iterable[Message]) -> None:
        self._messages = list(messages)
        self._disk.write(self._messages)


class AskLater(PermissionGuard):
    async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
        raise Deferred("A person decides.")


Plan = list[list[str]]
"""Steps one after the other, each of calls side by side. The tool `nested` makes the calls of the
last step itself, one after the other."""


def inside(plan: Plan) -> list[str]:
    """The calls that `nested` makes."""
    return [name for name in plan[-1] if name != "nested"]


class Program:
    """A process of a program whose model calls `script`, which carries out the plan."""

    def __init__(self, disk: Disk, plan: Plan, idempotent: bool) -> None:
        self._disk = disk
        self._plan = plan
        self._idempotent = idempotent

    def agent(self) -> Agent:
        turns = [make_text_response("ok")]
        if not any(message.role == "assistant" for message in self._disk.history):
            turns.insert(0, make_tool_use_response("script", "a", {}))
        tools = [
            Tool("script", self._script, idempotent=self._idempotent),
            Tool("nested", self._nested),
            Tool("change", self._change),
            Tool("put", self._change, idempotent=True),
            Tool("read", self._read, read_only=True),
            Tool("ask", self._change, guards=(AskLater(),)),
            Tool("order", self._order),
        ]
        return Agent("", StubTransport(turns), tools)

    async def _call(self, name: str, key: str) -> str:
        return str((await RUN.get().call(name, {"key": key})).content)

    async def _script(self) -> str:
        said: list[str] = []
        for step in self._plan:
            calls = (self._call(name, f"{len(step)}") for name in step)
            said += await asyncio.gather(*calls)
        return "; ".join(said)

    async def _nested(self, key: str) -> str:
        return ", ".join([await self._call(name, key) for name in inside(self._plan)])

    async def _read(self, key: str) -> str:
        return f"did {key}"

    async def _change(self, key: str) -> str:
        await asyncio.sleep(0)
        self._effect()
        await asyncio.sleep(0)
        return f"did {key}"

    async def _order(self, key: str) -> str:
        self._effect()
        raise Deferred("The shop calls back.")

    def _effect(self) -> None:
        run = RUN.get()
        self._disk.moment()
        self._disk.effects.append(f"{run.call_id} {run.tool_name}")
        self._disk.moment()


class Person:
    """Decides and answers some of what waits, in any order."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self.approved: set[str] = set()
        self.denied = 0

    async def act(self, store: DiskStore) -> None:
        history = await store.get_history()
        asked = pending(history)
        calls = [*asked, *waiting(history)]
        for call in self._chance.sample(calls, self._chance.randint(1, len(calls))):
            if call not in asked:
                await answer(store, call, f"came for {call.input['key']}")
            elif self._chance.random() < 0.7:
                self.approved.add(f"{call.tool_use_id} {call.name}")
                await decide(store, call, approve=True)
            else:
                self.denied += 1
                await decide(store, call, approve=False)


def play(
    plan: Plan, kills: list[int], seed: int = 0, *, noted: bool = True, idempotent: bool = False
) -> Disk:
    """A session to its last answer. Its first processes die at these moments."""
    disk, person, kills = Disk(), Person(seed), [*kills]

    async def live() -> str:
        store = DiskStore(disk, noted)
        agent = Program(disk, plan, idempotent).agent()
        stream = agent.resume(store) if disk.history else agent.run_stream("go", store)
        return (await stream.get_session_end()).reason

    for _ in range(100):
        disk.live(kills.pop(0) if kills else 0)
        try:
            reason = asyncio.run(live())
        except Killed:
            continue
        disk.live(0)
        if reason not in ("approval", "waiting"):
            break
        asyncio.run(person.act(DiskStore(disk, noted)))
    else:
        raise AssertionError("it never ends")
    judge(disk, person, plan)
    return disk


def judge(disk: Disk, person: Person, plan: Plan) -> None:
    assert check(disk.history) == []
    assert disk.history[-1] == Message("assistant", [TextBlock("ok")])
    assert disk.notes == {}
    times = Counter(disk.effects)
    assert [each for each in times if times[each] > 1 and not each.endswith("put")] == []
    assert {each for each in times if each.endswith("ask")} <= person.approved
    (result,) = disk.history[2].tool_results
    assert is_final(result)
    if UNKNOWN_OUTCOME in str(result.content):
        assert disk.kills
        return
    made = [name for step in plan for name in step]
    made += made.count("nested") * inside(plan)
    done = Counter(each.partition(" ")[2] for each in times)
    for name in ("change", "put", "order"):
        assert done[name] == made.count(name), "an effect is lost"
    assert done["ask"] + person.denied == made.count("ask")


TOOLS = st.sampled_from(["change", "put", "read", "ask", "order", "nested"])
PLANS = st.lists(st.lists(TOOLS, min_size=1, max_size=3), min_size=1, max_size=3)


@settings(max_examples=150, deadline=None)
@given(
    plan=PLANS,
    kills=st.lists(st.integers(1, 60), max_size=6),
    seed=st.integers(0, 99),
    noted=st.booleans(),
    idempotent=st.booleans(),
)
def test_no_effect_comes_twice_and_none_unasked(
    plan: Plan, kills: list[int], seed: int, noted: bool, idempotent: bool
) -> None:
    play(plan, kills, seed, noted=noted, idempotent=idempotent)


@pytest.mark.parametrize(("noted", "idempotent"), [(True, False), (True, True), (False, True)])
def test_a_kill_at_every_moment_of_every_process(noted: bool, idempotent: bool) -> None:
    plan = [["change", "ask"], ["order", "read"], ["nested", "put", "ask"]]
    unknown = number = 0
    for lives in range(6):
        for moment in range(1, 200):
            disk = play(plan, [*[0] * lives, moment], noted=noted, idempotent=idempotent)
            if not disk.kills:
                break
            number += 1
            unknown += UNKNOWN_OUTCOME in str(disk.history[2].tool_results[0].content)
    assert number > 30
    assert 0 < unknown < number * (1 if idempotent and not noted else 0.5)


def test_only_a_call_that_was_at_work_is_not_known() -> None:
    """The process dies when the call has been approved that waits two levels down. Each level is a
    call that changes something and has begun."""
    plan = [["change"], ["nested"], ["ask"]]
    moments = []
    for moment in range(1, 100):
        disk = play(plan, [0, moment], seed=3)
        if not disk.kills:
            break
        if UNKNOWN_OUTCOME in str(disk.history[2].tool_results[0].content):
            moments.append(moment)
    # From when it was noted that the handler begins until its result was noted.
    assert len(moments) == 4
    assert moments == [*range(moments[0], moments[0] + 4)]


async def test_a_fork_knows_what_was_noted_before_a_crash() -> None:
    plan, used = [["change"], ["order"]], 0
    for moment in range(1, 40):
        disk = Disk()
        disk.live(moment)
        try:
            agent = Program(disk, plan, True).agent()
            await agent.run_stream("go", DiskStore(disk, True)).get_session_end()
        except Killed:
            disk.live(0)
            if len(disk.history) == 2:
                agent = Program(disk, plan, True).agent()
                await agent.resume(DiskStore(disk, True)).get_session_end()
        store = await DiskStore(disk, True).fork()
        for ordered in waiting(await store.get_history()):
            await answer(store, ordered, "here")
            await Program(disk, plan, True).agent().resume(store).get_final_text()
        if (await store.get_history())[2:3] == [
            Message("user", [ToolResultBlock("a", "did 1; here")])
        ]:
            used += disk.kills
            assert len(disk.effects) == 2
    assert used > 5


async def test_a_process_that_dies_before_the_note_is_stored_waits_when_it_is_back() -> None:
    ends = set()
    for moment in range(1, 40):
        disk = Disk()
        disk.live(moment)
        agent = Program(disk, [["order"]], False).agent()
        try:
            await agent.run_stream("go", DiskStore(disk, True)).get_session_end()
        except Killed:
            disk.live(0)
            if any(message.role == "assistant" for message in disk.history):
                agent = Program(disk, [["order"]], False).agent()
                end = await agent.resume(DiskStore(disk, True)).get_session_end()
                ends.add((end.reason, len(waiting(disk.history))))
    assert ends == {("waiting", 1), ("", 0)}
