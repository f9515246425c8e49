"""A fault of the database is said in one error, and nothing is half-written."""

from __future__ import annotations

import asyncio
import socket
import traceback
from pathlib import Path
from typing import Any

import pytest

from axio.blocks import TextBlock
from axio.messages import Message
from axio_context_postgres import (
    Postgres,
    StoreDenied,
    StoreError,
    StoreReadOnly,
    StoreTooNew,
    StoreUnreachable,
)
from axio_context_postgres.command import main
from axio_context_postgres.schema import MIGRATIONS
from support.postgres import Cluster

HI = Message("user", [TextBlock("hi")])

TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY 1"


@pytest.fixture
def role(postgres: Cluster, schema: str) -> str:
    """A role that may do nothing yet."""
    postgres.execute(f"CREATE ROLE {schema}_role LOGIN")
    return f"{schema}_role"


@pytest.fixture
def locked(postgres: Cluster) -> str:
    """A role that needs its password, "open sesame"."""
    if not postgres.execute("SELECT FROM pg_roles WHERE rolname = 'locked'"):
        postgres.execute("CREATE ROLE locked LOGIN PASSWORD 'open sesame'")
    return "locked"


async def test_without_a_server_the_first_use_says_so_at_once(tmp_path: Path) -> None:
    async with Postgres(f"host={tmp_path}/nowhere user=u", patience=1000) as database:
        with pytest.raises(StoreUnreachable, match="check that the server runs"):
            await database.session().append(HI)
        with pytest.raises(StoreUnreachable, match="check that the server runs"):
            await database.migrate()


async def test_a_server_that_says_nothing_is_not_waited_for_long(
    schema: str, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        where = f"postgresql://u:s3cret@127.0.0.1:{server.getsockname()[1]}/db"
        async with Postgres(f"{where}?connect_timeout=2", schema=schema) as database:
            with pytest.raises(StoreUnreachable, match="timeout"):
                async with database.session("s").own():
                    pass
        silent, _ = await asyncio.get_running_loop().sock_accept(server)
        silent.close()
        async with Postgres(where, schema=schema) as database:
            task = asyncio.ensure_future(database.session("s").rename("x"))
            silent, _ = await asyncio.get_running_loop().sock_accept(server)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            silent.close()
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"connections": 0}, "connections must be at least 1, got 0"),
        ({"connections": 1.5}, "connections must be a whole number, got 1.5"),
        ({"wait": -1}, "wait must be at least 0, got -1"),
        ({"wait": float("nan")}, "wait must be at least 0, got nan"),
        ({"patience": "long"}, "patience must be a number, got 'long'"),
        ({"lease": 0}, "lease must be at least 1, got 0"),
        ({"lease": True}, "lease must be a number, got True"),
    ],
)
def test_numbers_that_limit_nothing_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        Postgres(**options)


async def test_tables_of_others_are_left_alone(
    database: Postgres, postgres: Cluster, schema: str, caplog: pytest.LogCaptureFixture
) -> None:
    postgres.execute(f"CREATE SCHEMA {schema}")
    postgres.execute(f"CREATE TABLE {schema}.axio_sessions (x integer)")
    with pytest.raises(StoreError, match="that axio has not made: choose another `schema`"):
        async with database.session("s").own():
            pass
    tables = postgres.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", schema)
    assert tables == [("axio_sessions",)]
    assert caplog.text == ""


async def test_a_database_that_is_not_there_is_named(postgres: Cluster) -> None:
    async with Postgres(postgres.dsn(database="absent")) as database:
        with pytest.raises(StoreUnreachable, match='database "absent" does not exist'):
            await database.sessions()


async def test_a_wrong_password_is_refused_and_not_shown(postgres: Cluster, locked: str) -> None:
    dsn = f"{postgres.dsn(user=locked)} password=hunter2"
    async with Postgres(dsn) as database:
        with pytest.raises(StoreDenied, match="check user and password") as caught:
            await database.sessions()
        assert "hunter2" not in repr(database)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


async def test_a_connection_string_that_cannot_be_read_is_not_shown() -> None:
    async with Postgres("postgres//user:hunter2@host/db") as database:
        with pytest.raises(StoreError, match="write postgresql://user:password@host") as caught:
            await database.sessions()
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("where", [None, 5, object()])
def test_what_is_no_database_is_refused(where: object) -> None:
    with pytest.raises(TypeError, match="where must be a connection string or a pool"):
        Postgres(where)  # type: ignore[arg-type]


@pytest.mark.parametrize("schema", ["", "A", 'x"; DROP', "a-b", "x" * 64])
def test_the_name_of_a_schema_is_a_plain_word(schema: str) -> None:
    with pytest.raises(ValueError, match="lower case letters"):
        Postgres("", schema=schema)


async def test_tables_of_a_later_release_are_left_alone(
    database: Postgres, postgres: Cluster, schema: str
) -> None:
    await database.migrate()
    postgres.execute(f"INSERT INTO {schema}.axio_schema VALUES (%s, now())", len(MIGRATIONS) + 1)
    async with Postgres(postgres.dsn(), schema=schema) as again:
        with pytest.raises(StoreTooNew, match="install a newer axio-context-postgres"):
            await again.session("session").append(HI)
        with pytest.raises(StoreTooNew):
            await again.migrate()
    assert postgres.execute(f"SELECT count(*) FROM {schema}.axio_messages") == [(0,)]


