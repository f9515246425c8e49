"""The store while a run has it: valid before every model call, and again when the run has ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any
from weakref import ref

from axio.blocks import TextBlock, ToolResultBlock, ToolUseBlock
from axio.context import ContextStore
from axio.exceptions import SessionBusy
from axio.history import NOT_BEGUN, UNKNOWN_OUTCOME, Problem, calls_of, check, open_turn, repair
from axio.journal import Outcome
from axio.messages import Message
from axio.run import ending
from axio.run.ending import Interruptible
from axio.run.face import Run
from axio.run.turn import DONE, ApprovedTurn, ReopenedTurn, Turn
from axio.types import ToolCallID

if TYPE_CHECKING:
    from axio.run.stream import AgentStream

__all__ = ("NUDGE", "Recorded", "make_way", "open_streams", "recalled")

logger = logging.getLogger(__name__)

open_streams: dict[int, ref[AgentStream]] = {}
"""By the store's id: the stream's own frame keeps the store alive, and removes the entry."""

NUDGE = "The media above is the result of the tool call. Go on with the task."


class Recorded(Interruptible):
    """A run that has a store, once it has taken it, and knows its history."""

    __slots__ = ("_call_ids", "_checked", "_owned", "_stored", "_stream", "turn")

    _call_ids: set[ToolCallID]
    """Those of all calls in the history, and of the run's own."""

    _checked: tuple[int, Message | None]
    """The length of the history that was read last, and its last message."""

    _owned: AbstractAsyncContextManager[None] | None
    """The hold on the store, while the run has it."""

    _stored: list[Message]
    """The messages that the run has stored since."""

    _stream: ref[AgentStream]

    turn: Turn | None
    """The one that is open: not stored yet, or without its results."""

    async def _open(self, prompt: Message | None) -> None:
        """Take the store, see that its history is valid, and store the prompt."""
        store = self.store
        if self.parent is not None or id(store) in open_streams:
            await make_way(store, self.parent)
        owned = store.own()
        await owned.__aenter__()
        self._owned = owned
        self._checked, self._stored = store._checked, []
        open_streams[id(store)] = self._stream
        self._call_ids = _call_ids_of(store)
        history: list[Message] = []
        if prompt is None or not self._checked[0]:
            # Else it was valid after the last run, and is read together with the prompt.
            history = await store.get_history()
            if prompt is None and open_turn(history) < len(history):
                history = await self._reopened(history)
            elif history:
                history = await self._mended(history)
        if prompt is None:
            await self._take_up(history)
            return
        try:
            await self._append(prompt)
        except Exception:
            await self._let_go()  # The run has not begun, and says nothing.
            raise

    async def _take_up(self, history: list[Message]) -> None:
        """Go on where the history stands; calls that were approved meanwhile are the first turn."""
        from axio.approval import granted, reason_to_stop, used_up  # Most runs have a prompt.

        noted = self.store.journal is not None
        history = await recalled(self.store, history)
        if self.turn is None and (not history or history[-1].role == "assistant"):
            self._finish(DONE)
        if calls := granted(history):
            if self._refusal(len(calls)) is not None:
                return
            if not (noted and all(made for _, made in calls)):
                # After a crash from here on they are never run again.
                await self.store.replace(used_up(history, noted=noted))
            self.turn = ApprovedTurn(calls)
        if reason := reason_to_stop(history):
            self.stop(reason)

    def _let_go(self) -> Coroutine[Any, Any, bool | None]:
        """Release the store, which the run has."""
        owned, self._owned = self._owned, None
        assert owned is not None
        open_streams.pop(id(self.store), None)
        return owned.__aexit__(None, None, None)

    def _knows(self, history: list[Message]) -> bool:
        """True if `history` is the one that was read last, and what the run has stored since."""
        known, last = self._checked
        length, stored = len(history), self._stored
        if length != known + len(stored) or (known and history[known - 1] is not last):
            return False
        if stored:
            if history[-1] is not stored[-1]:
                return False
            self._checked = length, history[-1]
            stored.clear()
        return True

    async def _mended(self, history: list[Message]) -> list[Message]:
        """`history`, which may be another one than the run knows, made valid."""
        known, last = self._checked
        if not 0 < known <= len(history) or history[known - 1] is not last:
            known = 0  # It is another history.
        for message in history[known:]:
            self._call_ids.update(call.id for call in calls_of(message))
        history = await _mend(self.store, history, known, self._stored)
        self._checked, self._stored = (len(history), history[-1] if history else None), []
        return history

    async def _reopened(self, history: list[Message]) -> list[Message]:
        """`history`, whose last turn a crash has cut off, valid up to that turn, which is `turn`.

        Calls that were not begun are run, and so are those that may be run again.
        """
        from axio.approval import granted, reason_to_stop

        calls = calls_of(history[-1])
        answered = Message("user", [ToolResultBlock(call.id, "") for call in calls])
        if check([*history, answered]) or granted(history):
            return await self._mended(history)
        again = {tool.name for tool in self.agent.tools if tool.read_only or tool.idempotent}
        turn = []
        for call in calls:
            outcome = await _outcome(self.store, call)
            result = None
            if isinstance(outcome, ToolResultBlock):
                result = outcome
            elif outcome is Outcome.UNKNOWN and call.name not in again:
                result = ToolResultBlock(call.id, UNKNOWN_OUTCOME, True)
            turn.append((call, result))
        self.turn = ReopenedTurn(turn)
        known = Message("user", [result for _, result in turn if result is not None])
        if reason := reason_to_stop([history[-1], known]):
            self.stop(reason)
        return history

    def _append(self, message: Message) -> Coroutine[Any, Any, None]:
        self._stored.append(message)
        return self.store.append(message)

    def _store_results(self, turn: Turn) -> Coroutine[Any, Any, None]:
        if turn.granted:
            return _store_approved(self.store, turn)
        results = Message("user", [call.result for call in turn.calls if call.result])
        nudges = getattr(self.agent.transport, "nudge_on_media_tool_result", False)
        if not (nudges and _holds_media(results)):
            return self._append(results)
        self._stored += [results, Message("user", [TextBlock(NUDGE)])]
        return self.store.extend(self._stored[-2:])

    async def _keep(self, turn: Turn) -> None:
        """Store what may be kept of an interrupted turn.

        The interruption may have come in the middle of a write, so the store is asked what it
        holds: an open turn is answered, the part of a turn that was never stored is appended.
        """
        if turn.granted:
            await _store_approved(self.store, turn)
            return
        history = await self.store.get_history()
        if calls := calls_of(history[-1]) if history else []:
            known = {call.id: call.result for call in turn.calls}
            results = [
                known.get(call.id) or ToolResultBlock(call.id, UNKNOWN_OUTCOME, True)
                for call in calls
            ]
            await self.store.append(Message("user", [*results]))
        elif len(history) == self._checked[0] and (partial := turn.partial()):
            await self.store.append(Message("assistant", partial))

    def _remember(self) -> None:
        """The history has no open turn: spare the next run the check, if it finds it like this."""
        if self._stored:
            self._checked = self._checked[0] + len(self._stored), self._stored[-1]
        try:  # noqa: SIM105 - suppress() costs more than a whole message
            self.store._checked = self._checked
        except AttributeError:
            pass  # a store with slots


