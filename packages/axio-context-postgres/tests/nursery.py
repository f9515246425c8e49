"""Workers that kill themselves, for programs that the tests start.

`serve(main)` forks one for every line it reads, so that nothing has to be imported again: the id of
a session, and at which of its moments the worker dies. Moments are before and after every statement
and every effect of a tool, and where `moment()` is called. `main(database, id)` returns the exit
code of the worker.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

from axio_context_postgres import Postgres
from axio_context_postgres.connections import Connection

__all__ = ("effect", "moment", "serve")

T = TypeVar("T")

_left = 0


def moment() -> None:
    global _left
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.SIGKILL)


def effect(line: str) -> None:
    """Change something in the world, once."""
    moment()
    fd = os.open(sys.argv[3], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, f"{line}\n".encode())
    os.close(fd)
    moment()


class _Watched(Postgres):
    async def run(self, work: Callable[[Connection], Awaitable[T]], *, repeat: bool = False) -> T:
        moment()
        result = await super().run(work, repeat=repeat)
        moment()
        return result


def serve(main: Callable[[Postgres, str], Awaitable[int]]) -> None:
    global _left

    async def live(id: str) -> int:
        async with _Watched(sys.argv[1], schema=sys.argv[2]) as database:
            return await main(database, id)

    for line in sys.stdin:
        id, dies_at = json.loads(line)
        worker = os.fork()
        if worker == 0:
            _left = dies_at
            os._exit(asyncio.run(live(id)))
        _, status = os.waitpid(worker, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
