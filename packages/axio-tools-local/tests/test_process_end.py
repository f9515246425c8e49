"""The end of a command, or of the program that runs it, ends all that the command started."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Protocol, get_args

import pytest

from axio_tools_local import archive, cgroup, process
from axio_tools_local.local import LocalWorkspace
from axio_tools_local.run_python import run_python
from axio_tools_local.sandbox import Level
from axio_tools_local.shell import shell


class Marked(Protocol):
    """See conftest.py."""

    mark: str

    def alive(self) -> list[str]: ...

    async def until(self, running: bool, text: str = "") -> None: ...


# Each leaves something behind in its own way. The mark is looked for in all processes.
LEFTOVERS = {
    "foreground": "sleep 61.{mark}",
    "background": "sleep 61.{mark} & sleep 61.{mark}",
    "holding the pipe": "sleep 61.{mark} & echo started",
    "without the pipe": "sleep 61.{mark} >/dev/null 2>&1 & echo started",
    "grandchild": "sh -c 'sh -c \"sleep 61.{mark}\" & wait' & wait",
    "own session": "setsid sleep 61.{mark} & echo started; sleep 30",
    "no mark at all": "env -i setsid sh -c 'env -i setsid sleep 61.{mark} & exit' & sleep 30",
    "own session, no pipe": "setsid sleep 61.{mark} >/dev/null 2>&1 & echo started",
    "double fork": "(setsid sh -c 'sleep 61.{mark} & exit' &) ; sleep 0.2",
    "deaf to signals": "trap '' TERM INT HUP; (trap '' TERM; sleep 61.{mark}) & sleep 61.{mark}",
    "stopped": "sleep 61.{mark} & kill -STOP $!; echo started",
}


async def end(task: asyncio.Task[str]) -> float:
    start = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return time.monotonic() - start


@pytest.mark.parametrize("kind", LEFTOVERS)
async def test_nothing_is_left_after_a_command_has_ended_or_timed_out(
    kind: str, marked: Marked
) -> None:
    await shell(LEFTOVERS[kind].format(mark=marked.mark), timeout=1)
    assert marked.alive() == []


@pytest.mark.parametrize("kind", ["foreground", "grandchild", "own session", "deaf to signals"])
async def test_cancelling_ends_the_whole_group_long_before_its_time(
    kind: str, marked: Marked
) -> None:
    task = asyncio.create_task(shell(LEFTOVERS[kind].format(mark=marked.mark), timeout=60))
    await marked.until(True)
    assert await end(task) < 20
    assert marked.alive() == []


async def test_closing_the_stream_in_the_middle_ends_the_command(marked: Marked) -> None:
    stream: AsyncIterator[tuple[str, str]] = shell.stream(  # type: ignore[attr-defined]
        command=f"echo go; sleep 61.{marked.mark} & sleep 61.{marked.mark}", timeout=60
    )
    async with aclosing(stream):  # type: ignore[type-var]
        async for pair in stream:
            assert pair == ("stdout", "go\n")
            break
    assert marked.alive() == []


async def test_a_second_cancel_while_the_first_is_at_work_leaves_nothing(marked: Marked) -> None:
    command = f"trap '' TERM; setsid sleep 61.{marked.mark} & sleep 61.{marked.mark}"
    task = asyncio.create_task(shell(command, timeout=60))
    await marked.until(True)
    task.cancel()
    await asyncio.sleep(0.05)  # it is now waiting for the end that SIGTERM did not bring
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await marked.until(False)


async def test_a_second_cancel_does_not_call_off_a_search_that_still_waits(marked: Marked) -> None:
    busy = threading.Event()
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(1))
    task = asyncio.create_task(shell(f"setsid sleep 61.{marked.mark} & wait", timeout=60))
    await marked.until(True)
    occupied = loop.run_in_executor(None, busy.wait, 10)
    task.cancel()
    await asyncio.sleep(0.4)  # the command has been told to end, and the search is in the queue
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    busy.set()
    await occupied
    await marked.until(False)


async def test_python_code_is_ended_by_a_cancel_as_well(marked: Marked, folder: Path) -> None:
    code = f"import subprocess; subprocess.run(['sleep', '61.{marked.mark}'])"
    task = asyncio.create_task(run_python(code, timeout=60))
    await marked.until(True)
    assert await end(task) < 20
    assert marked.alive() == []


async def test_nothing_is_left_of_fifty_commands_cancelled_at_random(marked: Marked) -> None:
    seed = secrets.randbelow(10**6)
    chance = random.Random(seed)
    descriptors = len(os.listdir("/proc/self/fd"))
    tasks = asyncio.all_tasks()

    async def one() -> None:
        command = chance.choice(list(LEFTOVERS.values())).format(mark=marked.mark)
        task = asyncio.create_task(shell(command, timeout=30))
        await asyncio.sleep(chance.expovariate(20))
        task.cancel()
        if chance.random() < 0.3:
            await asyncio.sleep(chance.random() * 0.1)
            task.cancel()
        await asyncio.wait([task])

    for _ in range(10):
        await asyncio.gather(*(one() for _ in range(5)))
    await marked.until(False)  # after a second cancel the search goes on in its thread
    assert asyncio.all_tasks() == tasks, f"seed {seed}"
    assert len(os.listdir("/proc/self/fd")) == descriptors, f"seed {seed}"
    assert _zombies() == [], f"seed {seed}"


def _zombies() -> list[str]:
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            state, parent = Path("/proc", pid, "stat").read_text().rsplit(")", 1)[1].split()[:2]
        except OSError:
            continue
        if state == "Z" and int(parent) == os.getpid():
            found.append(pid)
    return found


async def test_without_pidfds_the_exit_is_found_by_asking(
    monkeypatch: pytest.MonkeyPatch, marked: Marked
) -> None:
    def unknown(pid: int) -> int:
        raise OSError("no such system call")

    monkeypatch.setattr("axio_tools_local.process.os.pidfd_open", unknown)
    assert "[exit code: 5]" in await shell("echo a; exit 5")
    assert "timeout" in await shell(f"sleep 61.{marked.mark} & sleep 61.{marked.mark}", timeout=1)
    assert marked.alive() == []


async def test_two_event_loops_in_turn_use_the_same_tool() -> None:
    program = (
        "import asyncio; from axio_tools_local.shell import shell\n"
        "for _ in range(2): print(asyncio.run(shell('echo hi')))"
    )
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", program], capture_output=True, check=True
    )
    assert done.stdout.count(b"[stdout] hi") == 2
    assert done.stderr == b""


@pytest.mark.parametrize("by", ["timeout", "cancel"])
async def test_a_command_is_asked_to_end_before_it_is_killed(
    by: str, folder: Path, marked: Marked
) -> None:
    command = f"trap 'echo asked > said; exit' TERM\nsleep 61.{marked.mark} & wait"
    task = asyncio.create_task(shell(command, timeout=1 if by == "timeout" else 60))
    if by == "timeout":
        assert "timeout" in await task
    else:
        await marked.until(True, "sleep\0")
        await end(task)
    assert (folder / "said").read_text() == "asked\n"
    assert marked.alive() == []


CANNOT_BE_STARTED = {
    "missing": (("no-such-program",), "No such file"),
    "a folder": (("/",), "Permission denied"),
    "not executable": (("./plain",), "Permission denied"),
    "no program": (("./nothing",), "Exec format error"),
    "interpreter missing": (("./orphaned",), "No such file"),
}


@pytest.mark.parametrize("name", CANNOT_BE_STARTED)
@pytest.mark.parametrize("level", get_args(Level))
async def test_what_cannot_be_started_says_so(name: str, level: Level, folder: Path) -> None:
    (folder / "plain").write_text("#!/bin/sh\n")
    for file, text in (("nothing", "\0"), ("orphaned", "#!/no/such/shell\n")):
        (folder / file).write_text(text)
        (folder / file).chmod(0o755)
    argv, reason = CANNOT_BE_STARTED[name]
    async with LocalWorkspace(sandbox=level).run(argv) as process:
        told = [output async for output in process]
    assert process.exit_code == 126
    assert {stream for stream, _ in told} == {"stderr"}
    text = b"".join(data for _, data in told).decode()
    assert text.startswith(f"axio: cannot run '{argv[0]}': ") and reason in text


@pytest.mark.parametrize(
    ("command", "cwd", "reason"),
    [("true", "missing", "missing"), ("true", "plain", "plain"), ("a\0b", ".", "null byte")],
)
async def test_a_command_without_a_place_says_so(
    command: str, cwd: str, reason: str, folder: Path
) -> None:
    (folder / "plain").touch()
    result = await shell(command, cwd=cwd)
    assert result.startswith("[stderr] [error: ") and reason in result


# ── the end of the program ────────────────────────────────────────────────────────────────────

PROGRAM = """
import asyncio, os, shutil, sys
from axio.tool import CONTEXT
from axio_tools_local import sandbox
from axio_tools_local.local import LocalWorkspace
from axio_tools_local.shell import shell

