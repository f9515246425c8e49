"""A store that fails and is slow where it is told to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from axio.context import MemoryContextStore
from axio.messages import Message
from support.fuzz import StoreDown, StoreFault
from support.scene import steps

__all__ = ("FaultyStore",)


class FaultyStore(MemoryContextStore):
    """Fails and is slow as `faults` say; takes `pace` turns before and after each effect."""

    def __init__(
        self, faults: Iterable[StoreFault], pace: int = 0, history: list[Message] | None = None
    ) -> None:
        super().__init__(history)
        self.faults = {fault.at: fault for fault in faults}
        self.pace = pace
        self.operations = 0
        self.failures = 0
        self.last_failed = False

    async def _with_faults(self, work: Callable[[], Awaitable[Any]]) -> Any:
        fault = self.faults.get(self.operations)
        self.operations += 1
        result = None
        self.last_failed = False
        for place in ("before", "after"):
            await steps(self.pace)
            if fault is not None and fault.where == place:
                await steps(fault.turns)
                if fault.fails:
                    self.failures += 1
                    self.last_failed = True
                    raise StoreDown("the disk is gone")
            if place == "before":
                result = await work()
        return result

    async def append(self, message: Message) -> None:
        await self._with_faults(lambda: MemoryContextStore.append(self, message))

    async def extend(self, messages: Any) -> None:
        await self._with_faults(lambda: MemoryContextStore.extend(self, messages))

    async def replace(self, messages: Any) -> None:
        await self._with_faults(lambda: MemoryContextStore.replace(self, messages))

    async def get_history(self) -> list[Message]:
        found: list[Message] = await self._with_faults(lambda: MemoryContextStore.get_history(self))
        return found

    async def add_context_tokens(self, input_tokens: int, output_tokens: int) -> None:
        await self._with_faults(
            lambda: MemoryContextStore.add_context_tokens(self, input_tokens, output_tokens)
        )

    def heal(self) -> None:
        self.faults, self.pace = {}, 0
