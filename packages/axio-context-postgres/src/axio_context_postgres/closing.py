"""An end for `async with`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TypeVar

__all__ = ("Closing",)

C = TypeVar("C", bound="Closing")


class Closing(ABC):
    """It needs no opening: `async with` only closes it."""

    @abstractmethod
    async def close(self) -> None: ...

    async def __aenter__(self: C) -> C:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
