"""The choice of the tools that the model is shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from axio.messages import Message
    from axio.tool import AnyTool

__all__ = ("ToolSelector",)


@runtime_checkable
class ToolSelector(Protocol):
    """Asked before every model call; only the tools it returns are sent."""

    async def select(
        self, messages: Iterable[Message], tools: Iterable[AnyTool]
    ) -> Iterable[AnyTool]:
        """Return the tools to be shown. `messages` are the history that the model will see."""
        ...
