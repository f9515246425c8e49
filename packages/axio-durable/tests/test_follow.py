"""A follower gets the last message before it is told that the session rests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from axio.blocks import ToolResultBlock
from axio.durable import Cursor, Seen, Standing
from axio.history import UNKNOWN_OUTCOME
from axio.messages import Message
from axio_durable.follow import Rested, Stored, follow

AT_REST = Standing("worker", stirred=2, reason="cancelled", is_owned=True)


class Store:
    """A session that stands in these ways, one after the other; the last one stays."""

    def __init__(self, results: list[Message], *standings: Standing) -> None:
        self.work = self.live = self
        self.results = results
        self.standings = list(standings)

    async def standing(self) -> Standing:
        return self.standings.pop(0) if len(self.standings) > 1 else self.standings[0]

    async def read(self, after: Cursor) -> Seen:
        message = self.results.pop(0) if len(self.results) > 1 else self.results[0]
        return Seen(Cursor(1), [message] if after.messages == 0 else [])


def result(content: str) -> Message:
    return Message("user", [ToolResultBlock("call", content, True)])


async def followed(store: Any) -> list[Any]:
    return [event async for event in follow(store, every=0.001)]


async def test_an_owner_that_leaves_between_two_looks_changes_nothing() -> None:
    unknown = result(UNKNOWN_OUTCOME)
    store = Store([unknown], AT_REST, replace(AT_REST, is_owned=False))
    assert await followed(store) == [Stored(0, unknown), Rested("cancelled")]


async def test_a_call_that_was_approved_between_two_looks_is_waited_for() -> None:
    waits = replace(AT_REST, reason="approval")
    works = replace(waits, stirred=3, is_at_rest=False)
    ends = replace(works, is_at_rest=True, reason="end_turn")
    done = result("done")
    store = Store([result(UNKNOWN_OUTCOME), done], waits, works, works, ends)
    assert await followed(store) == [Stored(0, done), Rested("end_turn")]
