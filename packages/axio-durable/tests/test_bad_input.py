"""Faults of a program or of its surroundings: one error says what to do, and nothing is lost."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from axio.durable import LONGEST_ID
from axio_durable import Durable, Rested
from support.durably import rested, working
from support.waiting import until

_WITHOUT = "import sys; sys.modules[{package!r}] = None; import axio_durable.{module}"


@pytest.mark.parametrize(
    ("module", "package", "extra"),
    [
        ("procrastinate", "procrastinate", "procrastinate"),
        ("procrastinate", "psycopg", "procrastinate"),
        ("temporal", "temporalio", "temporal"),
        ("tracing", "opentelemetry", "otel"),
    ],
)
def test_a_package_that_is_not_there_is_named(module: str, package: str, extra: str) -> None:
    source = _WITHOUT.format(module=module, package=package)
    found = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, timeout=60, check=False
    )
    assert found.stderr.splitlines()[-1] == (
        f"axio_durable.errors.MissingPackage: axio_durable.{module} needs the package {package!r}: "
        f"pip install 'axio-durable[{extra}]'"
    )


@pytest.mark.parametrize("where", ["host=/nowhere user=nobody", "postgresql://127.0.0.1:9/x"])
async def test_a_worker_without_its_database_says_so_and_ends(
    make_program: Callable[[str, str], Any], where: str
) -> None:
    program = make_program(where, "in this process")
    assert await asyncio.to_thread(program.worker().wait, 60) == 1
    [words] = program.log.read_text().splitlines()
    assert words.startswith(
        "axio-worker: error: the database cannot be reached: check that the server runs, and the "
        "connection string ("
    )


OF_THE_STORE = pytest.mark.parametrize("program", ["sqlite", "postgres"], indirect=True)


@OF_THE_STORE
async def test_a_message_for_an_agent_that_no_worker_knows_waits_for_one_that_does(
    durable: Durable, program: Any
) -> None:
    await durable.post("s", "hello", agent="helper", id="1")
    worker = program.worker(AGENTS="worker")
    words = "UnknownAgent: no agent 'helper' in this program, only 'worker': add it to `agents`"
    await until(lambda: words in program.log.read_text())
    worker.terminate()
    assert await asyncio.to_thread(worker.wait, 60) == 0
    async with working(durable):
        assert await rested(durable, "s") == Rested("end_turn")


@OF_THE_STORE
async def test_an_id_that_no_index_can_hold_is_refused_before_anything_is_kept(
    durable: Durable,
) -> None:
    longest, longer = "é" * (LONGEST_ID // 2), "é" * (LONGEST_ID // 2) + "x"
    for session, id in ((longer, "1"), ("s", longer)):
        with pytest.raises(ValueError, match="at most 2000 bytes in UTF-8, it has 2001: 'ééé"):
            await durable.post(session, "hello", agent="worker", id=id)
    with pytest.raises(ValueError, match="the id of a session"):
        await durable.database.session(longer).work.assign("worker")
    with pytest.raises(ValueError, match="the id of a message"):
        await durable.database.session("s").inbox.post("hello", longer)
    assert await durable.database.unfinished() == []
    assert await durable.post(longest, "hello", agent="worker", id=longest)
    assert (await durable.advance(longest)).reason == "end_turn"


@OF_THE_STORE
async def test_an_id_that_is_no_text_is_refused(durable: Durable) -> None:
    number: Any = 7
    with pytest.raises(TypeError, match="the id of a session must be text, got 7"):
        await durable.post(number, "hello", agent="worker", id="1")
    with pytest.raises(TypeError, match="the id of a message must be text, got 7"):
        await durable.post("s", "hello", agent="worker", id=number)


@OF_THE_STORE
async def test_a_follower_that_counts_from_below_0_is_refused(durable: Durable) -> None:
    with pytest.raises(ValueError, match="`after` must be a number from 0 on, got -1"):
        durable.follow("s", -1)


@OF_THE_STORE
async def test_a_follower_that_is_beyond_the_end_is_told_of_the_rest(durable: Durable) -> None:
    await durable.post("s", "hello", agent="worker", id="1")
    await durable.advance("s")
    assert [event async for event in durable.follow("s", 5)] == [Rested("end_turn")]
    assert [event async for event in durable.follow("unknown", 5)] == [Rested("")]
