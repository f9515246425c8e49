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


async def _output(name: str, arguments: Sequence[str]) -> bytes:
    """As much of a program's output as may be sent; none if it fails or takes too long."""
    try:
        process = await asyncio.create_subprocess_exec(
            name,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return b""
    assert process.stdout is not None
    data = bytearray()
    try:
        async with asyncio.timeout(PATIENCE):
            while len(data) <= MAX_BYTES and (piece := await process.stdout.read(1 << 16)):
                data += piece
            if len(data) <= MAX_BYTES and await process.wait() != 0:
                return b""
    except TimeoutError:
        return b""
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    return bytes(data)
