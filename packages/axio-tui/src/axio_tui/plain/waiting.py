"""A prompt in lines that waits for MCP servers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from axio_tui.harmless import visible
from axio_tui.server_tools import ServerTools
from axio_tui.stopping import Interrupts

__all__ = ("wait_for",)


async def wait_for(
    servers: ServerTools, interrupts: Interrupts, tell: Callable[[str], object]
) -> bool:
    """Wait as long as a prompt does, and say so. False if Ctrl-C has ended that."""
    if not servers.awaited:
        await servers.ready()
        return True
    names = ", ".join(map(visible, servers.awaited))
    waiting = asyncio.create_task(servers.ready())
    try:
        with interrupts.ending(waiting.cancel):  # before it is told: Ctrl-C may come at once
            tell(f"connecting to {names}; next, in {servers.patience:g} s at most: the prompt")
            await asyncio.wait([waiting])
    finally:
        waiting.cancel()
    return not waiting.cancelled()
