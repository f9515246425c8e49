"""The tool `shell`: a command line, with its output as it comes."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Annotated

from axio.field import FieldInfo
from axio.tool import tool_options
from axio_tools_local import examples
from axio_tools_local.capture import Capture
from axio_tools_local.current import current_workspace
from axio_tools_local.workspace import Running

_TOGETHER_SECONDS = 0.05
_LONGEST_ARGUMENT = 128 * 1024 - 1
"""Bytes; MAX_ARG_STRLEN of Linux (execve(2)), without the NUL at the end."""


async def _stream(
    command: str, timeout: float = 5, cwd: str = ".", stdin: str | None = None
) -> AsyncIterator[tuple[str, str]]:
    """The output as pairs of `"stdout"` or `"stderr"` and a line with its newline.

    Only the last line of a stream may lack it. A line over 16,384 characters comes in pieces.
    """
    if timeout <= 0:
        raise ValueError(f"timeout must be at least 1 second, got {timeout}")
    capture = Capture()
    ended = {"stdout": True, "stderr": True}
    failure: Exception | None = None
    async with AsyncExitStack() as stack:
        try:
            argv, script = _started_as(command)
            process = await stack.enter_async_context(
                current_workspace().run(
                    argv,
                    script=script,
                    cwd=cwd,
                    stdin=None if stdin is None else stdin.encode("utf-8", "surrogateescape"),
                    timeout=timeout,
                )
            )
        except (OSError, ValueError) as error:
            failure = error
        else:
            async for output in process:
                for stream, text in capture.feed(output):
                    ended[stream] = text.endswith("\n")
                    yield stream, _named(process, text)
            for stream, text in capture.close():
                ended[stream] = text.endswith("\n")
                yield stream, _named(process, text)
    if failure is not None:
        note = f"[error: {failure}]"
    elif process.timed_out:
        note = f"[timeout: command exceeded {timeout:g}s]"
    elif process.exit_code:
        note = f"[exit code: {process.exit_code}]"
    else:
        return
    yield "stderr", note if ended["stderr"] else f"\n{note}"


def _started_as(command: str) -> tuple[tuple[str, ...], str | None]:
    """The arguments, and the script for what is too long to be one."""
    size = len(command.encode("utf-8", "surrogateescape"))
    if size <= _LONGEST_ARGUMENT or "\0" in command:
        return ("/bin/sh", "-c", command), None
    return ("/bin/sh",), command


def _named(process: Running, text: str) -> str:
    """A shell's own messages, which begin with its name, or with that of its script."""
    return text if process.script is None else text.replace(process.script, "/bin/sh")


def _format_stream_result(chunks: list[tuple[float, str, str]]) -> str:
    """Records `[stdout] text` from (seconds since the start, stream, text).

    Nothing tells which of two pipes was written to first. So that equal output gives an equal
    result, of what came together stdout is told first.
    """
    records: list[tuple[str, list[str]]] = []
    for stream, text in _settled(chunks):
        if not records or records[-1][0] != stream:
            records.append((stream, []))
        records[-1][1].append(text)
    shown = (f"[{stream}] {''.join(texts).removesuffix(chr(10))}" for stream, texts in records)
    return "\n".join(shown) or "(no output)"


def _settled(chunks: list[tuple[float, str, str]]) -> Iterator[tuple[str, str]]:
    together: list[tuple[str, str]] = []
    previous = 0.0
    for seconds, stream, text in chunks:
        if seconds - previous > _TOGETHER_SECONDS:
            yield from sorted(together, key=_is_second)
            together.clear()
        together.append((stream, text))
        previous = seconds
    yield from sorted(together, key=_is_second)


def _is_second(output: tuple[str, str]) -> bool:
    return output[0] != "stdout"


@tool_options(examples=examples.SHELL)
async def shell(
    command: Annotated[str, FieldInfo("the shell command line", strict=True)],
    timeout: Annotated[int, FieldInfo("seconds after which it is ended", ge=1)] = 5,
    cwd: Annotated[str, FieldInfo("directory to run it in", strict=True)] = ".",
    stdin: Annotated[str | None, FieldInfo("text for its standard input")] = None,
) -> str:
    """Run a shell command line such as git, pip, make, mkdir, rm or df and return its output.

    The command and all that it starts, also in the background, end when it ends or when its
    time is up. Of very long output the beginning and the end are returned.
    """
    start = time.monotonic()
    chunks = [
        (time.monotonic() - start, stream, text)
        async for stream, text in _stream(command, timeout, cwd, stdin)
    ]
    return _format_stream_result(chunks)


shell.stream = _stream  # type: ignore[attr-defined]
shell.format_stream_result = _format_stream_result  # type: ignore[attr-defined]
