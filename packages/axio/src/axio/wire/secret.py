"""Credentials that are not shown by accident. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

__all__ = ("Secret", "SecretBytes", "Token", "blotted", "revealed")

HIDDEN = "***"

SHORTEST = 6
"""Characters from which on a secret is looked for in other texts; shorter ones are in any text."""


class Secret(str):
    """A text whose `repr`, `str` and `format` are ``***``. It is equal to what it hides.

    Put together with others it is plain text again, so that it is made last: where a header is.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return HIDDEN

    def __str__(self) -> str:
        return HIDDEN

    def __format__(self, spec: str) -> str:
        return format(HIDDEN, spec)

    def reveal(self) -> str:
        """The hidden text, to be sent or stored at once. Its `repr` is still ``***``."""
        return Token(str.__str__(self))


class Token(str):
    """A credential to be handed on: it is written as it is, but where it lies in a variable it is
    not shown."""

    __slots__ = ()

    def __repr__(self) -> str:
        return HIDDEN


class SecretBytes(bytes):
    """The body of a request that holds credentials. Its `repr` and `str` are ``***``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return HIDDEN

    __str__ = __repr__


def revealed(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers as they are sent."""
    return {
        name: value.reveal() if isinstance(value, Secret) else value
        for name, value in headers.items()
    }


def blotted(text: str, secrets: Iterable[str]) -> str:
    """`text` with every one of the `secrets` blotted out, and with what an end of `text` cut off of
    one."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) < SHORTEST:
            continue
        text = text.replace(secret, HIDDEN)
        for length in range(min(len(secret) - 1, len(text)), SHORTEST - 1, -1):
            if text.endswith(secret[:length]):
                text = text[:-length] + HIDDEN
                break
    return text
