"""`ChatSession`: one conversation with an agent, for a front end of any kind.

session = ChatSession(agent, store)
await session.open()
stream = session.send("Hello")
while stream is not None:
    async for event in stream:
        paint(session.conversation)
    stream = session.next()
await session.close()
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from typing import TYPE_CHECKING

from axio.agent import Agent
from axio.blocks import ImageBlock
from axio.budget import Budget
from axio.compaction import CompactionStrategy, Summarize
from axio.context import ContextStore, MemoryContextStore
from axio.events import SessionEndEvent, StreamEvent
from axio.exceptions import message_of
from axio.messages import Message, Prompt, as_message
from axio.run.ending import shielded
from axio.stream import AgentStream
from axio.transport import CompletionTransport, model_of
from axio.types import StopReason
from axio_tui.chat.counted import Counted
from axio_tui.chat.entries import Note
from axio_tui.chat.filling import Filling, estimated, filling
from axio_tui.chat.inbox import Waiting
from axio_tui.chat.keeping import forget_all, keep, kept, moved
from axio_tui.chat.kept_session import KeptSession, nudges_of
from axio_tui.chat.meter import Window
from axio_tui.chat.permissions import Permissions
from axio_tui.chat.points import Point, agents_in, is_unfinished, points_in
from axio_tui.chat.remarks import Said
from axio_tui.chat.shelf import MemoryShelf, shelf_of
from axio_tui.chat.stores import forget, held

if TYPE_CHECKING:
    from axio.output import OutputStream
    from axio_tools_local.changes import Changes, Undone
    from axio_tools_local.workspace import Workspace

__all__ = ("ChatSession", "Point")


class ChatSession(KeptSession):
    """A conversation of `agent`, kept in `store`.

    `conversation` is what there is to be seen, `inbox` what waits to be sent. Both are there before
    the first run only after `load`. One run at a time; what is given to the session meanwhile is
    queued, or steers the run. `explain` makes the words of a failure. `permissions` guard the tools
    of the agent, and tell what the person has answered.

    With a store that has a shelf (`SQLiteContextStore`) everything is kept, and the transcript of a
    session that is resumed is the one that was left. Between `open` and `close` no other program
    can go on with it; without, it may be looked at while another has it, and `send` fails.
    """

    def __init__(
        self,
        agent: Agent,
        store: ContextStore | None = None,
        *,
        explain: Callable[[BaseException], str] = message_of,
        permissions: Permissions | None = None,
    ) -> None:
        super().__init__(agent, store, explain=explain)
        self.permissions = permissions
        self._stream: AgentStream | None = None
        self._answer: OutputStream[object]

    # ── runs ──────────────────────────────────────────────────────────────────────────────────

    @property
    def is_busy(self) -> bool:
        """True while a run goes on."""
        return self._stream is not None

    def send(
        self, prompt: Prompt, *, budget: Budget | None = None, output: object = None
    ) -> AsyncGenerator[StreamEvent, None]:
        """The events of a run that answers the prompt. Read them to the end, or close them. `meter`
        watches the budget. With `output`, a type or a JSON Schema, `answer` gives such an answer.
        """
        message, watched = as_message(prompt), self._watched(budget)
        if output is None:
            return self._run(self.agent.run_stream(message, self.store, budget=watched), message)
        self._answer = self.agent.run_stream(message, self.store, budget=watched, output=output)
        return self._run(self._answer, message)

    async def answer(self) -> object:
        """The answer of the last run that was sent with `output`. `OutputError` if it gave none."""
        return await self._answer.get_output()

    def resume(self, *, budget: Budget | None = None) -> AsyncGenerator[StreamEvent, None]:
        """The events of a run that goes on where the history stands."""
        return self._run(self.agent.resume(self.store, budget=self._watched(budget)), None)

    def _watched(self, budget: Budget | None) -> Budget:
        budget = Budget() if budget is None else budget
        budget.watch = self.meter.count
        return budget

    def next(self, *, budget: Budget | None = None) -> AsyncGenerator[StreamEvent, None] | None:
        """The events of a run that answers the oldest prompt that is queued; None without one.

        `MentionRefused` if the model, which may be another by now, would not be shown a picture in
        it: all that waits is parked then.
        """
        waiting = None if self.is_busy else self.inbox.next()
        if waiting is None:
            return None
        self._check_sight(waiting.message)
        self.inbox.hand_over(waiting)
        return self.send(waiting.message, budget=budget)

    def _check_sight(self, message: Message) -> None:
        if any(isinstance(block, ImageBlock) for block in message.content):
            from axio_tui.chat.attached import named_pictures  # Few prompts have any.
            from axio_tui.chat.sight import check_pictures

            try:
                check_pictures(named_pictures(message), self.agent.transport)
            except Exception:
                self.inbox.park()
                raise

    async def _run(
        self, stream: AgentStream, message: Message | None
    ) -> AsyncGenerator[StreamEvent, None]:
        if self._stream is not None:
            raise RuntimeError("a run of this session goes on: queue the prompt, or stop it first")
        self._stream = stream
        conversation = self.conversation
        event: StreamEvent | None = None
        try:
            if not self._is_loaded:
                await self.load()
            self.meter.begin()
            if message is None:
                conversation.begin()
            else:
                conversation.say(message)
            feed = conversation.feed
            async for event in stream:
                if feed(event):
                    await self._keep_remarks()
                if not conversation.is_steered:
                    self.inbox.has_steered()
                yield event
        finally:
            ended_well = (
                type(event) is SessionEndEvent and event.stop_reason is not StopReason.error
            )
            if not ended_well:
                self.inbox.park()
            try:
                await stream.aclose()
            finally:
                self._stream = None
                if ended_well:
                    await self._settle()
                else:
                    await shielded(self._settle())

    async def _keep_remarks(self) -> None:
        await keep(self.shelf, self.conversation.take_remarks())

    async def _settle(self) -> None:
        """A run has ended: keep what is new, and show what the store holds of it."""
        conversation = self.conversation
        conversation.close()
        if conversation.has_remarks:
            await self._keep_remarks()
        for agent in conversation.agents.values():
            store = self.beside(agent.session_id)
            if not isinstance(store, MemoryContextStore):
                await keep(shelf_of(store), agent.take_remarks())
                agent.settle(await store.get_history())
        self.meter.filled(conversation.usages)
        await self._figures.keep_now_and_then(self.shelf)
        await self.inbox.refresh()
        history = await self.store.get_history()
        if not conversation.settle(history):
            conversation.reload(history, await kept(self.shelf))

    # ── while a run goes on ───────────────────────────────────────────────────────────────────

    async def queue(self, prompt: Prompt) -> Waiting:
        """Keep a prompt until the run has ended; `next` sends it."""
        return await self.inbox.add(prompt)

    async def steer(self, prompt: Prompt) -> Waiting:
        """Put a prompt in before the next request of this run; queue it if there is none."""
        waiting = await self.inbox.add(prompt, "steering")
        stream = self._stream
        try:
            if stream is None:
                raise RuntimeError("no run goes on")
            stream.steer(waiting.message)
        except RuntimeError:
            self.inbox.move(waiting.id, "queued")
        else:
            self.inbox.hand_over(waiting)
            self.conversation.steer(waiting.message)
        return waiting

    def stop(self) -> None:
        """End the run; what is queued is parked. The events end with `SessionEndEvent`."""
        self.inbox.park()
        if self._stream is not None:
            self._stream.cancel()

    # ── how full it is ────────────────────────────────────────────────────────────────────────

    @property
    def window(self) -> Window:
        """How full the window of the model is."""
        return self.meter.window(model_of(self.agent.transport))

    async def filling(self, system: Mapping[str, str] | None = None) -> list[Filling]:
        """The parts that fill it; `system` names the parts of the system prompt."""
        agent, window = self.agent, self.window
        history = await self.store.get_history()
        counted = window.tokens if window.is_counted else None
        return filling(system or agent.system, agent.tools, history, counted)

    async def go_on_with(self, transport: CompletionTransport, note: Note) -> None:
        """Ask another model from the next run on; the note says so in the transcript."""
        self.refuse_while_busy("change the model")
        self.agent.transport = transport
        await self.note(note)
        self.conversation.nudges = nudges_of(transport)

    async def note(self, note: Note) -> None:
        """Show and keep something that is not for the model."""
        self.refuse_while_busy("note something")
        if not self._is_loaded:
            await self.load()
        self.conversation.note(note)
        await self._keep_remarks()

    # ── other sessions ────────────────────────────────────────────────────────────────────────

    async def fork(self) -> ChatSession:
        """A copy of the conversation that goes on by itself, to be opened. What waits to be sent
        stays here."""
        self.refuse_while_busy("fork")
        copy = ChatSession(
            self.agent,
            await self.store.fork(),
            explain=self._explain,
            permissions=self.permissions,
        )
        if isinstance(self.shelf, MemoryShelf):
            copy._use(copy.store, self.shelf.of_messages(len(await copy.store.get_history())))
        await copy.load()
        return copy

    async def compact(
        self,
        strategy: CompactionStrategy | None = None,
        transport: CompletionTransport | None = None,
    ) -> bool:
        """Go on in a new session with a summary of this one, which stays as it is.

        `transport` writes it, by default the agent's. False if there is nothing to shorten. What
        the strategy raises, such as `CompactionError`, leaves all as it was.
        """
        self.refuse_while_busy("compact")
        history = await self.store.get_history()
        writer = Counted(transport or self.agent.transport, self.meter.count)
        shorter = await (strategy or Summarize()).compact(history, writer)
        if shorter is None:
            return False
        self.meter.changed(estimated(shorter))
        remarks = moved(await kept(self.shelf), history, shorter)
        tokens = [f"{estimated(messages):,}" for messages in (history, shorter)]
        note = Said(0, Note("compacted", f"about {tokens[0]} tokens are {tokens[1]} now"))
        copy = await self.store.fork()
        await copy.replace(shorter)
        shelf = shelf_of(copy)
        await forget_all(shelf)
        await keep(shelf, [note, *remarks])
        for waiting in self.inbox.waiting:
            await shelf.add("inbox", waiting.message.to_dict())
            await self.shelf.remove(waiting.id)
        taken = None if self._held is None else await held(copy)
        await self.close()
        self._held = taken
        if self.permissions is not None:
            self.permissions.carry_over(self.store.session_id, copy.session_id)
        self._use(copy, shelf)
        await self._figures.move(shelf)
        await self.load()
        return True

    async def is_unfinished(self) -> bool:
        """True if the last run was cut off, and `resume` has something to do."""
        return is_unfinished(await self.store.get_history())

    async def points(self) -> list[Point]:
        """The prompts of the person, oldest first, to which the session can be rewound."""
        return points_in(await self.store.get_history())

    async def rewind_files(self, point: Point, workspace: Workspace) -> Undone:
        """Put back the files that tools have changed since the prompt of the point, newest change
        first. Files that others have changed since are named, and left."""
        await self._check(point)
        changes = self._changes()
        await changes.load(workspace)
        return await changes.undo_since(point.before)

    async def rewind(self, point: Point) -> Message:
        """Forget the prompt of the point and all that came after it; the prompt, to be edited.

        Files stay as they are, and cannot be rewound any more: `rewind_files` first for both.
        """
        history = await self._check(point)
        agents = agents_in(self.conversation.entries)
        await self._changes().forget_since(point.before)
        back: Callable[[int], object] | None = getattr(self.store, "rewind", None)
        if back is not None:
            await back(point.before)  # type: ignore[misc]
        else:
            await self.store.replace(history[: point.before])
        if isinstance(self.shelf, MemoryShelf):
            self.shelf.forget(point.before)
        self.meter.changed(estimated(history[: point.before]))
        await self._figures.keep(self.shelf)
        waiting = self.inbox.waiting
        await self.load()
        self.inbox.waiting = waiting
        await forget(self.store, agents - agents_in(self.conversation.entries))
        return point.message

    def _changes(self) -> Changes:
        from axio_tools_local.changes import changes_of  # A program without these tools has none.

        return changes_of(self.store)

    async def _check(self, point: Point) -> list[Message]:
        """The history, in which the point must be. ValueError if it has changed since `points`."""
        self.refuse_while_busy("rewind")
        history = await self.store.get_history()
        if history[point.before : point.before + 1] != [point.message]:
            raise ValueError("the conversation has changed since: choose a prompt again")
        return history

    def refuse_while_busy(self, what: str) -> None:
        """RuntimeError while a run goes on, with which `what` does not go together."""
        if self.is_busy:
            raise RuntimeError(f"cannot {what} while a run goes on: stop it first")
