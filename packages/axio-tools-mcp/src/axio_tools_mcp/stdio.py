"""The transport of a server that is started here: lines on its pipes, messages on streams."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from axio_tools_mcp.broken import answered, without_lone_surrogates
from axio_tools_mcp.config import MCPServerConfig
from axio_tools_mcp.environment import environment_of
from axio_tools_mcp.lines import LineTooLong
from axio_tools_mcp.process import ServerProcess
from axio_tools_mcp.witness import Witness

__all__ = ("StdioTransport",)

_CLOSED = (anyio.ClosedResourceError, anyio.BrokenResourceError)
_SHOWN = 80  # characters of a line that is no message


class StdioTransport:
    """`parse` makes a message of a line, or raises `ValueError`; `encode` makes a line of one, and
    `refuse` an error in place of the answer to a request.

    `said` is called with each line on stderr, `lost` when the server ends by itself.
    """

    def __init__(
        self,
        config: MCPServerConfig,
        witness: Witness,
        *,
        parse: Callable[[bytes], Any],
        encode: Callable[[Any], bytes],
        refuse: Callable[[int, str], Any],
        said: Callable[[str], object],
        lost: Callable[[], object],
    ) -> None:
        self._config = config
        self._witness = witness
        self._parse = parse
        self._encode = encode
        self._refuse = refuse
        self._said = said
        self._lost = lost

    async def __aenter__(
        self,
    ) -> tuple[MemoryObjectReceiveStream[Any], MemoryObjectSendStream[Any]]:
        config = self._config
        assert config.command is not None
        self._process = await ServerProcess.start(
            [config.command, *config.args],
            environment=environment_of(config),
            cwd=config.cwd,
            log=self._said,
            secrets=[value for value in (config.env or {}).values() if _may_be_secret(value)],
        )
        # No wait until it is owned: a cancel in between would leave it running.
        inward, received = anyio.create_memory_object_stream[Any](0)
        to_send, outward = anyio.create_memory_object_stream[Any](0)
        self._streams = (inward, received, to_send, outward)
        self._tasks = [
            asyncio.create_task(self._read(inward)),
            asyncio.create_task(self._write(outward, inward)),
        ]
        return received, to_send

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        for stream in self._streams:
            stream.close()
        try:
            await asyncio.wait(self._tasks)
        finally:
            await self._process.close()

    async def _read(self, inward: MemoryObjectSendStream[Any]) -> None:
        try:
            async for line in self._process.lines():
                message = self._message(line)
                if message is not None:
                    await inward.send(message)
            self._witness.ended = await self._process.cause()
        except LineTooLong as error:
            self._witness.ended = f"it sent {error}"
        except _CLOSED:
            return
        self._lost()
        inward.close()  # what waits for an answer is told now

    async def _write(
        self, outward: MemoryObjectReceiveStream[Any], inward: MemoryObjectSendStream[Any]
    ) -> None:
        # A server that takes nothing any more has ended, or will: `_read` says how.
        with suppress(*_CLOSED, OSError):
            async for message in outward:
                await self._process.write(self._encode(message))

    def _message(self, line: bytes) -> Any | None:
        """A message, or None for a line of another kind: many servers greet on stdout."""
        with suppress(ValueError):
            return self._parse(line)
        text = line.decode("utf-8", "replace")
        with suppress(ValueError):  # a message in which some bytes, or letters, are none
            return self._parse(without_lone_surrogates(text).encode())
        if (request := answered(text)) is not None:
            return self._refuse(request, "its answer is not what the protocol allows")
        shown = text.strip()
        if shown:
            self._witness.junk = shown[:_SHOWN]
            self._said(f"(on stdout) {shown[:_SHOWN]}")
        return None


def _may_be_secret(value: str) -> bool:
    """True for a value of a server's own environment that tells nothing when it is shown."""
    return len(value) >= 8 and not os.path.exists(value)
