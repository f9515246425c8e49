"""A conversation that outlives its process: one SQLite file, opened twice."""

import asyncio
import tempfile
from pathlib import Path

from axio import Agent, TextBlock
from axio.testing import StubTransport, make_text_response
from axio_context_sqlite import SQLiteContextStore


async def say(database: Path, prompt: str, answer: str) -> None:
    agent = Agent(system="", transport=StubTransport([make_text_response(answer)]))
    async with SQLiteContextStore.open(database, "holiday plans") as store:
        await agent.run(prompt, store)


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "chat.db"
        await say(database, "Where shall we go?", "To the sea.")
        await say(database, "And when?", "In May.")

        async with SQLiteContextStore.open(database, "holiday plans") as store:
            for message in await store.get_history():
                for block in message.content:
                    if isinstance(block, TextBlock):
                        print(f"{message.role}: {block.text}")


if __name__ == "__main__":
    asyncio.run(main())

# Prints:
# user: Where shall we go?
# assistant: To the sea.
# user: And when?
# assistant: In May.
