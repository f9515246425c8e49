"""A conversation with hooks around each of its runs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from axio.agent import Agent
from axio.context import ContextStore
from axio.events import StreamEvent
from axio.exceptions import message_of
from axio.messages import Message
from axio.stream import AgentStream
from axio_tui.chat.hooks import Hooks
from axio_tui.chat.permissions import Permissions
from axio_tui.chat.session import ChatSession

__all__ = ("HookedSession", "make_session")


class HookedSession(ChatSession):
    """A `ChatSession` whose hooks are told of its start, of the results of its tools and of the end
    of its turns. Those before a tool are asked by `Hooks.guards`."""

    def __init__(
        self,
        agent: Agent,
        store: ContextStore | None = None,
        *,
        hooks: Hooks,
        explain: Callable[[BaseException], str] = message_of,
        permissions: Permissions | None = None,
    ) -> None:
        super().__init__(agent, store, explain=explain, permissions=permissions)
        self.hooks = hooks
        self.is_begun = False
        """True once the hooks at its start have agreed."""

    async def _run(
        self, stream: AgentStream, message: Message | None
    ) -> AsyncGenerator[StreamEvent, None]:
        run = super()._run(stream, message)
        try:
            async with aclosing(self.hooks.around(self, run)) as events:
                async for event in events:
                    yield event
        finally:
            await stream.aclose()  # that of a run which a hook has refused was never begun

    def stop(self) -> None:
        self.hooks.stop()
        super().stop()

    async def fork(self) -> ChatSession:
        copy = await super().fork()
        hooked = HookedSession(
            copy.agent,
            copy.store,
            hooks=self.hooks,
            explain=self._explain,
            permissions=copy.permissions,
        )
        hooked.is_begun = self.is_begun
        hooked._use(copy.store, copy.shelf)
        await hooked.load()
        return hooked


def make_session(
    agent: Agent,
    store: ContextStore | None = None,
    *,
    hooks: Hooks | None = None,
    explain: Callable[[BaseException], str] = message_of,
    permissions: Permissions | None = None,
) -> ChatSession:
    """A session in the store, with hooks around it if there are any."""
    if hooks is None:
        return ChatSession(agent, store, explain=explain, permissions=permissions)
    return HookedSession(agent, store, hooks=hooks, explain=explain, permissions=permissions)