async def make_way(store: ContextStore, around: Run | None) -> None:
    """End a stream on this store that its consumer left without closing it.

    Its last events wait for the consumer, should it come back. `SessionBusy` if the run `around`
    this one, or one around that, works on the store: it would wait for itself.
    """
    while around is not None:
        # A wrapper, as AutoCompactStore, hands on what its inner store is held by.
        if around.store is store or around.store.own() is store.own():
            raise SessionBusy(
                "this session belongs to the run that is going on: use `await context.fork()` "
                "or a new context for a run inside it"
            )
        around = around.parent
    known = open_streams.get(id(store))
    stream = None if known is None else known()
    if stream is not None and stream.is_abandoned():
        logger.info("closing a stream that was left in the middle of its run")
        await stream.end_unread()


async def _mend(
    store: ContextStore, history: list[Message], known: int, own: list[Message]
) -> list[Message]:
    """`history`, mended in the store if a crash or another writer left it invalid.

    Its first `known` messages are valid. `own`, if it ends in them, are the run's, and stay.
    """
    problems = check(history, known)
    if not problems:
        return history
    before = len(history) - len(own)
    results = await _results(store, history, problems)
    if history[before:] == own:
        mended = [*repair(history[:before], known=results), *own]
    else:
        mended = repair(history, known=results)
    words = "; ".join(problem.text for problem in problems[:5])
    logger.warning("mending the history of a session: %s", words)
    kept = len(history)
    try:
        if mended[:kept] == history:
            await ending.shielded(store.extend(mended[kept:]))
        else:
            await ending.shielded(store.replace(mended))
    except NotImplementedError:
        logger.warning("%s cannot replace its history", type(store).__name__)
        return mended
    return await store.get_history()


