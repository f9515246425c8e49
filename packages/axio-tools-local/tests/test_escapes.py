"""No command gets out of the sandbox: not by what was tried on others, nor by system calls."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from axio_tools_local.local import LocalWorkspace
from axio_tools_local.run_python import run_python
from axio_tools_local.sandbox import Level
from axio_tools_local.shell import shell

Use = Callable[[object], None]

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
    """A place outside of the workspace `room`, which may not be reached from inside."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "out"
        self.folder.mkdir()
        self.name = f"axio-{os.getpid()}-{folder.name}"
        (self.folder / "file").write_text("precious")
        os.utime(self.folder / "file", (1e9, 1e9))
        self.victim = subprocess.Popen(["sleep", "1000"], env={"SECRET": "s"})
        self.connected = threading.Event()
        self._servers = [
            self._listening(),
            self._named(str(self.folder / "socket")),
            self._named(f"\0{self.name}"),
        ]
        self._udp = socket.socket(type=socket.SOCK_DGRAM)
        self._udp.bind(("", 0))
        self._datagrams = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._datagrams.bind(str(self.folder / "datagrams"))
        os.mkfifo(self.folder / "fifo")
        self._scattered = {
            "shared memory": Path("/dev/shm", self.name),
            "temporary file": Path("/tmp", self.name),
            "temporary file that stays": Path("/var/tmp", self.name),
            "home": Path.home() / f".{self.name}",
        }
        self._threads = [
            threading.Thread(target=self._accept, args=(server,)) for server in self._servers
        ]
        self._threads += [
            threading.Thread(target=self._answer, args=(server,))
            for server in (self._udp, self._datagrams)
        ]
        for thread in self._threads:
            thread.start()
        self._before = self._facts()

    @staticmethod
    def _listening() -> socket.socket:
        if socket.has_dualstack_ipv6():
            return socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True)
        return socket.create_server(("", 0))

    @staticmethod
    def _named(name: str) -> socket.socket:
        server = socket.socket(socket.AF_UNIX)
        server.bind(name)
        server.listen()
        return server

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                server.accept()[0].close()
            except OSError:  # shut down
                return
            self.connected.set()

    def _answer(self, server: socket.socket) -> None:
        while True:
            try:
                data, sender = server.recvfrom(9)
            except OSError:  # shut down
                return
            if not data:  # shut down, too
                return
            self.connected.set()
            if sender:
                server.sendto(b"pong", sender)

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
        """The traces of a tool that reached it."""
        found = []
        if self._facts() != self._before:
            found.append("files")
        state = Path(f"/proc/{self.victim.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        if state not in "SR":
            found.append(f"process {state}")
        if self.connected.is_set():
            found.append("network")
        found += [what for what, path in self._scattered.items() if path.exists()]
        if sorted(os.listdir(self.folder.parent)) != ["out", "room"]:
            found.append("workspace")
        return found

    def close(self) -> None:
        self.victim.kill()
        self.victim.wait()
        for server in (*self._servers, self._udp, self._datagrams):
            with suppress(OSError):  # a datagram socket is not connected, but its reader wakes up
                server.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for server in (*self._servers, self._udp, self._datagrams):
            server.close()
        for path in self._scattered.values():
            path.unlink(missing_ok=True)


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
        result = await shell(code, timeout=60)
        assert "typed" not in result
        assert "[stdout] ptmx\n[stderr]" in result
        assert os.read(theirs, 100) == b"typed by a person\n"
    finally:
        os.close(ours)
        os.close(theirs)


async def test_the_devices_inside_lead_nowhere(
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


# ── many more, in one command ─────────────────────────────────────────────────────────────────

# Each is a piece of Python that raises when it is held up, run in a process of its own. `out` is
# the folder outside, `file` the file in it, `libc` the C library; see also `Outside.values`.
FILES = {
    "a file without a name": "os.open(out, os.O_TMPFILE | os.O_RDWR, 0o600)",
    "open to write only": "os.open(file, os.O_WRONLY)",
    "open to read, and truncate": "os.open(file, os.O_RDONLY | os.O_TRUNC)",
    "truncate by path": "os.truncate(file, 0)",
    "exchange": "open('mine', 'w').close()\n"
    "assert libc.renameat2(-100, b'mine', -100, file.encode(), 2) == 0",
    "replace": "open('mine', 'w').close(); os.replace('mine', file)",
    "link by descriptor": "fd = os.open(file, os.O_PATH)\n"
    "os.link(f'/proc/self/fd/{fd}', 'linked', follow_symlinks=True)\n"
    "open('linked', 'w').write('x')",
    "link without a name": "fd = os.open(file, os.O_PATH)\n"
    "assert libc.linkat(fd, b'', -100, b'linked', 0x1000) == 0; open('linked', 'w').write('x')",
    "reopen by descriptor": "open(f'/proc/self/fd/{os.open(file, os.O_PATH)}', 'w').write('x')",
    "reopen by thread": "fd = os.open(file, os.O_RDONLY)\n"
    "open(f'/proc/thread-self/fd/{fd}', 'a').write('x')",
    "open by handle": "handle = ctypes.create_string_buffer(struct.pack('Ii', 128, 0), 200)\n"
    "mount = ctypes.c_int()\n"
    "assert not libc.name_to_handle_at(-100, file.encode(), handle, ctypes.byref(mount), 0)\n"
    "assert libc.open_by_handle_at(os.open(out, os.O_RDONLY), handle, os.O_WRONLY) >= 0",
    "mode by descriptor": "os.fchmod(os.open(file, os.O_RDONLY), 0o777)",
    "mode, newer call": "assert libc.syscall(452, -100, file.encode(), 0o777, 0) == 0",
    "set-user-id": "os.chmod(file, 0o4777)",
    "owner by descriptor": "os.fchown(os.open(file, os.O_RDONLY), 12345, 12345)",
    "owner of a link": "os.lchown(file, 12345, 12345)",
    "owner without a name": "fd = os.open(file, os.O_PATH)\n"
    "assert libc.fchownat(fd, b'', 12345, 12345, 0x1000) == 0",
    "time by descriptor": "os.utime(os.open(file, os.O_RDONLY))",
    "time of the folder": "os.utime(out)",
    "attribute by descriptor": "os.setxattr(os.open(file, os.O_RDONLY), 'user.x', b'x')",
    "list of who may": "entries = struct.pack('<IHHI', 2, 1, 7, 0)\n"
    "os.setxattr(file, 'system.posix_acl_access', entries)",
    "capabilities": "which = struct.pack('<5I', 1 << 25, 1, 0, 0, 0)\n"
    "os.setxattr(file, 'security.capability', which)",
    "flags": "fcntl.ioctl(os.open(file, os.O_RDONLY), 0x40086602, struct.pack('l', 0x40))",
    "extended flags": "fcntl.ioctl(os.open(file, os.O_RDONLY), 0x401C5820, bytes(28))",
    "map to write": "import mmap; mmap.mmap(os.open(file, os.O_RDONLY), 8)[0] = 33",
    "a pipe with a name": "os.mkfifo(f'{out}/pipe')",
    "a node": "os.mknod(f'{out}/node', 0o100600)",
    "a link": "os.symlink('/', f'{out}/link')",
    "write to a pipe that was there": "os.open(f'{out}/fifo', os.O_WRONLY | os.O_NONBLOCK)",
    "read and write a pipe that was there": "os.open(f'{out}/fifo', os.O_RDWR | os.O_NONBLOCK)",
    "rename the folder": "os.rename(out, out + '2')",
    "from inside the folder": "os.chdir(out); open('new', 'w')",
    "in a folder by descriptor": "fd = os.open(out, os.O_RDONLY)\n"
    "os.open('new', os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=fd)",
    "make by descriptor": "os.mkdir('made', dir_fd=os.open(out, os.O_PATH))",
    "remove by descriptor": "os.unlink('file', dir_fd=os.open(out, os.O_PATH))",
    "by many steps up": "open('../' * 60 + out + '/new', 'w')",
    "by the first's folder": "open('/proc/1/cwd/../out/new', 'w')",
    "by its own folder": "open('/proc/self/cwd/../out/new', 'w')",
    "by a task's root": "open(f'/proc/{os.getpid()}/task/{os.getpid()}/root{out}/new', 'w')",
    "by the outside's task": "open(f'/proc/{pid}/task/{pid}/root{out}/new', 'w')",
    "by the outside's folder": "open(f'/proc/{pid}/cwd/new', 'w')",
    "leave a core": "import resource\n"
    "hard = resource.getrlimit(resource.RLIMIT_CORE)[1]\n"
    "resource.setrlimit(resource.RLIMIT_CORE, (hard, hard)); os.chdir(out); os.abort()",
    "the home": "open(os.path.expanduser(f'~/.{name}'), 'w')",
    "a temporary file": "open(f'/tmp/{name}', 'w')",
    "a temporary file that stays": "open(f'/var/tmp/{name}', 'w')",
    "the users": "open('/etc/passwd', 'a')",
    "the interpreter": "open(os.path.realpath(sys.executable), 'r+b')",
    "the interpreter by its process": "open('/proc/self/exe', 'r+b')",
    "the first program": "open('/proc/1/exe', 'r+b')",
    "a library": "import json; open(json.__file__, 'r+b')",
    "memory that is a disk": "open('/dev/mem', 'r+b')",
    "the log of the kernel": "open('/dev/kmsg', 'w')",
    "a virtual machine": "os.open('/dev/kvm', os.O_RDWR)",
    "a file system of one's own": "os.open('/dev/fuse', os.O_RDWR)",
    "a loop device": "os.open('/dev/loop-control', os.O_RDWR)",
    "the screen": "[os.open(f'/dev/{name}', os.O_RDWR) for name in ('console', 'tty0', 'vcs')]",
    "where cores go": "same('/proc/sys/kernel/core_pattern')",
    "which program loads modules": "same('/proc/sys/kernel/modprobe')",
    "which files are programs": "open('/proc/sys/fs/binfmt_misc/register', 'w')",
    "the magic key": "open('/proc/sysrq-trigger', 'w')",
    "how memory is given": "same('/proc/sys/vm/overcommit_memory')",
    "another group": "[open(p, 'w').write('0') for p in glob('/sys/fs/cgroup/**/cgroup.procs')][0]",
    "the end of a group": "[same(p) for p in glob('/sys/fs/cgroup/**/release_agent')][0]",
    "be spared": "open('/proc/self/oom_score_adj', 'w').write('-1000')",
}
NETWORK = {
    "loopback": "connect(('127.0.0.1', port))",
    "another loopback": "connect(('127.3.2.1', port))",
    "any address": "connect(('0.0.0.0', port))",
    "version 6": "connect(('::1', port), socket.AF_INET6)",
    "version 4 in 6": "connect(('::ffff:127.0.0.1', port), socket.AF_INET6)",
    "any address of version 6": "connect(('::', port), socket.AF_INET6)",
    "the machine's address": "connect((address, port))",
    "several paths": "connect(('127.0.0.1', port), proto=262)",
    "at once": "s = socket.socket(); s.settimeout(2)\n"
    "s.sendto(b'x', 0x20000000, ('127.0.0.1', port)); s.getpeername()",
    "from a port of the system": "s = socket.socket(); s.settimeout(2); s.bind(('', 1))\n"
    "s.connect(('127.0.0.1', port))",
    "the machine's name": "connect((socket.gethostname(), port))",
    "localhost": "connect(('localhost', port))",
    "a device": "s = socket.socket(); s.settimeout(2)\n"
    "s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'eth0'); s.connect((address, port))",
    "a link": "connect(('169.254.169.254', 80))",
    "another machine": "connect(('192.0.2.1', 80))",
    "a datagram": "datagram('127.0.0.1')",
    "a datagram to the machine's address": "datagram(address)",
    "a datagram to a group": "datagram('224.0.0.1')",
    "a datagram to all": "datagram('127.255.255.255')",
    "a datagram to any address": "datagram('0.0.0.0')",
    "raw": "socket.socket(type=socket.SOCK_RAW, proto=1)",
    "whole packets": "socket.socket(17, socket.SOCK_RAW)",
    "a tunnel": "os.open('/dev/net/tun', os.O_RDWR)",
    "a name in the file system": "socket.socket(socket.AF_UNIX).connect(f'{out}/socket')",
    "a name without a file": "socket.socket(socket.AF_UNIX).connect(f'\\0{name}')",
    "a datagram to a name": "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)",
    "a pair that sends to a name": "pair(socket.SOCK_DGRAM).sendto(b'x', dgram)",
    "a pair that connects to a name": "pair(socket.SOCK_DGRAM).connect(dgram)",
    "a raw pair": "pair(socket.SOCK_RAW).sendto(b'x', dgram)",
    "a pair with flags": "pair(2 | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC).sendto(b'x', dgram)",
    "a pair that is connected anew": "pair(socket.SOCK_STREAM).connect(f'{out}/socket')",
    "a pair of packets": "pair(socket.SOCK_SEQPACKET).connect(f'{out}/socket')",
    "the outside's network": "os.setns(os.open(f'/proc/{pid}/ns/net', os.O_RDONLY), 0)",
    "the first's network": "os.setns(os.open('/proc/1/ns/net', os.O_RDONLY), 0)",
    "settings of the network": "same('/proc/sys/net/ipv4/ip_forward')",
    "an interface": "fcntl.ioctl(socket.socket(), 0x8914, struct.pack('16sH14x', b'lo', 0))",
    **{
        f"the family {family}": f"socket.socket({family}, socket.SOCK_{kind})"
        for family, kind in (
            *((3, "SEQPACKET"), (4, "DGRAM"), (5, "DGRAM"), (9, "SEQPACKET"), (15, "RAW")),
            *((21, "SEQPACKET"), (29, "RAW"), (30, "STREAM"), (31, "RAW"), (38, "SEQPACKET")),
            *((39, "SEQPACKET"), (40, "STREAM"), (41, "DGRAM"), (43, "STREAM"), (44, "RAW")),
        )
    },
}
# Numbers of x86-64, and arguments that would do no harm if it came to that. `p` lies in memory.
_NAMESPACES = {
    "time": 0x80,
    "mounts": 0x20000,
    "groups": 0x2000000,
    "names": 0x4000000,
    "messages": 0x8000000,
    "users": 0x10000000,
    "processes": 0x20000000,
    "network": 0x40000000,
}
CALLS = {
    **{f"unshare {name}": f"272, {flag}" for name, flag in _NAMESPACES.items()},
    **{
        # CLONE_NEWTIME shares its bit with the signal to be sent, and so needs clone3.
        f"clone {name}": f"56, {flag | 17}, 0, 0, 0, 0"
        for name, flag in _NAMESPACES.items()
        if name != "time"
    },
    **{
        f"clone3 {name}": f"435, struct.pack('11Q', {flag}, *[0] * 10), 88"
        for name, flag in _NAMESPACES.items()
    },
    **{
        f"setns {name}": f"308, os.open('/proc/self/ns/{name}', os.O_RDONLY), 0"
        for name in ("mnt", "cgroup", "uts", "ipc", "user", "pid", "net")
    },
    "ptrace attach": "101, 16, os.getppid()",
    "ptrace seize": "101, 0x4206, os.getppid()",
    "ptrace traceme": "101, 0",
    "process_vm_readv": "310, os.getppid(), p, 1, p, 1, 0",
    "process_vm_writev": "311, os.getppid(), p, 1, p, 1, 0",
    "kcmp": "312, os.getpid(), os.getpid(), 0",
    "pidfd_getfd": "438, 0, 0, 0",
    "mount": "165, b'tmpfs', b'/tmp', b'tmpfs', 0, 0",
    "mount bind": "165, b'/', b'/tmp', 0, 4096, 0",
    "mount remount": "165, 0, b'/', 0, 4128, 0",
    "mount propagation": "165, 0, b'/', 0, 1 << 20, 0",
    "mount move": "165, b'/', b'/tmp', 0, 8192, 0",
    "mount overlay": "165, b'o', b'/tmp', b'overlay', 0, b'lowerdir=/,upperdir=/tmp,workdir=/tmp'",
    "mount proc": "165, b'proc', b'/tmp', b'proc', 0, 0",
    "mount groups": "165, b'cgroup', b'/tmp', b'cgroup', 0, b'rdma'",
    "umount2": "166, b'/tmp', 2",
    "pivot_root": "155, b'/tmp', b'/tmp'",
    "chroot": "161, b'/'",
    "open_tree": "428, -100, b'/', 1",
    "open_tree_attr": "467, -100, b'/', 1, p, 32",
    "move_mount": "429, -100, b'/', -100, b'/tmp', 0",
    "fsopen": "430, b'tmpfs', 0",
    "fsconfig": "431, 0, 6, 0, 0, 0",
    "fsmount": "432, 0, 0, 0",
    "fspick": "433, -100, b'/', 0",
    "mount_setattr": "442, -100, b'/', 0, p, 32",
    "open_by_handle_at": "304, -100, p, 0",
    "bpf map": "321, 0, p, 128",
    "bpf program": "321, 5, p, 128",
    "perf_event_open": "298, p, 0, -1, -1, 0",
    "userfaultfd": "323, 1",
    "io_uring_setup": "425, 1, p",
    "add_key": "248, b'user', b'x', b'x', 1, -3",
    "request_key": "249, b'user', b'x', 0, 0",
    "keyctl join": "250, 1, 0",
    "keyctl get": "250, 0, -3, 1",
    "init_module": "175, p, 128, b''",
    "finit_module": "313, 0, b'', 0",
    "delete_module": "176, b'none', 0",
    "kexec_load": "246, 0, 0, 0, 0",
    "kexec_file_load": "320, -1, -1, 0, 0, 0",
    "reboot": "169, 0xFEE1DEAD, 672274793, 0, 0",
    "swapon": "167, b'/tmp', 0",
    "swapoff": "168, b'/tmp'",
    "acct": "163, 0",
    "settimeofday": "164, 0, 0",
    "clock_settime": "227, 0, now",
    "adjtimex": "159, struct.pack('I4xq', 2, 0) + bytes(240)",
    "sethostname": "170, host, len(host)",
    "setdomainname": "171, domain, len(domain)",
    "iopl": "172, 3",
    "ioperm": "173, 128, 1, 1",
    "syslog": "103, 3, p, 100",
    "vhangup": "153",
    "setuid": "105, 12345",
    "setgid": "106, 12345",
    "setresuid": "117, 12345, 12345, 12345",
    "setgroups": "116, 1, p",
    "setpriority": "141, 0, 0, -20",
    "sched_setscheduler": "144, 0, 1, struct.pack('i', 1)",
    "ioprio_set": "251, 1, 0, 1 << 13",
    "fanotify_init": "300, 0, 0",
    "mknod of a disk": "133, b'disk', 0o60600, 0x700",
    "mknod of memory": "133, b'memory', 0o20600, 0x101",
    "another set of numbers": "0x40000000 | 39",
    "another set, ptrace": "0x40000000 | 521, 0",
}
DRIVER = """
import ctypes, errno, fcntl, glob as globs, json, os, socket, struct, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)

def glob(pattern):
    return globs.glob(pattern, recursive=True)

def same(path):
    text = open(path).read()
    open(path, "w").write(text)

def connect(where, family=socket.AF_INET, proto=0):
    s = socket.socket(family, socket.SOCK_STREAM, proto)
    s.settimeout(2)
    s.connect(where)

def pair(kind):
    return socket.socketpair(type=kind)[0]

def datagram(host):
    s = socket.socket(type=socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    s.settimeout(0.5)
    s.sendto(b"x", (host, udp))
    assert s.recv(9) == b"pong"

def call(*arguments):
    wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    if libc.syscall(*wide) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

p = ctypes.create_string_buffer(4096)
now = struct.pack("qq", int(time.time()), 0)
host = os.uname().nodename.encode()
domain = open("/proc/sys/kernel/domainname", "rb").read().strip()
values, attempts = json.load(sys.stdin)
globals().update(values)
file = out + "/file"
dgram = out + "/datagrams"
for title, code in attempts.items():
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            exec(code)
            told = "ESCAPED"
        except BaseException as error:
            number = getattr(error, "errno", None)
            told = errno.errorcode.get(number, type(error).__name__)
        os.write(writing, told.encode())
        os._exit(0)
    os.close(writing)
    print(json.dumps([title, os.read(reading, 100).decode()]))
    os.close(reading)
    os.waitpid(child, 0)
"""
REFUSED = {"EPERM", "EACCES", "EROFS", "ENOSYS"}


async def tried(attempts: dict[str, str], outside: Outside) -> dict[str, str]:
    """For each attempt `ESCAPED`, the name of its error, or nothing when it has died."""
    material = json.dumps([{**outside.values(), "out": str(outside.folder)}, attempts])
    result = await run_python(DRIVER, stdin=material, timeout=50)
    told = dict(json.loads(line) for line in result.splitlines() if line.startswith("["))
    assert told.keys() == attempts.keys(), result
    return told


@pytest.mark.parametrize("kind", ["files", "network"])
@pytest.mark.parametrize(("backend", "level"), KINDS, indirect=True)
async def test_no_way_to_files_or_the_network_gets_out(
    kind: str, level: Level, backend: str, outside: Outside, inside: Use
) -> None:
    inside(LocalWorkspace(outside.folder.parent / "room", sandbox=level))
    attempts = FILES if kind == "files" else NETWORK
    told = await tried(attempts, outside)
    assert [title for title in told if told[title] == "ESCAPED"] == []
    assert outside.harm() == []


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers are those of x86-64")
@pytest.mark.parametrize(("backend", "level"), KINDS, indirect=True)
async def test_no_system_call_gets_out(
    level: Level, backend: str, outside: Outside, inside: Use
) -> None:
    """Each is refused as such, not for what its arguments are."""
    inside(LocalWorkspace(outside.folder.parent / "room", sandbox=level))
    told = await tried({title: f"call({numbers})" for title, numbers in CALLS.items()}, outside)
    assert {title: error for title, error in told.items() if error not in REFUSED} == {}
    assert outside.harm() == []


# What is harmless outside, and works there for any user and on any machine.
WORKS_OUTSIDE = {
    "files": {
        *("a file without a name", "open to write only", "open to read, and truncate", "exchange"),
        *("truncate by path", "reopen by descriptor", "reopen by thread", "mode by descriptor"),
        *("time by descriptor", "time of the folder", "a pipe with a name", "a node", "a link"),
        *("read and write a pipe that was there", "from inside the folder"),
        *(
            "in a folder by descriptor",
            "make by descriptor",
            "by many steps up",
            "by its own folder",
        ),
        *("by the outside's folder", "a temporary file", "a temporary file that stays"),
    },
    "network": {
        *("loopback", "another loopback", "any address", "a datagram", "a datagram to any address"),
        *("a name in the file system", "a name without a file", "a datagram to a name"),
        *("a pair that sends to a name", "a pair that connects to a name", "a raw pair"),
        "a pair with flags",
    },
}


@pytest.mark.parametrize("kind", WORKS_OUTSIDE)
async def test_outside_these_ways_are_open(kind: str, outside: Outside, inside: Use) -> None:
    inside(LocalWorkspace(outside.folder.parent / "room"))
    table = FILES if kind == "files" else NETWORK
    told = await tried({title: table[title] for title in sorted(WORKS_OUTSIDE[kind])}, outside)
    assert [title for title in told if told[title] != "ESCAPED"] == []
    assert outside.harm()[0] == kind


async def test_pairs_of_connected_sockets_work(folder: Path, backend: str, inside: Use) -> None:
    inside(LocalWorkspace(folder, sandbox="read-only"))
    code = (
        "import asyncio, socket\n"
        "for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET):\n"
        "    left, right = socket.socketpair(type=kind)\n"
        "    left.sendall(b'hello'); assert right.recv(9) == b'hello'\n"
        "async def main():\n"
        "    child = await asyncio.create_subprocess_exec('true'); return await child.wait()\n"
        "print(asyncio.run(main()))"
    )
    assert await run_python(code, timeout=20) == "0"
