"""`Ticket`: the token in the address that is printed, and the cookie it is exchanged for. Pure."""

from __future__ import annotations

import secrets

__all__ = ("Ticket",)


class Ticket:
    """The token is good once. `place` is the folder of the page: the cookie is for it alone.

    Cookies do not know ports. One for all of this machine would be sent to each server on it, also
    to those of other people; nobody else knows this folder.
    """

    def __init__(self) -> None:
        self._token: str | None = secrets.token_urlsafe(32)
        self._cookie = secrets.token_urlsafe(32)
        self.place = secrets.token_urlsafe(12)

    def __repr__(self) -> str:
        return f"<Ticket, {'used' if self._token is None else 'not used'}>"

    @property
    def token(self) -> str:
        """For the printed address; "" once it was exchanged."""
        return self._token or ""

    def exchange(self, token: str) -> str | None:
        """The cookie, for the first who shows the token; None for others."""
        if self._token is None or not _is_same(token, self._token):
            return None
        self._token = None
        return self._cookie

    def admits(self, cookie: str) -> bool:
        return self._token is None and _is_same(cookie, self._cookie)


def _is_same(given: str, right: str) -> bool:
    """Compared in a time that tells nothing of the right one."""
    return secrets.compare_digest(given.encode("utf-8", "replace"), right.encode())