command, level, backend, forks = sys.argv[1:]
if backend == "kernel":
    sandbox.shutil.which = lambda name: None

async def main():
    CONTEXT.set(LocalWorkspace(sandbox=level))
    async for _ in shell.stream(command, timeout=60):
        if forks == "forks" and os.fork() == 0:
            os.execv("/bin/sleep", ["sleep", "3"])

asyncio.run(main())
"""
# The mark is in the program's own command line too; it is over when no sleep has it.
STUBBORN = (
    "trap '' TERM HUP INT QUIT; env -i setsid sh -c 'trap \"\" TERM HUP; sleep 61.{mark} & exit' & "
    "echo go; sleep 61.{mark}; touch survived"
)


@contextmanager
def program(
    command: str, folder: Path, level: str = "none", backend: str = "any", forks: str = "alone"
) -> Iterator[subprocess.Popen[bytes]]:
    running = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, command, level, backend, forks],
        cwd=folder,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield running
    finally:
        running.kill()
        running.wait()


@pytest.mark.parametrize(
    "number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGSEGV]
)
async def test_no_command_outlives_its_program_by_any_signal_that_ends_that(
    number: signal.Signals, folder: Path, marked: Marked
) -> None:
    with program(STUBBORN.format(mark=marked.mark), folder) as running:
        await marked.until(True, "sleep\0")
        running.send_signal(number)
        assert await asyncio.to_thread(running.wait, 10) == -number
        await marked.until(False)
    assert os.listdir(folder) == []


@pytest.mark.parametrize("level", ["workspace-write", "read-only"])
async def test_no_command_outlives_its_program_in_a_sandbox(
    level: str, backend: str, folder: Path, marked: Marked
) -> None:
    with program(STUBBORN.format(mark=marked.mark), folder, level, backend) as running:
        await marked.until(True, "sleep\0")
        running.kill()
        await marked.until(False)
    assert os.listdir(folder) == []


async def test_a_killed_program_leaves_no_temporary_folder(
    backend: str, folder: Path, marked: Marked, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("room", "temporary"):
        (folder / name).mkdir()
    monkeypatch.setenv("TMPDIR", str(folder / "temporary"))
    command = f"mkdir -p $TMPDIR/a/b; ln -s /etc $TMPDIR/a/b/c; sleep 61.{marked.mark}"
    with program(command, folder / "room", "workspace-write", backend) as running:
        await marked.until(True, "sleep\0")
        assert len(os.listdir(folder / "temporary")) == 1
        running.kill()
        await marked.until(False)
        async with asyncio.timeout(30):
            while os.listdir(folder / "temporary"):  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_a_fork_of_the_program_does_not_keep_the_command_alive(
    folder: Path, marked: Marked
) -> None:
    with program(STUBBORN.format(mark=marked.mark), folder, forks="forks") as running:
        await marked.until(True, "sleep\0")
        running.kill()
        await marked.until(False)
    assert os.listdir(folder) == []


# Each program starts the command line behind it; several of them can stand in a row.
WAYS_AWAY = {
    "session": "setsid {command}",
    "environment": "env -i PATH=$PATH {command}",
    "deaf": "sh -c {trap} sh {command}",
    "orphan": "sh -c '\"$@\" & exit' sh {command}",
    "background": "sh -c '\"$@\" & wait' sh {command}",
    "nohup": "nohup {command}",
    "limits": "sh -c 'ulimit -n 32; exec \"$@\"' sh {command}",
    "other user": "setpriv --reuid 65534 --clear-groups {command}",
    "namespace": "unshare --fork --pid {command}",
    "folder": "env -C / {command}",
}
TRAP = '\'trap "" TERM HUP INT QUIT; "$@"\''
NEED_ROOT = {"other user", "namespace"}


def gone_astray(chance: random.Random, mark: str) -> str:
    """A command line that hides a `sleep` in a way of its own."""
    names = sorted(WAYS_AWAY.keys() - (NEED_ROOT if os.geteuid() else set()))
    command = f"sleep 61.{mark}"
    for name in chance.choices(names, k=chance.randint(1, 5)):
        command = WAYS_AWAY[name].format(command=command, trap=TRAP)
    return f"{command} >/dev/null 2>&1 &"


@pytest.mark.parametrize("seed", range(4))
async def test_no_way_away_is_far_enough(seed: int, folder: Path, marked: Marked) -> None:
    """Neither when the command ends, nor when it is cancelled, nor when the program is killed."""
    chance = random.Random(seed)
    command = "\n".join(gone_astray(chance, marked.mark) for _ in range(12))
    await shell(f"{command}\nsleep 0.3", timeout=20)
    assert marked.alive() == []
    task = asyncio.create_task(shell(f"{command}\nwait; sleep 61", timeout=60))
    await marked.until(True, "sleep\0")
    await end(task)
    assert marked.alive() == []
    with program(f"{command}\nwait; sleep 61", folder) as running:
        await marked.until(True, "sleep\0")
        running.send_signal(chance.choice([signal.SIGKILL, signal.SIGQUIT, signal.SIGHUP]))
        await asyncio.to_thread(running.wait, 10)
        await marked.until(False)


async def test_what_forks_without_end_is_caught(marked: Marked) -> None:
    """It has another number at each moment, and a session of its own."""
    code = "import os\nwhile True:\n    if os.fork(): os._exit(0)\n    os.setsid()"
    await shell(f"{sys.executable} -c '{code}' {marked.mark} & sleep 0.3")
    assert marked.alive() == []


ON_THE_PARENT = {
    "kill": "kill -KILL $PPID",
    "stop": "kill -STOP $PPID",
    "stop again and again": "(while :; do kill -STOP $PPID; done) &",
}


@pytest.mark.parametrize("name", ON_THE_PARENT)
async def test_a_command_that_turns_on_its_parent_does_not_get_away(
    name: str, folder: Path, marked: Marked
) -> None:
    command = f"setsid sleep 61.{marked.mark} & {ON_THE_PARENT[name]}\nsleep 61.{marked.mark}"
    result = await shell(command, timeout=1)
    assert result.endswith(
        "[exit code: -9]" if name == "kill" else "[timeout: command exceeded 1s]"
    )
    assert marked.alive() == []
    with program(f"sleep 0.3; {command}", folder) as running:
        await marked.until(True, "sleep\0")
        running.kill()
        await marked.until(False)


async def test_a_stopped_parent_goes_on() -> None:
    assert await shell("kill -STOP $PPID; kill -TSTP $PPID; echo done") == "[stdout] done"


# The keeper is the parent of the parent.
GONE = {
    number: f"read _ _ _ keeper _ < /proc/$PPID/stat; kill -{number} $keeper"
    for number in ("KILL", "STOP")
}


@pytest.mark.parametrize("number", GONE)
async def test_without_its_keeper_a_command_ends(number: str, marked: Marked) -> None:
    await shell(f"{GONE[number]}; exec sleep 61.{marked.mark}", timeout=1)
    await marked.until(False)


@pytest.mark.parametrize("number", GONE)
async def test_a_control_group_finds_what_it_has_let_go_of(
    number: str, marked: Marked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "token_hex", lambda size: f"of-{marked.mark}")
    if not cgroup.tracking():
        pytest.skip("this machine gives no control groups")
    left = f"setsid sleep 61.{marked.mark} & (env -i setsid sleep 61.{marked.mark} &); sleep 0.2"
    await shell(f"{left}; {GONE[number]}; exec sleep 61.{marked.mark}", timeout=1)
    await marked.until(False)
    ((place, _),) = cgroup.tracking()
    async with asyncio.timeout(30):
        while f"axio-of-{marked.mark}" in os.listdir(place):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_control_group_that_is_slow_to_go_is_ended_beside_the_program(
    marked: Marked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_GROUP_SECONDS", 0)
    await test_a_control_group_finds_what_it_has_let_go_of("KILL", marked, monkeypatch)


@pytest.fixture
def elsewhere(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a system without memory files and without a way to inherit orphans."""
    package = tmp_path_factory.mktemp("elsewhere") / "axio_tools_local"
    shutil.copytree(archive._PACKAGE, package)
    system = package / "confine" / "system.py"
    system.write_text(system.read_text() + "\nadopt_orphans = lambda: False\n")
    monkeypatch.setattr(archive, "_PACKAGE", package)
    monkeypatch.setattr(archive, "_IN_MEMORY", False)


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("kind", ["foreground", "background", "holding the pipe", "grandchild"])
async def test_elsewhere_the_group_of_a_command_ends_with_it(kind: str, marked: Marked) -> None:
    await shell(LEFTOVERS[kind].format(mark=marked.mark), timeout=1)
    assert marked.alive() == []


