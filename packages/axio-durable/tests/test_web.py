"""The web program in `examples/durable_web`: a server, two workers, and people in browsers."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from support.chromium import chromium

EXAMPLE = Path(__file__).parents[3] / "examples" / "durable_web"

# The program with a model that does always the same.
_SCRIPTED = """
import app
from axio import IterationEnd, StopReason, TextDelta, ToolInputDelta, ToolUseStart, Usage

class Model:
    async def stream(self, messages, tools, system):
        turns = sum(message.role == "assistant" for message in messages)
        calls = [("find_order", '{"number": 7}'), ("refund", '{"number": 7}')]
        if turns < 2:
            yield ToolUseStart(0, f"call{turns}", calls[turns][0])
            yield ToolInputDelta(0, f"call{turns}", calls[turns][1])
            yield IterationEnd(1, StopReason.tool_use, Usage(1, 1))
        else:
            yield TextDelta(0, "That is all, <b>thank you</b>.")
            yield IterationEnd(1, StopReason.end_turn, Usage(1, 1))

app.transport = Model
durable = app.durable
"""

_WEB = "import runpy, scripted; runpy.run_path('web.py', run_name='__main__')"


class Site:
    """The server's address, and its processes."""

    def __init__(self, folder: Path) -> None:
        (folder / "scripted.py").write_text(_SCRIPTED)
        self.refunds = folder / "refunds"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._log = folder / "log"
        self._folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=EXAMPLE,
                env={
                    **os.environ,
                    "PYTHONPATH": f"{EXAMPLE}:{self._folder}",
                    "DATABASE": str(self._folder / "app.db"),
                    "REFUNDS": str(self.refunds),
                    "PYTHONDONTWRITEBYTECODE": "1",
                },
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def web(self) -> subprocess.Popen[bytes]:
        return self.start("-c", _WEB, str(self._port))

    def worker(self) -> subprocess.Popen[bytes]:
        return self.start("-m", "axio_durable.worker", "scripted:durable")

    def close(self) -> None:
        for process in self.processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    site.web()
    site.worker()
    site.worker()
    try:
        yield site
    finally:
        site.close()


@pytest.fixture
async def http(site: Site) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(site.url) as session:
        async with asyncio.timeout(60):
            while True:
                try:
                    async with session.get("/") as answer:
                        assert answer.status == 200
                        break
                except aiohttp.ClientConnectionError:
                    await asyncio.sleep(0.1)
        yield session


async def events(
    http: aiohttp.ClientSession, session: str, last: str = "0"
) -> AsyncIterator[tuple[str, str, Any]]:
    """Kind, id and data of each event."""
    headers = {"last-event-id": last}
    async with http.get(f"/sessions/{session}/events", headers=headers) as answer:
        fields: dict[str, str] = {}
        async for line in answer.content:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            fields[name] = value
            if not name:
                yield fields["event"], fields.get("id", ""), json.loads(fields["data"])
                fields = {}


async def until_rest(
    http: aiohttp.ClientSession, session: str, reason: str, last: str = "0"
) -> tuple[list[str], Any]:
    """The ids of the messages that come, and what is told when the session rests."""
    ids: list[str] = []
    async with asyncio.timeout(60):
        async for kind, id, data in events(http, session, last):
            if kind == "message":
                ids.append(id)
            if kind == "rest" and data["reason"] == reason:
                return ids, data
    raise AssertionError("the stream has ended")


async def test_a_refund_is_approved_by_a_second_person_and_made_once(
    site: Site, http: aiohttp.ClientSession
) -> None:
    said = {"text": "Refund order 7, please", "id": "one"}
    for new in (True, False):
        async with http.post("/sessions/anna-1/messages", json=said) as answer:
            assert await answer.json() == {"new": new}
    ids, rest = await until_rest(http, "anna-1", "approval")
    assert ids == ["1", "2", "3", "4"]
    [call] = rest["calls"]
    assert call["name"] == "refund" and call["reason"] == "a second person decides on refunds"

    decision = {"call": call["digest"], "approve": True, "reason": ""}
    path = "/sessions/anna-1/decisions"
    async with http.post(path, json={**decision, "user": "anna"}) as answer:
        assert answer.status == 403
    os.killpg(site.processes[1].pid, signal.SIGKILL)
    async with http.post(path, json={**decision, "user": "bob"}) as answer:
        assert answer.status == 200
    ids, _ = await until_rest(http, "anna-1", "end_turn", last="4")
    assert ids == ["5", "6"]
    async with http.post(path, json={**decision, "user": "bob"}) as answer:
        assert answer.status == 409
    assert site.refunds.read_text() == "7\n"


async def test_a_server_that_was_killed_goes_on_where_the_browser_was(
    site: Site, http: aiohttp.ClientSession
) -> None:
    said = {"text": "Refund order 7, please", "id": "one"}
    async with http.post("/sessions/anna-1/messages", json=said) as answer:
        assert answer.status == 200
    await until_rest(http, "anna-1", "approval")
    os.killpg(site.processes[0].pid, signal.SIGKILL)
    site.processes[0].wait()
    site.web()
    async with asyncio.timeout(60):
        while True:
            try:
                ids, _ = await until_rest(http, "anna-1", "approval", last="2")
                break
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.1)
    assert ids == ["3", "4"]


async def test_two_people_use_the_page_in_a_browser(
    site: Site, http: aiohttp.ClientSession
) -> None:
    shown = "document.body.innerText"
    async with chromium() as page:
        await page.open(f"{site.url}/?user=anna")
        await page.until("document.activeElement.id === 'text'")
        await page.type("Refund order 7, please")
        await page.until(f"{shown}.includes('Allow refund')")
        await page.evaluate("document.querySelector('#calls button').click()")
        await page.until(f"{shown}.includes('somebody else has to decide')")

        await page.open(f"{site.url}/?user=bob&session=anna-1")
        await page.until(f"{shown}.includes('Allow refund')")
        await page.evaluate("document.querySelector('#calls button').click()")
        await page.until(f"{shown}.includes('That is all, <b>thank you</b>.')")
        assert await page.evaluate("document.querySelectorAll('b').length") == 0
        assert await page.evaluate("document.querySelectorAll('.user').length") == 1
    assert site.refunds.read_text() == "7\n"
