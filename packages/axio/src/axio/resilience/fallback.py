"""Another model when one does not answer."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from typing import Any

from axio.events import StreamEvent
from axio.exceptions import UnsupportedContent
from axio.messages import Message
from axio.resilience.wrapper import Wrapper
from axio.tool import Tool
from axio.transport import CompletionTransport, closing

__all__ = ("Fallback",)

logger = logging.getLogger(__name__)


class Fallback(Wrapper):
    """The first of `transports` that begins to answer; after its first event there is no other.

    When all fail the last error is raised. `model` and other attributes are those of the first.
    A model without tool use is asked without tools.
    """

    def __init__(self, *transports: CompletionTransport) -> None:
        if not transports:
            raise ValueError("Fallback needs at least one transport")
        super().__init__(transports[0])
        self._transports = transports

    def __repr__(self) -> str:
        return f"Fallback({', '.join(map(repr, self._transports))})"

    async def stream(
        self, messages: list[Message], tools: list[Tool[Any]], system: str
    ) -> AsyncGenerator[StreamEvent, None]:
        *first, last = self._transports
        for transport in first:
            began = False
            try:
                async with closing(
                    transport.stream(messages, _offered(transport, tools), system)
                ) as source:
                    async for event in source:
                        began = True
                        yield event
                return
            except Exception as exc:
                if began:
                    raise
                kind = "cannot take this" if isinstance(exc, UnsupportedContent) else "failed"
                logger.warning("a model %s (%s), the next one is asked", kind, exc)
        async with closing(last.stream(messages, _offered(last, tools), system)) as source:
            async for event in source:
                yield event


def _offered(transport: CompletionTransport, tools: list[Tool[Any]]) -> list[Tool[Any]]:
    capabilities = getattr(getattr(transport, "model", None), "capabilities", None)
    return tools if capabilities is None or "tool_use" in capabilities else []
