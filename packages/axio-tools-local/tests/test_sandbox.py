"""The sandbox: what works inside, what does not get out, and what a machine cannot give."""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import json
import os
import pty
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
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

Use = Callable[[object], None]


# ── what works inside ─────────────────────────────────────────────────────────────────────────


@pytest.fixture(params=["workspace-write", "read-only"])
def level(request: pytest.FixtureRequest) -> Level:
    kind: Level = request.param
    return kind


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
    result = await shell(command, timeout=1)
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


# ── what does not get out ─────────────────────────────────────────────────────────────────────

# Each attempt is a program that says ESCAPED when it believes it is out. `{out}` is a folder
# outside, with a file `file` in it, `{pid}` a process outside, whose environment holds a secret.
# Whether it is out is then looked at from outside as well.
SHELL_ATTEMPTS = {
    "create": "echo x > {out}/new && echo ESCAPED",
    "create by a relative path": "echo x > ../out/new && echo ESCAPED",
    "overwrite": "echo x > {out}/file && echo ESCAPED",
    "append": "echo x >> {out}/file && echo ESCAPED",
    "truncate": "truncate -s 0 {out}/file && echo ESCAPED",
    "remove": "rm -f {out}/file && echo ESCAPED",
    "move in": "mv {out}/file . && echo ESCAPED",
    "move out": "mkdir d; mv d {out}/ && echo ESCAPED",
    "make a folder": "mkdir {out}/d && echo ESCAPED",
    "change the mode": "chmod 777 {out}/file && echo ESCAPED",
    "change the time": "touch -d 2001-01-01 {out}/file && echo ESCAPED",
    "change the owner": "chown 12345 {out}/file && echo ESCAPED",
    "follow a link": "ln -s {out} way; echo x > way/new && echo ESCAPED",
    "follow a link that was there": "echo x > old_way/new && echo ESCAPED",
    "write through a hard link": "ln {out}/file hard && echo x > hard && echo ESCAPED",
    "go by /proc/self/root": "echo x > /proc/self/root{out}/new && echo ESCAPED",
    "go by /proc/1/root": "echo x > /proc/1/root{out}/new && echo ESCAPED",
    "go by the other's root": "echo x > /proc/{pid}/root{out}/new && echo ESCAPED",
    "reopen a descriptor": "exec 3< {out}/file; echo x > /proc/self/fd/3 && echo ESCAPED",
    "share memory": "echo x > /dev/shm/{name} && echo ESCAPED",
    "rename the workspace": "mv ../room ../room2 && echo ESCAPED",
    "bind mount": "mkdir m; mount --bind {out} m && echo x > m/new && echo ESCAPED",
    "remount": "mount -o remount,rw,bind / && echo x > {out}/new && echo ESCAPED",
    "new namespaces": "unshare -Urm sh -c 'mount -o remount,rw,bind /; echo x > {out}/new'"
    " && echo ESCAPED",
    "enter namespaces": "nsenter -t {pid} -m -p sh -c 'echo x > {out}/new' && echo ESCAPED",
    "change the root": "chroot /proc/1/root sh -c 'echo x > {out}/new' && echo ESCAPED",
    "change the kernel": "echo {name} > /proc/sys/kernel/domainname && echo ESCAPED",
    "kill": "kill -9 {pid} && echo ESCAPED",
    "stop": "kill -STOP {pid} && echo ESCAPED",
    "read a secret": "tr '\\0' '\\n' < /proc/{pid}/environ | grep SECRET && echo ESCAPED",
}
PYTHON_ATTEMPTS = {
    "set an attribute": "import os; os.setxattr('{out}/file', 'user.x', b'x')",
    "ptrace": "import ctypes; assert ctypes.CDLL(None).ptrace(0x4206, {pid}, 0, 0) == 0",
    "write to memory": "open('/proc/{pid}/mem', 'r+b')",
    "read memory": "import ctypes as c\n"
    "class V(c.Structure): _fields_ = [('base', c.c_void_p), ('len', c.c_size_t)]\n"
    "at = int(open('/proc/{pid}/maps').read().split('-')[0], 16)\n"
    "to = c.create_string_buffer(8); mine = V(c.addressof(to), 8); theirs = V(at, 8)\n"
    "assert c.CDLL(None).process_vm_readv({pid}, c.byref(mine), 1, c.byref(theirs), 1, 0) == 8",
    "take a descriptor": "import ctypes, os\n"
    "fd = os.pidfd_open({pid}); assert ctypes.CDLL(None).syscall(438, fd, 0, 0) >= 0",
    "connect": "import socket; socket.create_connection(('127.0.0.1', {port}), 2)",
    "connect to the machine's address": "import socket\n"
    "socket.create_connection(('{address}', {port}), 2)",
    "send a datagram": "import socket; s = socket.socket(type=socket.SOCK_DGRAM)\n"
    "s.connect(('127.0.0.1', {udp})); s.send(b'x'); s.settimeout(1); assert s.recv(9) == b'pong'",
    "connect to a socket file": "import socket\n"
    "socket.socket(socket.AF_UNIX).connect('{out}/socket')",
    "connect to an abstract socket": "import socket\n"
    "socket.socket(socket.AF_UNIX).connect('\\0{name}')",
    "talk to the hypervisor": "import socket; socket.socket(socket.AF_VSOCK)",
    "write to a disk": "import os, stat\n"
    "disks = [e.path for e in os.scandir('/dev') if stat.S_ISBLK(e.stat().st_mode)]\n"
    "[os.open(disk, os.O_WRONLY) for disk in disks][0]",
    "make a disk": "import os, stat; os.mknod('disk', 0o600 | stat.S_IFBLK, os.makedev(7, 0))\n"
    "os.open('disk', os.O_WRONLY)",
    "write to the first process": "open('/proc/1/mem', 'r+b')",
    "use a ring": "import ctypes; p = ctypes.create_string_buffer(120)\n"
    "assert ctypes.CDLL(None).syscall(425, 1, p) >= 0",
    "keep a key": "import ctypes\n"
    "assert ctypes.CDLL(None).syscall({add_key}, b'user', b'{name}', b'x', 1, -4) > 0",
}
ATTEMPTS = {
    **SHELL_ATTEMPTS,
    **{name: f"{code}\nprint('ESCAPED')" for name, code in PYTHON_ATTEMPTS.items()},
}
# Not tried without a sandbox: they would harm the machine, or it refuses them anyway.
NEVER_OUTSIDE = {"remount", "rename the workspace", "change the kernel", "write to a disk"}
NOT_EVERYWHERE = {
    *("go by /proc/1/root", "connect to the machine's address", "talk to the hypervisor"),
    *("make a disk", "use a ring", "keep a key", "bind mount", "set an attribute"),
    *("new namespaces", "enter namespaces", "change the root", "change the owner"),
    *(
        "ptrace",
        "write to memory",
        "write to the first process",
        "read memory",
        "take a descriptor",
    ),
}


