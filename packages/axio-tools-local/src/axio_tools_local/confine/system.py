"""The C library's calls that Python has no name for, each of which raises `OSError`; and the step
from Python to a command."""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_libc = ctypes.CDLL(None, use_errno=True)

# prctl(2)
_PR_SET_PDEATHSIG = 1
_PR_CAPBSET_READ = 23
_PR_CAPBSET_DROP = 24
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38

# capabilities(7): what root needs to work on files that belong to others.
_FILE_CAPABILITIES = {0: "CHOWN", 1: "DAC_OVERRIDE", 3: "FOWNER", 4: "FSETID"}
_CAPABILITY_VERSION_3 = 0x20080522


def machine() -> str:
    """The processor, as the kernel names it: `x86_64`, `aarch64`, ..."""
    return os.uname().machine


def call(name: str, *arguments: object) -> int:
    """A function of the C library that returns -1 and sets `errno`."""
    result: int = getattr(_libc, name)(*arguments)
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def syscall(number: int, *arguments: object) -> int:
    """A system call that the C library does not know."""
    wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result: int = _libc.syscall(ctypes.c_long(number), *wide)
    if result == -1:
        number_of_error = ctypes.get_errno()
        raise OSError(number_of_error, f"system call {number}: {os.strerror(number_of_error)}")
    return result


def _prctl(option: int, value: int) -> int:
    return call("prctl", option, *(ctypes.c_ulong(n) for n in (value, 0, 0, 0)))


def die_with_parent(signal_number: int) -> None:
    """Get a signal when the thread that started this process ends."""
    _prctl(_PR_SET_PDEATHSIG, signal_number)


def adopt_orphans() -> bool:
    """Become the parent of descendants whose own parent ends; False where that cannot be."""
    try:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    except (OSError, AttributeError):  # another system, or one that only looks like Linux
        return False
    return True


def no_new_privileges() -> None:
    """From here on no program gains rights by being executed (setuid, file capabilities)."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def drop_capabilities() -> None:
    """Give up, for good, all capabilities but those to work on files as root."""
    capability = 0
    while True:
        try:
            present = _prctl(_PR_CAPBSET_READ, capability)
        except OSError:  # beyond the last one that this kernel knows
            break
        if present and capability not in _FILE_CAPABILITIES:
            try:
                _prctl(_PR_CAPBSET_DROP, capability)
            except PermissionError:  # without CAP_SETPCAP there is none to lose
                break
        capability += 1
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    have = ctypes.create_string_buffer(24)
    call("capget", header, have)
    low = struct.unpack("=6I", have.raw)[1]  # permitted, the first 32
    keep = low & sum(1 << number for number in _FILE_CAPABILITIES)
    call("capset", header, struct.pack("=6I", keep, keep, 0, 0, 0, 0))


FAILED = 126

_OF_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT)
"""Signals that Python does not leave as the system has them."""


def become(command: list[str]) -> NoReturn:
    """Execute the command, with signals and environment as if Python had not been there."""
    try:
        with open("/proc/self/environ", "rb") as file:
            entries = [entry.partition(b"=") for entry in file.read().split(b"\0") if entry]
        environment = {name: value for name, _, value in entries}
    except OSError:
        environment = dict(os.environb)
    for number in _OF_PYTHON:
        signal.signal(number, signal.SIG_DFL)
    os.execvpe(command[0], command, environment)


def fail(command: str, error: Exception) -> NoReturn:
    """End with exit code 126, as a shell does, and a line on stderr: nothing was run."""
    sys.stderr.write(f"axio: cannot run {command!r}: {error}\n")
    sys.stderr.flush()
    os._exit(FAILED)
