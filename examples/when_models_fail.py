"""Wrappers around a transport: try again, ask another model, keep to the provider's limits."""

from __future__ import annotations

import asyncio
import logging

from axio import Agent, MemoryContextStore
from axio.exceptions import ConnectionFailed
from axio.resilience import Fallback, RateLimit, Retry, StopRepetition, Watchdog
from axio.testing import FaultTransport, Raises, StubTransport, make_text_response

logging.disable(logging.WARNING)  # they tell of each try


def breaks(text: str) -> FaultTransport:
    """A model whose first response does not come."""
    lost = Raises(0, ConnectionFailed("lost", retryable=True))
    return FaultTransport(StubTransport([make_text_response(text)]), lost)


async def main() -> None:
    transports = {
        "tried again": Retry(breaks("first model"), base_delay=0.01),
        "another model": Fallback(breaks("first model"), StubTransport([make_text_response("B")])),
        "all together": StopRepetition(
            RateLimit(Retry(Watchdog(breaks("C"), seconds=5), base_delay=0.01), concurrency=2)
        ),
    }
    for name, transport in transports.items():
        answer = await Agent(system="", transport=transport).run("Hello", MemoryContextStore())
        print(f"{name}: {answer}")


if __name__ == "__main__":
    asyncio.run(main())

# Prints:
# tried again: first model
# another model: B
# all together: C
