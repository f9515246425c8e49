"""The defaults of every store, and the store in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from axio.agent import Agent
from axio.blocks import (
    ContentBlock,
    ImageBlock,
    ReasoningBlock,
    TextBlock,
    ToolResultBlock,
    ToolUseBlock,
)
from axio.context import ContextStore, MemoryContextStore, SessionInfo
from axio.messages import Message
from axio.testing import StubTransport, make_text_response


class Minimal(ContextStore):
    """Two methods and no `super().__init__()`."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def append(self, message: Message) -> None:
        self.messages.append(message)

    async def get_history(self) -> list[Message]:
        return list(self.messages)


class Slotted(Minimal):
    __slots__ = ()


def user(text: str) -> Message:
    return Message("user", [TextBlock(text)])


def test_a_store_must_append_and_give_its_history() -> None:
    with pytest.raises(TypeError):
        ContextStore()  # type: ignore[abstract]


async def test_two_methods_are_enough() -> None:
    store = Minimal()
    assert len(store.session_id) == 32
    assert int(store.session_id, 16) >= 0
    assert store.session_id == store.session_id != Minimal().session_id
    await store.set_context_tokens(1, 2)
    await store.add_context_tokens(1, 2)
    assert await store.get_context_tokens() == (0, 0)
    await store.extend([user("a"), user("b")])
    fork = await store.fork()
    assert isinstance(fork, MemoryContextStore)
    assert await fork.get_history() == [user("a"), user("b")]
    await store.close()


@pytest.mark.parametrize("change", ["clear", "replace"])
async def test_a_store_that_cannot_forget_says_so_and_forgets_nothing(change: str) -> None:
    store = Minimal()
    await store.append(user("a"))
    with pytest.raises(NotImplementedError, match="Minimal"):
        await (store.clear() if change == "clear" else store.replace([]))
    assert await store.get_history() == [user("a")]


async def test_replacing_by_clearing_and_forking_keep_the_tokens() -> None:
    class Clears(Minimal):
        tokens = (0, 0)

        async def clear(self) -> None:
            self.messages = []
            self.tokens = (0, 0)

        async def get_context_tokens(self) -> tuple[int, int]:
            return self.tokens

        async def set_context_tokens(self, input_tokens: int, output_tokens: int) -> None:
            self.tokens = (input_tokens, output_tokens)

    store = Clears()
    await store.append(user("a"))
    await store.add_context_tokens(3, 4)
    await store.replace(message for message in (user("b"), user("c")))
    assert await store.get_history() == [user("b"), user("c")]
    assert await store.get_context_tokens() == (3, 4)
    fork = await store.fork()
    assert await fork.get_context_tokens() == (3, 4)
    await store.add_context_tokens(1, 1)
    assert await fork.get_context_tokens() == (3, 4)


@pytest.mark.parametrize(
    ("messages", "preview"),
    [
        ([], "(empty)"),
        ([Message("assistant", [TextBlock("x")])], "(empty)"),
        ([user("short")], "short"),
        ([user("x" * 80)], "x" * 80),
        ([user("x" * 81)], "x" * 80 + "..."),
        ([Message("user", [ImageBlock("image/png", b""), TextBlock("see")])], "see"),
    ],
)
async def test_a_session_is_listed_by_the_beginning_of_the_first_words(
    messages: list[Message], preview: str
) -> None:
    store = MemoryContextStore(messages)
    await store.set_context_tokens(1, 2)
    expected = SessionInfo(store.session_id, len(messages), preview, "", 1, 2)
    assert await store.list_sessions() == [expected]


async def test_the_memory_store_copies_the_list_and_not_the_messages() -> None:
    message = user("a")
    given = [message]
    store = MemoryContextStore(given)
    given.append(user("b"))
    history = await store.get_history()
    assert len(history) == 1
    assert history[0] is message
    history.append(user("c"))
    assert len(await store.get_history()) == 1


async def test_clearing_forgets_messages_and_tokens() -> None:
    store = MemoryContextStore([user("a")])
    await store.add_context_tokens(1, 2)
    before = await store.get_history()
    await store.clear()
    assert await store.get_history() == []
    assert await store.get_context_tokens() == (0, 0)
    assert before == [user("a")], "what was handed out stays"


