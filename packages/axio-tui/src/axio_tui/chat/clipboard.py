"""The image of the clipboard, by the program of the system that gives it: each may hang, or write
without end."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from axio_tui.chat.pictures import MAX_BYTES

__all__ = ("PROGRAMS", "clipboard_image", "programs_here")

PATIENCE = 2.0
"""Seconds for each of its two questions."""
_KINDS = ("image/png", "image/jpeg", "image/webp", "image/gif")


@dataclass(frozen=True, slots=True)
class Program:
    """`kinds` lists what the clipboard holds, `get` writes it, with the kind for `KIND`. One for a
    `display` is asked only where there is one."""

    name: str
    get: Sequence[str]
    kinds: Sequence[str] = ()
    display: str = ""
    platform: str = "linux"


PROGRAMS = (
    Program(
        "wl-paste",
        ("--no-newline", "--type", "KIND"),
        ("--list-types",),
        "WAYLAND_DISPLAY",
    ),
    Program(
        "xclip",
        ("-selection", "clipboard", "-t", "KIND", "-o"),
        ("-selection", "clipboard", "-t", "TARGETS", "-o"),
        "DISPLAY",
    ),
    Program("pngpaste", ("-",), platform="darwin"),
)


def programs_here(environment: Mapping[str, str] = os.environ) -> Iterator[Program]:
    """Those that are installed, and whose display is there."""
    for program in PROGRAMS:
        is_reachable = not program.display or environment.get(program.display)
        if sys.platform == program.platform and is_reachable and shutil.which(program.name):
            yield program


async def clipboard_image() -> bytes | None:
    """The image that the clipboard holds, or the beginning of one that is too large; None without
    one, and where no program tells."""
    for program in programs_here():
        kind = ""
        if program.kinds:
            held = (await _output(program.name, program.kinds)).decode("ascii", "replace").split()
            kind = next((one for one in _KINDS if one in held), "")
            if not kind:
                continue
        get = [kind if word == "KIND" else word for word in program.get]
        if data := await _output(program.name, get):
            return data
    return None


class _Output(asyncio.SubprocessProtocol):
    """Takes as much of a program's output as may be sent, and one piece more."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.ended, self.exited = asyncio.Event(), asyncio.Event()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if len(self.data) <= MAX_BYTES:
            self.data += data
        if len(self.data) > MAX_BYTES:
            self.ended.set()

    def process_exited(self) -> None:
        self.exited.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set()  # it has exited, and all that it wrote was read


async def _output(name: str, arguments: Sequence[str]) -> bytes:
    """As much of a program's output as may be sent; none if it fails or takes too long."""
    try:
        process, output = await asyncio.get_running_loop().subprocess_exec(
            _Output,
            name,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return b""
    try:
        async with asyncio.timeout(PATIENCE):
            await output.ended.wait()
    except TimeoutError:
        return b""
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.get_pid(), signal.SIGKILL)
        await output.exited.wait()
        process.close()  # what it wrote and was not read is not waited for
    is_well = process.get_returncode() == 0 or len(output.data) > MAX_BYTES
    return bytes(output.data) if is_well else b""
