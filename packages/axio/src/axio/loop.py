"""The loop between the model and its tools: one object a run.

Rules (docs/concepts/loop.md): the assistant's message is stored before its tools start, their
results in one message after; however the run ends, the history it leaves is valid; nothing that was
started outlives it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from contextvars import Token
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import ref

from axio.blocks import TextBlock
from axio.budget import Budget
from axio.context import ContextStore
from axio.dispatch import ToolDispatch, holds_media
from axio.eager import current_task
from axio.events import Error, SessionEndEvent, StreamEvent, ToolResult
from axio.exceptions import LimitReached, TruncatedStream
from axio.holding import close_abandoned, open_streams, refuse_nesting
from axio.limits import Limits
from axio.messages import Message
from axio.models import Capability
from axio.run import RUN, Run
from axio.session import GRACE, Session, shielded
from axio.stream import AgentStream, Control
from axio.transport import close_quietly
from axio.turn import Call, EagerTurn, Turn
from axio.types import StopReason, ToolCallID, Usage, total

if TYPE_CHECKING:
    from axio.agent import Agent
    from axio.tool import Tool

__all__ = ("Loop",)

S = TypeVar("S", bound=AgentStream)

logger = logging.getLogger(__name__)

_NOT_RUN = "[not run] The run failed before this call's turn was complete."

_NUDGE = "The media above is the result of the tool call. Go on with the task."


class Loop:
    """One run of `agent` on `store`, begun by `prompt`, or taken up where the history stands.

    `reply` is asked when the model ends its turn: a message it returns keeps the run going.
    `enough` is asked after a turn of calls: when true, the run ends.
    """

    __slots__ = (
        *("agent", "control", "crash", "dispatch", "emitted", "enough", "iteration", "limit"),
        *("limits", "outro", "prompt", "reply", "run", "session", "spent", "store", "stream"),
        *("taken", "turn", "usages"),
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
        self.agent = agent
        self.store = store
        self.prompt = prompt
        self.reply = reply
        self.enough = enough
        self.control = Control()
        self.crash: Exception | None = None
        self.dispatch: ToolDispatch | None = None
        self.emitted: list[StreamEvent] = []
        self.iteration = 0
        self.outro: tuple[StreamEvent, ...] = ()
        self.session = Session(store)
        self.spent: Turn | None = None
        self.taken: set[ToolCallID] = set()
        self.usages: list[Usage] = []
        self.turn: Turn | None = None
        outer = RUN.get(None)
        if budget is None and outer is not None:
            budget = outer.budget
        self.run = Run(
            store, agent, self.emitted.append, budget, None, None, outer, False, None, self.control
        )
        self.limits = None if budget is None else Limits(self.run.budgets())
        self.limit: LimitReached | None = None
        self.stream: ref[AgentStream] | None = None

    def start(self, make: Callable[..., S] = AgentStream) -> S:  # type: ignore[assignment]
        """The stream of the run, which begins when its first event is asked for."""
        stream = make(self.events(), self.control)
        self.stream = ref(stream)
        return stream

    async def events(self) -> AsyncGenerator[StreamEvent, None]:
        """The whole run. One generator, because each one more would cost every delta a hop."""
        control = self.control
        try:
            loop = control.begin()
            if self.run.parent is not None:
                refuse_nesting(self.store, self.run.parent)
            if id(self.store) in open_streams:
                await close_abandoned(self.store)
            if self.limits is not None:
                self.limits.start(self._interrupt)
            async with self.store.own():
                await self._begin()
                if self.stream is not None:
                    open_streams[id(self.store)] = self.stream
                visible: Token[Run] | None = None
                try:
                    if self.prompt is None and self.crash is None:
                        from axio.resumption import run_approved  # Most runs have a prompt.

                        approved = run_approved(self.run, self._may_run)
                        async with aclosing(approved):
                            async for event in approved:
                                yield event
                                control.resumed()
                        self._end_if_stopped()
                    # For stores and wrappers to find; never while the consumer has the word, whose
                    # context this is.
                    visible = RUN.set(self.run)
                    while not self.outro and (request := await self._next_request()) is not None:
                        turn = self.turn = self._new_turn(request[1])
                        emitted = self.emitted
                        source: AsyncIterator[StreamEvent] | None = None
                        try:
                            source = self.agent.transport.stream(*request)
                            del request  # not to be kept while tools work
                            if self.limits is not None:
                                source = self.limits.listen(source)
                            async for event in source:
                                if visible is not None:
                                    RUN.reset(visible)
                                    visible = None
                                yield turn.feed(event)
                                if emitted:
                                    for event in emitted:  # and what comes meanwhile
                                        yield event
                                    emitted.clear()
                                # What `resumed` does, without a call for every delta.
                                control.consumer = current_task(loop)
                                if control.pending:
                                    control.resumed()
                            source = None
                            self._close(turn)
                        except Exception as exc:
                            self._fail(exc)
                            break
                        finally:
                            if source is not None:
                                await close_quietly(source)
                        if turn.content:
                            await self.session.append(Message("assistant", turn.content))
                        if turn.runs:
                            dispatch = self._start_calls(turn)
                            while True:
                                while queue := dispatch.events:
                                    yield queue.popleft()
                                    control.resumed()
                                if dispatch.is_done():
                                    break
                                await dispatch.next_event()
                        visible = visible or RUN.set(self.run)
                        await self._conclude(turn)
                    if control.steering:
                        await self._store_steering()
                    self.session.remember()
                except Exception as exc:
                    self.crash = exc
                    self._end(StopReason.error, "crash")
                except BaseException:
                    if not control.requested:  # A second stop must not cut the clean-up short.
                        control.closed = True
                    for task in self.run.children or ():
                        task.cancel()
                    raise
                finally:
                    if visible is not None:
                        RUN.reset(visible)
                    open_streams.pop(id(self.store), None)
                    if self.turn is not None or self.dispatch is not None:
                        await shielded(self._settle())
        except asyncio.CancelledError:
            if not control.is_ours():
                raise
            self._end_interrupted()
        finally:
            control.ended = control.closed = True
            control.tools = None
            if self.limits is not None:
                self.limits.stop()
        if self.dispatch is not None:
            self.outro = (*(self.dispatch.events or ()), *self.outro)
        for event in self.outro:
            yield event
        if self.crash is not None:
            raise self.crash

    async def _begin(self) -> None:
        """Store the prompt; end the run if there is nothing to ask the model."""
        try:
            history = await self.session.load()
        except Exception as exc:
            self.crash = exc
            self._end(StopReason.error, "crash")
            return
        if self.prompt is not None:
            await self.session.append(self.prompt)
        elif not history or history[-1].role == "assistant":
            self._end(StopReason.end_turn)

    async def _next_request(self) -> tuple[list[Message], list[Tool[Any]], str] | None:
        """What to send to the model next; None when the iterations are used up."""
        agent = self.agent
        if self.iteration >= agent.max_iterations:
            self._end(StopReason.error, "max_iterations")
            return None
        if self.limits is not None:
            try:
                self.limits.request()
            except LimitReached as exc:
                self._fail(exc)
                return None
        self.iteration += 1
        if self.control.steering:
            await self._store_steering()
        history = await self.session.load()
        if self.iteration == agent.max_iterations and agent.last_iteration_message is not None:
            history = [*history, agent.last_iteration_message]
        capabilities = getattr(getattr(agent.transport, "model", None), "capabilities", None)
        if capabilities is not None and Capability.tool_use not in capabilities:
            return history, [], agent.system
        tools = agent.tools
        if tools and agent.selector is not None:
            return history, list(await agent.selector.select(history, tools)), agent.system
        return history, list(tools), agent.system

    async def _store_steering(self) -> None:
        steering, self.control.steering = self.control.steering, ()
        for message in steering:
            await self.session.append(message)

    def _new_turn(self, tools: list[Tool[Any]]) -> Turn:
        # Eager tools start while the model still streams: nobody is asked, nothing changes.
        eager = [tool.name for tool in tools if tool.eager and tool.read_only and not tool.guards]
        if eager:
            return EagerTurn(self.taken, self.iteration, eager, self._start_early)
        return Turn(self.taken, self.iteration)

    def _interrupt(self, limit: LimitReached) -> None:
        stream = None if self.stream is None else self.stream()
        if stream is not None:
            stream.interrupt(limit)

    def _dispatching(self) -> ToolDispatch:
        if self.dispatch is None:
            self.dispatch = ToolDispatch(self.agent.tools, self.run)
        return self.dispatch

    def _start_early(self, call: Call) -> None:
        call.parse(cut=False)
        if call.problem is None and self._may_run(1):
            self._dispatching().start([call])

    def _may_run(self, calls: int) -> bool:
        """Count calls about to be run; False if they are more than what a limit leaves."""
        try:
            if self.limits is not None:
                self.limits.call_tools(calls)
        except LimitReached as exc:
            self.limit = exc
        return self.limit is None

    def _close(self, turn: Turn) -> None:
        """Nothing more comes from the model."""
        turn.close()
        self._spend(turn)
        if turn.usage is None and turn.calls:
            raise TruncatedStream("the model's response ended in the middle of its tool calls")

    def _spend(self, turn: Turn) -> None:
        """Count what a response took, once."""
        if turn.usage is not None and self.spent is not turn:
            self.spent = turn
            self.usages.append(turn.usage)
            if self.limits is not None:
                self.limits.spend(turn.usage, getattr(self.agent.transport, "model", None))

    def _start_calls(self, turn: Turn) -> ToolDispatch:
        dispatch = self._dispatching()
        if self.limits is not None:
            waiting = [c for c in turn.calls if not c.started and c.problem is None]
            if not self._may_run(len(waiting)):
                for call in waiting:
                    call.problem = f"not run: {self.limit}"
        dispatch.start(turn.calls)
        return dispatch

    async def _conclude(self, turn: Turn) -> None:
        """Store the results, if any; see how the run goes on, and count the tokens."""
        if turn.runs:
            results = Message("user", [call.result for call in turn.calls if call.result])
            if getattr(self.agent.transport, "nudge_on_media_tool_result", False) and holds_media(
                results
            ):
                await self.session.extend([results, Message("user", [TextBlock(_NUDGE)])])
            else:
                await self.session.append(results)
            self.turn = self.dispatch = None
            self.control.tools = None
            self._end_if_stopped()
            if self.enough is not None and not self.outro and self.enough(turn.calls):
                self._end(StopReason.end_turn)
        else:
            stop = turn.stop_reason
            if stop != StopReason.end_turn and stop != StopReason.tool_use:
                self._fail(RuntimeError(f"the model stopped with {stop}"), stop)
            elif not self._goes_on():
                self._end(StopReason.end_turn)
            self.turn = None
        if turn.usage is not None:
            await self.store.add_context_tokens(turn.usage.input_tokens, turn.usage.output_tokens)

    def _end_if_stopped(self) -> None:
        """By a tool, or because a limit allowed no more of them."""
        if self.limit is not None:
            self._fail(self.limit)
        elif self.run.stopped:
            self._end(StopReason.end_turn, self.run.stop_reason)

    def _goes_on(self) -> bool:
        """Whether there is something to say to a model that has finished."""
        if self.reply is not None and not self.control.steering:
            message = self.reply()
            if message is not None:
                self.control.steering = (message,)
        return bool(self.control.steering)

    def _end(self, stop: StopReason, reason: str = "") -> None:
        """What was to be told before an end that came first is still told."""
        self.control.ended = True
        self.outro = (*self.outro[:-1], SessionEndEvent(stop, total(self.usages), reason))

    def _fail(self, exc: Exception, reason: str = "") -> None:
        """End the run with an error. Of a turn that is still open, which the transport or a limit
        has ended, nothing is stored: asked again, the model starts it anew."""
        if self.turn is not None:
            self._spend(self.turn)
        self._end(StopReason.error, reason or getattr(exc, "reason", "") or "error")
        unanswered = () if self.turn is None else self.turn.calls
        self.outro = (
            *(ToolResult(c.id, c.name, True, _NOT_RUN, c.input) for c in unanswered),
            Error(exc),
            *self.outro,
        )
        self.turn = None

    def _end_interrupted(self) -> None:
        """After a limit, or `AgentStream.cancel`. What had failed before stays the reason."""
        if any(isinstance(event, Error) for event in self.outro):
            return
        limit = self.control.limit
        if limit is None:
            self._end(StopReason.error, "cancelled")
        else:
            self._fail(limit)

    async def _settle(self) -> None:
        """The run stops in the middle of a turn: leave a valid history and nothing running."""
        turn = self.turn
        if self.dispatch is not None:
            await self.dispatch.close()
        if turn is None:
            self.dispatch = None  # The turn has failed, and what eager tools found with it.
            return
        self._spend(turn)
        for call in turn.calls:
            if call.result is None:
                self._dispatching().interrupt(call)
        try:
            async with asyncio.timeout(GRACE):
                await self.session.settle(turn)
                await self._store_steering()
        except Exception:
            # What ended the run matters more; the next one mends the history before it begins.
            logger.exception("the interrupted turn could not be stored")
        self.turn = None
