"""Waiting for a condition of which no event tells, since another task or process sees to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

PATIENCE = 50.0
"""Seconds until a wait has failed, before the 60 of a test are over."""


async def until(condition: Callable[[], object], told: str = "so") -> None:
    """Return once the condition holds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE
    while not condition():
        assert loop.time() < deadline, f"it never came to be {told}"
        await asyncio.sleep(0.01)
