"""The questions of one server to a person, who is asked only while a call of that server runs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from axio_tools_mcp.elicitation import Elicit, Elicitation
from axio_tools_mcp.patience import Patience

__all__ = ("Questions",)


class Questions:
    """Questions stand still when no call is left that could want their answers."""

    def __init__(self) -> None:
        self._calls: set[Patience] = set()
        self._asked: set[asyncio.Future[Any]] = set()

    @contextmanager
    def during(self, call: Patience) -> Iterator[None]:
        """Questions may be asked while the block lasts."""
        self._calls.add(call)
        try:
            yield
        finally:
            self._calls.discard(call)
            if not self._calls:
                for question in self._asked:
                    question.cancel()

    async def ask(self, elicit: Elicit, question: Elicitation) -> dict[str, Any] | None:
        """The answer of `elicit`; None for a question that comes out of the blue, or too late.

        The limits of the calls stand still while the person thinks.
        """
        if not self._calls:
            return None
        asked = asyncio.ensure_future(elicit(question))
        self._asked.add(asked)
        try:
            with ExitStack() as paused:
                for call in self._calls:
                    paused.enter_context(call.paused())
                await asyncio.wait([asked])
        finally:
            self._asked.discard(asked)
            asked.cancel()
        return None if asked.cancelled() else asked.result()
