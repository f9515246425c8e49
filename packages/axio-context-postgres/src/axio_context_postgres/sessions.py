"""Sessions as a whole: changes of one in a transaction, copies, lists."""

from __future__ import annotations

import re
from typing import Any

from axio.context import SessionInfo
from axio.exceptions import SessionBusy
from axio.history import open_turn
from axio_context_postgres import lease, rows
from axio_context_postgres.calls import SETTLE, answered, called
from axio_context_postgres.lease import Hold
from axio_context_postgres.payload import Encoded, as_text, beginning, decode, encode
from axio_context_postgres.rows import Known
from axio_context_postgres.server import Cursor, Server

__all__ = ("MAKE", "Change", "begin", "fork", "get_name", "get_tokens", "listed", "rename")

MAKE = """
    INSERT INTO axio_sessions (id)
    SELECT %(id)s WHERE NOT EXISTS (SELECT FROM axio_sessions WHERE id = %(id)s)
    ON CONFLICT (id) DO NOTHING
"""

_LOCK = """
    SELECT key, length, edits, epoch, owner, until >= now() AS alive
    FROM axio_sessions WHERE id = %(id)s FOR UPDATE
"""

_FREE = "UPDATE axio_sessions SET epoch = epoch + 1, owner = NULL, until = NULL WHERE key = %(key)s"

_RESIZE = """
    UPDATE axio_sessions SET
        length = %(length)s, preview = %(preview)s, edits = edits + %(edited)s,
        stirred = stirred + 1, changed_at = now()
    WHERE key = %(key)s
"""


_TAKE = """
    UPDATE axio_inbox SET taken_at = now() WHERE session = %(key)s AND taken_at IS NULL
        AND (%(until)s::bigint IS NULL OR number <= %(until)s)
    RETURNING number, role, content::text
"""

_GROW = """
    UPDATE axio_sessions SET length = length + %(count)s,
        preview = coalesce(preview, %(preview)s), changed_at = now()
    WHERE key = %(key)s
"""


class Change:
    """A transaction on one session, whose row it has locked: nothing else can change it meanwhile.

    Every method may be carried out twice with the same effect, but for `add_tokens`.
    """

    def __init__(self, server: Server, cursor: Cursor, known: Known, key: int, length: int) -> None:
        self._server = server
        self._cursor = cursor
        self._known = known
        self._key = key
        self._length = length

    async def _execute(self, statement: str, **parameters: Any) -> None:
        await self._server.execute(self._cursor, statement, {"key": self._key, **parameters})

    async def _read(self) -> None:
        await self._server.execute(self._cursor, rows.READ, self._known.question())
        self._known.take(await self._cursor.fetchall())

    async def replace(self, wanted: list[Encoded]) -> None:
        """Make `wanted` the session's messages. What is the same at the start stays as it is."""
        await self._read()
        same = 0
        for old, new in zip(self._known.messages, wanted, strict=False):
            if old != new.message:
                break
            same += 1
        await self._keep(same, len(wanted), beginning(wanted))
        if rest := wanted[same:]:
            await self._execute(rows.INSERT, start=same, **rows.parameters(rest))
            await self._execute(SETTLE, answered=answered(rest))

    async def rewind(self, number: int) -> None:
        await self._read()
        messages = self._known.messages
        if not 0 <= number <= len(messages):
            raise ValueError(
                f"cannot keep {number} messages: session {self._known.id!r} has {len(messages)}"
            )
        await self._execute(SETTLE, answered=called(messages[number:]))
        await self._keep(number, number, beginning([encode(m) for m in messages[:number]]))

    async def take_inbox(self, until: int | None) -> int:
        """Add what was posted to the end, up to that number; how many messages it was."""
        await self._execute(_TAKE, until=until)
        taken = sorted(await self._cursor.fetchall())
        if taken:
            id, start = self._known.id, self._length
            posted = [encode(decode(id, start + n, *row)) for n, (_, *row) in enumerate(taken)]
            await self._execute(rows.INSERT, start=start, **rows.parameters(posted))
            await self._execute(_GROW, count=len(posted), preview=beginning(posted))
        return len(taken)

    async def clear(self) -> None:
        await self._keep(0, 0, None)
        await self._execute("DELETE FROM axio_calls WHERE session = %(key)s")
        await self.set_tokens(0, 0)

    async def _keep(self, same: int, length: int, preview: str | None) -> None:
        """Remove all but the first `same` messages, before others follow up to `length`."""
        edited = int(same < self._length)
        if edited:
            await self._execute(rows.KEEP, length=same)
        await self._execute(_RESIZE, length=length, preview=preview, edited=edited)

    async def set_tokens(self, input: int, output: int) -> None:
        await self._execute(
            "UPDATE axio_sessions SET input_tokens = %(input)s, output_tokens = %(output)s "
            "WHERE key = %(key)s",
            input=input,
            output=output,
        )

    async def add_tokens(self, input: int, output: int) -> None:
        await self._execute(
            "UPDATE axio_sessions SET input_tokens = input_tokens + %(input)s, "
            "output_tokens = output_tokens + %(output)s WHERE key = %(key)s",
            input=input,
            output=output,
        )

    async def delete(self) -> None:
        await self._execute("DELETE FROM axio_sessions WHERE key = %(key)s")


