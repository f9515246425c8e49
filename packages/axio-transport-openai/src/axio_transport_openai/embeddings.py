"""Reading the answer of the embeddings endpoint. Pure."""

from __future__ import annotations

from typing import Any

from axio.exceptions import ProtocolError

__all__ = ("vectors",)


def vectors(answer: Any) -> list[list[float]]:
    """The vectors of an answer, in the order of the texts that were sent."""
    try:
        rows = sorted(answer["data"], key=lambda row: row["index"])
        return [list(map(float, row["embedding"])) for row in rows]
    except (KeyError, TypeError, ValueError) as error:
        raise ProtocolError(f"Embedding API error: no vectors in the answer ({error!r})") from error
