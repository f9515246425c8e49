"""Errors of durable work, besides those of stores."""

from __future__ import annotations

from axio.exceptions import AxioError

__all__ = ("DurableError", "UnknownAgent")


class DurableError(AxioError):
    """The work cannot be done as it was asked for."""


class UnknownAgent(DurableError):
    """A session is given to an agent that this process does not know."""
