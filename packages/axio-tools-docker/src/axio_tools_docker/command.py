"""A command in a container: its output, its input, its deadline and its end.

Closing the connection to a command ends nothing. What ends it is the launcher around it
(`axio_tools_docker.inside.LAUNCH`) when it has ended by itself, and the room otherwise.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import secrets
from collections import deque
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any, Protocol

from axio_tools_docker import files, inside, owner
from axio_tools_docker._engine import Engine
from axio_tools_docker.errors import ContainerGone, EngineError, EngineUnavailable
from axio_tools_local.workspace import Output

_CUT_SECONDS = 1.0  # of silence, after all that could write was ended
_OPEN_SECONDS = 8.0  # for a launcher to begin; a tenth of one is usual
_CODE_LOOKS = 500  # until the engine must have noticed that a program has ended
_FIRST_LOOK, _LAST_LOOK = 0.5, 8.0  # seconds between two looks at a command with an input
_KILLED = 128 + 9
_PIECE = 1 << 16
_ARGUMENT_BYTES = (128 << 10) - 1  # of each; Linux takes no more
_REQUEST_BYTES = 1_000_000  # of all; Linux takes twice as many, but some do as environment


class Host(Protocol):
    """The room as its commands see it."""

    user: str

    @property
    def has_marks(self) -> bool:
        """The processes of a command can be told from those of others, also by its launcher."""

    async def admit(self, command: Command) -> tuple[Engine, str]:
        """The engine and the container, in which nothing is about to be ended."""

    async def end(self, command: Command) -> None:
        """End what the command has started. It may say in `Command.notes` what that cost."""

    def remember(self, ending: asyncio.Task[None]) -> None:
        """The room is not left before this is done."""

    def leave(self, command: Command) -> None:
        """The command has ended, and left nothing."""

    async def gone(self, container: str) -> ContainerGone | None:
        """The error that says so, if the container does not run any more."""


class Command:
    """`async with Command(...) as command: async for output in command: ...`.

    Entering raises `OSError` or `ValueError` when it cannot be started. When the block is left, for
    any reason, nothing that it started is alive.
    """

    def __init__(
        self,
        host: Host,
        argv: Sequence[str],
        *,
        cwd: str,
        stdin: bytes | None = None,
        timeout: float | None = None,
        script: str | None = None,
        parts: Sequence[str] = (),
        tidy: Sequence[str] = (),
    ) -> None:
        self.exit_code: int | None = None
        """As Python has it, but 130 and 141 for SIGINT and SIGPIPE, of which a shell tells less."""
        self.timed_out = False
        self.script = script
        self.tidy = ('rm -f "$1"', script) if script is not None else tidy
        """Words for the shell, and their arguments, that remove what a killed command leaves."""
        self.notes: list[str] = []
        self.mark = secrets.randbits(30)
        self._host = host
        self._argv = [*argv, script] if script is not None else list(argv)
        self._cwd = cwd
        self._stdin = stdin
        self._timeout = timeout
        self._parts = parts
        self._token = secrets.token_hex(8)
        self._told = inside.Ending(self._token)
        self._pending: deque[Output] = deque()
        self._ended = False
        self._patience: asyncio.Timeout | None = None
        self._ending: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._feeding: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._is_over = False
        self._is_counted = False
        self._timer: asyncio.TimerHandle | None = None
        self._open = AsyncExitStack()
        _check(argv, cwd)

    # ── opening and closing ───────────────────────────────────────────────────────────────────

    async def __aenter__(self) -> Command:
        engine, self._container = await self._host.admit(self)
        self._opening = _heard(self._start(engine))
        try:
            await asyncio.shield(self._opening)
        except OSError as error:
            # The launcher or the engine says that nothing was started; or neither says anything.
            self._ended = not isinstance(error, EngineUnavailable)
            await self._close()
            if isinstance(error, EngineError) and (gone := await self._gone()) is not None:
                raise gone from error
            raise
        except BaseException:
            await self._close()
            raise
        if self._stdin is not None:
            self._feeding = asyncio.create_task(self._feed(memoryview(self._stdin)))
            self._watching = asyncio.create_task(self._watch())
        return self

    async def _start(self, engine: Engine) -> None:
        given = ""
        if self._stdin is not None:
            self._is_counted = not engine.can_end_input
            given = str(len(self._stdin)) if self._is_counted else "-"
        words = [self._cwd, *self._argv]
        odd = "" if all(map(inside.is_text, words)) else "1"
        folder, *words = map(files.escaped, words) if odd else words
        launch = ["/bin/sh", "-c", inside.LAUNCH, owner.this_process(), self._token]
        launch += [str(self.mark), folder, odd, given]
        launch += [self.script or "", str(len(self._parts)), *self._parts, *words]
        if len(json.dumps(launch)) > _REQUEST_BYTES:
            raise _too_long(self._argv[0])
        execution = engine.execute(
            self._container, launch, user=self._host.user, stdin=self._stdin is not None
        )
        self._execution = await self._open.enter_async_context(execution)
        if self._timeout is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._timeout, self._expire)
        await self._begin()

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    async def _close(self) -> None:
        if self._closing is None:
            self._closing = _heard(self._close_all())
            self._host.remember(self._closing)
        await asyncio.shield(self._closing)  # goes on without us, should we be cancelled

    async def _close_all(self) -> None:
        for task in (self._timer, self._feeding, self._watching):
            if task is not None:
                task.cancel()
        try:
            if self._ended and self._ending is None:
                self._host.leave(self)
            else:
                await self._end()
        finally:
            await self._open.aclose()

    async def _end(self) -> None:
        if self._ending is None:
            self._ending = _heard(self._end_all())
        await asyncio.shield(self._ending)

    async def _end_all(self) -> None:
        """End what was started: that can be found when the launcher has begun, and not before."""
        _, late = await asyncio.wait([self._opening], timeout=_OPEN_SECONDS)
        for opening in late:
            opening.cancel()
        await self._host.end(self)

    def _expire(self) -> None:
        self.timed_out = True
        if self._ending is None:
            self._ending = _heard(self._end_all())
        self._ending.add_done_callback(self._cut_off)

    def _cut_off(self, _: object = None) -> None:
        self._is_over = True
        if self._patience is not None and not self._ended:
            self._patience.reschedule(asyncio.get_running_loop().time() + _CUT_SECONDS)

    # ── the beginning ─────────────────────────────────────────────────────────────────────────

    async def _begin(self) -> None:
        """Read what the launcher says before anything of the command can be there."""
        said = b""
        while b"\n" not in said:
            output = await self._execution.read()
            if output is None:
                raise self._refusal(said)
            if output.stream == "stdout":  # on its own way, so it may be here first
                self._pending.append(output)
            else:
                said += output.data
        line, _, rest = said.partition(b"\n")
        token, _, word = line.decode("utf-8", "replace").partition(" ")
        if token != self._token:
            raise self._refusal(said)
        if word == "ENOEXEC":
            raise FileNotFoundError(errno.ENOENT, "no such program", self._argv[0])
        if word == "ENOSPC":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.script)
        if word != inside.STARTED:
            code = getattr(errno, word)
            raise OSError(code, os.strerror(code), self._cwd)
        if rest := self._told.feed(rest):
            self._pending.append(Output("stderr", rest))

    def _refusal(self, said: bytes) -> OSError:
        """Where the launcher did not say that it began, the engine said why; on any stream."""
        text = b"".join([*(output.data for output in self._pending), said]).decode(
            "utf-8", "replace"
        )
        if "argument list too long" in text:
            return _too_long(self._argv[0])
        if not text:
            return EngineUnavailable("the connection to the engine broke while a command started")
        return EngineError(f"the engine cannot start a command: {' '.join(text.split())}")

    # ── output ────────────────────────────────────────────────────────────────────────────────

    def __aiter__(self) -> AsyncIterator[Output]:
        return self

    async def __anext__(self) -> Output:
        if not self._pending and not self._ended:
            output = await self._read()
            if output is not None:
                return output
            await self._finish()
        if self._pending:
            return self._pending.popleft()
        raise StopAsyncIteration

    async def _read(self) -> Output | None:
        try:
            async with asyncio.timeout(None) as self._patience:
                if self._is_over:
                    self._cut_off()
                while (output := await self._execution.read()) is not None:
                    if output.stream == "stderr":
                        output = Output("stderr", self._told.feed(output.data))
                        if self._told.code is not None and self._is_counted:
                            self._cut_off()  # input that is not read keeps the connection open
                    if output.data:
                        return output
                return None
        except TimeoutError:
            return None
        finally:
            self._patience = None

    async def _finish(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._ending is not None:
            await asyncio.shield(self._ending)
        if rest := self._told.close():
            self._pending.append(Output("stderr", rest))
        if not self.timed_out:
            code = await self._code()
            was_cut_off = code != 0 and not self.notes  # the launcher, so that it ended nothing
            if was_cut_off or not self._host.has_marks:
                await self._end()
            self.exit_code = _as_python_has_it(code) if code else self._told.code
        self._ended = True
        for note in self.notes:
            self._pending.append(Output("stderr", f"\n[{note}]\n".encode()))

    async def _code(self) -> int | None:
        code = None
        try:
            for _ in range(_CODE_LOOKS):
                code = await self._execution.exit_code()
                if code is not None:
                    break
                await asyncio.sleep(0.01)
        except ContainerGone:
            code = _KILLED
        if code == _KILLED and (gone := await self._gone()) is not None:
            raise gone
        return code

    async def _gone(self) -> ContainerGone | None:
        return await self._host.gone(self._container)

    # ── input ─────────────────────────────────────────────────────────────────────────────────

    async def _watch(self) -> None:
        """See that the launcher has ended where its input keeps the connection open."""
        pause = _FIRST_LOOK
        with suppress(EngineError):  # then it is gone, or the connection is
            while await self._execution.exit_code() is None:
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LAST_LOOK)
        self._cut_off()

    async def _feed(self, data: memoryview) -> None:
        with suppress(EngineError, RuntimeError):  # it does not read it, which is its own affair
            for start in range(0, len(data), _PIECE):
                await self._execution.write(bytes(data[start : start + _PIECE]))
            self._execution.end_input()


def _heard(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """A task whose error is told to those who wait for it; there may be none."""
    task = asyncio.create_task(work)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task


def _check(argv: Sequence[str], cwd: str) -> None:
    if not argv or not argv[0]:
        raise ValueError("no program is named: a command has at least one argument")
    if any("\0" in argument for argument in (*argv, cwd)):
        raise ValueError("embedded null byte")
    if any(len(os.fsencode(argument)) > _ARGUMENT_BYTES for argument in argv):
        raise _too_long(argv[0])


def _too_long(program: str) -> OSError:
    words = f"{os.strerror(errno.E2BIG)}; give it as input, or write it to a file"
    return OSError(errno.E2BIG, words, program)


def _as_python_has_it(code: int | None) -> int | None:
    return code if code is None or code <= 128 else 128 - code
