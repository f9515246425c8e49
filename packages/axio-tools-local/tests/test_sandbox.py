"""The sandbox: what works inside, what does not get out, and what a machine cannot give."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args

import pytest

import axio
import axio_tools_local
from axio.tool import Tool
from axio_tools_local import archive, cgroup, sandbox as module
from axio_tools_local.edit_file import edit_file
from axio_tools_local.local import LocalWorkspace
from axio_tools_local.run_python import run_python
from axio_tools_local.sandbox import Level, Limits, SandboxUnavailable
from axio_tools_local.search_files import search_files
from axio_tools_local.shell import shell
from axio_tools_local.write_file import write_file
from support.parts import in_ci
from support.waiting import timed_out

Use = Callable[[object], None]


# ── what works inside ─────────────────────────────────────────────────────────────────────────


@pytest.fixture
def room(folder: Path, backend: str, inside: Use) -> Path:
    """A folder that is a workspace in which may be written, nowhere else."""
    inside(LocalWorkspace(folder, sandbox="workspace-write"))
    return folder


async def test_commands_work_in_the_workspace_and_in_a_temporary_folder(room: Path) -> None:
    command = "mkdir a && echo hi > a/f && mv a b && cat b/f && echo x > $TMPDIR/t && rm -r b"
    assert (await shell(command)).endswith("[stdout] hi")
    assert os.listdir(room) == []
    assert await run_python("import tempfile; tempfile.mkstemp(); print('ok')") == "ok"


async def test_the_temporary_folder_is_gone_after_the_command(room: Path) -> None:
    where = (await shell("touch $TMPDIR/x; echo $TMPDIR")).split()[-1]
    assert not await asyncio.to_thread(os.path.exists, where)


async def test_everyday_programs_work(room: Path) -> None:
    git = "git -c user.name=a -c user.email=a@b"
    command = f"git init -q && echo x > f && git add f && {git} commit -qm m && git log --oneline"
    assert "m" in (await shell(command, timeout=20)).split()
    code = (
        "import multiprocessing, socket, threading\n"
        "server = socket.create_server(('127.0.0.1', 0))\n"
        "client = socket.create_connection(server.getsockname())\n"
        "left, right = socket.socketpair()\n"
        "print(multiprocessing.Pool(2).map(abs, [-1, -2]), open('/dev/null', 'w').write('x'))"
    )
    assert await run_python(code, timeout=30) == "[1, 2] 1"


async def test_exit_codes_and_signals_come_through(room: Path) -> None:
    assert "[exit code: 7]" in await shell("exit 7")
    assert "[exit code: 137]" in await shell("kill -9 $$")
    assert "[exit code: 127]" in await shell("no-such-command")


async def test_a_timeout_ends_everything_inside(room: Path, marked: Any) -> None:
    command = (
        f"env -i setsid sleep 61.{marked.mark} & echo go; trap '' TERM; sleep 61.{marked.mark}"
    )
    result, _ = await timed_out(lambda seconds: shell(command, timeout=seconds), "go")
    assert "go" in result and "timeout" in result
    assert marked.alive() == []


async def test_a_cancel_ends_everything_inside(room: Path, marked: Any) -> None:
    task = asyncio.create_task(
        shell(f"env -i setsid sleep 61.{marked.mark} & sleep 60", timeout=60)
    )
    await marked.until(True)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert marked.alive() == []


async def test_a_daemon_does_not_outlive_its_command(room: Path, marked: Any) -> None:
    await shell(f"env -i setsid sleep 61.{marked.mark} >/dev/null 2>&1 & sleep 0.1")
    assert marked.alive() == []


async def test_searching_works_where_nothing_may_be_written(
    folder: Path, backend: str, inside: Use
) -> None:
    (folder / "f").write_text("needle\n")
    inside(LocalWorkspace(folder, sandbox="read-only"))
    assert await search_files("needle") == "f:1: needle"
    assert "cannot" in await shell("echo > g; echo > $TMPDIR/g")
    assert os.listdir(folder) == ["f"]


async def test_a_workspace_inside_a_read_only_mount_stays_read_only(
    folder: Path, backend: str, inside: Use
) -> None:
    """`/sys` is not made writable by being named as a workspace."""
    inside(LocalWorkspace("/proc/sys", sandbox="workspace-write"))
    assert "cannot" in await shell("echo 1 > /sys/kernel/profiling")


async def test_the_tools_that_write_keep_to_the_level_too(folder: Path, inside: Use) -> None:
    (folder / "room").mkdir()
    (folder / "outside").write_text("old")
    (folder / "room/link").symlink_to("../outside")
    (folder / "room/way").symlink_to("..")
    inside(LocalWorkspace("room", sandbox="workspace-write"))
    assert await write_file("new/deep.txt", "x") == "Wrote 1 bytes to new/deep.txt"
    assert (folder / "room/new/deep.txt").exists()
    for path in ("../outside", "link", "way/outside", "way/new", str(folder / "x"), "/etc/x/y"):
        with pytest.raises(PermissionError, match="sandbox"):
            await write_file(path, "bad")
    with pytest.raises(PermissionError, match="sandbox"):
        await edit_file("link", "old", "bad")
    inside(LocalWorkspace("room", sandbox="read-only"))
    with pytest.raises(PermissionError, match="sandbox"):
        await write_file("new.txt", "x")
    assert (folder / "outside").read_text() == "old"
    assert sorted(os.listdir(folder)) == ["outside", "room"]


async def test_no_race_leads_a_write_outside(folder: Path) -> None:
    """A folder on the way is a link at the next moment."""
    for name in ("room/swap/inner", "outside/inner"):
        (folder / name).mkdir(parents=True)
    (folder / "room/other").symlink_to("../outside")
    libc = ctypes.CDLL(None)
    stop = threading.Event()

    def swap() -> None:
        pair = [os.fsencode(folder / "room" / name) for name in ("swap", "other")]
        while not stop.is_set():
            libc.renameat2(-1, pair[0], -1, pair[1], 2)  # RENAME_EXCHANGE

    workspace = LocalWorkspace(folder / "room", sandbox="workspace-write")
    swapping = threading.Thread(target=swap)
    swapping.start()
    refused = written = 0
    try:
        while min(written, refused) < 100:
            try:
                await workspace.write(f"swap/inner/{written}", b"x")
                written += 1
            except OSError:
                refused += 1
    finally:
        stop.set()
        swapping.join()
    assert os.listdir(folder / "outside/inner") == []


def program_in(folder: Path) -> str:
    """A virtual environment in a workspace, in which this very package runs."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "env"], check=True)
    site = next((folder / "env/lib").glob("python3*")) / "site-packages"
    for package in (axio, axio_tools_local):
        source = os.path.dirname(str(package.__file__))
        shutil.copytree(source, site / os.path.basename(source))
    return str(folder / "env/bin/python")


