"""A real PostgreSQL of the tests' own: a cluster in a temporary folder, reached through its socket.

`postgres` is started once a process, when the first test wants it. A test that stops it starts it
again. `pgbouncer` pools its connections by transaction.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from support.parts import requires

PATIENCE = 60.0  # seconds for a server to start or stop, on however busy a machine

_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",  # a process may be killed, the machine not
    "max_connections": "200",
    "shared_buffers": "32MB",
    "log_min_messages": "fatal",
}

_ACCESS = "local all locked scram-sha-256\nlocal all all trust\n"
"""The role `locked` needs its password, all others come in."""


class Cluster:
    """A server that runs in `folder`, unless it was stopped."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._programs = requires("postgres").parent
        self._process: subprocess.Popen[bytes] | None = None
        subprocess.run(
            [
                *(self._programs / "initdb", "--pgdata", folder / "data", "--username", "postgres"),
                *("--encoding", "UTF8", "--locale", "C.UTF-8", "--auth", "trust", "--no-sync"),
            ],
            check=True,
            capture_output=True,
            **as_nobody_special(folder),
        )
        (folder / "data" / "pg_hba.conf").write_text(_ACCESS)

    def dsn(self, user: str = "postgres", database: str = "postgres") -> str:
        return f"host={self.folder} user={user} dbname={database}"

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        options = [word for item in _SETTINGS.items() for word in ("-c", "=".join(item))]
        command = [self._programs / "postgres", "-D", self.folder / "data", "-k", self.folder]
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [*map(str, command), *options],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                **as_nobody_special(self.folder),
            )
        self._process = process
        _until_it_answers(self.dsn(), process, self.folder / "log")

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """Stop it at once, as a crash does, or with SIGINT in an orderly way."""
        if self._process is not None:
            process, self._process = self._process, None
            process.send_signal(how)
            process.wait(PATIENCE)

    def execute(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """The rows of one statement, for looking at what a test has done."""
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            cursor = connection.execute(statement, parameters or None)
            return cursor.fetchall() if cursor.description else []


def as_nobody_special(folder: Path) -> dict[str, Any]:
    """Arguments for a subprocess that refuses to be run by root."""
    if os.geteuid() != 0:
        return {"cwd": folder}
    return {"cwd": folder, "user": "postgres", "group": "postgres", "extra_groups": []}


@contextmanager
def _folder() -> Iterator[Path]:
    """A short name, because a socket's may have 107 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="axio-pg-", dir="/tmp"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _until_it_answers(dsn: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            psycopg.connect(dsn, connect_timeout=10).close()
            return
        except psycopg.OperationalError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"the server did not start ({error}):\n{log.read_text()[-2000:]}")
        time.sleep(0.02)


@contextmanager
def start_postgres() -> Iterator[Cluster]:
    """A server while the block lasts."""
    requires("postgres")
    with _folder() as folder:
        cluster = Cluster(folder)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    with start_postgres() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def pgbouncer(postgres: Cluster) -> Iterator[str]:
    """A connection string that leads through PgBouncer in transaction mode."""
    program = requires("pgbouncer")
    with _folder() as folder:
        settings = folder / "pgbouncer.ini"
        settings.write_text(
            f"[databases]\npostgres = host={postgres.folder} user=postgres\n"
            f"[pgbouncer]\nlisten_addr =\nlisten_port = 6432\nunix_socket_dir = {folder}\n"
            f"auth_type = any\npool_mode = transaction\ndefault_pool_size = 3\n"
            f"logfile = {folder}/log\n"
        )
        process = subprocess.Popen(
            [program, settings],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **as_nobody_special(folder),
        )
        try:
            dsn = f"host={folder} port=6432 user=postgres dbname=postgres"
            _until_it_answers(dsn, process, folder / "log")
            yield dsn
        finally:
            process.kill()
            process.wait(PATIENCE)
