"""Agents that go on after kill -9, on any machine.

    durable = Durable(SQLite("app.db"), agents={"support": make_agent})

    await durable.post("session-42", "Refund order 7", agent="support", id=request_id)
    async for event in durable.follow("session-42"):
        ...

`axio-worker app:durable` works on what was posted, in as many processes as there are.
"""

from __future__ import annotations

from axio_durable.advance import End, advance
from axio_durable.durable import Durable
from axio_durable.errors import DurableError, MissingPackage, UnknownAgent
from axio_durable.follow import Followed, Restarted, Rested, Stored
from axio_durable.scheduler import InProcess, Scheduler
from axio_durable.store import Database, DurableStore

__all__ = (
    "Database",
    "Durable",
    "DurableError",
    "DurableStore",
    "End",
    "Followed",
    "InProcess",
    "MissingPackage",
    "Restarted",
    "Rested",
    "Scheduler",
    "Stored",
    "UnknownAgent",
    "advance",
)

__version__ = "1.0.0a1"