async def _results(
    store: ContextStore, history: list[Message], problems: list[Problem]
) -> dict[ToolCallID, ToolResultBlock]:
    """The results that the journal has for calls that have none in the history."""
    if store.journal is None:
        return {}
    missing = {problem.tool_use_id for problem in problems}
    calls = [call for message in history for call in calls_of(message) if call.id in missing]
    found: dict[ToolCallID, ToolResultBlock] = {}
    for call in calls:
        outcome = await _outcome(store, call)
        if outcome is Outcome.NOT_BEGUN:
            outcome = ToolResultBlock(call.id, NOT_BEGUN, True)
        if isinstance(outcome, ToolResultBlock):
            found[call.id] = outcome
    return found


async def _outcome(store: ContextStore, call: ToolUseBlock) -> ToolResultBlock | Outcome:
    """The outcome of a call that has no result in the history."""
    return Outcome.UNKNOWN if store.journal is None else await store.journal.outcome(call)


async def recalled(store: ContextStore, history: list[Message]) -> list[Message]:
    """`history` with results that were noted, when a crash came, for calls that were approved or
    went on; the store has them then. For the owner."""
    from axio.approval import Standing, granted, replaced, standing, unknown

    if store.journal is None:
        return history
    lost = unknown(history)
    found = []
    for call in [*lost, *(call for call, made in granted(history) if made)]:
        block = ToolUseBlock(call.tool_use_id, call.name, call.input)
        outcome = await store.journal.outcome(block)
        # The history may know more of what has been decided inside a call.
        if isinstance(outcome, ToolResultBlock) and (
            call in lost or standing(block, outcome) is not Standing.INSIDE
        ):
            found.append((call, outcome))
    if not found:
        return history
    await store.replace(replaced(history, found))
    return await store.get_history()


def _call_ids_of(store: ContextStore) -> set[ToolCallID]:
    """The ids of the calls that runs have found in the history."""
    ids = store._call_ids
    if ids is None:
        ids = set()
        try:  # noqa: SIM105 - suppress() costs more than a whole message
            store._call_ids = ids
        except AttributeError:
            pass  # a store with slots
    return ids


async def _store_approved(store: ContextStore, turn: Turn) -> None:
    """Put the results of approved calls in the place of their approvals."""
    from axio.approval import replaced

    # Not by id: the calls of two runs may have the same.
    results = [
        (waiting, call.result)
        for waiting, call in zip(turn.granted, turn.calls, strict=True)
        if call.result is not None
    ]
    async with asyncio.timeout(ending.GRACE):
        await store.replace(replaced(await store.get_history(), results))


def _holds_media(message: Message) -> bool:
    """True if a tool result in it holds more than text."""
    return any(
        not isinstance(block, TextBlock)
        for result in message.content
        if isinstance(result, ToolResultBlock) and not isinstance(result.content, str)
        for block in result.content
    )