def test_a_command_cannot_change_how_the_next_one_is_confined(folder: Path, backend: str) -> None:
    """Not by what it does to the virtual environment, and not by moving that away."""
    python = program_in(folder / "room/deep")
    program = (
        "import asyncio, sys\n"
        "from axio.tool import CONTEXT\n"
        "from axio_tools_local import sandbox\n"
        "from axio_tools_local.local import LocalWorkspace\n"
        "from axio_tools_local.shell import shell\n"
        "from axio_tools_local.write_file import write_file\n"
        f"if {backend == 'kernel'}: sandbox.shutil.which = lambda name: None\n"
        "CONTEXT.set(LocalWorkspace(sandbox='workspace-write'))\n"
        "for command in sys.argv[1:]: print(asyncio.run(shell(command)))\n"
        "try: asyncio.run(write_file('deep/env/bin/python', 'x'))\n"
        "except PermissionError as error: print(error)\n"
    )
    commands = [
        "for f in $(find deep/env -name '*.py'); do echo 'exit()' > $f; done; rm -r deep/env",
        "mv deep gone; echo x > deep/fine && cat deep/fine",
        "echo x > ../outside",
    ]
    done = subprocess.run(
        [python, "-c", program, *commands],
        cwd=folder / "room",
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        check=True,
        text=True,
    )
    assert done.stdout.count("Read-only file system") > 10
    assert "mv: cannot move 'deep'" in done.stdout
    assert "[stdout] x" in done.stdout
    assert "the sandbox (workspace-write) allows no change here" in done.stdout
    assert sorted(os.listdir(folder)) == ["room"] and os.listdir(folder / "room") == ["deep"]
    assert (folder / "room/deep/env/bin/python").exists()


