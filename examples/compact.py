"""A conversation that shrinks by itself before it outgrows the model's window."""

from __future__ import annotations

import asyncio

from axio import Agent, MemoryContextStore, Usage
from axio.compaction import AutoCompactStore
from axio.testing import StubTransport, make_text_response


async def main() -> None:
    short = Usage(input_tokens=500, output_tokens=10)
    long = Usage(input_tokens=900, output_tokens=10)
    model = StubTransport(
        [
            *(make_text_response(f"Answer {n}.", usage=short) for n in range(1, 5)),
            make_text_response("Answer 5.", usage=long),
            make_text_response("They spoke of five things."),  # the summary
            make_text_response("Answer 6.", usage=short),
        ]
    )
    agent = Agent(system="", transport=model)
    context = AutoCompactStore(MemoryContextStore(), model, keep_recent=2, max_tokens=800)
    for n in range(1, 7):
        await agent.run(f"Question {n}?", context)
        print(n, len(await context.get_history()), "messages")
    print((await context.get_history())[0].content[0])


if __name__ == "__main__":
    asyncio.run(main())

# Prints:
# 1 2 messages
# 2 4 messages
# 3 6 messages
# 4 8 messages
# 5 4 messages
# 6 6 messages
# TextBlock(text='They spoke of five things.')
