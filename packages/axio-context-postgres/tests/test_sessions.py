"""Sessions listed, searched, named, deleted, copied and cut."""

from __future__ import annotations

import pytest

from axio.blocks import TextBlock, ToolResultBlock, ToolUseBlock
from axio.messages import Message
from axio_context_postgres import Postgres, PostgresContextStore
from support.postgres import Cluster


def says(text: str) -> Message:
    return Message("user", [TextBlock(text)])


async def found(database: Postgres, search: str = "") -> list[str]:
    return [session.session_id for session in await database.sessions(search)]


async def test_sessions_are_listed_newest_first(database: Postgres) -> None:
    for id in ("one", "two", "three"):
        await database.session(id).append(says(f"the words of {id}"))
    await database.session("two").append(says("more"))
    await database.session("two").add_context_tokens(5, 6)
    await database.session("empty").rename("Without messages")
    listed = await database.sessions()
    assert [s.session_id for s in listed] == ["three", "two", "one"]
    assert (listed[1].message_count, listed[1].preview) == (2, "the words of two")
    assert (listed[1].input_tokens, listed[1].output_tokens) == (5, 6)
    assert len(listed[0].created_at) == len("2026-11-29 10:00:00")
    assert await database.sessions(limit=2) == listed[:2]
    assert await database.session("one").list_sessions() == listed


async def test_sessions_are_searched_by_name_and_by_what_was_said(database: Postgres) -> None:
    await database.session("a").extend(
        [says("Wo ist die TÜR?"), Message("assistant", [TextBlock('Say "%_\\".\nThere.')])]
    )
    await database.session("b").append(says("nothing \0 here \ud83d text"))
    await database.session("b").rename("Holiday plans")
    call = ToolUseBlock("c", "tool", {"text": "hidden"})
    await database.session("c").extend([says("go"), Message("assistant", [call])])
    assert await found(database, "tür") == ["a"]
    assert await found(database, '"%_\\".\n') == ["a"]
    assert await found(database, "holiday") == ["b"]
    assert await found(database, "text") == ["b"], "the words of the format are not searched"
    assert await found(database, "\0 HERE") == ["b"]
    assert await found(database, "hidden") == [], "what tools are given is not searched"
    assert await found(database, "_") == ["a"], "no wildcard"
    assert await found(database, "absent") == []
    assert await found(database) == ["c", "b", "a"]


async def test_a_name_stands_in_lists_until_it_is_taken_away(
    store: PostgresContextStore, other: PostgresContextStore
) -> None:
    await store.append(says("first words"))
    assert await other.name() is None
    async with store.own():
        await other.rename("Summer \0")
    assert await store.name() == "Summer \ufffd"
    assert (await store.list_sessions())[0].preview == "Summer \ufffd"
    await store.rename(None)
    assert (await store.list_sessions())[0].preview == "first words"


async def test_a_deleted_session_leaves_nothing(
    store: PostgresContextStore, database: Postgres, postgres: Cluster, schema: str
) -> None:
    await store.append(says("words"))
    await store.rename("name")
    await store.delete()
    assert await store.get_history() == []
    assert await database.sessions() == []
    assert await store.name() is None
    assert postgres.execute(f"SELECT count(*) FROM {schema}.axio_messages") == [(0,)]
    await store.delete()


async def test_a_fork_goes_its_own_way_from_the_last_whole_turn(
    store: PostgresContextStore, database: Postgres
) -> None:
    assert await (await store.fork()).get_history() == []
    call = Message("assistant", [ToolUseBlock("a", "tool", {})])
    result = Message("user", [ToolResultBlock("a", "ok")])
    async with store.own():
        await store.extend([says("go"), call])
        await store.add_context_tokens(7, 8)
        early = await store.fork()
        await store.append(result)
        late = await store.fork()
    await early.append(says("elsewhere"))
    assert await early.get_history() == [says("go"), says("elsewhere")]
    assert await late.get_history() == [says("go"), call, result]
    assert await late.get_context_tokens() == await store.get_context_tokens() == (7, 8)
    assert {s.preview for s in await database.sessions()} == {"go"}


async def test_a_session_is_rewound_to_any_length_it_has(
    store: PostgresContextStore, other: PostgresContextStore, database: Postgres
) -> None:
    messages = [Message("assistant", [TextBlock("Welcome")]), *map(says, "abc")]
    await store.extend(messages)
    assert await other.get_history() == messages
    for number in (-1, 5):
        with pytest.raises(ValueError, match="has 4"):
            await store.rewind(number)
    await store.rewind(2)
    assert await store.get_history() == await other.get_history() == messages[:2]
    await store.append(says("d"))
    assert await other.get_history() == [*messages[:2], says("d")]
    await store.rewind(1)
    await store.append(says("e"))
    assert (await database.sessions())[0].preview == "e"
    await store.rewind(0)
    assert await other.get_history() == []


@pytest.mark.parametrize("id", ["", "a\0", "\ud800", 5])
def test_an_id_that_no_column_could_hold_is_refused(database: Postgres, id: str) -> None:
    with pytest.raises((ValueError, TypeError), match="session_id must be"):
        database.session(id)


async def test_a_new_session_gets_an_id_of_its_own(database: Postgres) -> None:
    ids = {database.session().session_id for _ in range(3)}
    assert len(ids) == 3
    assert {len(id) for id in ids} == {32}