def test_the_program_that_confines_is_kept_in_memory(
    folder: Path, backend: str, monkeypatch: pytest.MonkeyPatch, inside: Use
) -> None:
    package = folder / "axio_tools_local"
    shutil.copytree(os.path.dirname(str(axio_tools_local.__file__)), package)
    monkeypatch.setattr(archive, "_PACKAGE", package)
    archive.descriptor.cache_clear()
    inside(LocalWorkspace(folder, sandbox="workspace-write"))
    assert "[stdout] 1" in asyncio.run(
        shell("echo 'raise SystemExit' > axio_tools_local/x; echo 1")
    )
    shutil.rmtree(package)
    assert "Read-only" in asyncio.run(shell("echo x > ../outside"))
    archive.descriptor.cache_clear()


def test_a_command_inherits_no_descriptor(folder: Path, backend: str, inside: Use) -> None:
    inside(LocalWorkspace(folder, sandbox="workspace-write"))
    result = asyncio.run(shell("ls -l /proc/self/fd"))
    assert "memfd" not in result and " 4 -> " not in result


# ── limits ────────────────────────────────────────────────────────────────────────────────────


SHOW_GROUPS = "grep -o 'axio-[0-9a-f]*' /proc/self/cgroup; "


def left_of(result: str) -> list[str]:
    """The control groups of a command that are still there, of those that it has shown."""
    names = set(re.findall("axio-[0-9a-f]{16}", result))
    assert names
    return [path for path, *_ in os.walk("/sys/fs/cgroup") if os.path.basename(path) in names]