async def begin(server: Server, cursor: Cursor, known: Known, hold: Hold | None) -> Change:
    """Lock the session for its owner `hold`, or for anybody else if no living run owns it."""
    if hold is None:
        await server.execute(cursor, MAKE, {"id": known.id})
    await server.execute(cursor, _LOCK, {"id": known.id})
    row = await cursor.fetchone()
    if hold is not None:
        if row is None or (row[0], row[3]) != (hold.key, hold.epoch):
            raise lease.lost(known.id)
    elif row is None:
        raise SessionBusy(f"session {known.id!r} is being deleted: try again")
    elif row[5]:
        raise lease.in_use(known.id, row[4])
    elif row[4] is not None:
        await server.execute(cursor, _FREE, {"key": row[0]})
    return Change(server, cursor, known, row[0], row[1])


# ── copies ───────────────────────────────────────────────────────────────────────────────────────

_END = """
    SELECT session.key, session.edits, session.length, message.role, message.content::text
    FROM axio_sessions AS session LEFT JOIN axio_messages AS message
        ON message.session = session.key AND message.position = session.length - 1
    WHERE session.id = %(id)s
"""

_COPY = """
    WITH source AS (
        SELECT * FROM axio_sessions WHERE key = %(key)s AND edits = %(edits)s
    ), copy AS (
        INSERT INTO axio_sessions (id, length, preview, input_tokens, output_tokens)
        SELECT %(into)s, %(length)s, preview,
            coalesce(%(input)s, input_tokens), coalesce(%(output)s, output_tokens) FROM source
        RETURNING key
    ), copied AS (
        INSERT INTO axio_messages (session, position, role, content, created_at)
        SELECT copy.key, position, role, content, message.created_at
        FROM copy, source JOIN axio_messages AS message ON session = source.key
        WHERE position < %(length)s
    )
    SELECT key FROM copy
"""


async def fork(server: Server, id: str, into: str, tokens: tuple[int, int] | None) -> None:
    """Copy messages, times and token counts, up to a turn whose tools are still running."""
    while found := await server.fetch(_END, {"id": id}, repeat=True):
        key, edits, length, role, text = found[0]
        if length and not open_turn([decode(id, length - 1, role, text)]):
            length -= 1
        input, output = tokens or (None, None)
        parameters = {"key": key, "edits": edits, "length": length, "into": into}
        if await server.fetch(_COPY, parameters | {"input": input, "output": output}):
            return
        # Its messages were changed in between.


# ── token counts, names and lists ────────────────────────────────────────────────────────────────


async def get_tokens(server: Server, id: str) -> tuple[int, int]:
    found = await server.fetch(
        "SELECT input_tokens, output_tokens FROM axio_sessions WHERE id = %s", [id], repeat=True
    )
    return (found[0][0], found[0][1]) if found else (0, 0)


async def get_name(server: Server, id: str) -> str | None:
    found = await server.fetch("SELECT name FROM axio_sessions WHERE id = %s", [id], repeat=True)
    return found[0][0] if found else None


async def rename(server: Server, id: str, name: str | None) -> None:
    await server.fetch(
        "INSERT INTO axio_sessions (id, name) VALUES (%s, %s) "
        "ON CONFLICT (id) DO UPDATE SET name = excluded.name",
        [id, as_text(name) if name else None],
        repeat=True,
    )


_LIST = """
    SELECT id, length, coalesce(name, preview, '(no preview)'),
        to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'),
        input_tokens, output_tokens
    FROM axio_sessions AS session
    WHERE length > 0 AND (%(pattern)s::text IS NULL OR name ILIKE %(pattern)s OR EXISTS (
        SELECT FROM axio_messages AS message, json_array_elements(
            -- NUL and halves of surrogate pairs are JSON, but no text of this database.
            regexp_replace(
                message.content::text, '\\\\u(0000|d[89a-f][0-9a-f]{2})', '\\\\ufffd', 'g'
            )::json
        ) AS block
        WHERE message.session = session.key AND block ->> 'text' ILIKE %(pattern)s
    ))
    ORDER BY created_at DESC, key DESC LIMIT %(limit)s
"""


async def listed(server: Server, search: str = "", limit: int | None = None) -> list[SessionInfo]:
    """The sessions that have messages, newest first; with `search`, those in whose name or texts it
    stands, in upper or lower case."""
    escaped = re.sub(r"([\\%_])", r"\\\1", as_text(search))
    parameters = {"pattern": f"%{escaped}%" if search else None, "limit": limit}
    return [SessionInfo(*row) for row in await server.fetch(_LIST, parameters, repeat=True)]
