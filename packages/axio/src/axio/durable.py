"""Parts of stores whose sessions are worked on by many processes: the seams of axio-durable.

A store that has them offers `inbox`, `live` and `work`. Other stores need none of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from axio.events import StreamEvent
from axio.messages import Message, Prompt

__all__ = ("LONGEST_ID", "Cursor", "Inbox", "LiveTail", "Seen", "Standing", "Work", "require_id")

LONGEST_ID = 2000
"""Bytes of an id in UTF-8: what an index of PostgreSQL can hold, with something to spare."""


def require_id(name: str, id: str) -> None:
    """TypeError or ValueError if `id` cannot be the id of a session or a message, in any store."""
    if not isinstance(id, str):
        raise TypeError(f"{name} must be text, got {id!r}")
    length = len(id.encode(errors="replace"))
    if length > LONGEST_ID:
        raise ValueError(
            f"{name} must have at most {LONGEST_ID} bytes in UTF-8, it has {length}: {id[:40]!r}..."
        )


class Inbox(Protocol):
    """Messages for a session that come from elsewhere, until its owner takes them."""

    async def post(self, prompt: Prompt, id: str) -> bool:
        """Leave a message; False if one with this `id` was left before, which stays as it is."""

    async def take(self, until: int | None = None) -> int:
        """Add those that wait to the history, each once, in one step; how many they were. With
        `until`, only those up to that number."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a watcher has come. `Cursor(messages)` is enough to go on after a lost connection."""

    messages: int = 0
    number: int = 0
    attempt: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """All that is new: first `messages`, then `events` of the turn after them.

    With `restarts` the turn has been begun again: what was seen of it before is void.
    """

    cursor: Cursor
    messages: list[Message] = field(default_factory=list)
    restarts: bool = False
    events: list[StreamEvent] = field(default_factory=list)


class LiveTail(Protocol):
    """Events of the turn that is not stored yet, for those who watch. It may lose some."""

    async def write(self, events: Iterable[StreamEvent]) -> None:
        """Show events of the turn that will be the next message; for the owner."""

    async def read(self, after: Cursor | None = None) -> Seen:
        """All that is new since `after`."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How the work on a session stands.

    `stirred` rises with everything that comes from elsewhere: a message, a decision, a cancel.
    `cancelled` is the number of the last message in the inbox when a cancel came. `reason` says why
    the last run has ended, `words` how it has failed. `is_owned`: a living run has the session.
    `attempt` is how many workers have begun with it since it last was at rest.
    """

    agent: str | None = None
    parent: str | None = None
    stirred: int = 0
    is_at_rest: bool = True
    has_mail: bool = False
    cancelled: int | None = None
    reason: str = ""
    words: str = ""
    is_owned: bool = False
    attempt: int = 0


class Work(Protocol):
    """The work on one session."""

    async def assign(self, agent: str, parent: str | None = None) -> None:
        """Say which agent works on the session, and for which other session; the last word holds
        for the agent, the first for the parent."""

    async def standing(self) -> Standing:
        """How it stands now."""

    async def attempt(self) -> Standing:
        """The owner begins: one more attempt, unless the session is at rest. How it then stands."""

    async def cancel(self) -> None:
        """Ask for the end of what is going on, and of what waits. Nothing comes of it at rest."""

    async def cancelled(self, number: int) -> None:
        """The owner has done what the cancel with that number asked for, and something has come
        since; a later one stays."""

    async def rest(self, stirred: int, reason: str, words: str = "") -> bool:
        """Nothing more is to be done, as the owner has seen when the session was `stirred` so
        often; False if something has come since. It ends the cancel that was asked for."""
