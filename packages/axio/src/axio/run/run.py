"""The loop between the model and its tools: one object a run.

Rules (docs/concepts/loop.md): the assistant's message is stored before its tools start, their
results in one message after; however the run ends, the history it leaves is valid; nothing that was
started outlives it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from contextvars import Token
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from weakref import ref

from axio.blocks import TextBlock
from axio.context import ContextStore
from axio.events import Error, SessionEndEvent, StreamEvent, ToolResult
from axio.exceptions import LimitReached, ModelStopped, OutputLimit, TruncatedStream
from axio.messages import Message, Prompt, as_message
from axio.run import ending
from axio.run.budget import Budget, Limits
from axio.run.call import Call
from axio.run.dispatch import ToolDispatch, holds_media
from axio.run.ending import Stop, shielded
from axio.run.face import RUN, Run
from axio.run.start import current_task
from axio.run.store import (
    close_abandoned,
    mend,
    open_streams,
    refuse_nesting,
    settle,
    store_approved,
    take_approved,
)
from axio.run.stream import AgentStream
from axio.run.turn import ApprovedTurn, EagerTurn, Turn
from axio.transport import close_quietly, model_of, takes_tools
from axio.types import StopReason, ToolCallID, Usage, total

if TYPE_CHECKING:
    from axio.agent import Agent
    from axio.tool import Tool

__all__ = ("AgentRun",)

S = TypeVar("S", bound=AgentStream)

logger = logging.getLogger(__name__)

_NOT_RUN = "[not run] The run failed before this call's turn was complete."

_NUDGE = "The media above is the result of the tool call. Go on with the task."


class _End(NamedTuple):
    """How a run ends: with a last event, after an `Error` event if there was an `error`."""

    stop: StopReason
    reason: str = ""
    error: Exception | None = None


class AgentRun(Run):
    """One run of `agent` on `store`, begun by `prompt`, or taken up where the history stands.

    `reply` is asked when the model ends its turn: a message it returns keeps the run going.
    `enough` is asked after a turn of calls: when true, the run ends.
    """

    __slots__ = (
        *(
            "_checked",
            "_children",
            "_crash",
            "_end",
            "_enough",
            "_iteration",
            "_limits",
            "_loaded",
            "_owned",
        ),
        *("_prompt", "_reply", "_steering", "_stop", "_stream", "_taken", "_usages", "_visible"),
        "turn",
    )

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
        self._checked = store._checked
        self._children: set[asyncio.Task[Any]] | None = None
        self._crash: Exception | None = None
        """An error of the program, in a store or a selector: raised after the last event."""
        self._end: _End | None = None
        self._enough = enough
        self._iteration = 0
        self._limits = None if budget is None else Limits(self.budgets())
        self._loaded = 0
        """The length of the history when it was read last."""
        self._owned: AbstractAsyncContextManager[None] | None = None
        self._prompt = prompt
        self._reply = reply
        self._steering: tuple[Message, ...] = ()
        self._stop = Stop()
        self._stream: ref[AgentStream] | None = None
        self._taken: set[ToolCallID] = set()
        self._usages: list[Usage] = []
        self._visible: Token[Run] | None = None

    def start(self, make: Callable[..., S] = AgentStream) -> S:  # type: ignore[assignment]
        """The stream of the run, which begins when its first event is asked for."""
        generator = self.events()
        stream = make(generator, self)
        self._stop.watch(generator)
        self._stream = ref(stream)
        return stream

    async def events(self) -> AsyncGenerator[StreamEvent, None]:
        """The whole run. One generator, because each one more would cost every delta a hop."""
        stop = self._stop
        try:
            loop = stop.begin()
            dispatch = await self._begin()
            told = dispatch.events
            while (turn := await self._next_turn()) is not None:
                try:
                    async for event in turn.source:
                        if self._visible is not None:
                            self._hide()
                        yield turn.feed(event)
                        while told and not turn.holds:
                            yield told.popleft()
                        # The same as `stop.resumed()`, without a call for every delta.
                        stop.consumer = current_task(loop)
                        if stop.request is not None:
                            stop.check()
                    self._close(turn)
                except Exception as exc:
                    await close_quietly(turn.source)
                    self._fail(exc)
                    break
                if turn.content:
                    await self._append(Message("assistant", turn.content))
                if turn.runs:
                    self._start_calls(turn, dispatch)
                while not dispatch.is_done():
                    if not told:
                        await dispatch.wakeup()
                    while told:
                        yield told.popleft()
                        stop.resumed()
                await self._conclude(turn)
            if self._steering:
                await self._store_steering()
        except BaseException as exc:
            last = await self._leave(exc)
        else:
            last = await self._leave(None)
        for event in last:
            yield event
        if self._crash is not None:
            raise self._crash

    # ── one turn ──────────────────────────────────────────────────────────────────────────────

    async def _begin(self) -> ToolDispatch:
        """Take the store, see that its history is valid, and store the prompt."""
        if self.parent is not None:
            refuse_nesting(self.store, self.parent)
        if id(self.store) in open_streams:
            await close_abandoned(self.store)
        if self._limits is not None:
            self._limits.start(self.interrupt)
        owned = self.store.own()
        await owned.__aenter__()
        self._owned = owned
        if self._stream is not None:
            open_streams[id(self.store)] = self._stream
        try:
            history = await self._load()
        except Exception as exc:
            self._break_down(exc)
        else:
            if self._prompt is None:
                await self._take_up(history)
            else:
                await self._append(self._prompt)
        return ToolDispatch(self)

    async def _take_up(self, history: list[Message]) -> None:
        """Go on where the history stands; calls that were approved meanwhile are the first turn."""
        from axio.approval import approved, pending  # Most runs have a prompt.

        if not history or history[-1].role == "assistant":
            self._finish(StopReason.end_turn)
        if granted := approved(history):
            if self._refusal(len(granted)) is not None:
                return
            await take_approved(self.store)
            self.turn = ApprovedTurn(granted)
        if pending(history):
            self.stop("approval")

    async def _next_turn(self) -> Turn | None:
        """Ask the model, unless the run has come to its end."""
        if self._visible is None:
            self._visible = RUN.set(self)
        self._stop.check()
        if self.turn is not None or self._end is not None:
            return self.turn
        agent = self.agent
        if self._iteration >= agent.max_iterations:
            self._finish(StopReason.error, "max_iterations")
            return None
        if self._limits is not None:
            try:
                self._limits.request()
            except LimitReached as exc:
                self._fail(exc)
                return None
        self._iteration += 1
        if self._steering:
            await self._store_steering()
        history = await self._load()
        if self._iteration == agent.max_iterations and agent.last_iteration_message is not None:
            history = [*history, agent.last_iteration_message]
        tools = list(agent.tools) if takes_tools(agent.transport) else []
        if tools and agent.selector is not None:
            tools = list(await agent.selector.select(history, agent.tools))
        try:
            source = agent.transport.stream(history, tools, agent.system)
        except Exception as exc:
            self._fail(exc)
            return None
        turn = self._new_turn(tools)
        turn.source = source if self._limits is None else self._limits.listen(source)
        self.turn = turn
        return turn

    def _new_turn(self, tools: list[Tool[Any]]) -> Turn:
        # Eager tools start while the model still streams: nobody is asked, nothing changes.
        eager = [tool.name for tool in tools if tool.eager and tool.read_only and not tool.guards]
        if eager:
            return EagerTurn(self._taken, self._iteration, eager, self._start_early)
        return Turn(self._taken, self._iteration)

    def _start_early(self, call: Call) -> None:
        call.parse(cut=False)
        if call.problem is None and self._refusal(1) is None and self._dispatch is not None:
            self._dispatch.start([call])

    def _close(self, turn: Turn) -> None:
        """Nothing more comes from the model."""
        turn.close()
        self._count(turn)
        if turn.usage is None and turn.calls and not turn.granted:
            raise TruncatedStream("the model's response ended in the middle of its tool calls")

    def _count(self, turn: Turn) -> None:
        """Count the tokens of a response, once."""
        if turn.usage is not None and not turn.counted:
            turn.counted = True
            self._usages.append(turn.usage)
            if self._limits is not None:
                self._limits.spend(turn.usage, model_of(self.agent.transport))

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
        if self._end is None or self._end.error is None:
            try:
                self._limits.call_tools(count)
            except LimitReached as exc:
                self._finish(StopReason.error, exc.reason, exc)
        error = None if self._end is None else self._end.error
        return None if error is None else f"not run: {error}"

    async def _conclude(self, turn: Turn) -> None:
        """Store the results, if any; see how the run goes on, and count the tokens."""
        if self._visible is None:
            self._visible = RUN.set(self)
        if turn.granted:
            await store_approved(self.store, turn)
        elif turn.runs:
            await self._store_results(turn)
        self.turn = None
        if turn.runs:
            if self._enough is not None and self._end is None and self._enough(turn.calls):
                self._finish(StopReason.end_turn)
        elif turn.stop_reason == StopReason.max_tokens:
            self._fail(OutputLimit("the model stopped with max_tokens"), "max_tokens")
        elif turn.stop_reason == StopReason.error:
            self._fail(ModelStopped("the model stopped with error"))
        elif not self._goes_on():
            self._finish(StopReason.end_turn)
        if turn.usage is not None:
            await self.store.add_context_tokens(turn.usage.input_tokens, turn.usage.output_tokens)

    async def _store_results(self, turn: Turn) -> None:
        results = Message("user", [call.result for call in turn.calls if call.result])
        nudges = getattr(self.agent.transport, "nudge_on_media_tool_result", False)
        if nudges and holds_media(results):
            nudge = Message("user", [TextBlock(_NUDGE)])
            self._know(nudge, 2)
            await self.store.extend([results, nudge])
        else:
            await self._append(results)

    def _goes_on(self) -> bool:
        """True if there is something to say to a model that has finished."""
        if self._reply is not None and not self._steering:
            message = self._reply()
            if message is not None:
                self._steering = (message,)
        return bool(self._steering)

    def _hide(self) -> None:
        """`RUN` is not set while the consumer has the word, whose context this is."""
        if self._visible is not None:
            RUN.reset(self._visible)
            self._visible = None

    # ── the history ───────────────────────────────────────────────────────────────────────────

    async def _load(self) -> list[Message]:
        """The history, which is valid."""
        history = await self.store.get_history()
        length = len(history)
        known, last = self._checked
        if length != known or (length and history[-1] is not last):
            if not 0 < known <= length or history[known - 1] is not last:
                known = 0  # It is another history.
            history = await mend(self.store, history, known)
            length = len(history)
            self._checked = length, history[-1] if history else None
        self._loaded = length
        return history

    def _append(self, message: Message) -> Coroutine[Any, Any, None]:
        self._know(message, 1)
        return self.store.append(message)

    def _know(self, last: Message, count: int) -> None:
        """The next `count` messages, which end in `last`, are ours and need no check."""
        self._checked = self._checked[0] + count, last

    def _remember(self) -> None:
        """The run has ended well: spare the next one the check."""
        try:  # noqa: SIM105 - suppress() costs more than a whole message
            self.store._checked = self._checked
        except AttributeError:
            pass  # a store with slots

    async def _store_steering(self) -> None:
        steering, self._steering = self._steering, ()
        for message in steering:
            await self._append(message)

    # ── the end ───────────────────────────────────────────────────────────────────────────────

    def stop(self, reason: str = "") -> None:
        self._finish(StopReason.end_turn, reason)

    def steer(self, prompt: Prompt) -> bool:
        if self._end is not None or self._stop.is_leaving:
            return False
        self._steering += (as_message(prompt),)
        return True

    def adopt(self, task: asyncio.Task[Any]) -> None:
        if self._children is None:
            self._children = set()
        self._children.add(task)
        task.add_done_callback(self._children.discard)

    def interrupt(self, request: LimitReached | asyncio.CancelledError) -> None:
        """Stop the run now, in the middle of whatever it does."""
        if self._stop.ask(request) and self._dispatch is not None:
            self._dispatch.stop()  # Tools must not go on while the consumer is busy.

    def is_abandoned(self) -> bool:
        return self._stop.is_abandoned()

    def _finish(self, stop: StopReason, reason: str = "", error: Exception | None = None) -> None:
        """The run ends after this turn. An error that came first stays the reason."""
        if self._end is None or self._end.error is None:
            self._end = _End(stop, reason, error)

    def _break_down(self, exc: Exception) -> None:
        self._crash = exc
        self._end = _End(StopReason.error, "crash", None if self._end is None else self._end.error)

    def _fail(self, exc: Exception, reason: str = "") -> None:
        """End the run with an error. Of a turn that is still open, which the transport or a limit
        has ended, nothing is stored: asked again, the model starts it anew."""
        turn, self.turn = self.turn, None
        self._finish(StopReason.error, reason or getattr(exc, "reason", "") or "error", exc)
        if turn is None or self._dispatch is None:
            return
        self._count(turn)
        if turn.holds:
            self._dispatch.events.clear()  # What eager tools found goes with the turn.
        for call in turn.calls:
            self._dispatch.emit(ToolResult(call.id, call.name, True, _NOT_RUN, call.input))

    async def _leave(self, exc: BaseException | None) -> list[StreamEvent]:
        """The end of the run, however it comes about; returns the last events.

        Leaves a valid history and nothing running. `exc` is raised again unless it is a crash,
        which is raised after the last events, or the CancelledError of this run's own stop.
        """
        stop = self._stop
        stop.leave(exc)
        if self._visible is not None:
            self._hide()
        if self._limits is not None:
            self._limits.stop()
        if isinstance(exc, Exception) and self._dispatch is not None:
            self._break_down(exc)
            exc = None
        elif exc is not None:
            for task in self._children or ():
                task.cancel()
        try:
            if stop.can_wait():
                await self._wind_up()
        except asyncio.CancelledError as later:
            exc = later
        finally:
            dispatch, self._dispatch = self._dispatch, None
        ours = stop.take_back()
        if exc is not None:
            if not (ours and isinstance(exc, asyncio.CancelledError)):
                raise exc
            if isinstance(stop.request, LimitReached):
                self._finish(StopReason.error, stop.request.reason, stop.request)
            else:
                self._finish(StopReason.error, "cancelled")
        last: list[StreamEvent] = [] if dispatch is None else [*dispatch.events]
        if self._end is not None:
            if self._end.error is not None:
                last.append(Error(self._end.error))
            last.append(SessionEndEvent(self._end.stop, total(self._usages), self._end.reason))
        return last

    async def _wind_up(self) -> None:
        """Close the response, stop the calls, store what may be kept, let go of the store."""
        try:
            if self.turn is not None:
                await close_quietly(self.turn.source)
        finally:
            try:
                if self.turn is not None or (self._dispatch and self._dispatch.is_busy):
                    await shielded(self._settle())
                elif self._end is not None and self._crash is None:
                    self._remember()
            finally:
                if self._owned is not None:
                    open_streams.pop(id(self.store), None)
                    await self._owned.__aexit__(None, None, None)

    async def _settle(self) -> None:
        """The run stops in the middle of a turn: stop its calls, and store what may be kept."""
        dispatch, turn = self._dispatch, self.turn
        if dispatch is None:
            return
        told = dispatch.events.copy()
        await dispatch.close()
        if turn is None:
            dispatch.events = told  # The turn has failed, and the results of eager tools with it.
            return
        self._count(turn)
        for call in turn.calls:
            if call.result is None:
                dispatch.interrupt(call)
        try:
            async with asyncio.timeout(ending.GRACE):
                await settle(self.store, self._loaded, turn)
                await self._store_steering()
        except Exception:
            # What ended the run matters more; the next one mends the history before it begins.
            logger.exception("the interrupted turn could not be stored")
        self.turn = None
