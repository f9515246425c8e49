"""The loop between the model and its tools: one object a run.

Rules (docs/concepts/loop.md): the assistant's message is stored before its tools start, their
results in one message after; however the run ends, the history it leaves is valid; nothing that was
started outlives it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextvars import Token
from typing import TYPE_CHECKING

from axio.context import ContextStore
from axio.events import Error, SessionEndEvent, StreamEvent
from axio.exceptions import LimitReached, ModelStopped, OutputLimit, TruncatedStream, wrong_kind
from axio.messages import Message, Prompt, as_message
from axio.run import ending
from axio.run.budget import Budget, stop_runaway
from axio.run.call import Call
from axio.run.dispatch import ToolDispatch
from axio.run.face import RUN, Run
from axio.run.start import current_task
from axio.run.store import Recorded
from axio.run.stream import AgentStream
from axio.run.turn import CUT, DONE, FAILED, EagerTurn, Turn, names_of_eager
from axio.tool import AnyTool, refuse_twins
from axio.transport import close_quietly, model_of, takes_tools
from axio.types import Usage, total

if TYPE_CHECKING:
    from axio.agent import Agent

__all__ = ("AgentRun",)

logger = logging.getLogger(__name__)


class AgentRun(Recorded):
    """One run of `agent` on `store`. A subclass says when the model has said enough."""

    __slots__ = ("_steering", "_usages", "_visible")

    can_be_resumed = True

    def __init__(self, agent: Agent, store: ContextStore, budget: Budget | None = None) -> None:
        outer = RUN.get(None)
        if budget is None:
            budget = None if outer is None else outer.budget
        elif not isinstance(budget, Budget):
            raise wrong_kind("budget", "a Budget", budget)
        super().__init__(store, agent, budget, outer)
        self.turn = self._owned = None
        self._steering: tuple[Message, ...] = ()
        self._usages: list[Usage] = []
        self._visible: Token[Run] | None = None

    def start(self, prompt: Message | None) -> AgentStream:
        """The stream of the run, which begins when its first event is asked for: with `prompt`, or
        where the history stands."""
        return AgentStream(self.events(prompt), self)

    def _reply(self) -> Message | None:
        """A message that keeps the run going when the model has ended its turn."""
        return None

    def _is_enough(self, calls: list[Call]) -> bool:
        """True if the run ends with these calls, which have their results."""
        return False

    async def events(self, prompt: Message | None) -> AsyncGenerator[StreamEvent, None]:
        """The whole run. One generator, because each one more would cost every delta a hop."""
        dispatch = ToolDispatch(self)
        told, loop = dispatch.events, dispatch.loop
        try:
            self._enter(loop)
            await self._open(prompt)
            self._check()
            turn = self.turn or await self._ask(None)
            while turn is not None:
                try:
                    async for event in turn.source:
                        if self._visible is not None:
                            self._hide()
                        yield turn.feed(event)
                        while told and not turn.holds:
                            yield told.popleft()
                        # Perhaps it is another task that asks for the next event.
                        self._consumer = current_task(loop)
                        if self._request is not None:
                            self._check()
                    self._close(turn)
                except Exception as exc:
                    await close_quietly(turn.source)
                    self._fail(exc)
                    break
                if turn.content:
                    await self._append(Message("assistant", turn.content))
                if turn.runs:
                    self._start_calls(turn, dispatch)
                    while await dispatch.more():
                        while told:
                            yield told.popleft()
                            self._consumer = current_task(loop)
                            self._check()
                turn = await self._conclude(turn)
        except BaseException as exc:
            last, crash = await self._leave(exc, dispatch)
        else:
            last, crash = await self._leave(None, dispatch)
        for event in last:
            yield event
        if crash is not None:
            raise crash

    # ── one turn ──────────────────────────────────────────────────────────────────────────────

    async def _ask(self, last: Turn | None) -> Turn | None:
        """Ask the model for the next turn, unless the run has come to its end."""
        if self._end is not None:
            return None
        if self._visible is None:
            self._visible = RUN.set(self)
        agent = self.agent
        iteration = 1 if last is None else last.iteration + 1
        if iteration > agent.max_iterations:
            self._finish(FAILED, "max_iterations")
            return None
        if self._steering:
            await ending.shielded(self._store_steering())
        history = await self.store.get_history()
        if not self._knows(history):
            history = await self._mended(history)
        if iteration == agent.max_iterations and agent.last_iteration_message is not None:
            history = [*history, agent.last_iteration_message]
        tools = list(agent.tools) if agent.tools and takes_tools(agent.transport) else []
        if tools and agent.selector is not None:
            tools = list(await agent.selector.select(history, agent.tools))
        try:
            if len(tools) > 1:
                refuse_twins(tools)
            if self.budget is not None:
                for budget in self.budgets():
                    budget.request()
            source = agent.transport.stream(history, tools, agent.system)
        except Exception as exc:
            self._fail(exc)
            return None
        if tools and (early := names_of_eager(tools)):
            turn: Turn = EagerTurn(self._call_ids, iteration, early, self._start_early)
        else:
            turn = Turn(self._call_ids, iteration)
        turn.source = source if self.budget is None else self._limited(source, history, tools)
        self.turn = turn
        return turn

    def _limited(
        self, source: AsyncIterator[StreamEvent], history: list[Message], tools: list[AnyTool]
    ) -> AsyncIterator[StreamEvent]:
        """The model's events, under the limits that hold while it speaks."""
        if any(budget.ledger for budget in self.budgets()):
            from axio.run.ledger import book  # Most programs have none.

            agent, model = self.agent, model_of(self.agent.transport)
            source = book(source, self.budgets(), history, tools, agent.system, model)
        left = [tokens for b in self.budgets() if (tokens := b.output_left()) is not None]
        if left:
            source = stop_runaway(source, min(left))
        if self._clock is None or self._clock.silence is None:
            return source
        return self._clock.listen(source)

    def _start_early(self, call: Call) -> None:
        call.parse(cut=False)
        if call.problem is None and self._refusal(1) is None and self._dispatch is not None:
            self._dispatch.start([call])

    def _close(self, turn: Turn) -> None:
        """Nothing more comes from the model."""
        turn.close()
        if turn.usage is not None:
            self._count(turn.usage)
        elif turn.calls and not turn.is_stored:
            raise TruncatedStream("the model's response ended in the middle of its tool calls")

    def _count(self, usage: Usage) -> None:
        self._usages.append(usage)
        if self.budget is not None:
            for budget in self.budgets():
                budget.spend(usage, model_of(self.agent.transport))

    def _count_open(self, turn: Turn) -> None:
        """Count what a response took that ends before its time."""
        if turn.usage is not None and not turn.is_closed:
            self._count(turn.usage)

    def _start_calls(self, turn: Turn, dispatch: ToolDispatch) -> None:
        self._hide()
        if self.budget is not None and not turn.granted:
            waiting = [call for call in turn.calls if not (call.started or call.problem)]
            problem = self._refusal(len(waiting))
            for call in waiting:
                call.problem = problem
        dispatch.start(turn.calls)

    def _refusal(self, count: int) -> str | None:
        """Count calls about to be run. If a limit allows no more of them the run ends after this
        turn, and the reason is returned."""
        if self.budget is None:
            return None
        if self._error is None:
            try:
                for budget in self.budgets():
                    budget.call_tools(count)
            except LimitReached as exc:
                self._finish(FAILED, exc.reason, exc)
        return None if self._error is None else f"not run: {self._error}"

    async def _conclude(self, turn: Turn) -> Turn | None:
        """Store the results and count the tokens. Returns the next turn, if there is one."""
        if self._visible is None:
            self._visible = RUN.set(self)
        if turn.runs:
            await self._store_results(turn)
            if self._end is None and self._is_enough(turn.calls):
                self._finish(DONE)
        elif turn.stop_reason == CUT:
            self._fail(OutputLimit("the model stopped with max_tokens"), "max_tokens")
        elif turn.stop_reason == FAILED:
            self._fail(ModelStopped("the model stopped with error"))
        elif not self._steering:
            reply = self._reply()
            if reply is None:
                self._finish(DONE)
            else:
                self._steering = (reply,)
        self.turn = None
        if turn.usage is not None:
            await self.store.add_context_tokens(turn.usage.input_tokens, turn.usage.output_tokens)
        self._check()
        return None if self._end is not None else await self._ask(turn)

    def _hide(self) -> None:
        """`RUN` is not set while the consumer has the word, whose context this is."""
        if self._visible is not None:
            RUN.reset(self._visible)
            self._visible = None

    async def _store_steering(self) -> None:
        steering, self._steering = self._steering, ()
        for message in steering:
            await self._append(message)

    # ── the end ───────────────────────────────────────────────────────────────────────────────

    def steer(self, prompt: Prompt) -> bool:
        if self._end is not None or self._is_leaving:
            return False
        self._steering += (as_message(prompt),)
        return True

    def _fail(self, exc: Exception, reason: str = "") -> None:
        """End the run with an error. Of a response that is not complete nothing is stored: asked
        again, the model starts it anew."""
        turn, self.turn = self.turn, None
        self._finish(FAILED, reason or getattr(exc, "reason", "") or "error", exc)
        if turn is not None and self._dispatch is not None:
            self._count_open(turn)
            self._dispatch.drop(turn.calls, turn.holds)

    async def _leave(
        self, exc: BaseException | None, dispatch: ToolDispatch
    ) -> tuple[list[StreamEvent], Exception | None]:
        """The end of the run, however it comes about. Leaves a valid history and nothing running.

        Returns the last events, and the crash to raise after them: an error of the program, in a
        store or a selector. Any other `exc` is raised again at once, unless it is the
        CancelledError of this run's own stop.
        """
        self._hide()
        self._is_leaving = True
        if self._clock is not None:
            self._clock.stop()
        crash: Exception | None = None
        if isinstance(exc, Exception) and self._owned is not None:
            exc, crash = None, exc
        elif exc is not None:
            for task in self._adopted or ():
                task.cancel()
        closed = isinstance(exc, GeneratorExit)
        # Left without an event loop nothing can be tidied up: the next run mends the history.
        can_wait = asyncio._get_running_loop() is not None
        try:
            if self._owned is not None and can_wait:
                try:
                    if self.turn or self._steering or dispatch.running:
                        await self._wind_up(dispatch)
                    else:
                        self._remember()
                finally:
                    await self._let_go()
        except asyncio.CancelledError as later:
            exc = later
        except Exception as later:
            crash = crash or later
        finally:
            self._dispatch = None
        # A stream that is closed has nobody to be told.
        ours = self._request is not None and self._take_back() and not closed
        if exc is not None:
            if not (ours and isinstance(exc, asyncio.CancelledError)):
                raise exc
            self._finish_stopped()
        last = [*dispatch.events]
        if self._error is not None:
            last.append(Error(self._error))
        if crash is not None:
            self._end, self._reason = FAILED, "crash"
        if self._end is not None:
            last.append(SessionEndEvent(self._end, total(self._usages), self._reason))
        return last, crash

    async def _wind_up(self, dispatch: ToolDispatch) -> None:
        """Something is left to do: close the response, stop the calls, store what may be kept."""
        try:
            if self.turn is not None:
                await close_quietly(self.turn.source)
        finally:
            await ending.shielded(self._settle(dispatch))

    async def _settle(self, dispatch: ToolDispatch) -> None:
        turn, self.turn = self.turn, None
        if turn is not None:
            self._count_open(turn)
        await dispatch.close(() if turn is None else turn.calls)
        try:
            async with asyncio.timeout(ending.GRACE):
                if turn is not None:
                    await self._keep(turn)
                await self._store_steering()
        except Exception:
            logger.exception("the end of a run could not be stored")
            if turn is None:
                raise
            # Else what ended the run matters more; the next one mends the history before it begins.
