"""`Asker`: the way in which a front end lets the person choose, fill in and wait."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from axio_tui.config.forms import Form

__all__ = ("Asker", "Choosing", "NoScreens", "Offered")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Offered:
    """One of several: the word for it, and words that tell more."""

    word: str
    label: str
    more: str = ""


@dataclass(frozen=True, slots=True)
class Choosing:
    """The person chooses one of `offered`, or, where `other` says so, a text of their own."""

    title: str
    offered: Sequence[Offered]
    other: str = ""


class NoScreens(Exception):
    """This front end shows no screens of others."""


class Asker(Protocol):
    """Each answer is None if the person goes back without one."""

    async def choose(self, choosing: Choosing) -> str | None:
        """The word that was chosen."""

    async def fill(self, form: Form) -> dict[str, str] | None:
        """The texts to keep, by the names of the fields."""

    async def wait(self, words: str, job: Awaitable[T]) -> T | None:
        """The result of a job, which the person may stop."""

    async def show(self, make: Callable[[], Awaitable[object]]) -> object:
        """The end of a screen of others. `NoScreens` where there are none, `CommandFailed` for
        one that fails."""
