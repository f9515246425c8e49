"""A history is a true list for every reader, code in C too, also the one that a transport gets."""

from __future__ import annotations

import json
import pickle
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pydantic
import pytest

from axio import Agent, MemoryContextStore, Message, TextBlock
from axio.events import StreamEvent
from axio.testing import StubTransport, make_text_response

READERS: dict[str, Callable[[list[Message]], int]] = {
    "msgspec, encoded": lambda h: len(msgspec.json.decode(msgspec.json.encode(h))),
    "msgspec, converted": lambda h: len(msgspec.to_builtins(h)),
    "pydantic": lambda h: len(pydantic.TypeAdapter(list[Any]).dump_python(h)),
    "json": lambda h: len(json.loads(json.dumps(h, default=lambda m: m.to_dict()))),
    "pickle": lambda h: len(pickle.loads(pickle.dumps(h))),
    "sorted": lambda h: len(sorted(h, key=id)),
    "slice": lambda h: len(h[:]),
    "tuple": lambda h: len(tuple(h)),
}


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@pytest.mark.parametrize("length", [1, 99, 100, 5_000])
async def test_every_reader_sees_every_message(
    length: int, reader: Callable[[list[Message]], int]
) -> None:
    history = [Message("user", [TextBlock(str(n))]) for n in range(length)]
    store = MemoryContextStore(history)
    given = await store.get_history()
    assert type(given) is list
    assert reader(given) == length
    given.clear()
    assert len(await store.get_history()) == length


async def test_a_transport_gets_a_true_list_of_its_own() -> None:
    class Greedy(StubTransport):
        def stream(self, messages: Any, tools: Any, system: str) -> AsyncIterator[StreamEvent]:
            seen.append((type(messages), len(messages)))
            messages.clear()
            return super().stream(messages, tools, system)

    seen: list[tuple[type, int]] = []
    store = MemoryContextStore([Message("user", [TextBlock("hi")]) for _ in range(300)])
    await Agent("", Greedy([make_text_response("ok")])).run("go", store)
    assert seen == [(list, 301)]
    assert len(await store.get_history()) == 302
