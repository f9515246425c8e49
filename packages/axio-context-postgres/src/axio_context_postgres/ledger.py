"""Sums that any number of processes share, and that never go over their limits."""

from __future__ import annotations

from collections.abc import Mapping

from axio.run.ledger import SUMS, limit_in_the_way
from axio_context_postgres.payload import as_text
from axio_context_postgres.server import Server

__all__ = ("reserve", "settle", "used")

_SINCE = """
    CASE WHEN %(window)s::double precision IS NULL THEN '-infinity'::timestamptz
    ELSE to_timestamp(floor(extract(epoch FROM now()) / %(window)s) * %(window)s) END
"""

# The first row under a key is compared with the limits too: it begins with nothing.
_RESERVE = f"""
    WITH new AS (
        SELECT %(key)s::text AS key, {_SINCE} AS since, %(requests)s::bigint AS requests,
            %(input_tokens)s::bigint AS input_tokens, %(output_tokens)s::bigint AS output_tokens,
            %(cost)s::double precision AS cost
    )
    INSERT INTO axio_ledger AS sums (key, since, requests, input_tokens, output_tokens, cost)
    SELECT * FROM new
    WHERE requests <= %(max_requests)s AND input_tokens <= %(max_input_tokens)s
        AND output_tokens <= %(max_output_tokens)s AND cost <= %(max_cost)s
        AND input_tokens + output_tokens <= %(max_tokens)s
    ON CONFLICT (key, since) DO UPDATE SET
        requests = sums.requests + excluded.requests,
        input_tokens = sums.input_tokens + excluded.input_tokens,
        output_tokens = sums.output_tokens + excluded.output_tokens,
        cost = sums.cost + excluded.cost
    WHERE sums.requests + excluded.requests <= %(max_requests)s
        AND sums.input_tokens + excluded.input_tokens <= %(max_input_tokens)s
        AND sums.output_tokens + excluded.output_tokens <= %(max_output_tokens)s
        AND sums.cost + excluded.cost <= %(max_cost)s
        AND sums.input_tokens + excluded.input_tokens + sums.output_tokens
            + excluded.output_tokens <= %(max_tokens)s
    RETURNING since::text
"""

_SETTLE = """
    UPDATE axio_ledger SET requests = requests + %(requests)s,
        input_tokens = input_tokens + %(input_tokens)s,
        output_tokens = output_tokens + %(output_tokens)s, cost = cost + %(cost)s
    WHERE key = %(key)s AND since = %(since)s::timestamptz
"""

_USED = f"""
    SELECT requests, input_tokens, output_tokens, input_tokens + output_tokens, cost
    FROM axio_ledger WHERE key = %(key)s AND since = {_SINCE}
"""


async def reserve(
    server: Server,
    key: str,
    amounts: Mapping[str, float],
    limits: Mapping[str, float],
    window: float | None,
) -> tuple[str, str]:
    """Add `amounts`; the key and the beginning of the window in which they count.

    If the connection is lost on the way they may be counted without being used, never the other
    way round.
    """
    key = as_text(key)
    bounds = {f"max_{name}": float(limits.get(name, "inf")) for name in SUMS}
    parameters = {**amounts, **bounds, "key": key, "window": window}
    found = await server.fetch(_RESERVE, parameters, repeat=True)
    if found:
        return key, found[0][0]
    raise limit_in_the_way(key, await used(server, key, window), amounts, limits)


async def settle(server: Server, ticket: object, differences: Mapping[str, float]) -> None:
    """Add `differences`, which may be below 0, where `ticket` has counted."""
    assert isinstance(ticket, tuple)
    key, since = ticket
    await server.fetch(_SETTLE, {**differences, "key": key, "since": since})


async def used(server: Server, key: str, window: float | None) -> dict[str, float]:
    """The sums of the current window."""
    parameters = {"key": as_text(key), "window": window}
    found = await server.fetch(_USED, parameters, repeat=True)
    return dict(zip(SUMS, found[0] if found else (0, 0, 0, 0, 0.0), strict=True))
