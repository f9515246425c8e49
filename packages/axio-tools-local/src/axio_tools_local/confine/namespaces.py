"""A private view of processes, network and mounts, in which everything is read-only
(namespaces(7), mount_setattr(2))."""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import struct
from collections.abc import Iterable

from axio_tools_local.confine import system

_NEW_NS, _NEW_IPC, _NEW_USER, _NEW_PID, _NEW_NET = (
    0x00020000,
    0x08000000,
    0x10000000,
    0x20000000,
    0x40000000,
)
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 2, 4, 8
_MS_BIND, _MS_REC, _MS_PRIVATE = 4096, 16384, 1 << 18
_MOUNT_SETATTR = 442
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_RDONLY = 1
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1
_SHARED_MEMORY = "/dev/shm"
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_LINKS = {
    "ptmx": "pts/ptmx",
    "fd": "/proc/self/fd",
    "stdin": "fd/0",
    "stdout": "fd/1",
    "stderr": "fd/2",
}


def enter(writable: Iterable[str], protected: Iterable[str]) -> None:
    """Leave this process outside as a mere waiter, and go on in its child inside the namespaces.

    The child is process 1 in there: when it ends the kernel ends all others. The waiter passes the
    child's exit code on, and its own death to the child. Files can be changed below `writable`,
    but not below `protected`, which may lie in there.
    """
    writable = tuple(writable)
    _unshare()
    system.die_with_parent(signal.SIGKILL)  # once more: other rights, and it is forgotten
    _loopback_up()
    _mount(None, "/", None, _MS_REC | _MS_PRIVATE)
    _make_devices()
    _make_read_only(writable, tuple(protected))
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it is for the command, which gets it too
    child = os.fork()
    if child:
        os._exit(exit_code(os.waitpid(child, 0)[1]))
    system.die_with_parent(signal.SIGKILL)
    _mount("proc", "/proc", "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC | _RDONLY)


def run_as_child() -> None:
    """Go on in a child, and stay behind as the first process of the namespace, which reaps."""
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        return
    # The pipes are the command's: who reads them shall see their end when it has ended.
    for descriptor in range(3):
        os.close(descriptor)
    while True:
        pid, status = os.wait()
        if pid == child:
            os._exit(exit_code(status))


def exit_code(status: int) -> int:
    """As a shell has it: 128 and the signal's number when a signal ended the process."""
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def _unshare() -> None:
    namespaces = _NEW_NS | _NEW_IPC | _NEW_PID | _NEW_NET
    user, group = os.geteuid(), os.getegid()
    try:
        system.call("unshare", namespaces)
    except PermissionError:
        # Who is not root becomes it in a user namespace, under the same name.
        system.call("unshare", namespaces | _NEW_USER)
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{user} {user} 1")
        _write("/proc/self/gid_map", f"{group} {group} 1")


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH14x", b"lo", _IFF_UP)
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, request)


def _make_devices() -> None:
    """Devices that lead nowhere: no terminal but those that are opened inside, and no disk."""
    held = {}
    for name in _DEVICES:
        path = f"/dev/{name}"
        if os.path.exists(path):
            held[path] = os.open(path, os.O_PATH | os.O_CLOEXEC)
    _mount("tmpfs", "/dev", "tmpfs", _MS_NOSUID | _MS_NOEXEC, "mode=755")
    for path, device in held.items():
        _write(path, "")
        _mount(f"/proc/self/fd/{device}", path, None, _MS_BIND)
        os.close(device)
    os.mkdir("/dev/pts")
    options = "newinstance,ptmxmode=0666,mode=620"
    _mount("devpts", "/dev/pts", "devpts", _MS_NOSUID | _MS_NOEXEC, options)
    os.mkdir(_SHARED_MEMORY)
    for name, target in _LINKS.items():
        os.symlink(target, f"/dev/{name}")


def _make_read_only(writable: tuple[str, ...], protected: tuple[str, ...]) -> None:
    for path in writable + protected:
        _mount(path, path, None, _MS_BIND | _MS_REC)
    # Of what was read-only before, nothing becomes writable.
    allowed = [path for path in writable if not os.statvfs(path).f_flag & os.ST_RDONLY]
    _set_attributes("/", _AT_RECURSIVE, set_=_RDONLY)
    for path in allowed:
        _set_attributes(path, 0, clear=_RDONLY)
    if writable:
        # Private memory, which is gone with the namespace.
        _mount("tmpfs", _SHARED_MEMORY, "tmpfs", _MS_NOSUID | _MS_NODEV)


def _mount(
    source: str | None, target: str, kind: str | None, flags: int, options: str | None = None
) -> None:
    *texts, data = (
        None if text is None else os.fsencode(text) for text in (source, target, kind, options)
    )
    try:
        system.call("mount", *texts, ctypes.c_ulong(flags), data)
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror} ({target})") from None


def _set_attributes(path: str, flags: int, *, set_: int = 0, clear: int = 0) -> None:
    attributes = struct.pack("=QQQQ", set_, clear, 0, 0)
    system.syscall(_MOUNT_SETATTR, _AT_FDCWD, os.fsencode(path), flags, attributes, len(attributes))
