"""Sessions that a transport owns: one a loop, closed without a warning."""

from __future__ import annotations

import asyncio
import copy
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import aiohttp
import pytest

from axio.wire.session import SessionPool, Timeouts, sending_options
from support.loopback import serving, status
from support.parts import requires


async def test_one_loop_has_one_session() -> None:
    pool = SessionPool()
    first, second = await asyncio.gather(pool.current(), pool.current())
    assert first is second
    await pool.close()
    assert first.closed


async def test_a_closed_pool_opens_again() -> None:
    pool = SessionPool()
    first = await pool.current()
    await pool.close()
    await pool.close()
    assert await pool.current() is not first
    await (await pool.current()).close()  # by another owner
    assert not (await pool.current()).closed
    await pool.close()


def test_two_runs_in_a_row_have_a_session_each() -> None:
    pool = SessionPool()

    async def run() -> aiohttp.ClientSession:
        async with serving(status(200, "{}")) as server, pool.get(server.url) as response:
            assert response.status == 200
        return await pool.current()

    first = asyncio.run(run())
    assert first.closed
    second = asyncio.run(run())
    assert second is not first
    assert second.closed


async def test_a_copy_is_a_pool_of_its_own() -> None:
    pool = SessionPool()
    session = await pool.current()
    copies = [copy.copy(pool), copy.deepcopy(pool), pickle.loads(pickle.dumps(pool))]
    for other in copies:
        assert await other.current() is not session
        await other.close()
    assert not session.closed
    await pool.close()


async def test_an_orphaned_pool_closes_its_session() -> None:
    pool = SessionPool()
    session = await pool.current()
    del pool
    async with asyncio.timeout(60):
        while not session.closed:  # noqa: ASYNC110 - the loop's own task closes it
            await asyncio.sleep(0)


async def test_only_aiohttp_gets_its_options() -> None:
    pool = SessionPool()
    session = await pool.current()
    for known in (pool, session):
        timeout = sending_options(known, Timeouts(connect=3))["timeout"]
        assert (timeout.total, timeout.sock_connect) == (None, 3)
    assert sending_options(object(), Timeouts()) == {}
    await pool.close()


ENDINGS = {
    "at the end of run": "asyncio.run(ask())",
    "twice": "asyncio.run(ask()); asyncio.run(ask())",
    "by hand": "loop = asyncio.new_event_loop(); loop.run_until_complete(closed()); loop.close()",
    "with a loop that is not tidied up": """
        loop = asyncio.new_event_loop()
        loop.run_until_complete(ask())
        loop.close()
        asyncio.run(ask())
    """,
    "at exit": "loop = asyncio.new_event_loop(); loop.run_until_complete(ask())",
    "without the pool": """
        loop = asyncio.new_event_loop()
        loop.run_until_complete(ask())
        loop.close()
        del pool
        gc.collect()
    """,
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_no_ending_leaves_an_unclosed_session(ending: str) -> None:
    program = f"""
import asyncio, gc, logging
logging.basicConfig()
from axio.wire.session import SessionPool
pool = SessionPool()

async def ask():
    session = await pool.current()
    assert not session.closed

async def closed():
    await ask()
    await pool.close()

{textwrap.dedent(ENDINGS[ending])}
"""
    command = [sys.executable, "-W", "error", "-W", "ignore:unclosed event loop", "-c"]
    done = subprocess.run([*command, program], capture_output=True, text=True, timeout=50)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_core_imports_without_aiohttp() -> None:
    program = """
import sys
sys.modules["aiohttp"] = None
import asyncio
from axio.wire import errors, http, retry, session, sse
try:
    asyncio.run(session.SessionPool().current())
except ImportError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=50
    )
    assert "pip install aiohttp" in done.stdout, done.stderr


PROXIED = """
import asyncio, sys
from axio.wire.session import SessionPool

async def main():
    pool = SessionPool()
    async with pool.get(sys.argv[1]) as response:
        print(response.status, await response.text())
    await pool.close()

asyncio.run(main())
"""


async def python(program: str, *arguments: str, **environment: str) -> tuple[str, str]:
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-c", program, *arguments],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    out, err = await process.communicate()
    return out.decode(), err.decode()


async def test_a_proxy_is_taken_from_the_environment() -> None:
    async with serving(status(200, "through the proxy")) as proxy:
        base = proxy.url.removesuffix("/v1")
        out, err = await python(PROXIED, "http://nowhere.invalid/x", HTTP_PROXY=base)
    assert out == "200 through the proxy\n", err


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    requires("openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = subprocess.run(
        [
            *["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"],
            *["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
            *["-keyout", str(key), "-out", str(certificate)],
        ],
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    return certificate, key


async def test_an_authority_is_taken_from_the_environment(certificate: tuple[Path, Path]) -> None:
    async with serving(status(200, "in private"), certificate=certificate) as server:
        refused, _ = await python(PROXIED, server.url)
        out, err = await python(PROXIED, server.url, SSL_CERT_FILE=str(certificate[0]))
    assert refused == ""
    assert out == "200 in private\n", err