@pytest.fixture
def group_controller(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    try:
        cgroup.places({name: 1 << 28})
    except SandboxUnavailable as error:
        pytest.skip(str(error))
    return name


needs_memory = pytest.mark.parametrize("group_controller", ["memory"], indirect=True)
needs_processes = pytest.mark.parametrize("group_controller", ["pids"], indirect=True)


@pytest.mark.parametrize("level", get_args(Level))
async def test_limits_hold_at_every_level(
    level: Level, folder: Path, inside: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = Limits(cpu_seconds=1, file_bytes=10_000)
    inside(LocalWorkspace(folder, sandbox=level, limits=limits))
    result = await shell("while :; do :; done", timeout=20)
    assert "exit code" in result and "timeout" not in result
    if level != "read-only":
        assert "exit code" in await shell("head -c 20000 /dev/zero > f")
        assert len((folder / "f").read_bytes()) == 10_000


# Each takes more than it may, in another way.
TOO_MUCH = {
    "of its own": "bytearray(400_000_000)",
    "shared by name": "open('/dev/shm/{name}', 'wb').write(bytes(200_000_000))\n"
    "open('/dev/shm/{name}', 'ab').write(bytes(200_000_000))",
    "in a file of memory": "import os\nfd = os.memfd_create('x')\n"
    "for _ in range(400): os.write(fd, bytes(1_000_000))",
    "shared without a name": "import mmap\n"
    "held = [mmap.mmap(-1, 100_000_000) for _ in range(4)]\n"
    "for part in held: part.write(bytes(100_000_000))",
    "shared by a number": "import ctypes\nlibc = ctypes.CDLL(None)\n"
    "libc.shmat.restype = ctypes.c_void_p\n"
    "for _ in range(4):\n"
    "    part = libc.shmget(0, 100_000_000, 0o1600); at = libc.shmat(part, None, 0)\n"
    "    libc.shmctl(part, 0, None); ctypes.memset(at, 1, 100_000_000)",
    "in threads": "import threading\nheld = []\n"
    "rows = [threading.Thread(target=lambda: held.append(b'x' * 50_000_000)) for _ in range(8)]\n"
    "for row in rows: row.start()\n"
    "for row in rows: row.join()\n"
    "assert len(held) == 8",
    "in children of children": "import os, time\n"
    "for _ in range(5):\n"
    "    child = os.fork()\n"
    "    if child: raise SystemExit(os.wait()[1] != 0)\n"
    "    x = b'x' * 80_000_000\n"
    "time.sleep(1)",
    "in children": "import os, time\n"
    "for _ in range(4):\n"
    "    if os.fork() == 0: x = b'x' * 100_000_000; time.sleep(2); os._exit(0)\n"
    "assert all(os.wait()[1] == 0 for _ in range(4))",
}


@needs_memory
@pytest.mark.parametrize("level", ["none", "workspace-write"])
@pytest.mark.parametrize("way", TOO_MUCH)
async def test_no_way_leads_to_more_memory(
    way: str, level: Level, group_controller: str, folder: Path, inside: Use
) -> None:
    limits = Limits(memory_bytes=300_000_000)
    inside(LocalWorkspace(folder, sandbox=level, limits=limits))
    name = f"axio-{os.getpid()}-{folder.name}"
    try:
        result = await run_python(TOO_MUCH[way].format(name=name) + "\nprint('DONE')", timeout=30)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(f"/dev/shm/{name}")
    assert "DONE" not in result and "timeout" not in result
    assert "exit code" in result
    inside(LocalWorkspace(folder, sandbox=level, limits=limits))
    assert left_of(await shell(SHOW_GROUPS)) == []


@pytest.mark.parametrize(
    ("limits", "named"),
    [
        (Limits(memory_bytes=1 << 30), "memory_bytes"),
        (Limits(memory_bytes=1 << 30, processes=9), "memory_bytes and processes"),
    ],
)
async def test_a_limit_that_the_machine_cannot_hold_to_is_refused_by_its_name(
    limits: Limits, named: str, folder: Path, inside: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cgroup, "_parent", lambda version, controllers: None)
    monkeypatch.setattr(module, "_is_root", lambda: True)
    inside(LocalWorkspace(folder, limits=limits))
    with pytest.raises(SandboxUnavailable, match=f"^{named} cannot be held to here"):
        await shell("touch ran")
    assert os.listdir(folder) == []


def test_a_group_that_takes_no_process_is_not_relied_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on machines where a user may make groups and not move processes into them."""
    refused: subprocess.CompletedProcess[bytes] = subprocess.CompletedProcess([], 1)
    monkeypatch.setattr("axio_tools_local.cgroup.subprocess.run", lambda *_, **__: refused)
    cgroup._parent.cache_clear()
    try:
        with pytest.raises(SandboxUnavailable, match="processes cannot be held to"):
            cgroup.places({"pids": 5})
    finally:
        cgroup._parent.cache_clear()


@needs_processes
@pytest.mark.parametrize("level", get_args(Level))
async def test_the_number_of_processes_is_limited(
    level: Level, group_controller: str, folder: Path, inside: Use
) -> None:
    inside(LocalWorkspace(folder, sandbox=level, limits=Limits(processes=12)))
    command = "for i in $(seq 40); do sleep 3 & done; jobs -p | wc -l"
    assert "fork" in (await shell(command, timeout=20)).lower()
    if os.geteuid() == 0:
        assert left_of(await shell(SHOW_GROUPS)) == []


@needs_processes
async def test_what_hides_in_a_control_group_ends_and_takes_no_result_along(
    group_controller: str, folder: Path, inside: Use, marked: Any
) -> None:
    inside(LocalWorkspace(folder, limits=Limits(processes=64)))
    result = await shell(f"{SHOW_GROUPS} env -i setsid sleep 61.{marked.mark} & sleep 0.1; echo ok")
    assert result.endswith("ok")
    assert marked.alive() == []
    if os.geteuid() == 0:
        assert left_of(result) == []


@needs_processes
async def test_a_killed_program_leaves_no_control_group(
    group_controller: str, folder: Path
) -> None:
    program = (
        "import asyncio\n"
        "from axio.tool import CONTEXT\n"
        "from axio_tools_local.local import LocalWorkspace\n"
        "from axio_tools_local.sandbox import Limits\n"
        "from axio_tools_local.shell import shell\n"
        "async def main():\n"
        "    CONTEXT.set(LocalWorkspace(limits=Limits(processes=64, memory_bytes=1 << 30)))\n"
        f"    async for _, line in shell.stream({SHOW_GROUPS + 'sleep 60'!r}, timeout=60):\n"
        "        print(line, flush=True)\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", program]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220
    assert running.stdout is not None
    shown = await asyncio.to_thread(running.stdout.readline)
    running.kill()
    running.wait()
    running.stdout.close()
    async with asyncio.timeout(30):
        while left_of(shown):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("value", [0, -1])
def test_limits_that_mean_nothing_are_refused(value: int) -> None:
    with pytest.raises(ValueError, match="memory_bytes must be at least 1"):
        Limits(memory_bytes=value)


# ── what a machine cannot give ────────────────────────────────────────────────────────────────


def test_an_unknown_level_is_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="none, workspace-write, read-only"):
        LocalWorkspace(folder, sandbox="strict")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "replacement", "reason"),
    [
        ("seccomp.supported", lambda: False, "no system call filter"),
        ("landlock.abi", lambda: 1, "no Landlock"),
        ("_trial", lambda bwrap: "not permitted here", "no namespaces: not permitted here"),
    ],
)
async def test_a_level_that_the_machine_cannot_give_is_refused_and_nothing_runs(
    name: str,
    replacement: Callable[..., Any],
    reason: str,
    folder: Path,
    inside: Use,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(f"{module.__name__}.{name}", replacement)
    monkeypatch.setattr(f"{module.__name__}.shutil.which", lambda name: None)
    module._backend.cache_clear()
    inside(LocalWorkspace(folder, sandbox="workspace-write"))
    with pytest.raises(SandboxUnavailable, match=reason):
        await shell("touch here")
    assert os.listdir(folder) == []


def test_another_system_gets_no_sandbox_and_no_limits(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{module.__name__}.sys.platform", "darwin")
    with pytest.raises(SandboxUnavailable, match="Linux"):
        LocalWorkspace(folder, sandbox="read-only")
    with pytest.raises(SandboxUnavailable, match="Linux"):
        LocalWorkspace(folder, limits=Limits(cpu_seconds=1))
    LocalWorkspace(folder)


async def test_a_bwrap_that_does_not_work_is_not_relied_on(
    folder: Path, inside: Use, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    broken = folder / "bwrap"
    broken.write_text("#!/bin/sh\necho 'no permissions to create namespace' >&2; exit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(f"{module.__name__}.shutil.which", lambda name: str(broken))
    module._backend.cache_clear()
    assert module._backend() is None


async def test_who_is_not_root_gets_the_same_sandbox(backend: str) -> None:
    """Run as another user, with the sources copied to where that user can read them."""
    if os.geteuid() != 0:
        pytest.skip("this test already runs without root")
    python = next((p for p in ("/usr/bin/python3", sys.executable) if _usable(p)), None)
    if python is None:
        (pytest.fail if in_ci() else pytest.skip)("no Python 3.11 that other users may run")
    folder = tempfile.mkdtemp()
    try:
        for package in (axio, axio_tools_local):
            source = os.path.dirname(str(package.__file__))
            shutil.copytree(source, os.path.join(folder, os.path.basename(source)))
        os.mkdir(f"{folder}/room")
        os.chown(f"{folder}/room", 65534, 65534)
        os.chmod(folder, 0o755)
        program = (
            "import asyncio, json, os, sys\n"
            "from axio.tool import CONTEXT\n"
            "from axio_tools_local import sandbox\n"
            "from axio_tools_local.local import LocalWorkspace\n"
            "from axio_tools_local.shell import shell\n"
            f"if {backend == 'kernel'}: sandbox.shutil.which = lambda name: None\n"
            "limits = sandbox.Limits(processes=12)\n"
            "CONTEXT.set(LocalWorkspace('room', sandbox='workspace-write', limits=limits))\n"
            "for command in sys.argv[1:]: print(json.dumps(asyncio.run(shell(command))))\n"
        )
        commands = (
            "echo x > f && cat f && id -u",
            "echo x > ../f",
            f"kill -9 {os.getpid()}",
            "chmod 777 room; for i in $(seq 40); do sleep 3 & done",
        )
        done = await asyncio.to_thread(
            subprocess.run,
            [python, "-c", program, *commands],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1"},
            user=65534,
            group=65534,
            extra_groups=[],
            capture_output=True,
            check=True,
            text=True,
        )
        worked, outside, kill, forks = (json.loads(line) for line in done.stdout.splitlines())
        assert worked.endswith("x\n65534")
        assert "Read-only file system" in outside
        assert "No such process" in kill
        assert "fork" in forks.lower()
    finally:
        shutil.rmtree(folder)


def _usable(python: str) -> bool:
    check = "import sys; sys.exit(sys.version_info < (3, 11))"
    try:
        done = subprocess.run([python, "-c", check], user=65534, capture_output=True)
    except OSError:
        return False
    return done.returncode == 0


def test_the_workspace_is_handed_to_a_tool_as_its_context(folder: Path, backend: str) -> None:
    (folder / "room").mkdir()
    workspace = LocalWorkspace("room", sandbox="workspace-write")
    tool = Tool(name="shell", handler=shell, context=workspace)
    result = asyncio.run(tool(command="pwd; echo x > ../new"))
    assert str(folder / "room") in result and "cannot" in result
    assert os.listdir(folder) == ["room"]
