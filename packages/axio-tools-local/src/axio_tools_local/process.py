"""A command on this machine: its pipes, its deadline and its end.

The pipes are read in chunks and fed at the same time, so neither a line without end nor a command
that does not read its input can stall it. Between this program and the command stands a keeper
(`axio_tools_local.confine.keep`): when the block is left, for any reason, and also when this
program is killed, nothing that the command started is alive.
"""

from __future__ import annotations

import asyncio
import marshal
import os
import secrets
import signal
import subprocess
import threading
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import IO

from axio_tools_local import archive
from axio_tools_local.cgroup import Place
from axio_tools_local.confine import group
from axio_tools_local.workspace import Output

_CHUNK = 65536
_HELD_BYTES = 16 * _CHUNK  # read ahead of the consumer; beyond that the command has to wait
_PIPE_BYTES = 1 << 20  # the most that a pipe can hold by default (pipe(7), pipe-max-size)
_POLITE_SECONDS = 0.2  # between asking a command to end and its end
_DRAIN_SECONDS = 0.25  # for pipes that stay open: what keeps them could not be killed
_KILL_SECONDS = 2.5  # for the keeper to end all
_GROUP_SECONDS = 0.2  # for the control group of a command that has killed its keeper
_LATE_SECONDS = 10.0  # the same, beside the program
_POLL_SECONDS = 0.02  # where the kernel has no pidfd


