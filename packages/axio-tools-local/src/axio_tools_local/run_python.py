"""The tool `run_python`: a program in Python."""

from __future__ import annotations

from typing import Annotated

from axio.field import FieldInfo
from axio.tool import tool_options
from axio_tools_local import examples
from axio_tools_local.capture import Capture
from axio_tools_local.current import current_workspace


@tool_options(examples=examples.RUN_PYTHON)
async def run_python(
    code: Annotated[str, FieldInfo("Python source code, which prints what is wanted")],
    cwd: Annotated[str, FieldInfo("directory to run it in")] = ".",
    timeout: Annotated[int, FieldInfo("seconds after which it is ended", ge=1)] = 5,
    stdin: Annotated[str | None, FieldInfo("text for its standard input")] = None,
) -> str:
    """Run Python code and return what it prints; good for calculations.

    Of very long output the beginning and the end are returned.
    """
    if timeout <= 0:
        raise ValueError(f"timeout must be at least 1 second, got {timeout}")
    workspace = current_workspace()
    capture = Capture()
    texts: dict[str, list[str]] = {"stdout": [], "stderr": []}
    async with workspace.run(
        # Unbuffered, so that what it had printed before its time was up is not lost with it.
        (workspace.python, "-u"),
        script=code,
        cwd=cwd,
        timeout=timeout,
        stdin=None if stdin is None else stdin.encode(),
    ) as process:
        async for output in process:
            for stream, text in capture.feed(output):
                texts[stream].append(text)
        for stream, text in capture.close():
            texts[stream].append(text)
    result = "".join(texts["stdout"])
    if texts["stderr"]:
        result += "\n[stderr]\n" + "".join(texts["stderr"])
    if process.timed_out:
        result += f"\n[timeout: code exceeded {timeout:g}s]"
    elif process.exit_code:
        result += f"\n[exit code: {process.exit_code}]"
    if process.script is not None:  # named in tracebacks
        result = result.replace(process.script, "script.py")
    return result.strip() or "(no output)"