async def test_a_role_that_may_not_make_tables_needs_them_made_before(
    database: Postgres, postgres: Cluster, schema: str, role: str
) -> None:
    async with Postgres(postgres.dsn(user=role), schema=schema) as limited:
        with pytest.raises(StoreDenied, match="run `axio-postgres migrate` as a role that"):
            await limited.session().append(HI)
        assert postgres.execute(TABLES, schema) == []
        await database.migrate()
        postgres.execute(f"GRANT USAGE ON SCHEMA {schema} TO {role}")
        with pytest.raises(StoreDenied, match="grant this one SELECT, INSERT, UPDATE and DELETE"):
            await limited.session().append(HI)
        postgres.execute(
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}"
        )
        store = limited.session()
        async with store.own():
            await store.append(HI)
        assert await store.get_history() == [HI]
        await store.delete()


async def test_a_database_that_may_only_be_read_is_read(
    database: Postgres, postgres: Cluster, schema: str
) -> None:
    await database.session("session").append(HI)
    dsn = f"{postgres.dsn()} options='-c default_transaction_read_only=on'"
    async with Postgres(dsn, schema=schema) as reading:
        store = reading.session("session")
        assert await store.get_history() == [HI]
        assert len(await reading.sessions("hi")) == 1
        with pytest.raises(StoreReadOnly, match="connect to the primary"):
            await store.append(HI)
    assert await database.session("session").get_history() == [HI]


async def test_a_missing_table_is_named(database: Postgres, postgres: Cluster, schema: str) -> None:
    store = database.session()
    await store.append(HI)
    postgres.execute(f"DROP TABLE {schema}.axio_messages")
    with pytest.raises(StoreError, match="a table is missing: run `axio-postgres migrate`"):
        await store.append(HI)
    assert postgres.execute(f"SELECT length FROM {schema}.axio_sessions") == [(1,)]


def test_the_command_makes_the_tables_once(
    postgres: Cluster, schema: str, capsys: pytest.CaptureFixture[str]
) -> None:
    version = len(MIGRATIONS)
    assert main(["migrate", postgres.dsn(), "--schema", schema]) == 0
    assert capsys.readouterr().out == f"schema {schema!r} brought from version 0 to {version}\n"
    names = ("axio_messages",), ("axio_schema",), ("axio_sessions",)
    assert set(postgres.execute(TABLES, schema)) >= {*names}
    assert main(["migrate", postgres.dsn(), "--schema", schema]) == 0
    assert capsys.readouterr().out == f"schema {schema!r} is up to date (version {version})\n"


def test_the_command_takes_what_is_left_out_from_the_environment(
    postgres: Cluster,
    schema: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PGHOST", str(postgres.folder))
    monkeypatch.setenv("PGUSER", "postgres")
    assert main(["migrate", "--schema", schema]) == 0
    assert postgres.execute(TABLES, schema) != []
    monkeypatch.setenv("PGUSER", "nobody")
    assert main(["migrate", "--schema", schema]) == 1
    assert main(["migrate", "--schema", "Not a name"]) == 1
    told = capsys.readouterr().err.splitlines()
    assert told[0].startswith("axio-postgres: the database refuses this role: check user")
    assert told[1].startswith("axio-postgres: the name of a schema must be")


@pytest.mark.parametrize("version", range(len(MIGRATIONS)))
async def test_tables_of_every_earlier_release_are_brought_up_to_date(
    postgres: Cluster, schema: str, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr("axio_context_postgres.schema.MIGRATIONS", MIGRATIONS[:version])
        async with Postgres(postgres.dsn(), schema=schema) as database:
            await database.migrate()
    async with Postgres(postgres.dsn(), schema=schema) as database:
        await database.session("session").append(HI)
        assert await database.migrate() == len(MIGRATIONS)


async def test_a_migration_that_fails_leaves_the_tables_as_they_were(
    postgres: Cluster, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = (*MIGRATIONS, ("CREATE TABLE axio_new (id int)", "SELECT broken"))
    monkeypatch.setattr("axio_context_postgres.schema.MIGRATIONS", broken)
    async with Postgres(postgres.dsn(), schema=schema) as database:
        for _ in range(2):
            with pytest.raises(StoreError, match="broken"):
                await database.migrate()
    assert postgres.execute(TABLES, schema) == []


async def test_a_second_event_loop_gets_connections_of_its_own(
    postgres: Cluster, schema: str
) -> None:
    import asyncio

    database = Postgres(postgres.dsn(), schema=schema)

    async def use() -> int:
        store = database.session("session")
        try:
            await store.append(HI)
            return len(await store.get_history())
        finally:
            await database.close()

    assert await asyncio.to_thread(lambda: asyncio.run(use())) == 1
    assert await asyncio.to_thread(lambda: asyncio.run(use())) == 2
    await database.sessions()
    with pytest.raises(StoreError, match="in use in another event loop"):
        await asyncio.to_thread(lambda: asyncio.run(use()))
    await database.close()
