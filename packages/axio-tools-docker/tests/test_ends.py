"""Nothing that a command has started outlives it, in whatever way it tried to get away."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol

import pytest

from axio_tools_docker import DockerWorkspace
from axio_tools_docker.room import Room
from axio_tools_docker.settings import Limits
from support.image import SMALL_IMAGE

SLEEP = "sleep 61.{mark}"
STAY = "while :; do :; done"  # a shell that can start nothing would end
ESCAPES = {
    "foreground": f"{SLEEP}",
    "background": f"{SLEEP} & {SLEEP}",
    "own session": f"setsid {SLEEP} & sleep 60.{{mark}}",
    "double fork": f"(setsid sh -c '{SLEEP} & exit' &) ; sleep 60.{{mark}}",
    "no environment": f"(env -i setsid sh -c 'env -i setsid {SLEEP} & exit' &) ; sleep 60.{{mark}}",
    "deaf to signals": f"trap '' TERM INT HUP; (trap '' TERM; {SLEEP}) & {SLEEP}",
    "stopped": f"{SLEEP} & kill -STOP $!; {SLEEP}",
    "parent killed": f"({SLEEP} & kill -9 $PPID); {SLEEP}",
    "lower limits": f"(ulimit -m 5000; ulimit -x 5000; exec setsid {SLEEP}) & sleep 60.{{mark}}",
    "one lower limit": f"(ulimit -S -m 5; setsid sh -c '{SLEEP} & exit' &); sleep 60.{{mark}}",
    "a name that looks dead": "cp /bin/busybox '/tmp/busybox) Z\n'; "
    f"('/tmp/busybox) Z\n' {SLEEP} &); sleep 60.{{mark}}",
    "fork bomb": f"sh -c 'bomb() {{{{ bomb | bomb & }}}}; {SLEEP} & bomb; {SLEEP}'; {STAY}",
    "no process left to start": f"sh -c 'while :; do ({SLEEP} &) 2>/dev/null; done'; {STAY}",
}


class Marked(Protocol):
    """See conftest.py."""

    mark: str

    def alive(self) -> list[str]: ...

    async def until_alive(self, count: int = 1) -> None: ...


@asynccontextmanager
async def running(
    workspace: DockerWorkspace, command: str, timeout: float | None = None
) -> AsyncIterator[asyncio.Task[str]]:
    """A command on its way, and what it says."""

    async def run() -> str:
        async with workspace.run(("/bin/sh", "-c", command), timeout=timeout) as process:
            said = [output.data.decode() async for output in process]
        return "".join(said) + f"[{'timeout' if process.timed_out else process.exit_code}]"

    task = asyncio.create_task(run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.mark.parametrize("kind", ESCAPES)
async def test_nothing_outlives_a_command_whose_time_is_up_or_that_is_cancelled(
    kind: str, contained: Callable[..., DockerWorkspace], marked: Marked
) -> None:
    command = ESCAPES[kind].format(mark=marked.mark)
    async with contained(image=SMALL_IMAGE, limits=Limits(processes=40)) as workspace:
        words = ("/bin/sh", "-c", f"echo before; {command}")
        async with workspace.run(words, timeout=600) as process:
            await marked.until_alive()
            process._expire()  # as if the time were up
            said = b"".join([output.data async for output in process])
            assert b"before\n" in said
            assert process.timed_out and process.exit_code is None
            assert marked.alive() == []
        async with running(workspace, command) as task:
            await marked.until_alive()
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
            assert marked.alive() == []
        async with running(workspace, "echo works") as task:
            assert await task == "works\n[0]"


async def test_what_is_left_in_the_background_ends_with_its_command(
    contained: Callable[..., DockerWorkspace], marked: Marked
) -> None:
    async with contained(image=SMALL_IMAGE) as workspace:
        for kind, words in ESCAPES.items():
            if "sleep 60." not in words:
                continue
            command = words.format(mark=marked.mark).replace("sleep 60.", ": ")
            async with running(workspace, command) as task:
                assert await task == "[0]", kind
            assert marked.alive() == [], kind


async def test_killing_what_watches_over_a_command_frees_nothing(
    contained: Callable[..., DockerWorkspace], marked: Marked
) -> None:
    async with contained(image=SMALL_IMAGE) as workspace:
        leave = f"setsid sleep 61.{marked.mark} </dev/null >/dev/null 2>&1 &"
        async with running(workspace, f"{leave} sleep 0.3; kill -9 $PPID; exit") as task:
            assert await task == "[-9]"
        assert marked.alive() == []
        async with running(workspace, f"{leave} kill -9 -1") as task:
            assert await task == "[-9]"
        assert marked.alive() == []


async def test_a_process_cannot_pass_for_one_of_another_command(
    contained: Callable[..., DockerWorkspace], marked: Marked
) -> None:
    """It may take each limit of the other that is lower than its own: never both."""
    words = (
        "set -- $(awk '/resident set/ {{ print $5 / 1024 }} /file locks/ {{ print $4 }}'"
        " /proc/{pid}/limits); ulimit -m $1; ulimit -x $2;"
        "[ $(ulimit -m) = $1 ] && echo one; [ $(ulimit -x) = $2 ] && echo other;"
        "(setsid sleep 61.{mark} &) > /dev/null"
    )
    async with contained(image=SMALL_IMAGE) as workspace:
        for _ in range(4):  # the one has now the higher mark, now the other
            beside = f"sleep 62.{marked.mark} & echo $$; wait"
            async with workspace.run(("/bin/sh", "-c", beside)) as other:
                pid = int((await anext(aiter(other))).data)
                command = words.format(pid=pid, mark=marked.mark)
                async with running(workspace, f"exec 2>/dev/null; {command}") as task:
                    assert await task in ("one\n[0]", "other\n[0]")
                assert ["62." in line for line in marked.alive()] == [True]
            assert marked.alive() == []


async def test_what_goes_on_without_its_first_thread_ends_with_its_command(
    contained: Callable[..., DockerWorkspace],
) -> None:
    code = """
