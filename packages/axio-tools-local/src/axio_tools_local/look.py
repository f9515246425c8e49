"""Ask `axio_tools_local.tree` to look into the workspace."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from axio_tools_local.current import current_workspace

_SECONDS = 20


@functools.cache
def _program() -> str:
    return Path(__file__).with_name("tree.py").read_text("utf-8")


async def look(request: dict[str, Any]) -> tuple[list[list[Any]], str]:
    """Return what was found, and a remark about what may be missing, or "".

    Raises `FileNotFoundError` or `ValueError` with what is wrong with the request.
    """
    workspace = current_workspace()
    output: dict[str, list[bytes]] = {"stdout": [], "stderr": []}
    async with workspace.run(
        (workspace.python, "-I", "-S"),
        script=_program(),
        stdin=json.dumps(request).encode(),
        timeout=_SECONDS,
    ) as process:
        async for stream, data in process:
            output[stream].append(data)
    *complete, _ = b"".join(output["stdout"]).split(b"\n")
    answers = [json.loads(line) for line in complete]
    if process.timed_out:
        return answers, f"[stopped after {_SECONDS} s; there may be more: narrow the search]"
    if process.exit_code != 0 or not answers:
        raise OSError(f"the search failed: {b''.join(output['stderr']).decode(errors='replace')}")
    summary = answers.pop()
    if "missing" in summary:
        raise FileNotFoundError(f"no such file or directory: {summary['missing']}")
    if "error" in summary:
        raise ValueError(summary["error"])
    if summary["more"]:
        return answers, f"[only the first {len(answers)} are shown: narrow the search]"
    if summary["unreadable"]:
        return answers, f"[{summary['unreadable']} folders could not be read]"
    return answers, ""
