"""`KeptSession`: a conversation as it is kept, from opening it to closing it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from types import MappingProxyType

from axio.agent import Agent
from axio.blocks import ImageBlock
from axio.context import ContextStore, MemoryContextStore
from axio.exceptions import message_of
from axio.transport import CompletionTransport
from axio_tui.chat.conversation import Conversation
from axio_tui.chat.drafts import Draft
from axio_tui.chat.filling import estimated
from axio_tui.chat.inbox import Inbox
from axio_tui.chat.keeping import Figures, kept
from axio_tui.chat.meter import Meter
from axio_tui.chat.shelf import Shelf, shelf_of
from axio_tui.chat.stores import beside, held

__all__ = ("KeptSession", "nudges_of")

_FIRST = 150
"""Messages that fill any screen: those before them are read when these are seen."""


class KeptSession:
    """Of a conversation: its store, what lies beside its messages, and what there is to be seen."""

    def __init__(
        self,
        agent: Agent,
        store: ContextStore | None = None,
        *,
        explain: Callable[[BaseException], str] = message_of,
    ) -> None:
        self.agent = agent
        self._explain = explain
        self._held: AsyncExitStack | None = None
        self.meter = Meter()
        self._figures = Figures(self.meter)
        self._use(MemoryContextStore() if store is None else store)

    def _use(self, store: ContextStore, shelf: Shelf | None = None) -> None:
        self.store = store
        self.shelf = shelf_of(store) if shelf is None else shelf
        self.inbox = Inbox(self.shelf)
        self._draft = Draft(self.shelf)
        self.conversation = Conversation(
            session_id=store.session_id,
            nudges=nudges_of(self.agent.transport),
            explain=self._explain,
        )
        self._is_loaded = False

    async def open(
        self, *, take_over: bool = False, seen: Callable[[], Awaitable[object]] | None = None
    ) -> None:
        """Load the conversation, to go on with it until `close`.

        `axio.exceptions.SessionBusy` when another program has it open: that of
        `SQLiteContextStore` names the process. To `take_over` ends it there. `seen` is awaited when
        the end of a long conversation can be shown already, and the rest is yet to be read.
        """
        await self.close()
        self._held = await held(self.store, take_over=take_over)
        try:
            if seen is not None and await self._glance():
                await seen()
            await self.load()
        except BaseException:
            await self.close()
            raise

    async def _glance(self) -> bool:
        """Let the end of the conversation be seen. False if it is short, or cannot be read
        alone."""
        last, count = getattr(self.store, "last", None), getattr(self.store, "count", None)
        if last is None or count is None or (before := await count() - _FIRST) <= 0:
            return False
        end, remarks = await last(_FIRST), await kept(self.shelf)
        near = [replace(one, at=one.at - before) for one in remarks if one.at >= before]
        self.conversation.reload(end, near)
        return True

    async def close(self) -> None:
        """Let other programs go on with the conversation. No run may be under way."""
        await self._figures.keep(self.shelf)
        taken, self._held = self._held, None
        if taken is not None:
            await taken.aclose()

    async def load(self) -> None:
        """Read the conversation as it is kept. Prompts that a program has left are parked."""
        history = await self.store.get_history()
        self.conversation.reload(history, await kept(self.shelf))
        self.meter.changed(estimated(history))
        await self._figures.load(self.shelf)
        await self.inbox.load()
        self._is_loaded = True

    async def keep_draft(
        self, text: str, pictures: Mapping[str, ImageBlock] = MappingProxyType({})
    ) -> None:
        """Keep what is being typed, with the pictures in it; an empty text forgets it."""
        await self._draft.keep(text, pictures)

    async def draft(self) -> str:
        """The text that was being typed. The pictures in it are `drawn` then."""
        return await self._draft.load()

    @property
    def drawn(self) -> Mapping[str, ImageBlock]:
        """The pictures of the draft by their placeholders."""
        return self._draft.pictures

    def beside(self, session_id: str | None = None) -> ContextStore:
        """Another session in the same place; in memory where the store has no such place."""
        return beside(self.store, session_id)


def nudges_of(transport: CompletionTransport) -> bool:
    """True if the core says words of its own behind a result with media, for this transport."""
    return bool(getattr(transport, "nudge_on_media_tool_result", False))
