"""Refuse system calls and socket families (seccomp(2)).

The filter is a small program in classic BPF that the kernel runs before each system call. What it
refuses fails with EPERM. Allowed are sockets of the internet families, which in a network namespace
of one's own reach no one else, and pairs of connected sockets. Sockets that can have, or send to, a
name in the file system are refused, since behind such names wait services that would do outside
what may not be done here. A pair of datagram sockets could send to any name.
"""

from __future__ import annotations

import ctypes
import errno
import struct
import sys
from typing import NamedTuple

from axio_tools_local.confine import system


class _Machine(NamedTuple):
    audit: int
    """AUDIT_ARCH_* of <linux/audit.h>."""
    clone: int
    socket: int
    socketpair: int
    refused: tuple[int, ...]


# The same number on all machines: clone3, io_uring_setup, pidfd_getfd, the new mount calls.
_CLONE3 = 435
_REFUSED_EVERYWHERE = (425, 438, 428, 429, 430, 431, 432, 433, 442, 467)

_MACHINES = {
    "x86_64": _Machine(
        audit=0xC000003E,
        clone=56,
        socket=41,
        socketpair=53,
        refused=(
            *(101, 310, 311, 312),  # ptrace, process_vm_readv, process_vm_writev, kcmp
            *(165, 166, 155, 272, 308),  # mount, umount2, pivot_root, unshare, setns
            *(321, 298, 323, 304),  # bpf, perf_event_open, userfaultfd, open_by_handle_at
            *(248, 249, 250),  # add_key, request_key, keyctl
        ),
    ),
    "aarch64": _Machine(
        audit=0xC00000B7,
        clone=220,
        socket=198,
        socketpair=199,
        refused=(
            *(117, 270, 271, 272),
            *(40, 39, 41, 97, 268),
            *(280, 241, 282, 265),
            *(217, 218, 219),
        ),
    ),
}

_FAMILIES = (2, 10, 16)  # AF_INET, AF_INET6, AF_NETLINK of Linux
_PAIRS = (1, 5)  # SOCK_STREAM, SOCK_SEQPACKET
_TYPE_BITS = 0xF  # of a socket's type; the others are flags
_CLONE_NAMESPACES = 0x7E020000
"""CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}: in a new user namespace one is root again."""
_X32_BIT = 0x40000000  # system calls of the x32 ABI, which have numbers of their own

# <linux/filter.h>: BPF_LD|BPF_W|BPF_ABS, BPF_JMP|{BPF_JEQ,BPF_JGE,BPF_JSET}|BPF_K, BPF_RET|BPF_K,
# BPF_ALU|BPF_AND|BPF_K
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN, _AND = 0x20, 0x15, 0x35, 0x45, 0x06, 0x54
# struct seccomp_data: int nr; u32 arch; u64 instruction_pointer; u64 args[6] (little endian)
_NUMBER, _ARCH, _ARGUMENT_0, _ARGUMENT_1 = 0, 4, 16, 24
_ALLOW = 0x7FFF0000
_FAIL = 0x00050000  # SECCOMP_RET_ERRNO, with the error's number
_REFUSE = _FAIL | errno.EPERM
_SECCOMP_SET_MODE_FILTER = 1
_PR_SECCOMP = {"x86_64": 317, "aarch64": 277}


def supported() -> bool:
    return sys.platform == "linux" and system.machine() in _MACHINES


def program(machine: str) -> bytes:
    """The filter for a machine, as the kernel's `struct sock_filter[]`."""
    numbers = _MACHINES[machine]
    code: list[tuple[int, int, int, int]] = []

    def add(operation: int, value: int, if_true: int = 0, if_false: int = 0) -> None:
        code.append((operation, if_true, if_false, value))

    # Jumps count the instructions that are passed over.
    add(_LOAD, _ARCH)
    add(_EQUAL, numbers.audit, if_true=1)
    add(_RETURN, _REFUSE)
    add(_LOAD, _NUMBER)
    add(_AT_LEAST, _X32_BIT, if_false=1)
    add(_RETURN, _REFUSE)
    for number in (*numbers.refused, *_REFUSED_EVERYWHERE):
        add(_EQUAL, number, if_false=1)
        add(_RETURN, _REFUSE)
    # Its flags lie in memory, out of sight; the C library falls back to clone.
    add(_EQUAL, _CLONE3, if_false=1)
    add(_RETURN, _FAIL | errno.ENOSYS)
    add(_EQUAL, numbers.clone, if_false=4)
    add(_LOAD, _ARGUMENT_0)
    add(_ANY_BIT, _CLONE_NAMESPACES, if_false=1)
    add(_RETURN, _REFUSE)
    add(_RETURN, _ALLOW)
    for number, argument, bits, allowed in (
        (numbers.socket, _ARGUMENT_0, 0xFFFFFFFF, _FAMILIES),
        (numbers.socketpair, _ARGUMENT_1, _TYPE_BITS, _PAIRS),
    ):
        add(_EQUAL, number, if_false=len(allowed) + 4)
        add(_LOAD, argument)
        add(_AND, bits)
        for index, value in enumerate(allowed):
            add(_EQUAL, value, if_true=len(allowed) - index)
        add(_RETURN, _REFUSE)
        add(_RETURN, _ALLOW)
    add(_RETURN, _ALLOW)
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def apply() -> None:
    """Install the filter in this process, for it and all that it starts. It cannot be removed."""
    machine = system.machine()
    code = program(machine)
    argument = _Program(len(code) // 8, code)
    system.syscall(_PR_SECCOMP[machine], _SECCOMP_SET_MODE_FILTER, 0, ctypes.byref(argument))
