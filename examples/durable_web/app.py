"""A support agent whose work goes on whoever is killed: what the web server and the workers know.

Started from this folder:

    axio-worker app:durable     # as many as you like
    python web.py               # needs starlette and uvicorn

Anna asks for a refund at http://127.0.0.1:8000/?user=anna, and bob decides on it at
http://127.0.0.1:8000/?user=bob&session=anna-1.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from axio import Agent, PermissionGuard, Tool
from axio.exceptions import Deferred
from axio_context_sqlite import SQLite
from axio_durable import Durable

REFUNDS = Path(os.environ.get("REFUNDS", "refunds.txt"))


async def find_order(number: int) -> str:
    """Tell what an order was, and what it cost."""
    return f"Order {number}: a lamp, 40 EUR, paid."


async def refund(number: int) -> str:
    """Pay the money of an order back."""
    await asyncio.to_thread(note, f"{number}\n")
    return f"Order {number} is refunded."


def note(line: str) -> None:
    with REFUNDS.open("a", encoding="utf-8") as file:
        file.write(line)


class SecondPerson(PermissionGuard):
    """Lets the call wait until somebody has decided, however long that takes."""

    async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
        raise Deferred("a second person decides on refunds")


def make_agent() -> Agent:
    return Agent(
        "You help customers. Find the order first. Refund only what the customer asks for.",
        transport(),
        tools=[
            Tool("find_order", find_order),
            Tool("refund", refund, guards=(SecondPerson(),)),
        ],
    )


def transport() -> Any:
    """A model of your own instead: `OpenAITransport()`, for example."""
    from axio_transport_local import LocalTransport

    return LocalTransport()


# With PostgreSQL: Postgres("postgresql://user@host/database", lease=5)
database = SQLite(os.environ.get("DATABASE", "durable.db"))

durable = Durable(database, agents={"support": make_agent})
