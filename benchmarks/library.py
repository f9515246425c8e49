"""Kept conversations: listing and searching 5,000 of them, opening one of 2,000 messages.

`python -m benchmarks.library` prints CPU time, which is to stay below the goal.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import process_time

from axio import Agent
from axio.blocks import TextBlock, ToolResultBlock, ToolUseBlock
from axio.messages import Message
from axio.testing import StubTransport
from axio_context_sqlite import SQLiteContextStore
from axio_tui.chat.library import Library, open_library
from axio_tui.chat.session import ChatSession

SESSIONS, MESSAGES, TIMES = 5_000, 2_000, 5


def exchange(number: int) -> list[Message]:
    call = ToolUseBlock(f"call_{number}", "shell", {"command": "ls"})
    return [
        Message("user", [TextBlock(f"prompt number {number} {'word ' * 60}")]),
        Message("assistant", [TextBlock("I look."), call]),
        Message("user", [ToolResultBlock(call.id, "a line\n" * 40)]),
        Message("assistant", [TextBlock("done " * 30)]),
    ]


async def fill(library: Library) -> None:
    store = await library.store("long")
    assert isinstance(store, SQLiteContextStore)
    await store.extend([m for n in range(MESSAGES // 4) for m in exchange(n)])
    for number in range(SESSIONS - 1):
        await store.beside(f"{number:08d}").extend(exchange(number))


async def report(name: str, goal: float, act: Callable[[], Awaitable[object]]) -> None:
    taken = []
    for _ in range(TIMES):
        began = process_time()
        await act()
        taken.append((process_time() - began) * 1_000)
    print(f"| {name} | {sorted(taken)[TIMES // 2]:.0f} | {min(taken):.0f} | < {goal:g} |")


async def main() -> None:
    with tempfile.TemporaryDirectory(prefix="axio-bench-") as folder:
        path = Path(folder, "axio.db")
        async with open_library(path, folder) as library:
            await fill(library)
        async with open_library(path, folder) as library:

            async def resume() -> None:
                session = ChatSession(Agent("", StubTransport()), await library.store("long"))
                await session.open()
                assert len(session.conversation.entries) == MESSAGES
                await session.close()

            print("| item | ms of CPU, median | minimum | goal |\n|---|---|---|---|")
            await report(f"list {SESSIONS:,} conversations", 200, library.sessions)
            await report("search them", 200, lambda: library.search("NUMBER 49"))
            await report("find the last", 200, library.last)
            await report(f"open one of {MESSAGES:,} messages", 100, resume)


if __name__ == "__main__":
    asyncio.run(main())
