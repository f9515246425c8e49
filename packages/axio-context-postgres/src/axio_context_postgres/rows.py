"""The messages of one session: the statements, and what is known of them here."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg.rows import TupleRow

from axio.messages import Message
from axio_context_postgres.calls import SETTLE, answered
from axio_context_postgres.payload import Encoded, as_array, decode

__all__ = ("APPEND", "APPEND_AS_OWNER", "INSERT", "KEEP", "READ", "Known", "parameters")

_NEW = """
    ROWS FROM (unnest(%(roles)s::text[]), json_array_elements(%(contents)s::json))
    WITH ORDINALITY AS new (role, content, number)
"""

APPEND_AS_OWNER = f"""
    WITH session AS (
        UPDATE axio_sessions SET
            length = %(start)s + %(count)s, preview = coalesce(preview, %(preview)s),
            input_tokens = %(input)s, output_tokens = %(output)s,
            until = now() + %(lease)s * interval '1 second', changed_at = now()
        WHERE key = %(key)s AND epoch = %(epoch)s
        RETURNING key
    ), settled AS ({SETTLE} AND EXISTS (SELECT FROM session))
    INSERT INTO axio_messages (session, position, role, content)
    SELECT session.key, %(start)s + number - 1, role, content FROM session, {_NEW}
    RETURNING position
"""
"""The only writer knows where the messages begin, and the tokens up to now. Of calls whose results
are among them nothing more need be known."""

APPEND = f"""
    WITH free AS (
        UPDATE axio_sessions SET
            length = length + %(count)s, preview = coalesce(preview, %(preview)s),
            epoch = epoch + 1, owner = NULL, until = NULL, changed_at = now()
        WHERE id = %(id)s AND (owner IS NULL OR until < now())
        RETURNING key, length - %(count)s AS start
    ), made AS (
        INSERT INTO axio_sessions (id, length, preview)
        SELECT %(id)s, %(count)s, %(preview)s
        WHERE NOT EXISTS (SELECT FROM axio_sessions WHERE id = %(id)s)
        ON CONFLICT (id) DO NOTHING
        RETURNING key, 0 AS start
    ), session AS (SELECT * FROM free UNION ALL SELECT * FROM made)
    INSERT INTO axio_messages (session, position, role, content)
    SELECT session.key, session.start + number - 1, role, content FROM session, {_NEW}
    RETURNING position
"""
"""Without a run: at the end, wherever that is, once no living run owns the session."""

INSERT = f"""
    INSERT INTO axio_messages (session, position, role, content)
    SELECT %(key)s, %(start)s + number - 1, role, content FROM {_NEW}
"""

KEEP = "DELETE FROM axio_messages WHERE session = %(key)s AND position >= %(length)s"

READ = """
    SELECT session.key, session.edits, message.position, message.role, message.content::text
    FROM axio_sessions AS session LEFT JOIN axio_messages AS message
        ON message.session = session.key AND message.position >=
            CASE WHEN session.key = %(key)s AND session.edits = %(edits)s THEN %(length)s ELSE 0 END
    WHERE session.id = %(id)s
    ORDER BY message.position
"""
"""Those that are new since `length` messages were known, or all if any of these was changed."""


def parameters(messages: list[Encoded]) -> dict[str, object]:
    """The part of a statement's parameters that is about new messages."""
    roles, contents = as_array(messages)
    new = {"roles": roles, "contents": contents, "count": len(messages)}
    return {**new, "answered": answered(messages)}


class Known:
    """The decoded messages of a session, kept so that a read costs what is new."""

    def __init__(self, id: str) -> None:
        self.id = id
        self.key = -1
        self.edits = 0
        self.messages: list[Message] = []

    def question(self) -> dict[str, object]:
        """The parameters of `READ`."""
        length = len(self.messages)
        return {"id": self.id, "key": self.key, "edits": self.edits, "length": length}

    def take(self, rows: Sequence[TupleRow]) -> None:
        """Learn the rows that `READ` has found. No other read may have come in between."""
        if not rows:
            self.key, self.edits, self.messages = -1, 0, []
            return
        key, edits = rows[0][:2]
        if (key, edits) != (self.key, self.edits):
            self.key, self.edits, self.messages = key, edits, []
        for _, _, position, role, text in rows:
            if position is not None:
                self.messages.append(decode(self.id, position, role, text))

    def is_whole(self, key: int, edits: int, length: int) -> bool:
        """True if nothing is to be read of the session that is described so."""
        return (key, edits, length) == (self.key, self.edits, len(self.messages))
