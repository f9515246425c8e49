"""Another model when one does not answer."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable

from axio.events import StreamEvent
from axio.exceptions import UnsupportedContent
from axio.messages import Message
from axio.tool import AnyTool
from axio.transport import CompletionTransport, admission, closing, takes_tools
from axio.wrapper import Wrapper

__all__ = ("Fallback",)

logger = logging.getLogger(__name__)


class Fallback(Wrapper):
    """The first of `transports` that begins to answer; after its first event there is no other.

    When all fail the last error is raised. `model` and other attributes are those of the first.
    A model without tool use is asked without tools.
    """

    __slots__ = ("_transports",)

    def __init__(self, *transports: CompletionTransport) -> None:
        if not transports:
            raise ValueError("Fallback needs at least one transport")
        super().__init__(transports[0])
        self._transports = transports

    def __repr__(self) -> str:
        return f"Fallback({', '.join(map(repr, self._transports))})"

    def around(self, change: Callable[[CompletionTransport], CompletionTransport]) -> Fallback:
        changed = tuple(map(change, self._transports))
        if all(new is old for new, old in zip(changed, self._transports, strict=True)):
            return self
        twin = self._twin(changed[0])
        twin._transports = changed
        return twin

    async def stream(
        self, messages: list[Message], tools: list[AnyTool], system: str
    ) -> AsyncGenerator[StreamEvent, None]:
        for number, transport in enumerate(self._transports, 1):
            began = False
            offered = tools if takes_tools(transport) else []
            try:
                async with closing(transport.stream(messages, offered, system)) as source:
                    async for event in source:
                        began = True
                        yield event
                return
            except Exception as exc:
                if began or number == len(self._transports):
                    raise
                kind = "cannot take this" if isinstance(exc, UnsupportedContent) else "failed"
                logger.warning("a model %s (%s), the next one is asked", kind, exc)
            await admission()
