"""Guards: they see a call before it runs and may change or refuse it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from axio.exceptions import GuardError
from axio.semaphore import Semaphore
from axio.types import ToolName

if TYPE_CHECKING:
    from axio.tool import AnyTool

__all__ = (
    "APPROVED",
    "BEGIN",
    "AllowAllGuard",
    "ConcurrentGuard",
    "DenyAllGuard",
    "PermissionGuard",
)

APPROVED: ContextVar[ToolName | None] = ContextVar("axio.APPROVED", default=None)
"""The tool whose call a person has approved, until its guards have been asked: a guard that puts
the call off again is not heard."""

BEGIN: ContextVar[Callable[[], Awaitable[None]] | None] = ContextVar("axio.BEGIN", default=None)
"""Awaited once the guards have agreed to the call, before its handler starts."""


class PermissionGuard(ABC):
    """Return the arguments, changed or not, to allow a call; raise `GuardError` to refuse it.

    Any other exception refuses too. A guard sees the defaults filled in and unknown arguments
    removed; what it returns is not validated again.
    """

    # Users write `check(self, tool, **kwargs)`; type checkers must accept that as an override.
    @abstractmethod
    async def check(self, tool: AnyTool, **kwargs: Any) -> dict[str, Any]:
        """Look at one call, and return the arguments that it may be made with.

        `kwargs` are the call's arguments, checked, converted and complete. Raise `GuardError` to
        refuse the call; its words are told to the model. Raise `axio.exceptions.Deferred` to leave
        the decision to a person. Calls of one turn are checked at the same time.
        """

    # The tool comes by position or by name: an argument of it may itself be called `tool`.
    async def __call__(self, tool: AnyTool | None = None, /, **kwargs: Any) -> dict[str, Any]:
        return await self.check(_or_named(tool, kwargs), **kwargs)


class ConcurrentGuard(PermissionGuard, ABC):
    """A guard that runs at most `concurrency` checks at a time: one dialog, not ten."""

    concurrency: int = 1

    @cached_property
    def _semaphore(self) -> Semaphore:
        # Made when it is needed: a subclass with an `__init__` of its own may not call ours.
        return Semaphore(self.concurrency)

    async def __call__(self, tool: AnyTool | None = None, /, **kwargs: Any) -> dict[str, Any]:
        async with self._semaphore:
            return await self.check(_or_named(tool, kwargs), **kwargs)


class AllowAllGuard(PermissionGuard):
    async def check(self, tool: AnyTool | None = None, /, **kwargs: Any) -> dict[str, Any]:
        _or_named(tool, kwargs)
        return kwargs


class DenyAllGuard(PermissionGuard):
    async def check(self, tool: AnyTool | None = None, /, **kwargs: Any) -> dict[str, Any]:
        raise GuardError("denied")


def _or_named(tool: AnyTool | None, kwargs: dict[str, Any]) -> AnyTool:
    """The tool, which is taken out of the arguments if it came by name."""
    return cast("AnyTool", kwargs.pop("tool", None) if tool is None else tool)
