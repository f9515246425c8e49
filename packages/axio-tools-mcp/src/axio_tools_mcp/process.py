"""A server that this program starts: its pipes, what it says on stderr, and its end.

Between the two stands a keeper (`axio_tools_mcp.keep`). When `close` has returned, and also when
this program is killed, nothing that the server started is alive.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from axio_tools_mcp.lines import LineSplitter, LineTooLong

__all__ = ("LONGEST_MESSAGE", "ServerProcess")

LONGEST_MESSAGE = 64 << 20
"""Bytes of a line on stdout; a server that sends a longer one is ended."""

_CHUNK = 65536
_LONGEST_WORDS = 16384  # of a line on stderr
_KEPT_WORDS = 5  # lines of stderr for an error message
_POLITE_SECONDS = 1.0  # for each of: the end of its input, SIGTERM
_KILL_SECONDS = 10.0  # for the keeper to end all
_KEEPER = [sys.executable, "-I", "-S", str(Path(__file__).with_name("keep.py"))]


class ServerProcess:
    """`log` is called with each line that the server writes to stderr, without the `secrets`."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        lifeline: int,
        log: Log,
        secrets: Iterable[str] = (),
    ) -> None:
        self._process = process
        self._secrets = sorted(secrets, key=len, reverse=True)  # one may be part of another
        self._lifeline: int | None = lifeline
        self._log = log
        self.last_words: deque[str] = deque(maxlen=_KEPT_WORDS)
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        cwd: str | None,
        log: Log,
        secrets: Iterable[str] = (),
    ) -> ServerProcess:
        """Raises `OSError` where the command cannot be started."""
        found = shutil.which(command[0], path=environment.get("PATH", os.defpath))
        if found is None:
            raise FileNotFoundError(f"there is no program {command[0]!r} on the PATH")
        if cwd is not None and not os.path.isdir(cwd):  # noqa: ASYNC240
            raise FileNotFoundError(f"there is no folder {cwd!r} to start it in")
        keepers_end, lifeline = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *_KEEPER, str(keepers_end), str(os.getpid()), found, *command[1:],
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=dict(environment),
                cwd=cwd,
                pass_fds=(keepers_end,),
                start_new_session=True,  # no signal from the terminal reaches it
            )  # fmt: skip
        except BaseException:
            os.close(lifeline)
            raise
        finally:
            os.close(keepers_end)
        return cls(process, lifeline, log, secrets)

    async def write(self, line: bytes) -> None:
        """Raises `OSError` when the server does not take it any more."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + b"\n")
        await self._process.stdin.drain()

    async def lines(self) -> AsyncIterator[bytes]:
        """The lines that the server writes to stdout, until it closes that; or `LineTooLong`."""
        assert self._process.stdout is not None
        splitter = LineSplitter(LONGEST_MESSAGE)
        while data := await self._process.stdout.read(_CHUNK):
            for line in splitter.feed(data):
                yield line
        for line in splitter.close():
            yield line

    async def cause(self) -> str:
        """The way in which the server has ended, with its last words on stderr."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_POLITE_SECONDS):
                await self._process.wait()
                await asyncio.wait([self._listening])
        code = self._process.returncode
        how = "it closed its output" if code is None else f"it ended with exit code {code}"
        words = " / ".join(self.last_words)
        return f"{how}; it said: {words}" if words else how

    async def close(self) -> None:
        """End the server: by the end of its input, by SIGTERM, by force.

        When this is cancelled the end goes on, by force.
        """
        draining = asyncio.create_task(self._drain())  # unread output would hold up its end
        try:
            if self._process.stdin is not None:
                self._process.stdin.close()
            if not await self._ends_in(_POLITE_SECONDS):
                self._ask_to_end()
                await self._ends_in(_POLITE_SECONDS)
        finally:
            self._let_go()
            try:
                await self._ends_in(_KILL_SECONDS)
            finally:
                draining.cancel()
                self._listening.cancel()
                # Pipes that are held open elsewhere would keep it alive, with a warning at its end.
                self._process._transport.close()  # type: ignore[attr-defined]

    def _ask_to_end(self) -> None:
        if self._lifeline is not None:
            with suppress(BrokenPipeError):  # it has just ended
                os.write(self._lifeline, b".")

    def _let_go(self) -> None:
        """From here on the keeper ends all that is left."""
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None

    async def _ends_in(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._process.wait()
        return self._process.returncode is not None

    async def _drain(self) -> None:
        assert self._process.stdout is not None
        while await self._process.stdout.read(_CHUNK):
            pass

    async def _listen(self) -> None:
        assert self._process.stderr is not None
        splitter = LineSplitter(_LONGEST_WORDS)
        while data := await self._process.stderr.read(_CHUNK):
            try:
                lines = splitter.feed(data)
            except LineTooLong:
                splitter, lines = LineSplitter(_LONGEST_WORDS), [data[:_LONGEST_WORDS]]
            for line in lines:
                self._say(line)
        for line in splitter.close():
            self._say(line)

    def _say(self, line: bytes) -> None:
        words = line.decode("utf-8", "replace").rstrip()
        for secret in self._secrets:
            words = words.replace(secret, "[secret removed]")
        if words:
            self.last_words.append(words)
            self._log(words)


Log = Callable[[str], object]
