"""The tool `shell`: a command line, with its output as it comes."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Annotated

from axio.field import FieldInfo
from axio.tool import tool_options
from axio_tools_local import examples
from axio_tools_local.capture import Capture
from axio_tools_local.current import current_workspace

_MERGE_SECONDS = 0.5


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
            process = await stack.enter_async_context(
                current_workspace().run(
                    ("/bin/sh", "-c", command),
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
                    yield stream, text
            for stream, text in capture.close():
                ended[stream] = text.endswith("\n")
                yield stream, text
    if failure is not None:
        note = f"[error: {failure}]"
    elif process.timed_out:
        note = f"[timeout: command exceeded {timeout:g}s]"
    elif process.exit_code:
        note = f"[exit code: {process.exit_code}]"
    else:
        return
    yield "stderr", note if ended["stderr"] else f"\n{note}"


def _format_stream_result(chunks: list[tuple[float, str, str]]) -> str:
    """Records `[MM:SS.mmm stdout] text` from (seconds since the start, stream, text)."""
    records: list[tuple[float, str, list[str]]] = []
    previous = 0.0
    for seconds, stream, text in chunks:
        if records and records[-1][1] == stream and seconds - previous <= _MERGE_SECONDS:
            records[-1][2].append(text)
        else:
            records.append((seconds, stream, [text]))
        previous = seconds
    return "\n".join(_record(*record) for record in records) or "(no output)"


def _record(seconds: float, stream: str, texts: list[str]) -> str:
    minutes, milliseconds = divmod(round(seconds * 1000), 60_000)
    stamp = f"{minutes:02}:{milliseconds // 1000:02}.{milliseconds % 1000:03}"
    return f"[{stamp} {stream}] {''.join(texts).removesuffix(chr(10))}"


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
