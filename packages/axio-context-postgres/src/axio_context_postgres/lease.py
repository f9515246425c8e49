"""The owner of a session: one run, named in the session's row, until it ends or dies.

Each change of the owner raises the session's epoch, and every write of an owner asks for its own
epoch within the same statement. So an owner that was wrongly taken for dead can write nothing more,
and neither can a statement that was left behind on its way to the server.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass

from axio.exceptions import SessionBusy
from axio_context_postgres.errors import SessionLost
from axio_context_postgres.server import Server

__all__ = (
    "Hold",
    "busy",
    "fence",
    "in_use",
    "lost",
    "new_owner",
    "release",
    "take",
    "take_over",
)

_FREE = "(owner IS NULL OR until < now())"

_UNTIL = "now() + %(lease)s * interval '1 second'"

_TAKE = f"""
    WITH taken AS (
        UPDATE axio_sessions SET epoch = epoch + 1, owner = %(owner)s, until = {_UNTIL}
        WHERE id = %(id)s AND ({_FREE} OR owner = %(owner)s)
        RETURNING key, epoch, length, edits, input_tokens, output_tokens
    ), made AS (
        INSERT INTO axio_sessions (id, epoch, owner, until)
        SELECT %(id)s, 1, %(owner)s, {_UNTIL}
        WHERE NOT EXISTS (SELECT FROM axio_sessions WHERE id = %(id)s)
        ON CONFLICT (id) DO NOTHING
        RETURNING key, epoch, length, edits, input_tokens, output_tokens
    )
    SELECT * FROM taken UNION ALL SELECT * FROM made
"""

_FENCE = f"""
    UPDATE axio_sessions SET epoch = epoch + 1, until = {_UNTIL}
    WHERE key = %(key)s AND owner = %(owner)s
    RETURNING epoch
"""

_RELEASE = """
    UPDATE axio_sessions SET epoch = epoch + 1, owner = NULL, until = NULL,
        input_tokens = coalesce(%(input)s, input_tokens),
        output_tokens = coalesce(%(output)s, output_tokens)
    WHERE id = %(id)s AND owner = %(owner)s
"""

_TAKE_OVER = """
    UPDATE axio_sessions SET epoch = epoch + 1, owner = NULL, until = NULL
    WHERE id = %(id)s AND owner IS NOT NULL
"""


@dataclass(slots=True)
class Hold:
    """A session in the hands of a run of ours. `length` and `edits` are as they were when taken."""

    id: str
    owner: str
    key: int
    epoch: int
    length: int
    edits: int
    tokens: tuple[int, int]
    """The counts up to now. They are written with the next message, or at the end."""
    is_sure: bool = True
    """False while a write is on its way, and from then on if it was interrupted."""


def new_owner() -> str:
    """A name that says which process it is, and that no other run has."""
    return f"process {os.getpid()} on {socket.gethostname()}, run {os.urandom(6).hex()}"


async def take(server: Server, id: str, owner: str) -> Hold:
    """Become the owner. SessionBusy when another run is."""
    parameters = {"id": id, "owner": owner, "lease": server.lease}
    rows = await server.fetch(_TAKE, parameters, repeat=True)
    if not rows:
        raise await busy(server, id)
    key, epoch, length, edits, *tokens = rows[0]
    return Hold(id, owner, key, epoch, length, edits, (tokens[0], tokens[1]))


async def fence(server: Server, hold: Hold) -> None:
    """Raise the epoch, so that none of the owner's earlier statements can still come through.

    SessionLost when it is not the owner any more.
    """
    parameters = {"key": hold.key, "owner": hold.owner, "lease": server.lease}
    rows = await server.fetch(_FENCE, parameters, repeat=True)
    if not rows:
        raise lost(hold.id)
    (hold.epoch,) = rows[0]


async def release(server: Server, id: str, owner: str, tokens: tuple[int, int] | None) -> None:
    """Be the owner no more. Nothing changes if another is by now."""
    counts = tokens or (None, None)
    parameters = {"id": id, "owner": owner, "input": counts[0], "output": counts[1]}
    await server.fetch(_RELEASE, parameters, repeat=True)


async def take_over(server: Server, id: str) -> None:
    """Free the session of its owner, whose writes are refused from now on."""
    await server.fetch(_TAKE_OVER, {"id": id}, repeat=True)


async def busy(server: Server, id: str) -> SessionBusy:
    """The error that names the owner."""
    rows = await server.fetch("SELECT owner FROM axio_sessions WHERE id = %s", [id], repeat=True)
    return in_use(id, rows[0][0] if rows else None)


def in_use(id: str, owner: str | None) -> SessionBusy:
    return SessionBusy(
        f"session {id!r} is in use by {owner or 'another run'}: wait until it has ended, or work "
        "on a fork"
    )


def lost(id: str) -> SessionLost:
    return SessionLost(
        f"session {id!r} was taken over by another run, or deleted: this run was taken for dead"
    )
