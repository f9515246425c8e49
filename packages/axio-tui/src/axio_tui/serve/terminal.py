"""`Terminal`: a program in a terminal of its own, of which this process holds the other end."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import struct
import termios
from asyncio.subprocess import Process
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from axio_tui.serve.messages import Size

__all__ = ("Terminal",)

_PATIENCE = 5.0  # seconds that it may take to end when its terminal is gone


class Terminal:
    """The program ends with it, also when this process is killed: the system takes the terminal
    away, which programs are told by SIGHUP and by the end of their input."""

    def __init__(self, master: int, process: Process) -> None:
        self._master = master
        self._process = process
        self._exit = asyncio.ensure_future(process.wait())
        self._gone = asyncio.get_running_loop().create_future()
        self._writing = asyncio.Lock()

    @classmethod
    async def start(
        cls, command: Sequence[str], environment: Mapping[str, str], size: Size
    ) -> Terminal:
        """Start the command, without a shell. It leads a session, and takes the terminal for its
        own. Raises `OSError`."""
        master, slave = os.openpty()
        try:
            os.set_blocking(master, False)
            _resize(master, size)
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=slave,
                stdout=slave,
                stderr=slave,
                env=environment,
                start_new_session=True,
            )
        except BaseException:
            os.close(master)
            raise
        finally:
            os.close(slave)
        return cls(master, process)

    async def read(self) -> bytes:
        """Some of what the program has written; nothing when it has ended, or after `stop`."""
        while not self._gone.done():
            try:
                return os.read(self._master, 65536)
            except BlockingIOError:
                if self._exit.done():  # others may hold the terminal open
                    return b""
            except OSError:  # all have closed it
                return b""
            loop = asyncio.get_running_loop()
            await self._until(loop.add_reader, loop.remove_reader)
        return b""

    async def write(self, data: bytes) -> None:
        """Give it to the program as typed, as fast as it takes it."""
        async with self._writing:
            while data:
                try:
                    data = data[os.write(self._master, data) :]
                except BlockingIOError:
                    if self._exit.done() or self._gone.done():
                        return
                    loop = asyncio.get_running_loop()
                    await self._until(loop.add_writer, loop.remove_writer)
                except OSError:
                    return

    async def _until(self, add: Callable[..., object], remove: Callable[[int], object]) -> None:
        """Wait until the terminal is ready or gone, or the program has ended."""
        ready = asyncio.get_running_loop().create_future()

        def wake() -> None:
            if not ready.done():
                ready.set_result(None)

        add(self._master, wake)
        waiting = {ready, self._exit, self._gone}
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            remove(self._master)

    def resize(self, size: Size) -> None:
        """Change its size, and tell the program even if that is the one it has: programs draw all
        of the screen again then."""
        with suppress(OSError):
            _resize(self._master, size)
            if not self._exit.done():
                os.killpg(self._process.pid, signal.SIGWINCH)

    def stop(self) -> None:
        """Let nothing be read or written any more."""
        if not self._gone.done():
            self._gone.set_result(None)

    async def close(self) -> None:
        """Take the terminal away, and wait for the end of the program, which is killed if it does
        not come. Nothing may read any more."""
        self.stop()
        async with self._writing:
            master, self._master = self._master, -1
            os.close(master)
        with suppress(OSError):  # one that has made no terminal its own is not told by the system
            os.killpg(self._process.pid, signal.SIGHUP)
        try:
            await asyncio.wait({self._exit}, timeout=_PATIENCE)
        finally:
            if not self._exit.done():
                with suppress(OSError):
                    os.killpg(self._process.pid, signal.SIGKILL)
            await self._exit


def _resize(terminal: int, size: Size) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", size.lines, size.columns, 0, 0))
