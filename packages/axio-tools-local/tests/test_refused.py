"""System calls and sockets that a confined command tries: none is carried out."""

from __future__ import annotations

import asyncio
import json
import platform
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from axio_tools_local.local import LocalWorkspace
from axio_tools_local.run_python import run_python
from axio_tools_local.sandbox import Level

CALLS = """
import ctypes, json, os, signal, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
done = []

def attempt(name, number, *arguments):
    wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result = libc.syscall(ctypes.c_long(number), *wide)
    if os.getpid() != me:
        os._exit(0)
    tried.append(name)
    if result >= 0:
        done.append(name)

me, tried, room = os.getpid(), [], b"room"
os.mkdir(room) if os.access(".", os.W_OK) else None
zeros = ctypes.create_string_buffer(256)
fd = os.open("/proc/self/status", os.O_RDONLY)
handle = ctypes.create_string_buffer(struct.pack("=Ii", 128, 0) + bytes(128))
mount_id = ctypes.c_int()
libc.name_to_handle_at(-100, b"/", handle, ctypes.byref(mount_id), 0)

NAMESPACES = {"mnt": 0x20000, "cgroup": 0x2000000, "uts": 0x4000000, "ipc": 0x8000000,
              "user": 0x10000000, "pid": 0x20000000, "net": 0x40000000}
for name, flag in NAMESPACES.items():
    attempt("clone " + name, 56, flag | signal.SIGCHLD, 0, 0, 0, 0)
    attempt("setns " + name, 308, os.open("/proc/self/ns/" + name, os.O_RDONLY), 0)
    attempt("clone3 " + name, 435, struct.pack("=11Q", flag, *[0] * 10), 88)
for name, flag in NAMESPACES.items():
    attempt("unshare " + name, 272, flag)
attempt("ptrace", 101, 0x4206, 1, 0, 0)
attempt("ptrace of the parent", 101, 16, os.getppid(), 0, 0)
attempt("process_vm_readv", 310, me, zeros, 0, zeros, 0, 0)
attempt("process_vm_writev", 311, me, zeros, 0, zeros, 0, 0)
attempt("kcmp", 312, me, me, 1, 0, 0)
attempt("mount", 165, b"none", room, b"tmpfs", 0, None)
attempt("mount of nothing", 165, None, b"/", None, 1 << 18, None)
attempt("remount", 165, None, b"/", None, 32 | 4096, None)
attempt("umount2", 166, b"/proc", 2)
attempt("umount2 of devices", 166, b"/dev/pts", 2)
attempt("pivot_root", 155, b".", b".")
attempt("chroot", 161, b"/")
attempt("open_tree", 428, -100, b"/", 1)
attempt("fsopen", 430, b"tmpfs", 0)
attempt("fspick", 433, -100, b"/", 0)
attempt("move_mount", 429, fd, b"", -100, b".", 4)
attempt("mount_setattr", 442, -100, b"/", 0x8000, bytes(32), 32)
attempt("bpf", 321, 0, struct.pack("=IIII", 2, 4, 4, 1) + bytes(60), 76)
attempt("perf_event_open", 298, struct.pack("=II", 1, 112) + bytes(104), 0, -1, -1, 0)
attempt("userfaultfd", 323, 0)
attempt("open_by_handle_at", 304, fd, handle, 0)
attempt("add_key", 248, b"user", b"axio-test", b"x", 1, -4)
attempt("request_key", 249, b"keyring", b"_ses", None, -4)
attempt("keyctl", 250, 0, -3, 1)
attempt("io_uring_setup", 425, 1, zeros)
attempt("pidfd_getfd", 438, os.pidfd_open(me), fd, 0)
attempt("init_module", 175, zeros, 1, b"")
attempt("finit_module", 313, fd, b"", 0)
attempt("delete_module", 176, b"axio", 0)
attempt("kexec_load", 246, 0, 0, None, 0)
attempt("reboot", 169, 0xfee1dead, 672274793, 0, None)
attempt("swapoff", 168, b"/dev/null")
attempt("acct", 163, None)
attempt("sethostname", 170, os.uname().nodename.encode(), len(os.uname().nodename))
attempt("setdomainname", 171, b"x", 1)
attempt("settimeofday", 164, None, struct.pack("=ii", 0, 0))
attempt("clock_settime", 227, 0, struct.pack("=qq", 1, 0))
attempt("adjtimex", 159, struct.pack("=I4xq", 2, 0) + bytes(240))
attempt("iopl", 172, 3)
attempt("ioperm", 173, 0x80, 1, 1)
attempt("syslog", 103, 5, None, 0)
attempt("vhangup", 153)
attempt("mknod", 133, b"disk", 0o60600, 7 << 8)
attempt("setpriority", 141, 0, 0, -20)
attempt("sched_setscheduler", 144, 0, 1, struct.pack("=i", 50))
attempt("ioprio_set", 251, 1, 0, 1 << 13)
attempt("x32 getpid", 39 | 0x40000000)
for name, family, kind in (
    ("unix", 1, 1), ("unix datagrams", 1, 2), ("packets", 17, 3), ("keys", 15, 3),
    ("crypto", 38, 5), ("bluetooth", 31, 3), ("vsock", 40, 1), ("can", 29, 3), ("tipc", 30, 1),
    ("xdp", 44, 3), ("rds", 21, 5), ("raw", 2, 3), ("raw 6", 10, 3),
):
    attempt("socket " + name, 41, family, kind, 1 if name.startswith("raw") else 0)
print(json.dumps([len(tried), done]))
"""

