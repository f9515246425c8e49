"""`Durable`: agents whose work goes on whoever is killed."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from inspect import isawaitable
from typing import NamedTuple, TypeAlias, TypeVar

from axio.agent import Agent
from axio.approval import ApprovalError, PendingCall, answer, decide, pending, waiting
from axio.budget import Budget
from axio.durable import Standing, require_id
from axio.exceptions import AxioError, SessionBusy, StoreError, message_of
from axio.history import calls_of
from axio.messages import Message, Prompt
from axio.tool import Tool
from axio_durable.advance import End, advance
from axio_durable.children import child_tool, place_of, text_of
from axio_durable.errors import DurableError, UnknownAgent
from axio_durable.follow import Followed, follow
from axio_durable.scheduler import InProcess, Scheduler
from axio_durable.store import Database, DurableStore, as_store
from axio_durable.watch import Watch, unwatched

__all__ = ("Durable", "MakeAgent")

D = TypeVar("D", bound="Durable")

logger = logging.getLogger(__name__)

MakeAgent: TypeAlias = Agent | Callable[[], Agent | Awaitable[Agent]]
"""An agent, or a function that makes it each time it is to work."""

_LONGEST_PAUSE = 60.0


class _Tries(NamedTuple):
    """How often something came to nothing for a session, in a row; when it may be tried again."""

    number: int = 0
    until: float = 0.0

    def more(self, first: float, longest: float) -> _Tries:
        pause = min(first * 2.0 ** min(self.number, 30), longest)
        return _Tries(self.number + 1, time.monotonic() + pause)

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.until


class _ParentBusy(SessionBusy):
    """A child cannot report its end yet."""


class Durable:
    """Sessions in `database`, on which workers let `agents` work.

        durable = Durable(Postgres("postgresql://..."), agents={"support": make_agent})

    Every process that posts, watches or works makes it alike and opens it with `async with`.

    Args:
        database: `axio_context_sqlite.SQLite` or `axio_context_postgres.Postgres`.
        scheduler: hands sessions out to workers; by default each process to its own.
        agents: by name. A session keeps the name.
        budget: of a session, by its id; a ledger in it makes it outlive the worker.
        look_every: seconds between two looks of a worker for work that was left behind.
        watch: sees each attempt at a session's work, such as `axio_durable.tracing.Tracing()`.
    """

    def __init__(
        self,
        database: Database,
        scheduler: Scheduler | None = None,
        *,
        agents: Mapping[str, MakeAgent],
        budget: Callable[[str], Budget | None] | None = None,
        look_every: float = 2.0,
        watch: Watch = unwatched,
    ) -> None:
        self.database = database
        self.scheduler = scheduler or InProcess()
        self.agents = agents
        self._budget = budget
        self._look_every = look_every
        self._watch = watch
        self._running: set[str] = set()
        self._failures: dict[str, _Tries] = {}
        self._looks: dict[str, _Tries] = {}
        """Pokes by the look-out for sessions that it has found again and again ever since."""
        self._soon: set[asyncio.Task[None]] = set()
        self._under_way: set[asyncio.Task[None]] = set()
        self._open = AsyncExitStack()

    async def __aenter__(self: D) -> D:
        async with AsyncExitStack() as opened:
            await opened.enter_async_context(self.database)
            await self.scheduler.open()
            opened.push_async_callback(self.scheduler.close)
            self._open = opened.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    # ── for those who ask ─────────────────────────────────────────────────────────────────────

    async def post(self, session: str, prompt: Prompt, *, agent: str, id: str) -> bool:
        """Give a session a message, which is answered once; False if it had one with this `id`.

        It is safe to post again after an error, and from several processes.
        """
        self._require(agent)
        require_id("the id of a session", session)
        require_id("the id of a message", id)
        store = self.database.session(session)
        known = (await store.work.standing()).agent
        if known is None:  # Before the message, which no worker would find without.
            await store.work.assign(agent)
        posted = await store.inbox.post(prompt, id)
        if posted and known not in (None, agent):
            await store.work.assign(agent)
        await self._poke(session)
        return posted

    def follow(
        self, session: str, after: int = 0, *, every: float = 0.2
    ) -> AsyncGenerator[Followed, None]:
        """Follow a session until it rests: `Stored` once for each message from number
        `after` on, live events of the next one between them. A session that nothing was posted to
        rests, with the reason ""."""
        if after < 0:
            raise ValueError(f"`after` must be a number from 0 on, got {after!r}")
        return follow(self.database.session(session), after, every=every)

    async def history(self, session: str) -> list[Message]:
        """The messages of a session."""
        return await as_store(self.database.session(session)).get_history()

    async def pending(self, session: str) -> list[PendingCall]:
        """The calls that wait for a decision."""
        return pending(await self.history(session))

    async def waiting(self, session: str) -> list[PendingCall]:
        """The calls that have begun and wait for their results, those of children among them."""
        return waiting(await self.history(session))

    async def decide(
        self, session: str, call: PendingCall, *, approve: bool, reason: str = ""
    ) -> None:
        """Approve or refuse a call.

        `ApprovalError` if it does not wait any more, `SessionBusy` while a worker has the session,
        or a dead one's lease has not ended.
        """
        store = self.database.session(session)
        await decide(as_store(store), call, approve=approve, reason=reason)
        await self._poke(session)

    async def answer(
        self, session: str, call: PendingCall, content: object, *, is_error: bool = False
    ) -> None:
        """Give a call that waits its result. The same answer may be given again."""
        store = self.database.session(session)
        await answer(as_store(store), call, content, is_error=is_error)
        await self._poke(session)

    async def cancel(self, session: str) -> None:
        """End what the session does, and leave unanswered what it was asked before now. Its worker
        does the same to its children. Nothing comes of it when it rests."""
        await self.database.session(session).work.cancel()
        await self._poke(session)

    async def _poke(self, session: str) -> None:
        """The workers look for themselves, too: an engine that is away costs only time."""
        try:
            await self.scheduler.poke(session)
        except Exception as error:
            words = f"{type(error).__name__}: {message_of(error)}"
            logger.warning("session %r was not poked, workers will find it: %s", session, words)

    # ── for those who work ────────────────────────────────────────────────────────────────────

    def child(self, agent: str, *, name: str | None = None, description: str = "") -> Tool:
        """A tool that gives a task to another agent of these, which works on it in a session of its
        own, `SESSION/CALL`. The caller holds no process while it waits."""
        self._require(agent)
        return child_tool(self._begin_child, agent, name or agent, description)

    async def _begin_child(self, parent: str, call_id: str, agent: str, task: str) -> None:
        child = f"{parent}/{call_id}"
        store = self.database.session(child)
        standing = await store.work.standing()
        if standing.agent is not None and standing.parent != parent:
            raise DurableError(f"there is a session {child!r} that is no child of {parent!r}")
        await store.work.assign(agent, parent)
        # A provider may give the id of an older call again, at another place. Who comes late, as a
        # worker that has hung, finds the place where it was.
        place = place_of(await self.history(parent), call_id)
        await store.inbox.post(task, f"task {place}")
        await self._poke(child)

    async def work(
        self,
        concurrency: int = 10,
        *,
        stop: asyncio.Event | None = None,
        grace: float = 30.0,
    ) -> None:
        """Work on sessions, so many at once, until `stop` is set; those under way then have `grace`
        seconds to come to rest, and are left for other workers as if this one had died."""
        stop = stop or asyncio.Event()
        looking = asyncio.create_task(self._look())
        working = asyncio.create_task(self.scheduler.work(self._serve, concurrency, stop))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
            looking.cancel()
            await asyncio.wait((working,), timeout=grace)
            if working.done():
                await working
        finally:
            await self._leave()
            # An engine need not end its jobs when its worker is cancelled.
            tasks = {looking, working, stopping, *self._soon, *self._under_way}
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    @property
    def running(self) -> frozenset[str]:
        """The sessions that this process works on now."""
        return frozenset(self._running)

    async def _leave(self) -> None:
        """Give up the sessions under way: from now on nothing of theirs is stored."""
        stores = [self.database.session(session) for session in self._running]
        await asyncio.gather(*(store.take_over() for store in stores), return_exceptions=True)

    async def _look(self) -> None:
        """Find work that was left behind: by a worker that died, or an engine that lost it."""
        is_away = False
        while True:
            try:
                found = await self.database.unfinished(1000 + len(self._failures))
                # An engine may have them in its queue already: it is told of them less and less.
                self._looks = {one: self._looks.get(one, _Tries()) for one in found}
                for session in random.sample(found, len(found)):  # each worker begins elsewhere
                    looks = self._looks.get(session, _Tries())
                    failures = self._failures.get(session, _Tries())
                    if session not in self._running and looks.is_over and failures.is_over:
                        pauses = 2 * self._look_every, 4 * self._look_every
                        self._looks[session] = looks.more(*pauses)
                        await self._poke(session)
            except AxioError as error:
                if not is_away:
                    logger.warning("cannot look for work: %s", message_of(error))
                is_away = True
            else:
                if is_away:
                    logger.warning("the database can be asked for work again")
                is_away = False
            await asyncio.sleep(self._look_every)

    async def _serve(self, session: str) -> None:
        """Go on with a session, in a task that ends with the worker."""
        task = asyncio.create_task(self._try(session))
        self._under_way.add(task)
        try:
            await task
        finally:
            self._under_way.discard(task)

    async def _try(self, session: str) -> None:
        """Go on with a session; after an error it is looked for again, each time later."""
        self._looks.pop(session, None)
        before = self._failures.pop(session, _Tries())
        try:
            await self.advance(session)
        except _ParentBusy as error:
            logger.debug("%s", error)
            self._failures[session] = tries = before.more(0.1, self._look_every)
            soon = asyncio.create_task(self._poke_at(session, tries.until))
            self._soon.add(soon)
            soon.add_done_callback(self._soon.discard)
        except SessionBusy as error:
            logger.debug("%s", error)
        except (asyncio.CancelledError, KeyboardInterrupt):
            raise
        except BaseException as error:
            # A tool that calls `sys.exit` ends its own run, not those of the other sessions.
            # A store that is back must not be waited for.
            longest = self._look_every if isinstance(error, StoreError) else _LONGEST_PAUSE
            self._failures[session] = tries = before.more(0.5, longest)
            words = f"{type(error).__name__}: {message_of(error)}"
            logger.warning("session %r failed, %d in a row: %s", session, tries.number, words)

    async def _poke_at(self, session: str, when: float) -> None:
        await asyncio.sleep(when - time.monotonic())
        await self._poke(session)

    async def advance(self, session: str) -> End:
        """Go on with a session until it rests; see `axio_durable.advance`."""
        store = self.database.session(session)
        standing = await store.work.standing()
        # The owner looks once more after its work, so that nothing has to wait for it here.
        while not standing.is_at_rest and not standing.is_owned and session not in self._running:
            self._running.add(session)
            try:
                await self._advance(store, standing)
            finally:
                self._running.discard(session)
            # Once more: who has posted meanwhile may have found the session busy.
            standing = await store.work.standing()
        return End(standing.reason, standing.words)

    async def _advance(self, store: DurableStore, standing: Standing) -> None:
        budget = None
        if self._budget is not None and standing.cancelled is None:
            budget = self._budget(store.session_id)
        make = partial(self._agent, standing.agent)
        await advance(
            store,
            make,
            budget=budget,
            before_rest=self._report,
            before_cancel=self._cancel_children,
            watch=self._watch,
        )

    async def _cancel_children(self, store: DurableStore) -> None:
        """Those that the session waits for, and those that it was just about to begin."""
        history = await as_store(store).get_history()
        last = next((one for one in reversed(history) if one.role == "assistant"), None)
        calls = {call.tool_use_id for call in waiting(history)}
        calls |= {call.id for call in calls_of(last)} if last is not None else set()
        for child in (f"{store.session_id}/{call}" for call in calls):
            if (await self.database.session(child).work.standing()).parent == store.session_id:
                await self.cancel(child)

    async def _report(self, store: DurableStore, end: End) -> None:
        """A child has come to its end: its last words are the result of its parent's call."""
        parent = (await store.work.standing()).parent
        if parent is None or end.reason in ("approval", "waiting"):
            return
        call_id = store.session_id.removeprefix(f"{parent}/")
        # First how it stands: at rest, it has noted what it waits for.
        is_at_rest = (await self.database.session(parent).work.standing()).is_at_rest
        history = await self.history(parent)
        for call in waiting(history):
            if call.tool_use_id == call_id:
                content = text_of(await as_store(store).get_history()) or end.words or end.reason
                try:
                    await self.answer(parent, call, content, is_error=end.reason != "end_turn")
                except ApprovalError:
                    logger.debug("session %r was called off meanwhile", store.session_id)
                except SessionBusy as error:
                    raise _ParentBusy(message_of(error)) from error
                return
        if not is_at_rest:
            # The call may be at work, or its note on the way.
            raise _ParentBusy(f"session {parent!r} does not wait for {call_id!r} yet")

    async def _agent(self, name: str | None) -> Agent:
        self._require(name)
        made = self.agents[name or ""]
        agent = made if isinstance(made, Agent) else made()
        return await agent if isawaitable(agent) else agent

    def _require(self, name: str | None) -> None:
        if name not in self.agents:
            there_is = ", ".join(map(repr, self.agents)) or "none"
            raise UnknownAgent(
                f"no agent {name!r} in this program, only {there_is}: add it to `agents`"
            )