class Outside:
    """What lies outside of the workspace `room`, and may not be reached from inside."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "out"
        self.folder.mkdir()
        self.name = f"axio-{os.getpid()}-{folder.name}"
        (self.folder / "file").write_text("precious")
        os.utime(self.folder / "file", (1e9, 1e9))
        self.victim = subprocess.Popen(["sleep", "1000"], env={"SECRET": "s"})
        self.connected = threading.Event()
        self._servers = [
            socket.create_server(("", 0)),
            self._named(str(self.folder / "socket")),
            self._named(f"\0{self.name}"),
        ]
        self._udp = socket.socket(type=socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", 0))
        self._threads = [
            threading.Thread(target=self._accept, args=(server,)) for server in self._servers
        ]
        self._threads.append(threading.Thread(target=self._answer))
        for thread in self._threads:
            thread.start()
        self._before = self._facts()

    @staticmethod
    def _named(name: str) -> socket.socket:
        server = socket.socket(socket.AF_UNIX)
        server.bind(name)
        server.listen()
        return server

    def _accept(self, server: socket.socket) -> None:
        try:
            server.accept()[0].close()
        except OSError:  # shut down
            return
        self.connected.set()

    def _answer(self) -> None:
        try:
            _, sender = self._udp.recvfrom(9)
        except OSError:  # shut down
            return
        if sender:  # else shut down, too
            self.connected.set()
            self._udp.sendto(b"pong", sender)

    def values(self) -> dict[str, Any]:
        return {
            "out": self.folder,
            "pid": self.victim.pid,
            "name": self.name,
            "port": self._servers[0].getsockname()[1],
            "udp": self._udp.getsockname()[1],
            "address": _own_address(),
            "add_key": {"x86_64": 248}.get(os.uname().machine, 217),
        }

    def _facts(self) -> list[Any]:
        def fact(path: Path) -> Any:
            s = path.stat()
            content = path.read_text() if path.name == "file" else ""
            attributes = os.listxattr(path)
            return (path.name, s.st_mode, s.st_uid, s.st_mtime, s.st_nlink, content, attributes)

        return sorted(fact(path) for path in self.folder.iterdir())

    def harm(self) -> list[str]:
        """What has happened to it."""
        found = []
        if self._facts() != self._before:
            found.append("files")
        state = Path(f"/proc/{self.victim.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        if state not in "SR":
            found.append(f"process {state}")
        if self.connected.is_set():
            found.append("network")
        if os.path.exists(f"/dev/shm/{self.name}"):
            found.append("shared memory")
        if sorted(os.listdir(self.folder.parent)) != ["out", "room"]:
            found.append("workspace")
        return found

    def close(self) -> None:
        self.victim.kill()
        self.victim.wait()
        for server in (*self._servers, self._udp):
            with suppress(OSError):  # a datagram socket is not connected, but its reader wakes up
                server.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for server in (*self._servers, self._udp):
            server.close()
        Path(f"/dev/shm/{self.name}").unlink(missing_ok=True)


def _own_address() -> str:
    """An address of this machine other than loopback; loopback where there is no other."""
    with socket.socket(type=socket.SOCK_DGRAM) as s:
        for _, name in socket.if_nameindex():
            request = struct.pack("256s", name.encode())
            with suppress(OSError):  # it has none
                answer = fcntl.ioctl(s, 0x8915, request)  # SIOCGIFADDR
                address = socket.inet_ntoa(answer[20:24])
                if not address.startswith("127."):
                    return address
    return "127.0.0.1"


@pytest.fixture
def outside(folder: Path) -> Iterator[Outside]:
    (folder / "room").mkdir()
    (folder / "room/old_way").symlink_to(folder / "out")
    made = Outside(folder)
    yield made
    made.close()


async def attempt(name: str, outside: Outside) -> str:
    text = ATTEMPTS[name].format(**outside.values())
    if name in SHELL_ATTEMPTS:
        return await shell(text, timeout=20)
    return await run_python(text, timeout=20)


KINDS = [
    (backend, level)
    for backend in ("bwrap", "kernel")
    for level in ("workspace-write", "read-only")
]


@pytest.mark.parametrize("name", ATTEMPTS)
@pytest.mark.parametrize(("backend", "level"), KINDS, indirect=True)
async def test_no_attempt_gets_out(
    name: str, level: Level, backend: str, outside: Outside, inside: Use
) -> None:
    inside(LocalWorkspace(outside.folder.parent / "room", sandbox=level))
    result = await attempt(name, outside)
    assert outside.harm() == []
    if name != "share memory":  # which inside is private
        assert "ESCAPED" not in result
    assert "error" in result.lower() or "exit code" in result or name == "share memory", result


async def test_a_command_reads_no_terminal_of_the_person(
    level: Level, backend: str, folder: Path, inside: Use
) -> None:
    inside(LocalWorkspace(folder, sandbox=level))
    ours, theirs = pty.openpty()
    try:
        os.write(ours, b"typed by a person\n")
        name = os.ttyname(theirs)
        code = f"timeout 1 head -n 1 {name}; ls /dev/pts; head -n 1 /dev/tty"
        result = await shell(code, timeout=10)
        assert "typed" not in result
        assert "[stdout] ptmx\n[stderr]" in result
        assert os.read(theirs, 100) == b"typed by a person\n"
    finally:
        os.close(ours)
        os.close(theirs)


async def test_the_devices_inside_lead_to_nobody(
    level: Level, backend: str, folder: Path, inside: Use
) -> None:
    inside(LocalWorkspace(folder, sandbox=level))
    devices = "full null ptmx random tty urandom zero".split()
    result = await shell("ls -lR /dev | grep '^[bc]' | sed 's:.* ::' | sort")
    assert result.removeprefix("[stdout] ").split("\n") == devices
    assert await shell("echo x > /dev/null && head -c 2 /dev/zero | od -An -tx1") == (
        "[stdout]  00 00"
    )


async def test_killing_everybody_kills_only_those_inside(
    level: Level, backend: str, outside: Outside, inside: Use
) -> None:
    inside(LocalWorkspace(outside.folder.parent / "room", sandbox=level))
    await shell("kill -9 -1")
    assert outside.harm() == []


@pytest.mark.parametrize("name", sorted(ATTEMPTS.keys() - NEVER_OUTSIDE - NOT_EVERYWHERE))
async def test_without_the_sandbox_the_attempts_do_get_out(
    name: str, outside: Outside, inside: Use
) -> None:
    """So the table above is about the sandbox, and not about attempts that never work."""
    inside(LocalWorkspace(outside.folder.parent / "room"))
    assert "ESCAPED" in await attempt(name, outside)


def test_there_are_at_least_thirty_attempts() -> None:
    assert len(ATTEMPTS) >= 30


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


def test_a_group_that_lets_nobody_in_is_not_relied_on(monkeypatch: pytest.MonkeyPatch) -> None:
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
    async with asyncio.timeout(10):
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
