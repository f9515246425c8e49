"""Where the calls of a run stand in its transcript. Pure."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ("Place", "Places")


class Place(NamedTuple):
    """Where a call of this run is, and since when it runs."""

    entry: int
    message: int
    began: float


class Places(dict[str, Place]):
    """The places of the calls of the model, by their ids."""

    def around(self, id: str) -> Place | None:
        """The place of the call or, for one from inside of a call, such as "a/1/2", of that."""
        while id not in self and "/" in id:
            id = id.rpartition("/")[0]
        return self.get(id)
