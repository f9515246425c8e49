"""The schedulers for DBOS and Restate in the examples keep the promises, and survive `kill -9`."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from axio_durable import Rested, Scheduler
from axio_durable.testing import check_scheduler
from support.npm import installed
from support.postgres import Cluster

EXAMPLES = Path(__file__).parents[3] / "examples" / "schedulers"
RESTATE = "@restatedev/restate-server@1.7.12"

pytestmark = [
    pytest.mark.heavy,
    # Hypercorn leaves a coroutine of its own when it is cancelled.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.skipif(
        not all(map(importlib.util.find_spec, ("dbos", "restate", "hypercorn"))),
        reason="needs `pip install 'dbos>=3.4,<4' 'restate-sdk>=1.3,<2' hypercorn`",
    ),
]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def restate() -> Iterator[tuple[str, str]]:
    """The addresses of a server's ingress and admin."""
    program = installed(RESTATE) / "node_modules" / ".bin" / "restate-server"
    ingress, admin, node = free_port(), free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [program, "--no-logo", "--listen-mode", "tcp", "--base-dir", folder],
            env={
                **os.environ,
                "RESTATE_INGRESS__BIND_PORT": str(ingress),
                "RESTATE_ADMIN__BIND_PORT": str(admin),
                "RESTATE_BIND_PORT": str(node),
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            deadline = time.monotonic() + 60
            health = f"http://127.0.0.1:{admin}/health"
            while not _answers(health):
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.1)
            yield f"http://127.0.0.1:{ingress}", f"http://127.0.0.1:{admin}"
        finally:
            process.kill()
            process.wait()


def _answers(url: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(url, timeout=5):
        return True
    return False


@pytest.fixture(params=["dbos", "restate"])
def engine(
    request: pytest.FixtureRequest, postgres: Cluster, monkeypatch: pytest.MonkeyPatch
) -> str:
    """The name and place of an engine, as `app.py` knows them."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.setenv("PYTHONPATH", str(EXAMPLES))
    if request.param == "dbos":
        return f"dbos:postgresql://postgres@/postgres?host={postgres.folder}"
    ingress, admin = request.getfixturevalue("restate")
    return f"restate:{ingress} {admin} http://127.0.0.1:{free_port()}"


def scheduler(engine: str) -> Scheduler:
    kind, _, where = engine.partition(":")
    name = {"dbos": "DBOS", "restate": "Restate"}[kind]
    made: Scheduler = getattr(import_module(f"on_{kind}"), f"On{name}")(*where.split())
    return made


@pytest.mark.timeout(600)
async def test_the_promises(engine: str) -> None:
    made = scheduler(engine)
    await made.open()
    stop = asyncio.Event()
    # Restate knows a service once a worker was there.
    working = asyncio.create_task(made.work(_nothing, 1, stop))
    await asyncio.sleep(5)
    stop.set()
    await working
    await made.close()
    await check_scheduler(lambda: scheduler(engine))


async def _nothing(session: str) -> None:
    pass


@pytest.mark.timeout(600)
async def test_a_killed_worker_loses_nothing(
    engine: str, postgres: Cluster, make_program: Callable[[str, str], Any]
) -> None:
    program = make_program(postgres.dsn(), engine)
    async with program.durable() as durable:
        await durable.post("s", "effect slow both end", agent="worker", id="1")
        killed = program.worker()
        async with asyncio.timeout(120):
            while "s begun" not in program.effects():  # noqa: ASYNC110 - another process's
                await asyncio.sleep(0.05)
        killed.kill()
        await asyncio.to_thread(killed.wait)
        program.worker()
        async with asyncio.timeout(120):
            async for event in durable.follow("s"):
                last = event
    assert last == Rested("end_turn")
    assert len(program.effects()) == len(set(program.effects())) == 4, program.effects()
