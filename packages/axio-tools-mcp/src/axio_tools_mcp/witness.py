"""The cause of a failed connection: what was seen of the server often says more than an error.

The library knows that a connection is closed, not that the server answered 401 or wrote "no such
file" before it ended.
"""

from __future__ import annotations

from http import HTTPStatus

__all__ = ("Witness", "first_of", "words_of")

_LONGEST = 300

_ADVICE = {
    401: "sign in with `axio mcp login {name}`, or give a header with a key",
    403: "these credentials may not use it",
    404: "check the path of its url",
    405: 'if it is a server from before 2025-03, set its type to "sse"',
}


class Witness:
    """The traces that the server `name` has left."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.ended = ""
        """The way in which its process ended."""
        self.junk = ""
        """A line on stdout that is no message."""
        self.not_signed_in = ""
        """The reason for which it could not be signed in to."""
        self.status = 0
        """The status of its last answer over HTTP."""
        self.media_type = ""
        """The media type of that answer."""

    def tell(self, error: BaseException) -> str:
        """One line: the cause, and what to do where that is known."""
        if self.ended:
            return self.ended
        if self.not_signed_in:
            return self.not_signed_in
        if self.status >= 400:
            advice = _ADVICE.get(self.status, "").format(name=self._name)
            told = f"it answered {self.status} {_phrase(self.status)}"
            return f"{told}; {advice}" if advice else told
        if self.media_type == "text/html":
            return "it answered with an HTML page, not as an MCP server; check its url"
        told = words_of(error)
        return f"{told}; it wrote what is no message: {self.junk!r}" if self.junk else told


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def first_of(error: BaseException) -> BaseException:
    """The first error in a group of groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def words_of(error: BaseException) -> str:
    """The words of the first error in a group of groups, on one line."""
    error = first_of(error)
    words = " ".join(_told(error).split()) or type(error).__name__
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]}..."


def _told(error: BaseException) -> str:
    """The words of an error; of one that checks a message, the first place that does not fit."""
    places = getattr(error, "errors", None)
    if not callable(places):
        return str(error)
    first = places()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}"
