"""The loop between the model and its tools: one object a run.

Rules (docs/concepts/loop.md): the assistant's message is stored before its tools start, their
results in one message after; however the run ends, the history it leaves is valid; nothing that was
started outlives it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from contextvars import Token
from typing import TYPE_CHECKING, TypeVar
from weakref import ref

from axio.context import ContextStore
from axio.events import Error, SessionEndEvent, StreamEvent
from axio.exceptions import LimitReached, ModelStopped, OutputLimit, TruncatedStream
from axio.messages import Message, Prompt, as_message
from axio.run import ending
from axio.run.budget import Budget, Limits
from axio.run.call import Call
from axio.run.dispatch import ToolDispatch
from axio.run.ending import LEAVING, RUNNING, can_wait
from axio.run.face import RUN, Run
from axio.run.start import current_task
from axio.run.store import Recorded, make_way, open_streams, take_approved
from axio.run.stream import AgentStream
from axio.run.turn import CUT, DONE, FAILED, ApprovedTurn, EagerTurn, Turn, names_of_eager
from axio.tool import refuse_twins
from axio.transport import close_quietly, model_of, takes_tools
from axio.types import ToolCallID, Usage, total

if TYPE_CHECKING:
    from axio.agent import Agent

__all__ = ("AgentRun",)

S = TypeVar("S", bound=AgentStream)

logger = logging.getLogger(__name__)


class AgentRun(Recorded):
    """One run of `agent` on `store`, begun by `prompt`, or taken up where the history stands.

    `reply` is asked when the model ends its turn: a message it returns keeps the run going.
    `enough` is asked after a turn of calls: when true, the run ends.
    """

    __slots__ = (
        *("_enough", "_iteration", "_limits", "_owned", "_prompt", "_reply", "_steering"),
        *("_stream", "_taken", "_usages", "_visible", "turn"),
    )

    can_be_resumed = True

    def __init__(
        self,
        agent: Agent,
        store: ContextStore,
        prompt: Message | None,
        budget: Budget | None = None,
        reply: Callable[[], Message | None] | None = None,
        enough: Callable[[list[Call]], bool] | None = None,
    ) -> None:
        outer = RUN.get(None)
        if budget is None and outer is not None:
            budget = outer.budget
        super().__init__(store, agent, budget, outer)
        self.turn: Turn | None = None
        """The one that is open: not stored yet, or without its results."""
        self._enough = enough
        self._iteration = 0
        self._limits = None if budget is None else Limits(self.budgets())
        self._owned: AbstractAsyncContextManager[None] | None = None
        self._prompt = prompt
        self._reply = reply
        self._steering: tuple[Message, ...] = ()
        self._stream: ref[AgentStream] | None = None
        self._taken: set[ToolCallID] = set()
        self._usages: list[Usage] = []
        self._visible: Token[Run] | None = None

    def start(self, make: Callable[..., S] = AgentStream) -> S:  # type: ignore[assignment]
        """The stream of the run, which begins when its first event is asked for."""
        generator = self.events()
        stream = make(generator, self)
        self._generator, self._stream = ref(generator), ref(stream)
        return stream

    async def events(self) -> AsyncGenerator[StreamEvent, None]:
        """The whole run. One generator, because each one more would cost every delta a hop."""
        try:
            loop = self._enter()
            await self._begin()
            dispatch = ToolDispatch(self)
            told = dispatch.events
            turn = self.turn or await self._ask()
            while turn is not None:
                try:
                    async for event in turn.source:
                        if self._visible is not None:
                            self._hide()
                        yield turn.feed(event)
                        while told and not turn.holds:
                            yield told.popleft()
                        # The same as `self._resumed()`, without a call for every delta.
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
                            self._resumed()
                turn = await self._conclude(turn)
        except BaseException as exc:
            last = await self._leave(exc)
        else:
            last = await self._leave(None)
        for event in last:
            yield event
        if self._crash is not None:
            raise self._crash

    # ── one turn ──────────────────────────────────────────────────────────────────────────────

    async def _begin(self) -> None:
        """Take the store, see that its history is valid, and store the prompt."""
        if self._limits is not None:
            self._limits.start(self.interrupt)
        if self.parent is not None or id(self.store) in open_streams:
            await make_way(self.store, self.parent)
        owned = self.store.own()
        await owned.__aenter__()
        self._owned = owned
        self._checked, self._stored = self.store._checked, []
        open_streams[id(self.store)] = self._stream
        history: list[Message] = []
        if self._prompt is None or not self._checked[0]:
            # Else it was valid after the last run, and is read together with the prompt.
            try:
                history = await self.store.get_history()
                if history:
                    history = await self._mended(history)
            except Exception as exc:
                self._break_down(exc)
                return
        if self._prompt is None:
            await self._take_up(history)
        else:
            await self._append(self._prompt)
        self._phase = RUNNING
        self._check()

    async def _take_up(self, history: list[Message]) -> None:
        """Go on where the history stands; calls that were approved meanwhile are the first turn."""
        from axio.approval import approved, pending  # Most runs have a prompt.

        if not history or history[-1].role == "assistant":
            self._finish(DONE)
        if granted := approved(history):
            if self._refusal(len(granted)) is not None:
                return
            await take_approved(self.store)
            self.turn = ApprovedTurn(granted)
        if pending(history):
            self.stop("approval")

    async def _ask(self) -> Turn | None:
        """Ask the model for the next turn, unless the run has come to its end."""
        if self._end is not None:
            return None
        if self._visible is None:
            self._visible = RUN.set(self)
        agent = self.agent
        if self._iteration >= agent.max_iterations:
            self._finish(FAILED, "max_iterations")
            return None
        if self._limits is not None:
            try:
                self._limits.request()
            except LimitReached as exc:
                self._fail(exc)
                return None
        self._iteration += 1
        if self._steering:
            await ending.shielded(self._store_steering())
        history = await self.store.get_history()
        if not self._knows(history):
            history = await self._mended(history)
        if self._iteration == agent.max_iterations and agent.last_iteration_message is not None:
            history = [*history, agent.last_iteration_message]
        tools = list(agent.tools) if agent.tools and takes_tools(agent.transport) else []
        if tools and agent.selector is not None:
            tools = list(await agent.selector.select(history, agent.tools))
        try:
            if len(tools) > 1:
                refuse_twins(tools)
            source = agent.transport.stream(history, tools, agent.system)
        except Exception as exc:
            self._fail(exc)
            return None
        turn = Turn(self._taken, self._iteration)
        if tools and (early := names_of_eager(tools)):
            turn = EagerTurn(self._taken, self._iteration, early, self._start_early)
        turn.source = source if self._limits is None else self._limits.listen(source)
        self.turn = turn
        return turn

    def _start_early(self, call: Call) -> None:
        call.parse(cut=False)
        if call.problem is None and self._refusal(1) is None and self._dispatch is not None:
            self._dispatch.start([call])

    def _close(self, turn: Turn) -> None:
        """Nothing more comes from the model."""
        turn.close()
        if turn.usage is not None:
            self._count(turn.usage)
        elif turn.calls and not turn.granted:
            raise TruncatedStream("the model's response ended in the middle of its tool calls")

    def _count(self, usage: Usage) -> None:
        self._usages.append(usage)
        if self._limits is not None:
            self._limits.spend(usage, model_of(self.agent.transport))

    def _start_calls(self, turn: Turn, dispatch: ToolDispatch) -> None:
        self._hide()
        if self._limits is not None:
            waiting = [c for c in turn.calls if not (c.started or c.problem or c.approved)]
            problem = self._refusal(len(waiting))
            for call in waiting:
                call.problem = problem
        dispatch.start(turn.calls)

    def _refusal(self, count: int) -> str | None:
        """Count calls about to be run. If a limit allows no more of them the run ends after this
        turn, and the reason is returned."""
        if self._limits is None:
            return None
        if self._error is None:
            try:
                self._limits.call_tools(count)
            except LimitReached as exc:
                self._finish(FAILED, exc.reason, exc)
        return None if self._error is None else f"not run: {self._error}"

    async def _conclude(self, turn: Turn) -> Turn | None:
        """Store the results and count the tokens. Returns the next turn, if there is one."""
        if self._visible is None:
            self._visible = RUN.set(self)
        if turn.runs:
            await self._store_results(turn)
        self.turn = None
        if turn.runs:
            if self._enough is not None and self._end is None and self._enough(turn.calls):
                self._finish(DONE)
        elif turn.stop_reason == CUT:
            self._fail(OutputLimit("the model stopped with max_tokens"), "max_tokens")
        elif turn.stop_reason == FAILED:
            if self._dispatch is not None:
                self._dispatch.drop(turn.calls, turn.holds)
            self._fail(ModelStopped("the model stopped with error"))
        elif not self._goes_on():
            self._finish(DONE)
        if turn.usage is not None:
            await self.store.add_context_tokens(turn.usage.input_tokens, turn.usage.output_tokens)
        self._check()
        return None if self._end is not None else await self._ask()

    def _goes_on(self) -> bool:
        """True if there is something to say to a model that has finished."""
        if not self._steering and self._reply is not None and (message := self._reply()):
            self._steering = (message,)
        return bool(self._steering)

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
        if self._end is not None or self._phase == LEAVING:
            return False
        self._steering += (as_message(prompt),)
        return True

    def _fail(self, exc: Exception, reason: str = "") -> None:
        """End the run with an error. Of a turn that is still open, which the transport or a limit
        has ended, nothing is stored: asked again, the model starts it anew."""
        turn, self.turn = self.turn, None
        self._finish(FAILED, reason or getattr(exc, "reason", "") or "error", exc)
        if turn is None:
            return
        if turn.usage is not None:
            self._count(turn.usage)
        if self._dispatch is not None:
            self._dispatch.drop(turn.calls, turn.holds)

    async def _leave(self, exc: BaseException | None) -> list[StreamEvent]:
        """The end of the run, however it comes about; returns the last events.

        Leaves a valid history and nothing running. `exc` is raised again unless it is a crash,
        which is raised after the last events, or the CancelledError of this run's own stop.
        """
        self._hide()
        if self._limits is not None:
            self._limits.stop()
        if isinstance(exc, Exception) and self._phase == RUNNING:
            self._break_down(exc)
            exc = None
        elif exc is not None:
            self._cancel_adopted()
        closed = isinstance(exc, GeneratorExit)
        self._phase, dispatch = LEAVING, self._dispatch
        try:
            if exc is None or can_wait():
                try:
                    if self.turn or self._steering or (dispatch and dispatch.is_busy):
                        await self._wind_up()
                    elif self._end is not None and self._crash is None:
                        self._remember()
                finally:
                    if self._owned is not None:
                        open_streams.pop(id(self.store), None)
                        await self._owned.__aexit__(None, None, None)
        except asyncio.CancelledError as later:
            exc = later
        finally:
            self._dispatch = None
        # A stream that is closed has nobody to be told.
        ours = self._request is not None and self._take_back() and not closed
        if exc is not None:
            if not (ours and isinstance(exc, asyncio.CancelledError)):
                raise exc
            self._finish_stopped()
        last: list[StreamEvent] = [] if dispatch is None else [*dispatch.events]
        if self._end is not None:
            if self._error is not None:
                last.append(Error(self._error))
            last.append(SessionEndEvent(self._end, total(self._usages), self._reason))
        return last

    async def _wind_up(self) -> None:
        """Something is left to do: close the response, stop the calls, store what may be kept."""
        try:
            if self.turn is not None:
                await close_quietly(self.turn.source)
        finally:
            await ending.shielded(self._settle())

    async def _settle(self) -> None:
        dispatch, turn = self._dispatch, self.turn
        if dispatch is None:
            return
        await dispatch.close()
        if turn is not None:
            if turn.usage is not None and not turn.is_closed:
                self._count(turn.usage)
            for call in turn.calls:
                if call.result is None:
                    dispatch.interrupt(call)
        try:
            async with asyncio.timeout(ending.GRACE):
                if turn is not None:
                    await self._keep(turn)
                await self._store_steering()
        except Exception as exc:
            if turn is None and self._crash is None:
                self._break_down(exc)
            # Else what ended the run matters more; the next one mends the history before it begins.
            logger.exception("the end of a run could not be stored")
        self.turn = None
