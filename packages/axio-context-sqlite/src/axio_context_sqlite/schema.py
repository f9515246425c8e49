"""The tables, as a numbered list of changes. Only ever add to the end of it.

The version is kept in a table of our own, not in `PRAGMA user_version`: other programs keep
their tables in the same file.
"""

from __future__ import annotations

import sqlite3

from axio_context_sqlite.errors import StoreTooNew
from axio_context_sqlite.transaction import transaction

__all__ = ("MIGRATIONS", "migrate")

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    # 1: what release 0.9.6 made. It kept no version, so these tables may be there already.
    (
        """
        CREATE TABLE IF NOT EXISTS axio_context_messages (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            session_id TEXT NOT NULL,
            project TEXT NOT NULL,
            position INTEGER NOT NULL,
            role TEXT NOT NULL,
            content TEXT NOT NULL,
            created_at TEXT NOT NULL DEFAULT (datetime('now')),
            UNIQUE (session_id, position)
        )
        """,
        """
        CREATE TABLE IF NOT EXISTS axio_context_tokens (
            session_id TEXT NOT NULL,
            project TEXT NOT NULL,
            input_tokens INTEGER NOT NULL DEFAULT 0,
            output_tokens INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY (session_id, project)
        )
        """,
    ),
    # 2: a session belongs to its project. Release 0.9.6 showed all messages of an id to every
    # project that used the id; each of them now gets its own copy, so that none misses any.
    (
        """
        CREATE TABLE axio_context_messages_new (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            session_id TEXT NOT NULL,
            project TEXT NOT NULL,
            position INTEGER NOT NULL,
            role TEXT NOT NULL,
            content TEXT NOT NULL,
            created_at TEXT NOT NULL DEFAULT (datetime('now')),
            UNIQUE (project, session_id, position)
        )
        """,
        """
        INSERT INTO axio_context_messages_new
        SELECT id, session_id, project, position, role, content,
               coalesce(created_at, datetime('now'))
        FROM axio_context_messages
        """,
        """
        INSERT INTO axio_context_messages_new
            (session_id, project, position, role, content, created_at)
        SELECT uses.session_id, uses.project, old.position, old.role, old.content,
               coalesce(old.created_at, datetime('now'))
        FROM (SELECT DISTINCT session_id, project FROM axio_context_messages) AS uses
        JOIN axio_context_messages AS old
            ON old.session_id = uses.session_id AND old.project <> uses.project
        ORDER BY old.id
        """,
        "DROP TABLE axio_context_messages",
        "ALTER TABLE axio_context_messages_new RENAME TO axio_context_messages",
    ),
    # 3: what is known of a session besides its messages: a name, and the run that owns it.
    (
        """
        CREATE TABLE axio_context_sessions (
            session_id TEXT NOT NULL,
            project TEXT NOT NULL,
            name TEXT,
            owner TEXT,
            process TEXT,
            heartbeat REAL,
            PRIMARY KEY (project, session_id)
        ) WITHOUT ROWID
        """,
    ),
    # 4: small things beside the messages of a session, see `shelf`.
    (
        """
        CREATE TABLE axio_context_items (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            session_id TEXT NOT NULL,
            project TEXT NOT NULL,
            kind TEXT NOT NULL,
            data TEXT NOT NULL,
            needs INTEGER
        )
        """,
        "CREATE INDEX axio_context_items_of ON axio_context_items (project, session_id, kind)",
    ),
    # 5: calls that have begun and whose results are not in the messages yet.
    (
        """
        CREATE TABLE axio_context_calls (
            session_id TEXT NOT NULL,
            project TEXT NOT NULL,
            call_id TEXT NOT NULL,
            digest TEXT NOT NULL,
            result TEXT,
            created_at TEXT NOT NULL DEFAULT (datetime('now')),
            PRIMARY KEY (project, session_id, call_id)
        ) WITHOUT ROWID
        """,
    ),
    # 6: changes of files, see `changes`; each content is kept once.
    (
        """
        CREATE TABLE axio_context_changes (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            session_id TEXT NOT NULL,
            project TEXT NOT NULL,
            data TEXT NOT NULL,
            before TEXT,
            after TEXT NOT NULL,
            size INTEGER NOT NULL
        )
        """,
        "CREATE INDEX axio_context_changes_of ON axio_context_changes (project, session_id)",
        "CREATE INDEX axio_context_changes_before ON axio_context_changes (before)",
        "CREATE INDEX axio_context_changes_after ON axio_context_changes (after)",
        """
        CREATE TABLE axio_context_contents (
            digest TEXT PRIMARY KEY,
            content BLOB NOT NULL
        ) WITHOUT ROWID
        """,
    ),
    # 7: budgets that many processes share; `since` begins a window, -1 is for all time.
    (
        """
        CREATE TABLE axio_context_ledger (
            key TEXT NOT NULL,
            since REAL NOT NULL,
            requests INTEGER NOT NULL,
            input_tokens INTEGER NOT NULL,
            output_tokens INTEGER NOT NULL,
            cost REAL NOT NULL,
            PRIMARY KEY (key, since)
        ) WITHOUT ROWID
        """,
    ),
    # 8: the work on sessions that many processes share, see `work`, `inbox` and `live`.
    (
        """
        CREATE TABLE axio_context_work (
            session_id TEXT NOT NULL,
            project TEXT NOT NULL,
            agent TEXT,
            parent TEXT,
            stirred INTEGER NOT NULL DEFAULT 0,
            rested INTEGER NOT NULL DEFAULT 0,
            cancelled INTEGER,
            reason TEXT NOT NULL DEFAULT '',
            words TEXT NOT NULL DEFAULT '',
            PRIMARY KEY (project, session_id)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX axio_context_work_open ON axio_context_work (project) "
        "WHERE stirred <> rested",
        """
        CREATE TABLE axio_context_inbox (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            session_id TEXT NOT NULL,
            project TEXT NOT NULL,
            id TEXT NOT NULL,
            role TEXT NOT NULL,
            content TEXT NOT NULL,
            taken INTEGER NOT NULL DEFAULT 0,
            UNIQUE (project, session_id, id)
        )
        """,
        """
        CREATE TABLE axio_context_live (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            session_id TEXT NOT NULL,
            project TEXT NOT NULL,
            position INTEGER NOT NULL,
            attempt TEXT NOT NULL,
            event TEXT NOT NULL
        )
        """,
        "CREATE INDEX axio_context_live_of ON axio_context_live (project, session_id, position)",
    ),
    # 9: how many workers have begun with a session since it was at rest.
    ("ALTER TABLE axio_context_work ADD attempts INTEGER NOT NULL DEFAULT 0",),
)


def _version(db: sqlite3.Connection) -> int:
    known = db.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'axio_context_schema'"
    ).fetchone()
    if known is None:
        return 0
    (version,) = db.execute("SELECT max(version) FROM axio_context_schema").fetchone()
    return int(version or 0)


def migrate(db: sqlite3.Connection) -> None:
    """Bring the tables up to date: all changes or none, also when the process dies on the way."""
    if _version(db) == len(MIGRATIONS):
        return
    with transaction(db):
        version = _version(db)  # again: another process may have been faster
        if version > len(MIGRATIONS):
            raise StoreTooNew(
                f"the database is of a newer axio: it has version {version} of the tables, this "
                f"release knows {len(MIGRATIONS)}. Install a newer axio-context-sqlite"
            )
        db.execute(
            "CREATE TABLE IF NOT EXISTS axio_context_schema ("
            "version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL DEFAULT (datetime('now')))"
        )
        for number, statements in enumerate(MIGRATIONS[version:], version + 1):
            for statement in statements:
                db.execute(statement)
            db.execute("INSERT INTO axio_context_schema (version) VALUES (?)", (number,))