import ctypes, threading, time
def beat():
    while True:
        with open("beat", "a") as file:
            file.write(".")
        time.sleep(0.01)
threading.Thread(target=beat).start()
time.sleep(0.1)
ctypes.CDLL(None).syscall(60, 0)
"""
    async with contained() as workspace:
        start = f"setsid python3 -c '{code}' >/dev/null 2>&1 & until [ -s beat ]; do :; done"
        async with running(workspace, f"{start}; sleep 1") as task:
            assert await task == "[0]"
        before = await workspace.read("beat")
        await asyncio.sleep(0.3)
        assert await workspace.read("beat") == before


@pytest.mark.parametrize("kind", ["double fork", "no environment"])
async def test_the_end_of_a_command_spares_those_beside_it(
    kind: str, contained: Callable[..., DockerWorkspace], marked: Marked
) -> None:
    async with contained(image=SMALL_IMAGE) as workspace:
        beside = f"(ulimit -m 5000; sleep 62.{marked.mark}) & wait"  # though it has no mark
        async with workspace.run(("/bin/sh", "-c", f"echo there; {beside}")) as other:
            assert (await anext(aiter(other))).data == b"there\n"
            command = ESCAPES[kind].format(mark=marked.mark)
            async with workspace.run(("/bin/sh", "-c", command)) as process:
                await marked.until_alive(2)
                process._expire()
                assert [output async for output in process] == []
            assert ["62." in line for line in marked.alive()] == [True]
            assert other.exit_code is None
        assert marked.alive() == []


async def test_a_bomb_beside_others_ends_at_their_cost_and_that_is_said(
    contained: Callable[..., DockerWorkspace], marked: Marked, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill = Room._kill

    async def never_by_mark(self: Room, *words: Any, **options: Any) -> bool:
        return "everything" in options and await kill(self, *words, **options)

    monkeypatch.setattr(Room, "_kill", never_by_mark)
    async with contained(image=SMALL_IMAGE) as workspace:
        async with running(workspace, SLEEP.format(mark=marked.mark)) as other:
            await marked.until_alive()
            async with running(workspace, f"echo it; sleep 61.{marked.mark}", 6) as task:
                assert await task == "it\n[timeout]"
            assert "could not be ended by itself" in await other
        assert marked.alive() == []


async def test_the_container_is_started_again_when_nothing_else_ends_a_command(
    contained: Callable[..., DockerWorkspace], marked: Marked, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object, **__: object) -> bool:
        return False

    monkeypatch.setattr(Room, "_kill", never)
    async with contained(image=SMALL_IMAGE) as workspace:
        await workspace.write("/tmp/file", b"x")
        async with running(workspace, f"echo it; sleep 61.{marked.mark}", 6) as task:
            said = await task
        assert said.startswith("it\n") and "temporary folders are empty" in said
        assert marked.alive() == []
        with pytest.raises(FileNotFoundError):
            await workspace.stat("/tmp/file")
        await workspace.write("works", b"x")


async def test_a_command_as_root_ends_without_ending_the_container(
    contained: Callable[..., DockerWorkspace], marked: Marked
) -> None:
    async with contained(image=SMALL_IMAGE, user="0:0") as workspace:
        await workspace.write("/tmp/file", b"x")
        command = ESCAPES["no environment"].format(mark=marked.mark)
        async with running(workspace, command, 1) as task:
            assert await task == "[timeout]"
        assert marked.alive() == []
        assert await workspace.read("/tmp/file") == b"x"


async def test_a_command_that_is_cancelled_before_it_has_begun_never_runs(
    contained: Callable[..., DockerWorkspace], marked: Marked
) -> None:
    beside = ("/bin/sh", "-c", "sleep 600")  # so that not all may be ended
    async with contained(image=SMALL_IMAGE) as workspace, workspace.run(beside):
        for milliseconds in (0, 5, 10, 20, 30, 40, 60, 80, 120):
            async with running(workspace, f"setsid sleep 61.{marked.mark}") as task:
                await asyncio.sleep(milliseconds / 1000)
                task.cancel()
                await asyncio.wait([task])
                assert task.cancelled()
        await asyncio.sleep(0.5)
        assert marked.alive() == []


@pytest.mark.heavy
@pytest.mark.timeout(900)
async def test_many_that_end_in_all_ways_at_once_do_not_disturb_each_other(
    contained: Callable[..., DockerWorkspace], marked: Marked
) -> None:
    moments = random.Random(3)
    places = asyncio.Semaphore(12)
    leave = f"setsid sleep 61.{marked.mark} & "

    async def one(number: int) -> None:
        kind = moments.choice(("plain", "cancel", "timeout", "stray", "write", "write cancelled"))
        if kind == "plain":
            async with running(workspace, f"echo {number}; sleep 0.{number}") as task:
                assert await task == f"{number}\n[0]"
        elif kind == "stray":
            command = f"(ulimit -m 77; setsid sleep 61.{marked.mark}) >/dev/null 2>&1 & exit 3"
            async with running(workspace, command) as task:
                assert await task == "[3]"
        elif kind == "timeout":
            async with running(workspace, f"{leave} sleep 600", 2 * moments.random()) as task:
                assert await task == "[timeout]"
        elif kind == "cancel":
            async with running(workspace, f"{leave} sleep 600") as task:
                await asyncio.sleep(moments.random())
        elif kind == "write":
            await workspace.write(f"file{number}", b"x" * 1_000_000)
            assert len(await workspace.read(f"file{number}")) == 1_000_000
        else:
            writing = asyncio.create_task(workspace.write(f"file{number}", b"x" * 3_000_000))
            await asyncio.sleep(0.3 * moments.random())
            writing.cancel()
            await asyncio.wait([writing])

    async def placed(number: int) -> None:
        async with places:
            await one(number)

    async with contained(image=SMALL_IMAGE) as workspace:
        await asyncio.gather(*map(placed, range(150)))
        assert marked.alive() == []
        names = [entry.name for entry in await workspace.list(".")]
        assert not [name for name in names if name.startswith(".axio-")]
