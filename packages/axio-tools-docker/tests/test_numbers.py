"""The cost of a container, against the same calls made by hand with the engine's own client."""

from __future__ import annotations

import asyncio
import resource
import statistics
import time
from collections.abc import Callable

import pytest

from axio_tools_docker import DockerWorkspace
from axio_tools_local.shell import shell
from support.docker import Engine
from support.image import SMALL_IMAGE

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(900)]

ROUNDS = 15


async def client(engine: Engine, *arguments: str) -> None:
    await asyncio.to_thread(engine.cli, *arguments)


async def echo(workspace: DockerWorkspace) -> None:
    async with workspace.run(("/bin/sh", "-c", "echo")) as running:
        assert [output.data async for output in running] == [b"\n"]


async def test_from_the_start_to_the_first_output(
    docker_engine: Engine, contained: Callable[..., DockerWorkspace]
) -> None:
    ours, by_hand = [], []
    limits = ("--init", "--network=none", "--cap-drop=ALL", "--read-only", "--tmpfs=/workspace")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        await client(docker_engine, "create", "--name=hand", *limits, SMALL_IMAGE, "sleep", "99")
        await client(docker_engine, "start", "hand")
        await client(docker_engine, "exec", "hand", "/bin/sh", "-c", "echo")
        by_hand.append(time.perf_counter() - start)
        await client(docker_engine, "rm", "-f", "hand")
        start = time.perf_counter()
        async with contained(image=SMALL_IMAGE) as workspace:
            await echo(workspace)
            ours.append(time.perf_counter() - start)
    ratio = statistics.median(ours) / statistics.median(by_hand)
    print(f"\nstart: {statistics.median(ours):.2f} s, {ratio:.2f} of the client's")
    assert ratio <= 1.3


async def test_a_command_in_a_running_container(
    docker_engine: Engine, contained: Callable[..., DockerWorkspace]
) -> None:
    ours, by_hand = [], []
    async with contained(image=SMALL_IMAGE) as workspace:
        for _ in range(3 * ROUNDS):
            start = time.perf_counter()
            await client(docker_engine, "exec", workspace.container, "/bin/sh", "-c", "echo")
            by_hand.append(time.perf_counter() - start)
            start = time.perf_counter()
            await echo(workspace)
            ours.append(time.perf_counter() - start)
    ratio = statistics.median(ours) / statistics.median(by_hand)
    print(f"\ncommand: {1000 * statistics.median(ours):.0f} ms, {ratio:.2f} of docker exec")
    assert ratio <= 1.5


async def test_much_output_takes_no_more_memory_than_is_shown(
    contained: Callable[..., DockerWorkspace], inside: Callable[[object], None]
) -> None:
    async with contained(image=SMALL_IMAGE) as workspace:
        inside(workspace)
        await shell("head -c 1000000 /dev/zero", timeout=50)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.perf_counter()
        said = await shell("head -c 20000000 /dev/zero | tr '\\0' x", timeout=50)
        seconds = time.perf_counter() - start
    growth = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"\n20 MB of output: {seconds:.1f} s, {growth} KiB more")
    assert len(said) < 140_000
    assert growth < 4096
