"""The database, and the sessions in it."""

from __future__ import annotations

from collections.abc import Mapping

from axio.context import SessionInfo
from axio_context_postgres import ledger, sessions, work
from axio_context_postgres.closing import Closing
from axio_context_postgres.server import Server
from axio_context_postgres.store import PostgresContextStore

__all__ = ("Postgres",)


class Postgres(Server, Closing):
    """Sessions in one schema of one PostgreSQL database.

        async with Postgres("postgresql://user:password@host/database") as database:
            store = database.session("holiday plans")

    It may also be made at the top of a module, and is connected when it is first used. It belongs
    to the event loop in which that is.

    Args:
        where: a connection string, where what is left out comes from PGHOST and the like; or a pool
            of your own, such as `psycopg_pool.AsyncConnectionPool`, which you open and close.
        schema: where the tables are; made at first use, with them, unless they are there.
        wait: seconds to wait while another run owns a session.
        patience: seconds to wait for a server that was reached before, and is away.
        lease: seconds without a sign of life after which the owner of a session counts as dead.
        connections: how many to open at most.
    """

    def session(self, id: str | None = None) -> PostgresContextStore:
        """The store of one session; of a new one without an id."""
        return PostgresContextStore(self, id)

    async def sessions(self, search: str = "", *, limit: int | None = None) -> list[SessionInfo]:
        """The sessions that have messages, newest first.

        With `search`, those in whose name or texts it stands, in upper or lower case. `preview` is
        the name or, without one, how the first text of the user begins.
        """
        return await sessions.listed(self, search, limit)

    async def reserve(
        self,
        key: str,
        amounts: Mapping[str, float],
        limits: Mapping[str, float],
        window: float | None,
    ) -> object:
        """Reserve for a model call: `Budget(..., ledger=database, key=...)` does it."""
        return await ledger.reserve(self, key, amounts, limits, window)

    async def settle(self, ticket: object, differences: Mapping[str, float]) -> None:
        """Put right what was reserved."""
        await ledger.settle(self, ticket, differences)

    async def used(self, key: str, window: float | None = None) -> dict[str, float]:
        """The use by runs of budgets with this `key`, in the current window if they have one:
        "requests", "input_tokens", "output_tokens", "tokens" and "cost"."""
        return await ledger.used(self, key, window)

    async def unfinished(self, limit: int = 1000) -> list[str]:
        """Sessions that were given to an agent and have work that no living run does, the longest
        unchanged first."""
        return await work.unfinished(self, limit)
