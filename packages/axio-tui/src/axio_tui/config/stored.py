"""The settings that pickers and plug-ins have saved in the database, read without opening it for
writing."""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

__all__ = ("GLOBAL_PROJECT", "opened_to_read", "stored_settings")

GLOBAL_PROJECT = "<global>"
"""Stands for the project in rows that hold everywhere."""

_ROLES = {
    "compact": "compaction",
    "guard": "guard",
    "subagent": "subagent",
    "vision": "vision",
}
"""From a role as it is saved to the name of its setting below `models`."""

_WAIT = 1.0  # seconds for another process's lock


def stored_settings(path: Path, project: str) -> tuple[dict[str, str], str]:
    """The settings saved for a project and, where it says nothing, for all; and in one line why the
    file cannot be read.

    The model of the role ``chat`` is given as `transport` and `model`, those of other roles and
    addresses as settings.
    """
    try:
        rows = _rows(path, os.path.realpath(project))
    except (sqlite3.Error, UnicodeError) as error:
        return {}, f"the settings in {path} cannot be read: {error}"
    values = {str(key): str(value) for key, value in rows}
    transport, colon, model = values.get("model.chat", "").partition(":")
    if colon and transport and model:
        values |= {"transport": transport, "model": model}
    values |= {
        f"models.{setting}": values[f"model.{role}"]
        for role, setting in _ROLES.items()
        if values.get(f"model.{role}", "").strip()
    }
    addresses = {
        f"transports.{words[1]}.base_url": value
        for key, value in values.items()
        if (words := re.fullmatch(r"transport\.(.+)\.base_url", key)) and value.strip()
    }
    return values | addresses, ""


def opened_to_read(path: Path, wait: float = _WAIT) -> sqlite3.Connection:
    """A connection that changes nothing; it waits so many seconds for the locks of others."""
    address = f"file:{quote(os.fsencode(path))}?mode=ro"
    if not os.path.exists(f"{path}-wal") and not os.access(path.parent, os.W_OK):
        address += "&immutable=1"  # SQLite would want to make files beside it
    return sqlite3.connect(address, timeout=wait, uri=True)


def _rows(path: Path, project: str) -> list[tuple[object, object]]:
    with closing(opened_to_read(path)) as db:
        query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'axio_config'"
        if db.execute(query).fetchone() is None:
            return []
        # The project's rows come last, and so win.
        return db.execute(
            "SELECT key, value FROM axio_config WHERE project IN (?, ?) ORDER BY project = ?",
            (GLOBAL_PROJECT, project, project),
        ).fetchall()
