"""Errors of durable work, besides those of stores."""

from __future__ import annotations

from axio.exceptions import AxioError

__all__ = ("DurableError", "MissingPackage", "UnknownAgent")


class DurableError(AxioError):
    """The work cannot be done as it was asked for."""


class UnknownAgent(DurableError):
    """A session is given to an agent that this process does not know."""


class MissingPackage(DurableError, ModuleNotFoundError):
    """The package of an extra is not installed."""

    def __init__(self, extra: str, error: ModuleNotFoundError, module: str = "") -> None:
        words = f"axio_durable.{module or extra} needs the package {error.name!r}"
        super().__init__(f"{words}: pip install 'axio-durable[{extra}]'")
        self.name = error.name
