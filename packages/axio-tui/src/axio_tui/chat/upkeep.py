"""How long things are kept: conversations with what was attached to them, changes, and logs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiosqlite

from axio_context_sqlite import SQLiteContextStore
from axio_context_sqlite.upkeep import forget_changes, forget_sessions
from axio_tui.config.values import Config
from axio_tui.how_many import how_many

__all__ = ("Retention", "retention_in", "tidy")

_STAMP = "tidied"


@dataclass(frozen=True, slots=True)
class Retention:
    """Days for which things are kept; 0 for ever.

    A conversation goes when so many days nothing was said in it, with its attachments and its
    sub-agents; the changes of files, which only `/rewind` needs, go before it.
    """

    conversations: int = 365
    changes: int = 30
    logs: int = 30


def retention_in(config: Config) -> Retention:
    """The days that a person has set."""
    return Retention(conversations=config["retention.conversations"], logs=config["retention.logs"])


async def tidy(
    connection: aiosqlite.Connection,
    folder: Path,
    retention: Retention,
    say: Callable[[str], object],
) -> None:
    """Forget what is too old, unless it was done today. Logs are in the folder `logs` of `folder`;
    `say` is told how many conversations are gone."""
    now = datetime.now(UTC)
    shelf = SQLiteContextStore(connection, "", "").shelf
    stamps = [str(item.data.get("day")) for item in await shelf.items(_STAMP)]
    if stamps == [now.date().isoformat()]:
        return
    await shelf.put(_STAMP, {"day": now.date().isoformat()})
    if retention.changes:
        await forget_changes(connection, now - timedelta(days=retention.changes))
    if retention.conversations:
        before = now - timedelta(days=retention.conversations)
        if number := await forget_sessions(connection, before):
            those = how_many(number, "conversation")
            say(f"forgot {those} older than {retention.conversations} days")
    if retention.logs:
        _forget_logs(folder / "logs", now - timedelta(days=retention.logs))


def _forget_logs(folder: Path, before: datetime) -> None:
    with suppress(OSError):  # there is none, or it is another's
        for file in folder.glob("*.log"):
            if file.stat().st_mtime < before.timestamp():
                file.unlink()
