"""A container keeps what runs in it from the rest of the machine: attempts to get out, all in vain.

Each attempt prints ESCAPED where it succeeds. That it would succeed where the door is open is shown
for those whose door can be opened by name.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from axio_tools_docker import DockerWorkspace
from axio_tools_docker.settings import Limits
from support.docker import Engine
from support.image import GNU_IMAGE

pytestmark = pytest.mark.timeout(300)  # all attempts are made by the first test

MIB = 1 << 20
LIMITS = Limits(memory_bytes=128 * MIB, processes=48, file_bytes=16 * MIB, temporary_bytes=8 * MIB)
OK = "&& echo ESCAPED"


def call(*arguments: object) -> str:
    """A system call by its number on x86-64; -1 is a refusal."""
    return f"""python3 -c "
import ctypes
print('ESCAPED' if ctypes.CDLL(None).syscall({", ".join(map(str, arguments))}) != -1 else '')" """


def python(code: str) -> str:
    return f"python3 - <<'END'\n{code}\nprint('ESCAPED')\nEND\n"


ATTEMPTS: dict[str, str] = {
    # mounts
    "mount a tmpfs": f"mkdir /tmp/m; mount -t tmpfs none /tmp/m {OK}",
    "mount the root again": f"mount -o remount,rw / {OK}",
    "bind the root": f"mkdir -p /tmp/b; mount --bind / /tmp/b {OK}",
    "mount proc": f"mkdir -p /tmp/p; mount -t proc none /tmp/p {OK}",
    "unmount the workspace": f"umount -l /workspace {OK}",
    "change the root": f"python3 -c 'import os; os.chroot(\"/tmp\")' {OK}",
    # namespaces
    "a user namespace": f"unshare -U true {OK}",
    "a mount namespace": f"unshare -m true {OK}",
    "a network namespace": f"unshare -n true {OK}",
    "the namespaces of the main process": python(
        "import ctypes, os\n"
        "assert ctypes.CDLL(None).setns(os.open('/proc/1/ns/mnt', os.O_RDONLY), 0) == 0"
    ),
    # devices
    "make a device": f"mknod /tmp/disk b 254 0 && head -c 1 /tmp/disk {OK}",
    "read a disk": f"cat /dev/vda /dev/sda /dev/nvme0n1 2>/dev/null | head -c 1 | grep -q . {OK}",
    "read the memory": f"head -c 1 /dev/mem || head -c 1 /dev/kmem || head -c 1 /dev/port {OK}",
    "read the log of the kernel": f"head -c 1 /dev/kmsg {OK}",
    "use KVM or FUSE": f"[ -e /dev/kvm ] || [ -e /dev/fuse ] || [ -e /dev/net/tun ] {OK}",
    "use a device in the workspace": f"head -c 1 disk {OK}",
    # network
    "reach a port of the machine": python(
        "import socket; socket.create_connection(('127.0.0.1', {port}), 2)"
    ),
    "reach a socket without a file": python(
        "import socket; socket.socket(socket.AF_UNIX).connect('\\0{abstract}')"
    ),
    "a route to the outside": "[ $(wc -l < /proc/net/route) -gt 1 ] && echo ESCAPED",
    "a route to the metadata of a cloud": python(
        "import socket\n"
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('169.254.169.254', 80))"
    ),
    "a card beside the loopback": "[ $(ls /sys/class/net | grep -vc lo) -gt 0 ] && echo ESCAPED",
    "raw packets": python("import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)"),
    "raw messages": python("import socket; socket.socket(2, socket.SOCK_RAW, 1)"),
    "the socket of the engine": f"ls /var/run/docker.sock /run/*/*.sock {OK}",
    # processes
    "see the processes of the machine": f"grep -l '600[.]{{mark}}' /proc/[0-9]*/cmdline {OK}",
    "end a process of the machine": f"kill -9 {{pid}} {OK}",
    "end the main process": f"kill -9 1 {OK}",
    "trace the main process": call(101, 16, 1, 0, 0),
    "the root of the main process": f"ls /proc/1/root/ {OK}",
    "the variables of the main process": f"cat /proc/1/environ {OK}",
    # privileges
    "become root": "python3 -c 'import os; os.setuid(0)' && echo ESCAPED",
    "become root by a program of root": "[ $(./whoami -u) = 0 ] && echo ESCAPED",
    "have a capability": "grep -E 'Cap(Eff|Prm|Inh|Bnd|Amb)' /proc/self/status | "
    f"grep -qv 0000000000000000 {OK}",
    "gain privileges": f"grep -q 'NoNewPrivs:.*0' /proc/self/status {OK}",
    "be root": "[ $(id -u) = 0 ] && echo ESCAPED",
    # the kernel
    "the pattern of core files": f"cat /proc/sys/kernel/core_pattern > /tmp/c; cat /tmp/c > "
    f"/proc/sys/kernel/core_pattern {OK}",
    "the magic keys": f"echo h > /proc/sysrq-trigger {OK}",
    "the memory of the kernel": f"head -c 1 /proc/kcore | grep -q . {OK}",
    "the keyring": call(250, 0, -3, 0),
    "a program in the kernel": call(321, 0, 0, 0),
    "the counters of the processor": call(298, 0, 0, -1, -1, 0),
    "a module": call(175, 0, 0, 0),
    "another kernel": call(246, 0, 0, 0, 0),
    "the clock": call(227, 0, 0),
    "the name of the machine": f"python3 -c 'import socket; socket.sethostname(\"x\")' {OK}",
    "a file by its handle": call(304, -100, 0, 0),
    "swap": call(167, 0, 0),
    # limits
    "more memory of the control group": "for f in memory.limit_in_bytes memory.max "
    f"memory/memory.limit_in_bytes; do echo -1 > /sys/fs/cgroup/$f {OK}; done",
    "leave the control group": "cd /sys/fs/cgroup; for f in cgroup.procs */cgroup.procs; "
    f"do echo $$ > $f {OK}; done",
    "more memory": python("x = bytearray(300 << 20)"),
    "more files in memory": f"head -c {12 * MIB} /dev/zero > /tmp/big {OK}",
    "more shared memory": f"head -c {200 * MIB} /dev/zero > /dev/shm/big {OK}",
    "a larger file": f"head -c {20 * MIB} /dev/zero > big {OK}",
    "a higher limit": f"ulimit -f unlimited {OK}",
    "more processes": python(
        "import os, time\n"
        "for _ in range(60):\n"
        "    if os.fork() == 0:\n"
        "        time.sleep(2)\n"
        "        os._exit(0)"
    ),
    "more open files": python("import os; fs = [os.dup(0) for _ in range(20000)]"),
    # files
    "write to the system": f"touch /etc/new /usr/bin/new /new {OK}",
    "a link to a file of the machine": f"cat to-secret {OK}",
    "a file beside the workspace": f"cat ../secret /workspace/../secret {OK}",
    "a script of the image": f"cp /bin/true /bin/new {OK}",
}

