"""Messages are read back as they were stored, and what is known is not read again."""

from __future__ import annotations

import asyncio
import traceback
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from axio import Agent
from axio.blocks import TextBlock, ToolResultBlock, ToolUseBlock
from axio.messages import Message
from axio.testing import StubTransport, make_text_response
from axio_context_postgres import Postgres, PostgresContextStore, StoreDamaged
from support.postgres import Cluster

HI, HELLO = Message("user", [TextBlock("hi")]), Message("assistant", [TextBlock("hello")])


class Counted(Postgres):
    """Counts the statements and transactions that it sends."""

    sent = 0

    async def run(self, work: Any, *, repeat: bool = False) -> Any:
        self.sent += 1
        return await super().run(work, repeat=repeat)


@pytest.mark.parametrize(
    "text", ["\0", "a\ud83db", "\udfff", "\\u0000 \\ud83d", "'; DROP --", "%s"]
)
async def test_any_text_is_read_back_as_it_was(
    store: PostgresContextStore, other: PostgresContextStore, text: str
) -> None:
    messages = [
        Message("user", [TextBlock(text)]),
        Message("assistant", [ToolUseBlock(text, text, {text: [text]})]),
        Message("user", [ToolResultBlock(text, text)]),
    ]
    await store.append(messages[0])
    await store.extend(messages[1:])
    assert await store.get_history() == await other.get_history() == messages
    await store.replace(messages[1:])
    assert await store.get_history() == await other.get_history() == messages[1:]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(st.text(), json_values, max_size=3), min_size=1, max_size=4))
async def test_any_arguments_are_read_back_as_they_were(
    postgres: Cluster, arguments: list[dict[str, Any]]
) -> None:
    calls = [ToolUseBlock(str(n), "tool", value) for n, value in enumerate(arguments)]
    message = Message("assistant", [*calls])
    async with Postgres(postgres.dsn(), schema="generated") as database:
        store = database.session()
        await store.append(message)
        assert await database.session(store.session_id).get_history() == [message]


async def test_a_message_that_could_not_be_read_back_is_not_stored(
    store: PostgresContextStore,
) -> None:
    with pytest.raises((TypeError, ValueError)):
        await store.extend([HI, Message("assistant", [ToolUseBlock("a", "t", {"x": object()})])])
    assert await store.get_history() == []


async def test_a_run_reads_nothing_that_it_has_stored_itself(
    postgres: Cluster, schema: str
) -> None:
    database = Counted(postgres.dsn(), schema=schema, lease=1000)
    try:
        store = database.session()
        agent = Agent("", StubTransport([make_text_response("hello")] * 3))
        await agent.run("hi", store)
        database.sent = 0
        await agent.run("hi", store)
        # Taken, the prompt, the answer, given back.
        assert database.sent == 4
    finally:
        await database.close()


async def test_a_run_finds_what_others_have_written_since(
    store: PostgresContextStore, other: PostgresContextStore
) -> None:
    transport = StubTransport([make_text_response("hello")] * 2)
    agent = Agent("", transport)
    await agent.run("hi", store)
    await other.extend([HI, HELLO])
    await agent.run("again", store)
    history = await store.get_history()
    assert [message.text for message in history] == ["hi", "hello", "hi", "hello", "again", "hello"]
    assert await other.get_history() == history


async def test_a_reader_sees_what_was_changed_before_what_it_knows(
    store: PostgresContextStore, other: PostgresContextStore
) -> None:
    await store.extend([HI, HELLO])
    assert await other.get_history() == [HI, HELLO]
    await store.replace([HELLO, HI])
    assert await other.get_history() == [HELLO, HI]
    await store.delete()
    assert await other.get_history() == []
    await store.append(HELLO)
    assert await other.get_history() == [HELLO]


async def test_the_order_is_that_of_positions_from_0_on(
    store: PostgresContextStore, postgres: Cluster, schema: str
) -> None:
    await asyncio.gather(*(store.append(HI) for _ in range(20)))
    await store.replace([HELLO, HI, HELLO])
    await store.extend([HI, HI])
    rows = postgres.execute(f"SELECT position FROM {schema}.axio_messages ORDER BY created_at, 1")
    assert [position for (position,) in rows] == [*range(5)]
    assert postgres.execute(f"SELECT length FROM {schema}.axio_sessions") == [(5,)]


async def test_replacing_leaves_what_is_the_same_where_it_is(
    store: PostgresContextStore, postgres: Cluster, schema: str
) -> None:
    await store.extend([HI, HELLO])
    times = f"SELECT created_at, xmin::text FROM {schema}.axio_messages ORDER BY position"
    before = postgres.execute(times)
    await store.replace([HI, HELLO, HI])
    assert postgres.execute(times)[:2] == before
    await store.replace([HI, HI])
    after = postgres.execute(times)
    assert after[:1] == before[:1]
    assert len(after) == 2


async def test_a_damaged_row_is_named_and_not_quoted(
    store: PostgresContextStore, postgres: Cluster, schema: str
) -> None:
    await store.extend([HI, HELLO])
    postgres.execute(
        f"UPDATE {schema}.axio_messages SET content = %s WHERE position = 1",
        '[{"type": "text", "secret": 1}]',
    )
    with pytest.raises(StoreDamaged, match=r"message 1 of session 'session'.*KeyError") as caught:
        await store.get_history()
    assert "secret" not in "".join(traceback.format_exception(caught.value))


async def test_the_tables_can_be_read_with_plain_sql(
    store: PostgresContextStore, postgres: Cluster, schema: str
) -> None:
    await store.extend([HI, HELLO])
    await store.set_context_tokens(3, 4)
    with psycopg.connect(postgres.dsn(), options=f"-c search_path={schema}") as connection:
        rows = connection.execute(
            "SELECT s.id, s.input_tokens, m.position, m.role, m.content -> 0 ->> 'text' "
            "FROM axio_sessions s JOIN axio_messages m ON m.session = s.key ORDER BY m.position"
        ).fetchall()
    assert rows == [("session", 3, 0, "user", "hi"), ("session", 3, 1, "assistant", "hello")]
