"""Plays the sessions of `support.fuzz`, and keeps the record of each."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from axio.agent import Agent
from axio.approval import decide, pending
from axio.budget import Budget
from axio.context import MemoryContextStore
from axio.events import (
    IterationEnd,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    ToolUseStart,
)
from axio.exceptions import Deferred, GuardError, LimitReached
from axio.messages import Message
from axio.permission import PermissionGuard
from axio.run import RUN, Run
from axio.stream import AgentStream
from axio.testing import StubTransport, make_text_response
from axio.tool import Tool
from axio.types import StopReason, Usage
from support.faulty import FaultyStore
from support.fuzz import Record, Response, RunPlan, RunRecord, Session, Stop, StoreDown
from support.scene import PausingTransport, steps
from support.watching import Watching

__all__ = ("play",)

PATIENCE = 3000
"""Turns of the loop after which a run hangs."""


class _Denies(PermissionGuard):
    async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
        raise GuardError("no")


class _PutsOff(PermissionGuard):
    async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
        raise Deferred("ask a person")


def events_of(response: Response) -> list[StreamEvent]:
    events: list[StreamEvent] = [TextDelta(0, text) for text in response.texts]
    for index, call in enumerate(response.calls, 1):
        text = json.dumps({"n": call.n, "turns": call.turns})
        if not call.readable:
            text = text[:-3]
        events.append(ToolUseStart(index, call.id, call.temper))
        events += [ToolInputDelta(index, call.id, piece) for piece in (text[:5], text[5:])]
    reason = StopReason.tool_use if response.calls else StopReason.end_turn
    odd = {"limit": StopReason.max_tokens, "bad": StopReason.error}
    if isinstance(response.end, str):
        reason = odd.get(response.end, reason)
    return [*events, IterationEnd(1, reason, Usage(2, 1))]


class _Model(StubTransport):
    """Answers with the planned responses, the last one for ever."""

    def __init__(self, playing: _Playing, responses: tuple[Response, ...]) -> None:
        super().__init__()
        self.playing = playing
        self.planned = responses
        self.asked = 0

    async def stream(
        self, messages: list[Message], tools: list[Tool[Any]], system: str
    ) -> AsyncIterator[StreamEvent]:
        playing = self.playing
        playing.run.requests.append(playing.turn)
        response = self.planned[self.asked] if self.asked < len(self.planned) else _GOODBYE
        self.asked += 1
        playing.run.streams_open += 1
        try:
            if response.swallows:
                try:
                    await steps(6)
                except asyncio.CancelledError:
                    playing.run.swallowed = True
            events = events_of(response)
            broken = -1 if response.end in ("well", "limit", "bad") else response.at
            broken = min(broken, len(events) - 1)
            for number, event in enumerate(events):
                await steps(response.pause)
                if number == broken:
                    if isinstance(response.end, Exception):
                        raise response.end
                    return
                yield event
        finally:
            playing.run.streams_open -= 1


_GOODBYE = Response((), ())


class _Playing:
    """One session while it is played."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.turn = 0
        self.run = RunRecord(RunPlan(()))
        self.stream: AgentStream | None = None
        self.face: Run | None = None

    def tools(self) -> list[Tool[Any]]:
        guards = {"denied": (_Denies(),), "deferred": (_PutsOff(),)}
        tools: list[Tool[Any]] = []
        for temper, work in self._works():
            tools.append(
                Tool(
                    temper,
                    self._handler(temper, work),
                    guards=guards.get(temper, ()),
                    concurrency=1 if temper == "one_at_a_time" else None,
                    eager=temper == "looks_up",
                    read_only=temper == "looks_up",
                )
            )
        tools.append(Tool("streams", self._streams))
        tools.append(Tool("breaks_off", self._breaks_off))
        return tools

    def _works(self) -> Iterator[tuple[str, Callable[[int, int], Awaitable[None]]]]:
        for temper in ("waits", "denied", "deferred", "one_at_a_time", "looks_up"):
            yield temper, _waits
        for name in dir(self):
            if name.startswith("_do_"):
                yield name.removeprefix("_do_"), getattr(self, name)

    def _handler(
        self, temper: str, work: Callable[[int, int], Awaitable[None]]
    ) -> Callable[[int, int], Awaitable[str]]:
        async def handler(n: int, turns: int) -> str:
            with self._begun(n):
                try:
                    await work(n, turns)
                except asyncio.CancelledError:
                    if temper in ("cancels_itself", "leaves_early"):
                        self.record.ended[n] = None
                    raise
                self.record.ended[n] = f"{temper} {n} is done"
                return f"{temper} {n} is done"

        return handler

    @contextmanager
    def _begun(self, n: int) -> Iterator[None]:
        run = self.run
        self.record.started[n] += 1
        run.starts.append(self.turn)
        run.running += 1
        self.face = RUN.get().whole
        try:
            yield
        except Exception:
            self.record.ended[n] = None
            raise
        finally:
            run.running -= 1

    async def _streams(self, n: int, turns: int) -> AsyncIterator[str]:
        with self._begun(n):
            lines = [f"line {line} of {n}\n" for line in range(turns + 1)]
            for line in lines:
                await steps(1)
                yield line
            self.record.ended[n] = "".join(lines)

    async def _breaks_off(self, n: int, turns: int) -> AsyncIterator[str]:
        with self._begun(n):
            yield f"the beginning of {n}\n"
            await steps(turns)
            raise ValueError("no more")

    async def _do_quick(self, n: int, turns: int) -> None:
        """Done in its first step."""

    async def _do_swallows(self, n: int, turns: int) -> None:
        try:
            await steps(turns + 2)
        except asyncio.CancelledError:
            await steps(2)

    async def _do_tidies(self, n: int, turns: int) -> None:
        try:
            await steps(turns + 2)
        except asyncio.CancelledError:
            await steps(turns)
            raise

    async def _do_fails(self, n: int, turns: int) -> None:
        await steps(turns)
        raise ValueError("out of order")

    async def _do_cancels_itself(self, n: int, turns: int) -> None:
        await steps(turns)
        raise asyncio.CancelledError

    async def _do_leaves_early(self, n: int, turns: int) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await steps(turns + 1)

    async def _do_stops_the_run(self, n: int, turns: int) -> None:
        RUN.get().stop("enough")
        await steps(turns)

    async def _do_cancels_the_stream(self, n: int, turns: int) -> None:
        self.cancel_stream(None)
        await steps(turns)

    async def _do_steers(self, n: int, turns: int) -> None:
        await steps(turns)
        if RUN.get().steer(f"note {n}. "):
            self.record.notes.append(f"note {n}. ")

    async def _do_calls_inside(self, n: int, turns: int) -> None:
        await RUN.get().call("waits", {"n": -n, "turns": turns})

    async def _do_delegates(self, n: int, turns: int) -> None:
        model = PausingTransport([make_text_response(f"word {turn}") for turn in range(turns + 1)])
        await Agent("", model).run("go", MemoryContextStore())

    def cancel_stream(self, limit: LimitReached | None) -> None:
        if self.stream is None:
            return
        if self.run.stopped is None:
            self.run.stopped = self.turn
        self.stream.interrupt(limit)

    # ── one run ───────────────────────────────────────────────────────────────────────────────

    async def play_run(self, plan: RunPlan, store: FaultyStore, number: int) -> None:
        run = self.run = RunRecord(plan, self.turn)
        self.record.runs.append(run)
        failures = store.failures
        agent = Agent("", _Model(self, plan.responses), self.tools())
        budget = Budget(**dict(plan.budget)) if plan.budget else None  # type: ignore[arg-type]
        if await _decided(plan, store):
            self.stream = agent.resume(store, budget=budget)
        else:
            self.stream = agent.run_stream(f"prompt {number}. ", store, budget=budget)
        task = asyncio.create_task(self._read(plan, run))
        await self._stop_meanwhile(plan, run, task)
        if not task.cancelled():
            run.raised = task.exception()
        else:
            run.raised = asyncio.CancelledError()
        if plan.reader == "tasks" and self.stream is not None:
            await self.stream.aclose()  # It was cancelled between two events.
        self.stream = self.face = None
        await steps(2)  # The closing of a stream that was dropped becomes a task.
        for _ in range(200):
            if len(asyncio.all_tasks()) == 1:
                break
            await steps(1)
        run.tasks_left = len(asyncio.all_tasks()) - 1
        run.last_operation_failed = store.last_failed
        run.store_failures = store.failures - failures
        run.history = await MemoryContextStore.get_history(store)

    async def _stop_meanwhile(
        self, plan: RunPlan, run: RunRecord, task: asyncio.Task[None]
    ) -> None:
        stops = list(plan.stops)
        closing: list[asyncio.Task[None]] = []
        begun = self.turn
        while not task.done():
            while stops and begun + stops[0].turn <= self.turn and not task.done():
                self._stop(stops.pop(0), run, task, closing)
            if self.turn - begun == PATIENCE:
                run.hangs = True
                task.cancel()
            if self.turn - begun > 2 * PATIENCE:
                raise AssertionError("a run hangs, and cannot be cancelled")
            self.turn += 1
            await steps(1)
        for found in await asyncio.gather(*closing, return_exceptions=True):
            # The consumer was waiting for an event at that time.
            assert found is None or "already running" in str(found), found

    def _stop(
        self,
        stop: Stop,
        run: RunRecord,
        task: asyncio.Task[None],
        closing: list[asyncio.Task[None]],
    ) -> None:
        match stop.kind:
            case "task":
                run.task_cancels += task.cancel()
            case "stream":
                self.cancel_stream(None)
            case "limit":
                self.cancel_stream(LimitReached("out of time", reason="time"))
            case "enough":
                if self.face is not None:
                    self.face.stop("enough")
            case "close":
                if self.stream is not None:
                    run.was_left = True
                    closing.append(asyncio.create_task(self.stream.aclose()))

    async def _read(self, plan: RunPlan, run: RunRecord) -> None:
        assert self.stream is not None
        match plan.reader:
            case "text":
                await self.stream.get_final_text()
            case "end":
                run.events.append(await self.stream.get_session_end())
            case _:
                await self._iterate(plan, run)

    async def _iterate(self, plan: RunPlan, run: RunRecord) -> None:
        while self.stream is not None:
            try:
                if plan.reader == "tasks":
                    event = await asyncio.create_task(_next(self.stream))
                else:
                    event = await anext(self.stream)
            except StopAsyncIteration:
                return
            run.events.append(event)
            if plan.reader == "slow":
                await steps(2)
            if plan.reader in ("leaves", "drops") and len(run.events) == plan.take:
                run.was_left = True
                if plan.reader == "leaves":
                    await self.stream.aclose()
                self.stream = None


async def _next(stream: AgentStream) -> StreamEvent:
    return await anext(stream)


async def _waits(n: int, turns: int) -> None:
    await steps(turns)


async def _decided(plan: RunPlan, store: FaultyStore) -> bool:
    """Decide about the calls that wait; True if there were some."""
    if plan.approve is None:
        return False
    waiting = pending(await MemoryContextStore.get_history(store))
    with suppress(StoreDown):
        for call in waiting:
            await decide(store, call, approve=plan.approve)
    return bool(waiting)


async def play(plan: Session) -> Record:
    """The record of the session; it leaves the loop as it was."""
    record = Record(plan)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: record.complaints.append(context["message"]))
    store = FaultyStore(plan.faults, plan.pace)
    playing = _Playing(record)
    for number, run in enumerate(plan.runs):
        await playing.play_run(run, store, number)
    store.heal()
    again = Agent("", Watching([make_text_response("Here I am.")]))
    try:
        record.last_words = await again.run("are you there? ", store)
    except Exception as exc:
        record.last_words = exc
    record.history = await MemoryContextStore.get_history(store)
    loop.set_exception_handler(None)
    return record
