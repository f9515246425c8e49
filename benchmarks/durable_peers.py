"""Durable agents beside those of other frameworks, on the same work.

    .venv/bin/python -m benchmarks.durable_peers    # some minutes

`peers/durable_work.py` says what is done. For each system: the CPU of the worker for a turn (an
answer of the model with the results of its calls), bytes stored for a turn, and how many of the
calls in whose middle the worker was killed were made twice. PostgreSQL is without fsync; Temporal's
server is the one for development, with a file. Systems take turns; the least of the rounds counts.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from temporalio.client import Client
from temporalio.service import RPCError

from benchmarks.peers.__main__ import ROOT, interpreter

sys.path.insert(0, str(ROOT / "tests"))

from support.postgres import Cluster, start_postgres
from support.temporal import start_temporal

SESSIONS, KILLED, ROUNDS, TURNS = 100, 10, 3, 4


@dataclass
class Place:
    """Where a system keeps its work."""

    where: str
    size: Callable[[], int]


@contextmanager
def postgres() -> Iterator[Place]:
    with start_postgres() as cluster:
        yield Place(
            f"postgresql://postgres@/postgres?host={cluster.folder}", lambda: _tables(cluster)
        )


def _tables(cluster: Cluster) -> int:
    """Bytes of all tables that are not PostgreSQL's own, with their indexes."""
    cluster.execute("VACUUM FULL")
    query = (
        "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c "
        "JOIN pg_namespace n ON n.oid = relnamespace "
        "WHERE relkind = 'r' AND nspname NOT IN ('pg_catalog', 'information_schema')"
    )
    return int(cluster.execute(query)[0][0])


@contextmanager
def temporal() -> Iterator[Place]:
    with start_temporal() as address:
        yield Place(address, lambda: asyncio.run(_histories(address)))


async def _histories(address: str) -> int:
    """Bytes of all workflows' histories, as the server counts them."""
    client = await Client.connect(address)
    total = 0
    for number in range(SESSIONS + 1):
        with suppress(RPCError):  # it is not there
            found = await client.get_workflow_handle(f"session {number}").describe()
            total += found.raw_description.workflow_execution_info.history_size_bytes
    return total


SYSTEMS = {
    "axio_durable": postgres,
    "pydantic_ai_dbos": postgres,
    "openai_agents_temporal": temporal,
}


def run(system: str, place: Place, folder: Path, sessions: int) -> tuple[int, float]:
    """The exit code of the system's worker, and its CPU."""
    command = [interpreter(system), "-m", f"benchmarks.peers.{system}"]
    done = subprocess.run(
        [*command, place.where, str(folder), str(sessions)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        timeout=600,
    )
    if done.returncode not in (0, -signal.SIGKILL):
        raise RuntimeError(f"{system} ended with {done.returncode}")
    return done.returncode, json.loads(done.stdout.splitlines()[-1])["cpu"] if done.stdout else 0.0


def cost(system: str) -> tuple[float, float]:
    """Milliseconds of CPU and bytes of a turn."""
    with SYSTEMS[system]() as place, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(system, place, folder, 1)  # makes tables
        before = place.size()
        shutil.rmtree(folder)
        folder.mkdir()
        _, cpu = run(system, place, folder, SESSIONS + 1)
        turns = SESSIONS * TURNS
        return cpu / turns * 1000, (place.size() - before) / turns


def twice(system: str) -> tuple[int, int]:
    """Calls in whose middle the worker was killed, and those of them that were made twice."""
    with SYSTEMS[system]() as place, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "kill").touch()
        while run(system, place, folder, KILLED)[0]:
            pass
        effects = Counter((folder / "effects").read_text("utf-8").splitlines())
        killed = [f"{one.name.removeprefix('killed ')} 1 0" for one in folder.glob("killed *")]
        return len(killed), sum(effects[effect] > 1 for effect in killed)


def main() -> None:
    costs: dict[str, list[tuple[float, float]]] = {name: [] for name in SYSTEMS}
    for _ in range(ROUNDS):
        for name in SYSTEMS:
            costs[name].append(cost(name))
    print(f"{'':24}{'CPU, ms a turn':>16}{'bytes a turn':>14}{'made twice':>12}")
    for name, found in costs.items():
        killed, doubled = twice(name)
        cpu, stored = min(cpu for cpu, _ in found), min(stored for _, stored in found)
        print(f"{name:24}{cpu:16.2f}{stored:14,.0f}{f'{doubled} of {killed}':>12}", flush=True)


if __name__ == "__main__":
    main()
