"""A seam to watch the work on sessions, for traces and metrics."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeAlias

from axio.durable import Standing
from axio.events import StreamEvent
from axio.stream import AgentStream

__all__ = ("Watch", "Watched", "unwatched")

Watched: TypeAlias = Callable[[AgentStream], AsyncIterator[StreamEvent]]
"""Passes on the events of one of the attempt's runs."""

Watch: TypeAlias = Callable[[str, Standing], AbstractContextManager[Watched]]
"""Surrounds an attempt to bring a session to rest; given the session's id and how it stands."""


@contextmanager
def unwatched(session: str, standing: Standing) -> Iterator[Watched]:
    """Watch nothing."""
    yield aiter
