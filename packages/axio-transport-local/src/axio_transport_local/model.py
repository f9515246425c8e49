"""The part of a language model that the rest of the package uses."""

from __future__ import annotations

from typing import Protocol

__all__ = ("Model",)


class Model(Protocol):
    """A loaded model, to be used by one thread. `axio_transport_local.engine` has the real one.

    Every method may raise `Stopped`, and `StreamError` when the model fails.
    """

    def next_tokens(self, prompt: str, grammar: str) -> dict[bytes, float]:
        """The likeliest next tokens, whether the grammar allows them or not, and how likely.

        A token is bytes: it may end within a character.
        """
        ...

    def write(self, prompt: str, grammar: str, limit: int) -> str:
        """The text that follows `prompt`, always the likeliest token, at most `limit` of them."""
        ...
