"""Messages that come from elsewhere, and events for those who watch from elsewhere."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from subprocess import Popen

import pytest

from axio import Agent
from axio.blocks import TextBlock
from axio.events import StreamEvent, TextDelta
from axio.messages import Message
from axio.testing import StubTransport, make_text_response
from axio_context_postgres import Cursor, Postgres, PostgresContextStore, SessionLost
from support.postgres import Cluster

Spawn = Callable[..., "Popen[str]"]


def texts(history: list[Message]) -> list[str]:
    return [message.text for message in history]


async def test_a_message_is_posted_once_by_its_id_and_taken_once(
    store: PostgresContextStore, other: PostgresContextStore
) -> None:
    async with store.own():
        assert await other.inbox.post("one", "a")
        assert not await other.inbox.post("changed", "a")
        assert await other.inbox.post(Message("user", [TextBlock("two \0 \ud83d")]), "b")
        assert await store.get_history() == []
        assert texts(await other.inbox.waiting()) == ["one", "two \0 \ud83d"]
        await store.append(Message("assistant", [TextBlock("hello")]))
        assert await store.inbox.take() == 2
        assert await store.inbox.take() == 0
        assert texts(await store.get_history()) == ["hello", "one", "two \0 \ud83d"]
    assert await other.inbox.waiting() == []
    assert not await other.inbox.post("one", "a"), "taken, and still known"
    assert await other.get_history() == await store.get_history()
    assert (await other.list_sessions())[0].preview == "one"


async def test_a_run_goes_on_with_what_was_posted(store: PostgresContextStore) -> None:
    agent = Agent("", StubTransport([make_text_response("ok")]))
    await store.inbox.post("question", "request 1")
    async with store.own():
        await store.inbox.take()
    assert await agent.resume(store).get_final_text() == "ok"
    assert texts(await store.get_history()) == ["question", "ok"]


async def test_who_lost_the_session_takes_nothing(
    store: PostgresContextStore, other: PostgresContextStore
) -> None:
    await other.inbox.post("one", "a")
    async with store.own():
        await other.take_over()
        with pytest.raises(SessionLost):
            await store.inbox.take()
    assert texts(await other.inbox.waiting()) == ["one"]


async def test_messages_are_taken_once_when_the_server_stops_in_between(
    store: PostgresContextStore, other: PostgresContextStore, postgres: Cluster
) -> None:
    async with store.own():
        for round in range(4):
            await other.inbox.post(f"message {round}", str(round))
            take = asyncio.create_task(store.inbox.take())
            for _ in range(round * 12):
                await asyncio.sleep(0)
            await asyncio.to_thread(postgres.stop, signal.SIGQUIT)
            await asyncio.to_thread(postgres.start)
            await take
    assert texts(await other.get_history()) == [f"message {n}" for n in range(4)]


POSTER = """
import asyncio, sys
from axio_context_postgres import Postgres

async def main():
    dsn, schema = sys.argv[1:]
    async with Postgres(dsn, schema=schema, connections=4) as database:
        inbox = database.session("session").inbox
        print(sum(await asyncio.gather(*(inbox.post("hi", str(n % 10)) for n in range(100)))))

asyncio.run(main())
"""


async def test_one_id_counts_once_however_many_post_it(
    spawn: Spawn, database: Postgres, store: PostgresContextStore
) -> None:
    await database.migrate()
    posters = [spawn(POSTER) for _ in range(4)]
    told = [poster.communicate(timeout=150) for poster in posters]
    assert [err for _, err in told] == [""] * 4
    assert sum(int(out) for out, _ in told) == 10
    assert await store.inbox.take() == 10


@pytest.mark.parametrize("id", ["", "a\0", "\ud800"])
async def test_an_id_of_a_message_is_plain_text(store: PostgresContextStore, id: str) -> None:
    with pytest.raises(ValueError, match="id must be"):
        await store.inbox.post("hi", id)


# ── live ────────────────────────────────────────────────────────────────────────────────────────


def deltas(*words: str) -> list[StreamEvent]:
    return [TextDelta(0, word) for word in words]


async def test_a_watcher_sees_events_first_and_then_the_message_they_became(
    store: PostgresContextStore, other: PostgresContextStore
) -> None:
    async with store.own():
        await store.append(Message("user", [TextBlock("go")]))
        await store.live.write(deltas("Hel", "lo"))
        first = await other.live.read()
        assert (texts(first.messages), first.events) == (["go"], deltas("Hel", "lo"))
        await store.live.write(deltas(" you"))
        second = await other.live.read(first.cursor)
        assert (second.messages, second.events, second.restarts) == ([], deltas(" you"), False)
        assert (await other.live.read(Cursor(1))).events == deltas("Hel", "lo", " you")
        await store.append(Message("assistant", [TextBlock("Hello you")]))
        third = await other.live.read(second.cursor)
        assert (texts(third.messages), third.events) == (["Hello you"], [])
        await store.live.write(deltas("next"))
        last = await other.live.read(third.cursor)
        assert (last.messages, last.events) == ([], deltas("next"))
        assert await other.live.read(last.cursor) == type(last)(last.cursor)


async def test_a_turn_that_another_run_begins_again_is_told_as_a_restart(
    store: PostgresContextStore, other: PostgresContextStore, database: Postgres
) -> None:
    watcher = database.session("session")
    async with store.own():
        await store.append(Message("user", [TextBlock("go")]))
        await store.live.write(deltas("first try"))
        before = await watcher.live.read()
        await other.take_over()
        async with other.own():
            await other.live.write(deltas("second"))
            await store.live.write(deltas("late"))  # of the zombie
            after = await watcher.live.read(before.cursor)
            assert (after.restarts, after.events) == (True, deltas("second"))
            await other.live.write(deltas(" try"))
            again = await watcher.live.read(after.cursor)
            assert (again.restarts, again.events) == (False, deltas(" try"))
            assert (await watcher.live.read(Cursor(1))).restarts is False


async def test_a_crash_of_the_server_may_lose_events_and_no_message(
    store: PostgresContextStore, other: PostgresContextStore, postgres: Cluster
) -> None:
    async with store.own():
        await store.append(Message("user", [TextBlock("go")]))
        await store.live.write(deltas("a"))
        seen = await other.live.read()
        await asyncio.to_thread(postgres.stop, signal.SIGQUIT)
        await asyncio.to_thread(postgres.start)
        assert await other.live.read(seen.cursor) == type(seen)(seen.cursor)
        await store.live.write(deltas("b"))
        after = await other.live.read(seen.cursor)
        await store.append(Message("assistant", [TextBlock("ab")]))
        assert texts((await other.live.read(after.cursor)).messages) == ["ab"]
