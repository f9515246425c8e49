"""A world in memory in which a `Durable` is at work: each step takes time, and may go wrong.

A process may die or hang before or after it reaches the store, the engine, or the thing that a tool
changes; the store may be away. A process that hangs loses its sessions to others, and comes back.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from heapq import heappop, heappush
from random import Random
from typing import Any, NamedTuple, NoReturn, TypeVar

from axio.blocks import ToolResultBlock, ToolUseBlock
from axio.context import ContextStore
from axio.durable import Cursor, Seen, Standing
from axio.events import StreamEvent
from axio.exceptions import SessionBusy, SessionLost, StoreError
from axio.journal import Outcome, is_final
from axio.messages import Message, Prompt, as_message

__all__ = ("Dead", "Fault", "Machine", "Pokes", "Process", "QuickLoop", "Session", "Store", "World")

T = TypeVar("T")


class Dead(BaseException):
    """The process is gone: no line of it is run any more."""


class Fault(Enum):
    DEATH = "death"
    HANG = "hang"
    AWAY = "away"


@dataclass(eq=False)
class Session:
    """All that the store keeps of one session."""

    agent: str | None = None
    parent: str | None = None
    messages: list[Message] = field(default_factory=list)
    notes: dict[str, tuple[ToolUseBlock, ToolResultBlock | None]] = field(default_factory=dict)
    inbox: list[tuple[str, Message]] = field(default_factory=list)
    taken: int = 0
    stirred: int = 0
    rested: int = 0
    cancelled: int | None = None
    reason: str = ""
    words: str = ""
    owner: Hold | None = None
    live: tuple[int, Hold, list[StreamEvent]] | None = None

    @property
    def is_at_rest(self) -> bool:
        return self.stirred == self.rested

    def extend(self, messages: Iterable[Message]) -> None:
        for message in messages:
            self.messages.append(message)
            for result in message.tool_results:
                if is_final(result):
                    self.notes.pop(result.tool_use_id, None)


class Hold(NamedTuple):
    """A run that owns a session, or has owned it."""

    process: Process
    number: int


class World:
    """All sessions, the jobs of the engine, and what was done."""

    def __init__(self, chance: Random, faults: Iterable[Fault]) -> None:
        self.chance = chance
        self.faults = list(faults)
        self.sessions: dict[str, Session] = {}
        self.jobs: asyncio.Queue[str] = asyncio.Queue()
        self.effects: Counter[tuple[str, str]] = Counter()
        """Done by tools, by session and call."""
        self.happened: Counter[str] = Counter()
        self.numbers = itertools.count(1)
        self.is_over = False
        """Nothing more is asked for, and all is done."""

    def delay(self, longest: float) -> float:
        """Mostly short, rarely long."""
        return longest * float(self.chance.random()) ** 4

    @property
    def was_away(self) -> bool:
        """The store, at some time."""
        return self.happened[Fault.AWAY.value] > 0

    @property
    def was_cancelled(self) -> bool:
        """Some session, while it had work."""
        return self.happened["cancel"] > 0

    def session(self, id: str) -> Session:
        return self.sessions.setdefault(id, Session())


class Process:
    """A worker, or the program of a person, of which only the store may be away."""

    def __init__(self, world: World, *, is_worker: bool) -> None:
        self.world = world
        self.is_worker = is_worker
        self.is_dead = False
        self.task: asyncio.Task[None] | None = None
        """All of it, which ends with the process."""
        self._hangs_until = 0.0

    async def reach(self, change: Callable[[], T]) -> T:
        """Change something outside of the process."""
        await asyncio.sleep(self.world.delay(0.2))
        await self._strike()
        result = change()
        await self._strike()
        return result

    async def _strike(self) -> None:
        if self.is_dead:
            raise Dead
        faults = self.world.faults
        may_fail = faults and (self.is_worker or faults[-1] is Fault.AWAY)
        if may_fail and self.world.chance.random() < 0.03:
            self._suffer(faults.pop())
        if (hangs := self._hangs_until - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(hangs)
        if self.is_dead:
            raise Dead

    def _suffer(self, fault: Fault) -> None:
        self.world.happened[fault.value] += 1
        if fault is Fault.AWAY:
            raise StoreError("the store is away")
        if fault is Fault.HANG:
            self._hangs_until = asyncio.get_running_loop().time() + self.world.delay(100)
            self._lose_all()
        else:
            self._die()

    def _die(self) -> NoReturn:
        self.is_dead = True
        self._lose_all()
        if self.task is not None:
            self.task.cancel()
        raise Dead

    def _lose_all(self) -> None:
        for session in self.world.sessions.values():
            if session.owner is not None and session.owner.process is self:
                session.owner = None  # as the end of its lease does


class Store(ContextStore):
    """A session as a process sees it: a store, its journal, inbox, live tail and work in one."""

    def __init__(self, process: Process, id: str) -> None:
        self.process = process
        self.inbox = self.live = self.work = self
        self._session_id = id
        self._hold: Hold | None = None

    @property
    def journal(self) -> Any:
        return self

    async def _read(self, look: Callable[[Session], T]) -> T:
        return await self.process.reach(lambda: look(self.process.world.session(self.session_id)))

    async def _write(self, change: Callable[[Session], T]) -> T:
        def checked(session: Session) -> T:
            if self._hold is None or session.owner is not self._hold:
                raise SessionLost("it was taken over")
            return change(session)

        return await self._read(checked)

    @asynccontextmanager
    async def own(self) -> AsyncIterator[None]:
        hold = Hold(self.process, next(self.process.world.numbers))

        def take(session: Session) -> None:
            if session.owner is not None:
                raise SessionBusy("another has it")
            session.owner = hold

        def let_go() -> None:
            session = self.process.world.session(self.session_id)
            if session.owner is hold:
                session.owner = None

        try:
            await self._read(take)
            self._hold = hold
            yield
        finally:
            let_go()  # A store that is away would note later that its owner is gone.

    async def take_over(self) -> None:
        await self._read(lambda session: setattr(session, "owner", None))

    # ── the history ──────────────────────────────────────────────────────────────────────────

    async def append(self, message: Message) -> None:
        await self.extend((message,))

    async def extend(self, messages: Iterable[Message]) -> None:
        kept = list(messages)
        await self._write(lambda session: session.extend(kept))

    async def replace(self, messages: Iterable[Message]) -> None:
        kept = list(messages)

        def change(session: Session) -> None:
            session.messages = []
            session.extend(kept)
            session.stirred += 1

        await self._write(change)

    async def get_history(self) -> list[Message]:
        return await self._read(lambda session: session.messages.copy())

    # ── the journal ──────────────────────────────────────────────────────────────────────────

    async def begin(self, call: ToolUseBlock) -> None:
        await self._write(lambda session: session.notes.update({call.id: (call, None)}))

    async def finish(self, call: ToolUseBlock, result: ToolResultBlock) -> None:
        await self._write(lambda session: session.notes.update({call.id: (call, result)}))

    async def outcome(self, call: ToolUseBlock) -> ToolResultBlock | Outcome:
        found = await self._read(lambda session: session.notes.get(call.id))
        if found is None or found[0] != call:
            return Outcome.NOT_BEGUN
        return found[1] or Outcome.UNKNOWN

    # ── the inbox ────────────────────────────────────────────────────────────────────────────

    async def post(self, prompt: Prompt, id: str) -> bool:
        def change(session: Session) -> bool:
            if any(id == one for one, _ in session.inbox):
                return False
            session.inbox.append((id, as_message(prompt)))
            session.stirred += 1
            return True

        return await self._read(change)

    async def take(self, until: int | None = None) -> int:
        def change(session: Session) -> int:
            waiting = [message for _, message in session.inbox[session.taken : until]]
            session.extend(waiting)
            session.taken += len(waiting)
            return len(waiting)

        return await self._write(change)

    # ── the live tail ────────────────────────────────────────────────────────────────────────

    async def write(self, events: Iterable[StreamEvent]) -> None:
        def change(session: Session) -> None:
            assert self._hold is not None
            place = len(session.messages)
            if session.live is None or session.live[:2] != (place, self._hold):
                session.live = place, self._hold, []
            session.live[2].extend(events)

        await self._write(change)

    async def read(self, after: Cursor | None = None) -> Seen:
        def look(session: Session) -> Seen:
            before = after or Cursor()
            messages = session.messages[before.messages :]
            seen = before.messages + len(messages)
            cursor = Cursor(seen) if messages else before
            if session.live is None or session.live[0] != seen:
                return Seen(cursor, messages)
            _, hold, events = session.live
            attempt = str(hold.number)
            known = cursor.number if cursor.attempt == attempt else 0
            if known == len(events) and cursor.attempt == attempt:
                return Seen(cursor, messages)
            restarts = cursor.attempt not in ("", attempt)
            cursor = Cursor(seen, len(events), attempt)
            return Seen(cursor, messages, restarts, events[known:])

        return await self._read(look)

    # ── the work ─────────────────────────────────────────────────────────────────────────────

    async def assign(self, agent: str, parent: str | None = None) -> None:
        def change(session: Session) -> None:
            session.agent = agent
            session.parent = session.parent or parent

        await self._read(change)

    async def standing(self) -> Standing:
        return await self._read(
            lambda session: Standing(
                session.agent,
                session.parent,
                session.stirred,
                session.is_at_rest,
                session.taken < len(session.inbox),
                session.cancelled,
                session.reason,
                session.words,
                session.owner is not None,
            )
        )

    async def attempt(self) -> Standing:
        return await self.standing()

    async def cancel(self) -> None:
        def change(session: Session) -> None:
            if not session.is_at_rest or session.reason in ("approval", "waiting"):
                session.stirred += 1
                session.cancelled = len(session.inbox)
                self.process.world.happened["cancel"] += 1

        await self._read(change)

    async def cancelled(self, number: int) -> None:
        def change(session: Session) -> None:
            if session.cancelled == number:
                session.cancelled, session.reason, session.words = None, "cancelled", ""

        await self._write(change)

    async def rest(self, stirred: int, reason: str, words: str = "") -> bool:
        def change(session: Session) -> bool:
            if session.stirred != stirred:
                return False
            session.rested, session.cancelled = stirred, None
            session.reason, session.words = reason, words
            return True

        return await self._write(change)


class Machine:
    """The database, as a process reaches it."""

    def __init__(self, process: Process) -> None:
        self.process = process

    def session(self, id: str | None = None, /) -> Store:
        return Store(self.process, id or "new")

    async def unfinished(self, limit: int = 1000, /) -> list[str]:
        sessions = self.process.world.sessions
        return await self.process.reach(
            lambda: [id for id, one in sessions.items() if not one.is_at_rest and one.owner is None]
        )

    async def __aenter__(self) -> Machine:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        pass


class Pokes:
    """An engine that hands out jobs late, twice, or not at all."""

    def __init__(self, process: Process) -> None:
        self.process = process

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def poke(self, session_id: str) -> None:
        world = self.process.world
        loop = asyncio.get_running_loop()

        def leave() -> None:
            for _ in range(world.chance.choice((0, 1, 1, 1, 1, 1, 1, 2))):
                loop.call_later(world.delay(10), world.jobs.put_nowait, session_id)

        await self.process.reach(leave)

    async def work(self, *arguments: Any) -> None:
        raise NotImplementedError("the world sees to it")


class QuickLoop(asyncio.BaseEventLoop):
    """An event loop for what happens inside of the process alone, on a clock that jumps to the next
    timer. It does less than others do, and takes half of their time."""

    def __init__(self) -> None:
        super().__init__()
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, asyncio.Handle]] = []
        self._numbers = itertools.count()
        self._now = 0.0

    def time(self) -> float:
        return self._now

    def call_soon(  # type: ignore[override]  # all of it is passed on
        self, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        heappush(self._timers, (when, next(self._numbers), handle))
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """It is left out when its time has come."""

    def _run_once(self) -> None:
        if not self._ready:
            assert self._timers, "everything waits, and nothing is left that could happen"
            when, _, handle = heappop(self._timers)
            if not handle.cancelled():
                self._now = max(self._now, when)
                self._ready.append(handle)
        for _ in range(len(self._ready)):
            handle = self._ready.popleft()
            if not handle.cancelled():
                handle._run()
