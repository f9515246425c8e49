"""The inbox of a session: what a person has typed while it worked, until a run has taken it.

It is kept on the session's shelf before `queue` or `steer` return. A prompt leaves the shelf in the
step that puts it into the history, so that a crash neither loses nor doubles it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from axio.messages import Message, Prompt, as_message
from axio_tui.chat.shelf import Shelf

__all__ = ("Inbox", "State", "Waiting")

State: TypeAlias = Literal["queued", "steering", "parked"]
"""Queued: sent when the run has ended. Steering: given to the run that goes on. Parked: sent when
the person says so, because the run was stopped or failed, or the program was restarted."""

_KIND = "inbox"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A prompt that waits."""

    id: int
    message: Message
    state: State


class Inbox:
    """The prompts that no run has yet, oldest first, in `waiting`."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self.waiting: list[Waiting] = []
        self._handed: list[Waiting] = []  # a run has them, and may not have stored them yet

    async def load(self) -> None:
        """Read what an earlier program has left; it is parked."""
        handed = {waiting.id for waiting in self._handed}
        self.waiting = [
            Waiting(item.id, Message.from_dict(item.data), "parked")
            for item in await self._shelf.items(_KIND)
            if item.id not in handed
        ]

    async def add(self, prompt: Prompt, state: State = "queued") -> Waiting:
        message = as_message(prompt)
        id = await self._shelf.add(_KIND, message.to_dict())
        waiting = Waiting(id, message, state)
        self.waiting.append(waiting)
        return waiting

    def move(self, id: int, state: State) -> None:
        """Change the state of one."""
        self.waiting = [replace(w, state=state) if w.id == id else w for w in self.waiting]

    def park(self) -> None:
        """Send nothing any more until the person says so."""
        self.waiting = [replace(waiting, state="parked") for waiting in self.waiting]

    def unpark(self) -> None:
        """The person wants what is parked to be sent."""
        self.waiting = [replace(w, state="queued") for w in self.waiting]

    def next(self) -> Waiting | None:
        """The oldest that is queued, to be sent now."""
        return next((waiting for waiting in self.waiting if waiting.state == "queued"), None)

    def hand_over(self, waiting: Waiting) -> None:
        """A run has its message, and stores it. One that steers waits until it `has_steered`."""
        self._shelf.hand_over(waiting.id, waiting.message)
        if waiting.state != "steering":
            self._taken(waiting)

    def has_steered(self) -> None:
        """The run has put those that steer in front of the model."""
        self._taken(*(waiting for waiting in self.waiting if waiting.state == "steering"))

    def _taken(self, *taken: Waiting) -> None:
        self._handed += taken
        self.waiting = [waiting for waiting in self.waiting if waiting not in taken]

    async def refresh(self) -> None:
        """Forget those that a run has stored. What it was given and has not stored is parked."""
        if self.waiting or self._handed:
            there = {item.id for item in await self._shelf.items(_KIND)}
            back = [replace(handed, state="parked") for handed in self._handed]
            self.waiting = [one for one in (*back, *self.waiting) if one.id in there]
            self._handed = []

    async def take_back(self) -> Message | None:
        """Take out the newest that no run has yet, to be edited; None if there is none."""
        for waiting in reversed(self.waiting):
            if waiting.state != "steering":
                await self._shelf.remove(waiting.id)
                self.waiting.remove(waiting)
                return waiting.message
        return None