NETWORK = """
import json, socket
tcp, udp, address = {tcp}, {udp}, "{address}"
found = []

def attempt(name, work):
    try:
        work()
    except OSError:
        return
    found.append(name)

def stream(host, port, family=socket.AF_INET):
    with socket.socket(family) as s:
        s.settimeout(1)
        s.connect((host, port))

def datagram(host, port, family=socket.AF_INET, option=None):
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(1)
        if option:
            s.setsockopt(*option, 1)
        s.sendto(b"x", (host, port))
        s.recvfrom(9)

def bound(name):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name.encode())
        s.settimeout(1)
        s.connect((address, tcp))

attempts = [
    ("loopback", lambda: stream("127.0.0.1", tcp)),
    ("another loopback", lambda: stream("127.8.8.8", tcp)),
    ("any address", lambda: stream("0.0.0.0", tcp)),
    ("loopback 6", lambda: stream("::1", tcp, socket.AF_INET6)),
    ("mapped", lambda: stream("::ffff:127.0.0.1", tcp, socket.AF_INET6)),
    ("own address", lambda: stream(address, tcp)),
    ("own name", lambda: stream(socket.gethostname(), tcp)),
    ("localhost", lambda: stream("localhost", tcp)),
    ("datagram", lambda: datagram("127.0.0.1", udp)),
    ("datagram to itself", lambda: datagram(address, udp)),
    ("broadcast", lambda: datagram("255.255.255.255", udp,
                                   option=(socket.SOL_SOCKET, socket.SO_BROADCAST))),
    ("multicast", lambda: datagram("224.0.0.1", udp)),
    ("link", lambda: stream("169.254.169.254", 80)),
    ("a device", lambda: bound("eth0")),
    ("documentation", lambda: stream("192.0.2.1", 80)),
]
for name, work in attempts:
    attempt(name, work)
print(json.dumps([len(attempts), found]))
"""


@pytest.fixture(params=["workspace-write", "read-only"])
def room(
    request: pytest.FixtureRequest,
    backend: str,
    folder: Path,
    inside: Callable[[object], None],
) -> Level:
    level: Level = request.param
    inside(LocalWorkspace(folder, sandbox=level))
    return level


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers are those of x86-64")
async def test_no_system_call_that_leads_outside_is_carried_out(room: Level) -> None:
    number, done = json.loads(await run_python(CALLS, timeout=30))
    assert number >= 60
    assert done == []


@pytest.fixture
def reached() -> Iterator[tuple[dict[str, object], threading.Event]]:
    """Servers at all addresses of this machine, where they listen, and whether one was reached."""
    event = threading.Event()
    tcp = socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    udp = socket.socket(type=socket.SOCK_DGRAM)
    udp.bind(("", 0))

    def accept() -> None:
        while True:
            try:
                tcp.accept()[0].close()
            except OSError:
                return
            event.set()

    def answer() -> None:
        while True:
            data, sender = udp.recvfrom(9)
            if data == b"end":
                return
            event.set()
            udp.sendto(b"pong", sender)

    threads = [threading.Thread(target=accept), threading.Thread(target=answer)]
    for thread in threads:
        thread.start()
    port = udp.getsockname()[1]
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        probe.connect(("127.0.0.1", port))
        address = probe.getsockname()[0]
    yield {"tcp": tcp.getsockname()[1], "udp": port, "address": address}, event
    tcp.shutdown(socket.SHUT_RDWR)
    with socket.socket(type=socket.SOCK_DGRAM) as last:
        last.sendto(b"end", ("127.0.0.1", port))
    for thread in threads:
        thread.join()
    tcp.close()
    udp.close()


def program(values: dict[str, object], chosen: str = "attempts") -> str:
    text = NETWORK.replace("in attempts:", f"in {chosen}:")
    for name, value in values.items():
        text = text.replace("{" + name + "}", str(value))
    return text


async def test_no_way_of_the_network_leads_outside(
    room: Level, reached: tuple[dict[str, object], threading.Event]
) -> None:
    values, event = reached
    number, found = json.loads(await run_python(program(values), timeout=60))
    assert number >= 12
    assert found == [] and not event.is_set()


async def test_the_servers_can_be_reached_without_a_sandbox(
    folder: Path, reached: tuple[dict[str, object], threading.Event]
) -> None:
    """So the test above is about the sandbox."""
    values, event = reached
    _, found = json.loads(await run_python(program(values, "attempts[:1] + attempts[8:9]")))
    assert found == ["loopback", "datagram"]
    assert await asyncio.to_thread(event.wait, 1)
