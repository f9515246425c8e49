"""`Arming`: from when on keys may answer a question. Else what a person types ahead approves. Pure.

A question is armed once it has been seen for a while and the person is not writing, or has asked
for it. It is armed until a key says otherwise: the next one answers, or goes to the text.
"""

from __future__ import annotations

__all__ = ("Arming",)

SEEN = 0.4
"""Seconds for which a question must have been on the screen."""
QUIET = 0.5
"""Seconds for which no key may have come."""
WANTED = 0.2
"""Seconds without a key after the one that asked for the question: it may have been meant for the
text, and then more of that follows at once."""


class Arming:
    """Of one question. All moments are on one clock, those of keys as they were typed."""

    def __init__(self) -> None:
        self._seen_since: float | None = None
        self._wanted_at: float | None = None
        self._last_key = float("-inf")

    def seen(self, now: float) -> None:
        """The question is on the screen, before the eyes of the person, from now on."""
        self._seen_since = now

    def unseen(self) -> None:
        """The question is not before their eyes, as when the window has no focus."""
        self._seen_since = None
        self._wanted_at = None

    def key(self, time: float) -> None:
        """A key was typed that does not answer."""
        self._last_key = max(self._last_key, time)
        if self._wanted_at is not None and time > self._wanted_at:
            self._wanted_at = None

    def want(self, time: float) -> None:
        """The person has asked for the question, also while something is written."""
        self._last_key = max(self._last_key, time)
        self._wanted_at = time

    def is_armed(self, now: float, *, is_empty: bool) -> bool:
        """True if a key that is typed from now on answers. `is_empty`: nothing is written."""
        if self._seen_since is None or now - self._seen_since < SEEN:
            return False
        if self._wanted_at is not None:
            return now - self._wanted_at >= WANTED
        return is_empty and now - self._last_key >= QUIET
