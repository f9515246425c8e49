"""All wrappers of a transport, to be put around each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeAlias

from axio.output import AnswerText
from axio.resilience import Fallback, RateLimit, Retry, StopRepetition, Watchdog, Wrapper
from axio.testing import FaultTransport, Raises, RecordTransport, ReplayTransport
from axio.tracing import Traced
from axio.transport import CompletionTransport

__all__ = ("WRAPS", "layers", "nested")

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
Wrap: TypeAlias = Callable[[CompletionTransport, Path], Wrapper]


WRAPS: dict[str, Wrap] = {
    "retry": lambda inner, _: Retry(inner, 3, base_delay=0),
    "fallback": lambda inner, _: Fallback(inner, inner),
    "rate limit": lambda inner, _: RateLimit(inner, requests_per_minute=1e6, concurrency=9),
    "watchdog": lambda inner, _: Watchdog(inner, 30),
    "repetition": lambda inner, _: StopRepetition(inner),
    "record": lambda inner, folder: RecordTransport(inner, folder / "recorded"),
    "replay": lambda inner, folder: ReplayTransport(folder / f"{id(inner)}", record=inner),
    "faults": lambda inner, _: FaultTransport(inner, Raises(0, ValueError("not yet")), 999),
    "structured": lambda inner, _: AnswerText(inner, SCHEMA),
    "traced": lambda inner, _: Traced(inner),
}


def layers(transport: CompletionTransport) -> Iterable[Wrapper]:
    while isinstance(transport, Wrapper):
        yield transport
        transport = transport.inner


def nested(names: tuple[str, ...], inner: CompletionTransport, folder: Path) -> Any:
    """`inner` inside the wrappers of these names, the first one outermost."""
    for name in reversed(names):
        inner = WRAPS[name](inner, folder)
    return inner