# How a door is opened by name, and attempts that then succeed.
OPEN: dict[str, tuple[dict[str, Any], list[str]]] = {
    "network": (
        {"network": "host"},
        ["reach a port of the machine", "reach a socket without a file"],
    ),
    "root": ({"user": "0:0", "read_only_root": False}, ["be root", "write to the system"]),
    "capabilities": (
        {"user": "0:0", "capabilities": ["SYS_ADMIN", "SYS_CHROOT", "SYS_PTRACE"]},
        ["have a capability", "change the root", "the root of the main process"],
    ),
    "privileges": (
        {"new_privileges": True, "capabilities": ["SETUID"]},
        ["gain privileges", "become root by a program of root"],
    ),
    "limits": (
        {"limits": Limits(memory_bytes=1 << 30, temporary_bytes=64 * MIB, open_files=None)},
        ["more memory", "more files in memory", "a larger file", "more processes"],
    ),
}


class Outside:
    """Things that an escape would reach: a port, a socket, a process, a secret, a disk."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "project"
        self.root.mkdir()
        (folder / "secret").write_text("secret")
        (self.root / "to-secret").symlink_to(folder / "secret")
        subprocess.run(["cp", "/usr/bin/id", self.root / "whoami"], check=True)
        os.chmod(self.root / "whoami", 0o4755)
        os.mknod(self.root / "disk", 0o666 | 0o060000, os.stat("/").st_dev)
        os.chmod(self.root / "disk", 0o666)
        os.chown(self.root, 1000, 1000)
        self.mark = str(secrets.randbelow(10**12))
        self.process = subprocess.Popen(["sleep", f"600.{self.mark}"])
        self.server = socket.create_server(("127.0.0.1", 0))
        self.abstract = socket.socket(socket.AF_UNIX)
        self.abstract.bind(f"\0axio-{self.mark}")
        self.abstract.listen()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.server.close()
        self.abstract.close()

    def command(self, name: str) -> str:
        values = {
            "port": str(self.server.getsockname()[1]),
            "abstract": f"axio-{self.mark}",
            "mark": self.mark,
            "pid": str(self.process.pid),
        }
        text = ATTEMPTS[name]
        for key, value in values.items():
            text = text.replace(f"{{{key}}}", value)
        return text

    async def attempt(self, workspace: DockerWorkspace, name: str) -> str:
        command = ("/bin/sh", "-c", self.command(name))
        async with workspace.run(command, timeout=50) as running:
            return "".join([o.data.decode("utf-8", "replace") async for o in running])


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    made = Outside(tmp_path_factory.mktemp("outside"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def told(docker_engine: Engine, outside: Outside) -> dict[str, str]:
    """The output of each attempt, all made in one container."""

    async def attempt_all() -> dict[str, str]:
        workspace = DockerWorkspace(
            outside.root, image=GNU_IMAGE, limits=LIMITS, url=docker_engine.url
        )
        async with workspace:
            return {name: await outside.attempt(workspace, name) for name in ATTEMPTS}

    return asyncio.run(attempt_all())


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_an_attempt_to_get_out_is_in_vain(attempt: str, told: dict[str, str]) -> None:
    assert "ESCAPED" not in told[attempt]


def test_the_machine_is_as_it_was(outside: Outside, told: dict[str, str]) -> None:
    assert len(told) >= 40
    assert outside.process.poll() is None
    assert not (outside.root / "big").exists() or (outside.root / "big").stat().st_size <= 16 * MIB


@pytest.mark.parametrize("door", OPEN)
async def test_an_attempt_succeeds_where_its_door_is_opened_by_name(
    door: str, outside: Outside, contained: Callable[..., DockerWorkspace]
) -> None:
    options, attempts = OPEN[door]
    async with contained(outside.root, **options) as workspace:
        for attempt in attempts:
            assert "ESCAPED" in await outside.attempt(workspace, attempt), attempt


async def test_the_file_tools_do_not_follow_a_link_out_of_the_container(
    outside: Outside, contained: Callable[..., DockerWorkspace]
) -> None:
    async with contained(outside.root) as workspace:
        with pytest.raises(FileNotFoundError):
            await workspace.read("to-secret")
        await workspace.write("to-secret", b"of the container")
        assert await workspace.read("to-secret") == b"of the container"
    assert (outside.root.parent / "secret").read_text() == "secret"