class Process:
    """`async with Process(argv, ...) as process: async for output in process: ...`.

    Entering raises `OSError` or `ValueError` when the command cannot be started. The folder
    `temporary` is removed after its end, also if this program is killed.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        stdin: bytes | None = None,
        timeout: float | None = None,
        environment: dict[str, str],
        places: Sequence[Place] = (),
        launcher: bool = False,
        script: str | None = None,
        temporary: str | None = None,
    ) -> None:
        self.exit_code: int | None = None
        self.timed_out = False
        self.script = script
        self._argv = list(argv)
        self._cwd = cwd
        self._input = memoryview(stdin or b"")
        self._has_input = stdin is not None
        self._timeout = timeout
        self._environment = environment
        self._places = places
        self._name = f"axio-{secrets.token_hex(8)}"
        self._launcher = launcher
        self._temporary = temporary
        self._lifeline: int | None = None
        self._chunks: deque[Output] = deque()
        self._held = 0
        self._outputs: dict[str, IO[bytes]] = {}
        self._paused = False
        self._exited = False
        self._cut = False
        self._changed = asyncio.Event()
        self._pidfd: int | None = None
        self._timers: list[asyncio.TimerHandle] = []

    # ── opening and closing ───────────────────────────────────────────────────────────────────

    async def __aenter__(self) -> Process:
        self._loop = asyncio.get_running_loop()
        keepers_end, self._lifeline = os.pipe()
        try:
            self._popen = subprocess.Popen(  # noqa: ASYNC220 - takes about a millisecond
                [*self._keeper(keepers_end), *self._argv],
                cwd=self._cwd,
                env=self._environment,
                stdin=subprocess.PIPE if self._has_input else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                pass_fds=(keepers_end, *archive.inherited()),
                start_new_session=True,  # no signal from the terminal reaches it
            )
        except BaseException:
            self._let_go()
            raise
        finally:
            os.close(keepers_end)
        assert self._popen.stdout is not None and self._popen.stderr is not None
        self._outputs = {"stdout": self._popen.stdout, "stderr": self._popen.stderr}
        for pipe in self._outputs.values():
            os.set_blocking(pipe.fileno(), False)
        self._resume()
        if self._popen.stdin is not None:
            os.set_blocking(self._popen.stdin.fileno(), False)
            self._loop.add_writer(self._popen.stdin, self._feed)
        self._watch()
        if self._timeout is not None:
            self._after(self._timeout, self._expire)
        return self

    def _keeper(self, keepers_end: int) -> list[str]:
        request = {
            "program": os.getpid(),
            "lifeline": keepers_end,
            "private": (keepers_end, *(() if self._launcher else archive.inherited())),
            "places": list(self._places),
            "name": self._name,
            "temporary": self._temporary,
        }
        return [*archive.runner("keep"), marshal.dumps(request).hex()]

    async def __aexit__(self, *_: object) -> None:
        try:
            if not self._exited:
                self._ask_to_end()
                await self._exit_within(_POLITE_SECONDS)
        finally:
            self._let_go()
            try:
                await self._exit_within(_KILL_SECONDS)
            finally:
                self._close()

    def _ask_to_end(self) -> None:
        if self._lifeline is not None:
            with suppress(BrokenPipeError):  # it has just ended
                os.write(self._lifeline, b".")

    def _let_go(self) -> None:
        """From here on the keeper ends all that is left."""
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None

    def _close(self) -> None:
        """Close all that is open, hardly waiting: the keeper is gone, or goes now."""
        if not self._exited:
            self._popen.kill()  # something has stopped it, and with it goes the command
        for timer in self._timers:
            timer.cancel()
        if self._pidfd is not None:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
        for name in list(self._outputs):
            self._close_output(name)
        self._close_input()
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(_DRAIN_SECONDS)
        if not self._exited:
            self._end_groups()

    # ── output ────────────────────────────────────────────────────────────────────────────────

    def __aiter__(self) -> AsyncIterator[Output]:
        return self

    async def __anext__(self) -> Output:
        while not self._chunks:
            if self._cut or (self._exited and not self._outputs):
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        output = self._chunks.popleft()
        self._held -= len(output.data)
        if self._paused and self._held < _HELD_BYTES // 2:
            self._resume()
        return output

    def _resume(self) -> None:
        self._paused = False
        for name, pipe in self._outputs.items():
            self._loop.add_reader(pipe, self._read, name)

    def _read(self, name: str) -> int:
        """Take one chunk of a pipe and return its length; 0 when there is none."""
        try:
            data = os.read(self._outputs[name].fileno(), _CHUNK)
        except BlockingIOError:
            return 0
        except OSError:
            data = b""
        if data:
            self._chunks.append(Output(name, data))
            self._held += len(data)
        else:
            self._close_output(name)
        if self._held >= _HELD_BYTES and not self._paused:
            self._paused = True
            for pipe in self._outputs.values():
                self._loop.remove_reader(pipe)
        self._changed.set()
        return len(data)

    def _cut_off(self) -> None:
        """Take what the pipes hold, and no longer wait for those who keep them open."""
        for name in list(self._outputs):
            taken = 0
            while name in self._outputs and taken < _PIPE_BYTES and (n := self._read(name)):
                taken += n
        self._cut = True
        self._changed.set()

    def _close_output(self, name: str) -> None:
        pipe = self._outputs.pop(name)
        self._loop.remove_reader(pipe)
        pipe.close()

    # ── input ─────────────────────────────────────────────────────────────────────────────────

    def _feed(self) -> None:
        assert self._popen.stdin is not None
        if self._input:
            try:
                written = os.write(self._popen.stdin.fileno(), self._input[:_CHUNK])
            except BlockingIOError:
                return
            except OSError:  # it does not read its input, which is its own affair
                written = len(self._input)
            self._input = self._input[written:]
        if not self._input:
            self._close_input()

    def _close_input(self) -> None:
        pipe = self._popen.stdin
        if pipe is not None and not pipe.closed:
            self._loop.remove_writer(pipe)
            pipe.close()

    # ── end ───────────────────────────────────────────────────────────────────────────────────

    def _watch(self) -> None:
        """Notice the end of the keeper, which ends as the command did, and after it."""
        try:
            self._pidfd = os.pidfd_open(self._popen.pid)
        except (AttributeError, OSError):
            self._poll()
        else:
            self._loop.add_reader(self._pidfd, self._look)

    def _look(self) -> None:
        assert self._pidfd is not None
        self._loop.remove_reader(self._pidfd)
        info = os.waitid(os.P_PID, self._popen.pid, os.WEXITED | os.WNOWAIT)
        assert info is not None
        exited = info.si_code == os.CLD_EXITED
        self._on_exit(info.si_status if exited else -info.si_status)

    def _poll(self) -> None:
        code = self._popen.poll()
        if code is None:
            self._after(_POLL_SECONDS, self._poll)
        else:
            self._on_exit(code)

    def _on_exit(self, code: int) -> None:
        self._exited = True
        if code == -signal.SIGKILL:  # the keeper itself may have been killed, by the command
            self._end_groups()
        self.exit_code = None if self.timed_out else code
        self._changed.set()
        if self._outputs:
            self._after(_DRAIN_SECONDS, self._cut_off)

    def _end_groups(self) -> None:
        """End what the keeper would have ended. The groups are gone if it did."""
        groups = [os.path.join(place, self._name) for place, _ in self._places]
        group.end(groups, _GROUP_SECONDS)
        if any(map(os.path.isdir, groups)):  # killed, but slow to go
            threading.Thread(target=group.end, args=(groups, _LATE_SECONDS)).start()

    def _expire(self) -> None:
        if self._exited:
            return
        self.timed_out = True
        self._ask_to_end()
        self._after(_POLITE_SECONDS, self._let_go)
        self._after(_POLITE_SECONDS + _KILL_SECONDS, self._cut_off)

    async def _exit_within(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._exited:
                    self._changed.clear()
                    await self._changed.wait()

    def _after(self, seconds: float, callback: object, *args: object) -> None:
        self._timers.append(self._loop.call_later(seconds, callback, *args))  # type: ignore[arg-type]