@pytest.mark.usefixtures("elsewhere")
async def test_elsewhere_commands_work_and_late_output_is_not_lost() -> None:
    result = await shell("(sleep 0.05; echo late) & echo early; exit 3")
    assert result == "[stdout] early\nlate\n[stderr] [exit code: 3]"
    assert await shell("kill -9 $$") == "[stderr] [exit code: -9]"


async def test_signals_to_the_parent_change_nothing() -> None:
    command = "for s in TERM INT HUP QUIT; do kill -$s $PPID; done; sleep 0.1; echo done; exit 4"
    assert await shell(command) == "[stdout] done\n[stderr] [exit code: 4]"


async def test_a_command_has_the_signals_of_the_system() -> None:
    """Python ignores a broken pipe, and what it starts would inherit that."""
    assert await shell("(yes; echo $? >&2) | head -n 1") == "[stdout] y\n[stderr] 141"
    code = "import signal, subprocess; print(signal.getsignal(signal.SIGXFSZ))"
    assert "SIG_DFL" not in await run_python(code)  # as every Python has it
    told = await shell("grep SigIgn /proc/self/status")
    ignored = int(told.removeprefix("[stdout] SigIgn:"), 16)
    # 32 and 33 belong to the C library, which lets no program set them.
    assert ignored & ~(1 << 31 | 1 << 32) == 0


async def test_ctrl_c_in_a_program_leaves_no_command_behind(marked: Marked) -> None:
    program = "import asyncio; from axio_tools_local.shell import shell\n" + (
        f"asyncio.run(shell('setsid sleep 61.{marked.mark} & sleep 61.{marked.mark}', timeout=60))"
    )
    running = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-c", program], stderr=subprocess.DEVNULL
    )
    try:
        await marked.until(True, "sleep\0")
        running.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(running.wait, 5) != 0
    finally:
        running.kill()
        running.wait()
    assert marked.alive() == []