async def test_a_fork_is_independent_both_ways() -> None:
    store = MemoryContextStore([user("a")])
    await store.set_context_tokens(5, 6)
    fork = await store.fork()
    assert fork.session_id != store.session_id
    assert await fork.get_context_tokens() == (5, 6)
    (await fork.get_history())[0].content.append(TextBlock("changed"))
    await fork.append(user("b"))
    await store.append(user("c"))
    assert await store.get_history() == [user("a"), user("c")]
    assert len(await fork.get_history()) == 2


@pytest.mark.parametrize("kind", [MemoryContextStore, Minimal])
async def test_a_fork_shares_no_arguments_results_or_reasoning(kind: type[ContextStore]) -> None:
    picture = ImageBlock("image/png", b"...")

    def history() -> list[Message]:
        reasoning = ReasoningBlock("", "p", {"signature": ["s"]})
        call = ToolUseBlock("c", "t", {"a": [1], "b": {"c": {}}})
        result = ToolResultBlock("c", [TextBlock("see"), picture])
        return [Message("assistant", [reasoning, call]), Message("user", [result])]

    store = await kind.from_history(history())
    copied: list[Any] = await (await store.fork()).get_history()
    assert copied == history()
    reasoning, call = copied[0].content
    reasoning.data["signature"].clear()
    call.input["a"].append(2)
    call.input["b"]["c"]["d"] = 1
    assert copied[1].content[0].content.pop() is picture, "what is big is not copied"
    assert await store.get_history() == history()


async def test_a_fork_copies_arguments_however_deep_they_are() -> None:
    data: Any = {}
    for _ in range(5000):
        data = {"a": [data]}
    messages = [Message("assistant", [ToolUseBlock("c", "t", data)])]
    messages.append(Message("user", [ToolResultBlock("c", "x")]))
    copied: Any = await (await MemoryContextStore(messages).fork()).get_history()
    assert copied[0].content[0].input["a"][0] is not data["a"][0]


async def test_a_fork_copies_blocks_of_other_packages_too() -> None:
    @dataclass(frozen=True)
    class Citation(ContentBlock):
        sources: list[str]

    store = MemoryContextStore([Message("assistant", [Citation(["a"])])])
    copied: Any = await (await store.fork()).get_history()
    copied[0].content[0].sources.append("b")
    assert await store.get_history() == [Message("assistant", [Citation(["a"])])]


async def test_a_fork_ends_before_an_open_turn() -> None:
    calling = Message("assistant", [ToolUseBlock("a", "t", {})])
    for store in (MemoryContextStore([user("x"), calling]), Minimal()):
        if isinstance(store, Minimal):
            store.messages = [user("x"), calling]
        assert await (await store.fork()).get_history() == [user("x")]


async def test_a_store_can_be_made_from_a_history_or_another_store() -> None:
    first = await MemoryContextStore.from_history([user("a"), user("b")])
    await first.set_context_tokens(7, 8)
    second = await MemoryContextStore.from_context(first)
    assert await second.get_history() == [user("a"), user("b")]
    assert await second.get_context_tokens() == (7, 8)
    assert isinstance(await Minimal.from_history([user("a")]), Minimal)


async def test_a_new_store_and_a_new_session_have_used_no_tokens() -> None:
    assert await MemoryContextStore().get_context_tokens() == (0, 0)
    session = SessionInfo("id", 1, "hello", "")
    assert (session.input_tokens, session.output_tokens) == (0, 0)
    assert len({session, SessionInfo("id", 1, "hello", "")}) == 1


@pytest.mark.parametrize("store", [object(), MemoryContextStore, "session", None])
async def test_what_holds_no_conversation_is_refused_by_its_name(store: Any) -> None:
    agent = Agent("", StubTransport([make_text_response()]))
    with pytest.raises(TypeError, match=r"a ContextStore, such as MemoryContextStore\(\)"):
        await agent.run("hello", store)
