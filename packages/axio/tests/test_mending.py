"""A run on a history that a crash or another writer has spoiled: mended before the model sees it,
in the store too where the store can do that."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest

from axio.agent import Agent
from axio.blocks import TextBlock, ToolResultBlock, ToolUseBlock
from axio.context import ContextStore, MemoryContextStore
from axio.events import StreamEvent, TextDelta
from axio.history import UNKNOWN_OUTCOME, Problem, check
from axio.messages import Message
from axio.testing import make_text_response, make_tool_use_response
from axio.tool import Tool
from support.watching import Watching

CALL = ToolUseBlock("lost", "pay", {"amount": 5})
UNKNOWN = Message("user", [ToolResultBlock("lost", UNKNOWN_OUTCOME, is_error=True)])


def user(text: str) -> Message:
    return Message("user", [TextBlock(text)])


def assistant(text: str) -> Message:
    return Message("assistant", [TextBlock(text)])


ASKED = Message("assistant", [CALL])

ANSWERED_LATER = [
    *(user("pay"), ASKED, user("well?")),
    *(Message("user", [ToolResultBlock("lost", "paid")]), assistant("It is paid.")),
]


async def run(store: ContextStore) -> list[Message]:
    """One more run; what its model was sent."""
    model = Watching([make_text_response("Here I am.")])
    assert await Agent("", model).run("are you there?", store) == "Here I am."
    [request] = model.requests
    return request.messages


@pytest.mark.parametrize(
    ("broken", "mended"),
    [
        ([user("pay"), ASKED], [user("pay"), ASKED, UNKNOWN]),
        (
            [user("pay"), ASKED, user("well?"), assistant("Hm.")],
            [
                *(user("pay"), ASKED),
                *(Message("user", [*UNKNOWN.content, *user("well?").content]), assistant("Hm.")),
            ],
        ),
        (
            ANSWERED_LATER,
            [
                *(user("pay"), ASKED),
                Message("user", [ToolResultBlock("lost", "paid"), TextBlock("well?")]),
                assistant("It is paid."),
            ],
        ),
        ([user("a"), Message("assistant", []), user("b")], [user("a"), user("b")]),
        ([Message("user", []), user("b")], [user("b")]),
    ],
    ids=[
        *("open at the end", "open in the middle", "answered too late"),
        *("an empty message", "an empty message at the beginning"),
    ],
)
async def test_the_model_and_the_store_get_the_mended_history(
    broken: list[Message], mended: list[Message], caplog: pytest.LogCaptureFixture
) -> None:
    store = MemoryContextStore(broken)
    assert await run(store) == [*mended, user("are you there?")]
    assert await store.get_history() == [*mended, user("are you there?"), assistant("Here I am.")]
    assert "mending" in caplog.text


async def test_what_is_only_missing_is_added_and_the_rest_not_written_again() -> None:
    class Writing(MemoryContextStore):
        replaced = False

        async def replace(self, messages: Iterable[Message]) -> None:
            self.replaced = True
            await super().replace(messages)

    store = Writing([user("pay"), ASKED])
    await run(store)
    assert not store.replaced
    store = Writing(ANSWERED_LATER)
    await run(store)
    assert store.replaced


class OnlyAppending(ContextStore):
    """The least that a store can be: it cannot be cleared."""

    def __init__(self, messages: Iterable[Message]) -> None:
        self.messages = list(messages)

    async def append(self, message: Message) -> None:
        self.messages.append(message)

    async def get_history(self) -> list[Message]:
        return list(self.messages)


async def test_a_store_that_cannot_replace_is_left_alone_and_the_model_gets_it_mended(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = OnlyAppending(ANSWERED_LATER)
    sent = await run(store)
    assert check(sent) == []
    assert ToolResultBlock("lost", "paid") in sent[2].content
    assert sent[-1] == user("are you there?")
    assert store.messages[:5] == ANSWERED_LATER
    assert "OnlyAppending cannot replace its history" in caplog.text


async def test_a_history_that_another_writer_has_changed_since_the_last_run_is_looked_at_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Also where it is as long as before."""
    store = MemoryContextStore()
    await run(store)
    await store.replace([user("pay"), ASKED])
    assert await run(store) == [user("pay"), ASKED, UNKNOWN, user("are you there?")]
    assert check(await store.get_history()) == []
    caplog.clear()
    await run(store)
    assert caplog.records == []


async def test_a_history_that_another_writer_has_made_longer_is_looked_at_again() -> None:
    store = MemoryContextStore()
    await run(store)
    await store.extend([user("pay"), ASKED])
    assert (await run(store))[2:] == [user("pay"), ASKED, UNKNOWN, user("are you there?")]


async def test_messages_that_were_found_valid_are_not_looked_at_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_at: list[int] = []

    def checking(history: list[Message], start: int) -> list[Problem]:
        looked_at.append(len(history) - start)
        return check(history, start)

    monkeypatch.setattr("axio.run.store.check", checking)
    store = MemoryContextStore([user("pay"), assistant("Hm.")])
    await run(store)
    assert looked_at == [2]
    await run(store)
    assert looked_at == [2]
    await store.extend([user("a"), assistant("b")])
    await run(store)
    assert looked_at == [2, 3]  # with the new prompt
    async for _ in Agent("", Watching([])).resume(store):
        pass
    assert looked_at == [2, 3, 0]


async def test_what_a_run_has_stored_itself_stays_where_another_writer_spoils_the_rest() -> None:
    """Also in the middle of the run."""

    async def spoil() -> str:
        await store.replace([user("pay"), ASKED, *(await store.get_history())[-1:]])
        return "spoilt"

    store = MemoryContextStore()
    model = Watching([make_tool_use_response("spoil", tool_input={}), make_text_response("Done")])
    await Agent("", model, [Tool(name="spoil", handler=spoil)]).run("go", store)
    history = await store.get_history()
    assert check(history) == []
    assert history[:3] == [user("pay"), ASKED, UNKNOWN]
    assert [m.role for m in history[3:]] == ["assistant", "user", "assistant"]


async def test_a_call_of_another_writer_is_answered_as_unknown_when_the_run_is_stopped() -> None:
    class WritesItself(Watching):
        async def stream(self, *request: Any) -> AsyncIterator[StreamEvent]:
            await store.append(ASKED)
            yield TextDelta(0, "Hm.")
            await asyncio.Event().wait()

    store = MemoryContextStore()
    stream = Agent("", WritesItself([])).run_stream("go", store)
    async for event in stream:
        if isinstance(event, TextDelta):
            stream.cancel()
    assert await store.get_history() == [user("go"), ASKED, UNKNOWN]


async def test_a_history_that_is_right_is_not_touched(caplog: pytest.LogCaptureFixture) -> None:
    class ReadOnly(MemoryContextStore):
        async def replace(self, messages: Iterable[Message]) -> None:
            raise AssertionError("replaced")

        async def extend(self, messages: Iterable[Message]) -> None:
            raise AssertionError("mended")

    before = [user("pay"), ASKED, UNKNOWN, assistant("Hm.")]
    with caplog.at_level(logging.WARNING):
        assert await run(ReadOnly(before)) == [*before, user("are you there?")]
    assert caplog.records == []


async def test_a_store_that_can_hold_nothing_but_its_own_is_as_good_as_any() -> None:
    class Slotted:
        """A store of the program's own, which is none of ours."""

        __slots__ = ("_inner",)

        def __init__(self) -> None:
            object.__setattr__(self, "_inner", MemoryContextStore())

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inner, name)

    store: Any = Slotted()
    await run(store)
    await store.append(ASKED)
    assert check(await run(store)) == []
