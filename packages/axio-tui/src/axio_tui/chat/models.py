"""`Models`: the transports of a program, one for each role, opened when it is first needed.

async with Models(parts, choice, roles={"guard": "ollama:qwen3:8b"}) as models:
    agent = Agent(system, await models.of("chat"))
    reviewer = Agent(GUARD_SYSTEM_PROMPT, await models.of("guard"))
    ...
    await models.switch(session, "anthropic:claude-sonnet-4-5")
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import AsyncExitStack
from typing import Literal, TypeAlias, get_args

from axio.blocks import ImageBlock, ReasoningBlock
from axio.messages import Message
from axio.plugins import Installed
from axio.transport import CompletionTransport, model_of
from axio_tui.chat.entries import Note
from axio_tui.chat.offers import Find, Offer, is_free, offers, told
from axio_tui.chat.session import ChatSession
from axio_tui.chat.sight import can_see
from axio_tui.choose import Choice, available, choose_named
from axio_tui.connect import connect
from axio_tui.errors import WrongUse
from axio_tui.own_servers import split_name
from axio_tui.servers import find_servers

__all__ = ("Models", "Role")

Role: TypeAlias = Literal["chat", "compaction", "subagent", "guard", "vision"]
"""Who uses a model: the conversation, summaries of it, agents inside it, the review of calls in the
mode "auto", and the tool that looks at images."""


class Models:
    """Transports by role; a role that names none has that of the conversation.

    A model is named `TRANSPORT:MODEL`, `TRANSPORT` for its own choice, or `MODEL` of the transport
    that the conversation has. `kept` gives the settings that a person has kept for a transport, in
    a thread of its own: a keyring may take its time. A transport stays open until the block ends,
    also when no role has it any more: what has begun with it can end with it. `keys` tells the
    providers whose keys are known.
    """

    def __init__(
        self,
        parts: Installed,
        chat: Choice,
        model: str | None = None,
        roles: Mapping[Role, str] | None = None,
        *,
        kept: Callable[[Choice], Mapping[str, str]] = lambda choice: {},
        find: Find = find_servers,
        keys: Callable[[], Collection[str]] = tuple,
    ) -> None:
        for role in roles or ():
            if role not in get_args(Role):
                raise WrongUse(f"no role {role!r}; there is: {', '.join(get_args(Role))}")
        self.choice = chat
        """Of the conversation."""
        self.free: set[str] = set()
        """The ids of models that cost nothing, for a `Meter`."""
        self.changed: Callable[[Role, CompletionTransport], object] = lambda role, transport: None
        """Called after a role was given another model."""
        self._parts = parts
        self._kept = kept
        self._find = find
        self._keys = keys
        self._model = model
        self._roles = dict(roles or {})
        self._opened = AsyncExitStack()
        self._transports: dict[tuple[str, str | None], CompletionTransport] = {}

    async def __aenter__(self) -> Models:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._transports.clear()
        await self._opened.aclose()

    @property
    def name(self) -> str:
        """The name of the model of the conversation."""
        return f"{self.choice.name}:{self._model}" if self._model else self.choice.name

    def begin_with(self, choice: Choice) -> None:
        """Let the conversation have the transport's own model, before anything was said."""
        self.choice, self._model = choice, None

    async def of(self, role: Role) -> CompletionTransport:
        """The transport of a role. `CommandError` when it cannot be had."""
        name = self._roles.get(role)
        if name is None:
            return await self._open(self.choice, self._model)
        return await self._open(*await self._chosen(name))

    async def seeing(self) -> CompletionTransport | None:
        """That of the role "vision"; None if its model is not known to see images."""
        transport = await self.of("vision")
        return transport if can_see(transport) or "vision" in self._roles else None

    async def use(self, role: Role, name: str) -> CompletionTransport:
        """Give a role the model that is named so. After a `CommandError` all is as it was."""
        choice, model = await self._chosen(name)
        transport = await self._open(choice, model)
        if role == "chat":
            self.choice, self._model = choice, model
        else:
            self._roles[role] = name
        self.changed(role, transport)
        return transport

    @property
    def roles(self) -> Mapping[Role, str]:
        """The names of the models of roles that have their own."""
        return self._roles

    async def forget(self, role: Role) -> None:
        """Let a role have the model of the conversation."""
        self._roles.pop(role, None)
        self.changed(role, await self.of(role))

    def whole_name(self, name: str) -> str:
        """The name of a model with that of its transport."""
        transport, _, _ = name.strip().partition(":")
        return name.strip() if transport in available(self._parts) else f"{self.choice.name}:{name}"

    def renew(self, transport: str) -> None:
        """Let the settings of a transport, and what they keep, be read anew when it is needed
        next."""
        for key in [key for key in self._transports if key[0].partition(".")[0] == transport]:
            del self._transports[key]

    async def offers(self) -> list[Offer]:
        """The models that can be used here, without asking a provider."""
        return await offers(self._parts, self._keys())

    async def switch(self, session: ChatSession, name: str) -> Note:
        """Let the conversation go on with the model that is named so; the words in it that say so.

        `CommandError`, and nothing has changed, when it cannot be had.
        """
        session.refuse_while_busy("change the model")
        transport = await self.use("chat", name)
        note = Note("model", await self._words(session, transport))
        await session.go_on_with(transport, note)
        session.meter.free = self.free
        return note

    async def _words(self, session: ChatSession, transport: CompletionTransport) -> str:
        model = model_of(transport)
        words = [self.choice.title if model is None else f"{model.id} of {self.choice.title}"]
        words += told(model, is_free(self.choice.name))
        own = getattr(transport, "reasoning_of", None)
        history = await session.store.get_history()
        left = {
            block.provider
            for message in history
            for block in message.content
            if isinstance(block, ReasoningBlock) and block.provider != own
        }
        if left:
            words.append(f"without the reasoning that only {', '.join(sorted(left))} can read")
        if not can_see(transport) and any(map(_has_pictures, history)):
            words.append("not known to see the pictures in this conversation")
        return ", ".join(words)

    async def _chosen(self, name: str) -> tuple[Choice, str | None]:
        name = name.strip()
        if not name:
            raise WrongUse("the name of the model is empty")
        transport, _, model = name.partition(":")
        if transport in available(self._parts) or split_name(transport, self._parts)[1]:
            return await choose_named(transport, self._parts, self._find), model or None
        return self.choice, name

    async def _open(self, choice: Choice, model: str | None) -> CompletionTransport:
        key = (choice.name, model)
        known = self._transports.get(key)
        if known is None:
            kept = await asyncio.to_thread(self._kept, choice)
            opened = connect(choice, model, self._parts, kept)
            known = self._transports[key] = await self._opened.enter_async_context(opened)
            spec = model_of(known)
            if spec is not None and is_free(choice.name):
                self.free.add(spec.id)
        return known


def _has_pictures(message: Message) -> bool:
    return any(isinstance(block, ImageBlock) for block in message.content)
