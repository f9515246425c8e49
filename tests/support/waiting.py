"""Waiting for a condition of which no event tells, since another task or process sees to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

PATIENCE = 50.0
"""Seconds until a wait has failed, before the 60 of a test are over."""


async def until(condition: Callable[[], object], told: str = "so") -> None:
    """Return once the condition holds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE
    while not condition():
        assert loop.time() < deadline, f"it never came to be {told}"
        await asyncio.sleep(0.01)


async def timed_out(run: Callable[[int], Awaitable[str]], words: str) -> tuple[str, int]:
    """The result of a command that its limit has ended, and the limit in seconds: so long that it
    could say the words, also on a machine that takes its time to start it."""
    for seconds in (1, 5, 20):
        result = await run(seconds)
        if words in result:
            break
    return result, seconds
