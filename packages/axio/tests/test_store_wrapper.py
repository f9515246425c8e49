"""A store around a store is the same conversation."""

from __future__ import annotations

import base64
import copy
from collections.abc import Iterable

import pytest

from axio.agent import Agent
from axio.blocks import TextBlock
from axio.context import ContextStore, MemoryContextStore
from axio.messages import Message
from axio.store_wrapper import StoreWrapper
from axio.testing import StubTransport, check_store, make_text_response


def changed(message: Message, change: object) -> Message:
    assert callable(change)
    return Message(
        message.role,
        [TextBlock(change(b.text)) if isinstance(b, TextBlock) else b for b in message.content],
    )


def hidden(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def shown(text: str) -> str:
    return base64.b64decode(text).decode()


class Veiled(StoreWrapper):
    """The texts cannot be read in the inner store."""

    async def append(self, message: Message) -> None:
        await self.inner.append(changed(message, hidden))

    async def extend(self, messages: Iterable[Message]) -> None:
        await self.inner.extend([changed(message, hidden) for message in messages])

    async def replace(self, messages: Iterable[Message]) -> None:
        await self.inner.replace([changed(message, hidden) for message in messages])

    async def get_history(self) -> list[Message]:
        return [changed(message, shown) for message in await self.inner.get_history()]


async def test_a_wrapper_keeps_the_promises_of_a_store() -> None:
    await check_store(lambda: StoreWrapper(MemoryContextStore()))
    await check_store(lambda: StoreWrapper(StoreWrapper(MemoryContextStore())))
    inner = MemoryContextStore()
    await StoreWrapper(inner).set_context_tokens(3, 4)
    assert await inner.get_context_tokens() == (3, 4)


async def test_a_wrapper_that_changes_messages_changes_all_of_them() -> None:
    inner = MemoryContextStore()
    store = Veiled(inner)
    agent = Agent("", StubTransport([make_text_response("It is a secret.")]))
    await agent.run("What is it?", store)
    assert [m.content for m in await store.get_history()] == [
        [TextBlock("What is it?")],
        [TextBlock("It is a secret.")],
    ]
    assert "secret" not in str(await inner.get_history())
    fork = await store.fork()
    assert type(fork) is Veiled
    assert await fork.get_history() == await store.get_history()
    assert fork.session_id != store.session_id
    await fork.append(Message("user", [TextBlock("only there")]))
    assert len(await store.get_history()) == 2


def test_a_wrapper_hands_on_all_that_a_store_has() -> None:
    """Also what stores learn later: a default of the base would pass the inner store by."""
    has = {name for name, part in vars(ContextStore).items() if not name.startswith("_")}
    makers = {"from_history", "from_context"}
    assert has - makers <= set(vars(StoreWrapper))


async def test_the_inner_store_is_owned_and_closed_with_the_wrapper() -> None:
    closed: list[str] = []

    class Open(MemoryContextStore):
        async def close(self) -> None:
            closed.append(self.session_id)

    inner = Open()
    store = StoreWrapper(inner)
    assert store.own() is inner.own()
    assert copy.copy(store).inner is inner
    assert repr(store) == f"StoreWrapper({inner!r})"
    await store.close()
    assert closed == [store.session_id]


async def test_a_refusal_of_the_inner_store_comes_through() -> None:
    class Minimal(ContextStore):
        def __init__(self) -> None:
            self.messages: list[Message] = []

        async def append(self, message: Message) -> None:
            self.messages.append(message)

        async def get_history(self) -> list[Message]:
            return list(self.messages)

    await check_store(lambda: StoreWrapper(Minimal()))
    with pytest.raises(NotImplementedError, match="Minimal cannot be cleared"):
        await StoreWrapper(Minimal()).clear()
