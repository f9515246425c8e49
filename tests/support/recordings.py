"""Recorded provider traffic: loading it, chopping it, and what it should decode to.

    requires("streams")  # skip, or fail in CI, when the folder is missing
    for recording in recordings("openai-chat"): ...
    assert observed(decode(recording.body)) == wanted(recording)

The recordings, and a page about them, are in the folder that `support.parts` finds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from axio.events import (
    Error,
    IterationEnd,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    ToolUseStart,
)
from axio.exceptions import ContentFiltered, ProviderError, TruncatedStream
from axio.types import StopReason, Usage
from support.parts import PARTS

SETS = ("open", "synthetic", "local")


@dataclass(frozen=True)
class Recording:
    """One answer of a provider. `expected` is its outcome in the words of the recordings' page."""

    name: str
    api: str
    vendor: str
    features: frozenset[str]
    request: Any
    status: int
    headers: dict[str, str]
    body: bytes
    expected: dict[str, Any]

    def __repr__(self) -> str:
        return f"<{self.name}>"


@cache
def recordings(api: str) -> tuple[Recording, ...]:
    """All of one API ("openai-chat", "openai-responses", "anthropic-messages"), by name.

    Empty where the folder is missing: call `requires("streams")` first.
    """
    folder = PARTS["streams"].find()
    if folder is None:
        return ()
    files = (path for name in SETS for path in sorted(Path(folder, name).glob("*.json")))
    loaded = (_load(path) for path in files)
    return tuple(recording for recording in loaded if recording.api == api)


def _load(path: Path) -> Recording:
    data = json.loads(path.read_bytes())
    return Recording(
        name=data["name"],
        api=data["provider"]["api"],
        vendor=data["provider"]["vendor"],
        features=frozenset(data["features"]),
        request=data["request"],
        status=data["status"],
        headers=data["headers"],
        body=data["body"].encode("utf-8", "surrogatepass"),
        expected=data["expected"],
    )


# ── chopping ──────────────────────────────────────────────────────────────────────────────────


def cut_at(body: bytes, offsets: Iterable[int]) -> list[bytes]:
    """The pieces of `body` between these offsets, which rise."""
    edges = [0, *offsets, len(body)]
    return [body[start:end] for start, end in pairwise(edges)]


def borders(body: bytes) -> list[int]:
    """Where an event ends: the offset behind each blank line."""
    found = []
    for blank in (b"\n\n", b"\r\n\r\n", b"\r\r"):
        at = body.find(blank)
        while at >= 0:
            found.append(at + len(blank))
            at = body.find(blank, at + 1)
    return sorted(set(found))


def choppings(body: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """The whole body, and its pieces when it is cut at all borders, before and behind them.

    Each comes with a name for the assertion's message.
    """
    yield "whole", [body]
    for shift in (-3, -2, -1, 0, 1, 2, 7):
        offsets = sorted({edge + shift for edge in borders(body) if 0 < edge + shift < len(body)})
        yield f"cut at borders {shift:+d}", cut_at(body, offsets)


def two_pieces(body: bytes, offsets: Iterable[int]) -> Iterator[tuple[str, list[bytes]]]:
    """The body in two pieces, once for each offset."""
    for offset in offsets:
        yield f"cut at {offset}", [body[:offset], body[offset:]]


def single_bytes(body: bytes) -> list[bytes]:
    return [body[at : at + 1] for at in range(len(body))]


# ── outcomes ──────────────────────────────────────────────────────────────────────────────────


@dataclass
class Outcome:
    """The answer as its consumer has it when the stream is over; deltas are joined."""

    text: str = ""
    reasoning: str = ""
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    """Id, name, argument text; in the order in which they began."""
    stop: StopReason | None = None
    """`None` where the stream ended in an error."""
    usage: Usage | None = None
    error: type[BaseException] | None = None


def observed(events: Iterable[StreamEvent]) -> Outcome:
    """The outcome of the events that a decoder gave, `Error` at the end included.

    Also checks the rules every transport has to keep: one `IterationEnd` or one `Error`, at the
    end; arguments only for a call that has begun, with its own index and id.
    """
    outcome = Outcome()
    text: list[str] = []
    reasoning: list[str] = []
    arguments: dict[tuple[int, str], list[str]] = {}
    names: list[tuple[tuple[int, str], str]] = []
    over = False
    for event in events:
        assert not over, f"{event} after the end"
        match event:
            case TextDelta(_, delta):
                text.append(delta)
            case ReasoningDelta(_, delta):
                reasoning.append(delta)
            case ToolUseStart(index, call_id, name):
                assert (index, call_id) not in arguments, f"{event} twice"
                arguments[index, call_id] = []
                names.append(((index, call_id), name))
            case ToolInputDelta(index, call_id, partial):
                arguments[index, call_id].append(partial)
            case IterationEnd(_, stop, usage):
                outcome.stop, outcome.usage, over = stop, usage, True
            case Error(exception):
                outcome.error, over = type(exception), True
    assert over, "the stream has no end"
    outcome.text = "".join(text)
    outcome.reasoning = "".join(reasoning)
    outcome.calls = [(key[1], name, "".join(arguments[key])) for key, name in names]
    return outcome


_STOPS = {
    "end": StopReason.end_turn,
    "pause": StopReason.end_turn,
    "tool_use": StopReason.tool_use,
    "max_tokens": StopReason.max_tokens,
}


def wanted(recording: Recording) -> Outcome:
    """The expected outcome, in axio's terms.

    A refusal in words is text. A stream that ends properly without a reason ends the turn; one
    that just stops is truncated.
    """
    expected = recording.expected
    calls = [(call["id"], call["name"], call["arguments_raw"]) for call in expected["tool_calls"]]
    outcome = Outcome(
        text=expected["text"] + (expected["refusal"] or ""),
        reasoning=expected["reasoning"],
        calls=calls,
    )
    stop = expected["stop_reason"]
    if stop == "error":
        outcome.error = ProviderError
    elif stop == "refusal":
        outcome.error = ContentFiltered
    elif stop is None and not expected["complete"]:
        outcome.error = TruncatedStream
    else:
        outcome.stop = _STOPS[stop or ("tool_use" if calls else "end")]
        outcome.usage = _usage(expected["usage"] or {})
    return outcome


def _usage(counts: dict[str, int | None]) -> Usage:
    return Usage(
        counts.get("input_total") or 0,
        counts.get("output") or 0,
        counts.get("cache_read") or 0,
        counts.get("cache_write") or 0,
        counts.get("reasoning") or 0,
    )
