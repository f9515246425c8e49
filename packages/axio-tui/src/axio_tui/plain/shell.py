"""`!command` and `!!command`: the person's own shell, in the conversation."""

from __future__ import annotations

import asyncio
import os

__all__ = ("run_here", "run_to_tell")

_TOLD = 20_000  # characters of an output that the model is told


async def run_here(command: str) -> int:
    """Run it on the person's terminal, as they would; its exit code."""
    process = await asyncio.create_subprocess_exec(_shell(), "-c", command)
    return await _end_of(process)


async def run_to_tell(command: str) -> tuple[str, str]:
    """Run it; its output, and the words with which the model is told of it."""
    process = await asyncio.create_subprocess_exec(
        _shell(), "-c", command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        output = (await process.stdout.read()).decode("utf-8", "replace")
    finally:
        code = await _end_of(process)
    shown = output if len(output) <= _TOLD else f"{output[:_TOLD]}\n... {len(output):,} characters"
    return output, f"I ran `{command}`. It ended with exit code {code}, and its output is:\n{shown}"


async def _end_of(process: asyncio.subprocess.Process) -> int:
    """Ctrl-C reaches the process by itself: it is in the foreground as this one is."""
    try:
        return await process.wait()
    except asyncio.CancelledError:
        process.kill()
        raise


def _shell() -> str:
    return os.environ.get("SHELL") or "/bin/sh"
