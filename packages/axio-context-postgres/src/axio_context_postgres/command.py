"""`axio-postgres migrate`: the tables brought up to date, apart from the program."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence

from axio.exceptions import AxioError
from axio_context_postgres.database import Postgres
from axio_context_postgres.schema import MIGRATIONS

__all__ = ("main",)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 failed, 2 wrong use."""
    given = _parser().parse_args(arguments)
    try:
        before = asyncio.run(_migrate(given.database, given.schema))
    except (AxioError, ValueError) as error:
        print(f"axio-postgres: {error}", file=sys.stderr)
        return 1
    now = len(MIGRATIONS)
    if before == now:
        print(f"schema {given.schema!r} is up to date (version {now})")
    else:
        print(f"schema {given.schema!r} brought from version {before} to {now}")
    return 0


async def _migrate(database: str, schema: str) -> int:
    async with Postgres(database, schema=schema) as postgres:
        return await postgres.migrate()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "axio-postgres", description="Look after the tables of axio-context-postgres."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    migrate = commands.add_parser(
        "migrate",
        help="make the tables, or bring them up to date",
        description="Make the tables, or bring them up to date: all changes or none. Run it as a "
        "role that may create tables, before the programs that use them.",
    )
    migrate.add_argument(
        "database",
        nargs="?",
        default="",
        help="a connection string; what is left out comes from PGHOST, PGUSER, PGPASSWORD, ...",
    )
    migrate.add_argument("--schema", default="axio", help="where the tables are (%(default)s)")
    return parser
