"""Sums that all processes which use the file share, and that never go over their limits."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from time import time

from axio.run.ledger import SUMS, limit_in_the_way
from axio_context_sqlite.names import to_column
from axio_context_sqlite.shelf import Run
from axio_context_sqlite.transaction import transaction

__all__ = ("Ledger",)

_Ticket = tuple[str, float]

# The first row under a key is compared with the limits too: it begins with nothing.
_RESERVE = """
    INSERT INTO axio_context_ledger AS sums
        (key, since, requests, input_tokens, output_tokens, cost)
    SELECT :key, :since, :requests, :input_tokens, :output_tokens, :cost
    WHERE :requests <= :max_requests AND :input_tokens <= :max_input_tokens
        AND :output_tokens <= :max_output_tokens AND :cost <= :max_cost
        AND :input_tokens + :output_tokens <= :max_tokens
    ON CONFLICT (key, since) DO UPDATE SET
        requests = sums.requests + :requests,
        input_tokens = sums.input_tokens + :input_tokens,
        output_tokens = sums.output_tokens + :output_tokens,
        cost = sums.cost + :cost
    WHERE sums.requests + :requests <= :max_requests
        AND sums.input_tokens + :input_tokens <= :max_input_tokens
        AND sums.output_tokens + :output_tokens <= :max_output_tokens
        AND sums.cost + :cost <= :max_cost
        AND sums.input_tokens + :input_tokens + sums.output_tokens + :output_tokens <= :max_tokens
"""

_SETTLE = """
    UPDATE axio_context_ledger SET requests = requests + :requests,
        input_tokens = input_tokens + :input_tokens,
        output_tokens = output_tokens + :output_tokens, cost = cost + :cost
    WHERE key = :key AND since = :since
"""

_USED = """
    SELECT requests, input_tokens, output_tokens, input_tokens + output_tokens, cost
    FROM axio_context_ledger WHERE key = ? AND since = ?
"""


class Ledger:
    """The ledger of the file, for `Budget(ledger=store.ledger, key=...)`; made by `store.ledger`.

    Every store of the file has the same one. What a process had reserved when it died stays so.
    """

    def __init__(self, run: Run) -> None:
        self._run = run

    async def reserve(
        self,
        key: str,
        amounts: Mapping[str, float],
        limits: Mapping[str, float],
        window: float | None,
    ) -> object:
        """Add `amounts`; the key and the beginning of the window in which they count."""
        ticket = to_column(key), _since(window)
        bounds = {f"max_{name}": limits.get(name, float("inf")) for name in SUMS}
        values = {"key": ticket[0], "since": ticket[1], **amounts, **bounds}

        def job(db: sqlite3.Connection) -> tuple[bool, dict[str, float]]:
            with transaction(db):
                return db.execute(_RESERVE, values).rowcount == 1, _sums(db, ticket)

        is_done, sums = await self._run(job, brief=True)
        if not is_done:
            raise limit_in_the_way(key, sums, amounts, limits)
        return ticket

    async def settle(self, ticket: object, differences: Mapping[str, float]) -> None:
        """Put right what was reserved."""
        assert isinstance(ticket, tuple)
        key, since = ticket
        values = {"key": key, "since": since, **differences}

        def job(db: sqlite3.Connection) -> None:
            with transaction(db):
                db.execute(_SETTLE, values)

        await self._run(job, brief=True)

    async def used(self, key: str, window: float | None = None) -> dict[str, float]:
        """The use by runs of budgets with this `key`, in the current window if they have one:
        "requests", "input_tokens", "output_tokens", "tokens" and "cost"."""
        ticket = to_column(key), _since(window)
        return await self._run(lambda db: _sums(db, ticket), brief=True)


def _since(window: float | None) -> float:
    """The beginning of the current window; -1 for all time."""
    return -1.0 if window is None else time() // window * window


def _sums(db: sqlite3.Connection, ticket: _Ticket) -> dict[str, float]:
    found = db.execute(_USED, ticket).fetchone()
    return dict(zip(SUMS, found or (0, 0, 0, 0, 0.0), strict=True))
