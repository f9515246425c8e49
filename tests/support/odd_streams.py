"""Odd answers of real servers, and what each must come to, said in a few words.

    for odd in odd_streams("openai-chat"): ...
    assert not odd.broken(seen)  # the words that `seen` does not keep

The answers lie beside the recordings. Their words are short enough to be read by a table: a quoted
text, "reasoning", a number of calls, arguments in braces, names of stop reasons, errors and counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from axio.events import (
    IterationEnd,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    ToolUseStart,
)
from axio.exceptions import StreamError
from axio.types import StopReason, Usage
from support.parts import PARTS


@dataclass
class Seen:
    """What a consumer has of an answer in the end."""

    text: str = ""
    reasoning: str = ""
    calls: dict[tuple[int, str], list[str]] = field(default_factory=dict)
    """Name and argument text; a call that begins twice is begun anew."""
    stop: StopReason | None = None
    usage: Usage = field(default_factory=lambda: Usage(0, 0))
    error: StreamError | None = None

    def take(self, event: StreamEvent) -> None:
        match event:
            case TextDelta(_, delta):
                self.text += delta
            case ReasoningDelta(_, delta):
                self.reasoning += delta
            case ToolUseStart(index, id, name):
                self.calls[index, id] = [name, ""]
            case ToolInputDelta(index, id, partial):
                self.calls[index, id][1] += partial
            case IterationEnd(_, stop, usage):
                self.stop, self.usage = stop, usage

    def arguments(self) -> list[dict[str, Any]]:
        return [json.loads(text or "{}") for _, text in self.calls.values()]


async def seen(events: AsyncIterator[StreamEvent]) -> Seen:
    """All that a transport's stream tells, its error included."""
    outcome = Seen()
    try:
        async for event in events:
            outcome.take(event)
    except StreamError as error:
        outcome.error = error
    return outcome


def _written(words: str) -> dict[str, str]:
    pairs = (pair.partition(":") for pair in words.split(",") if pair)
    return {key: value for key, _, value in pairs}


def _has_arguments(seen: Seen, words: str) -> bool:
    wanted = _written(words)
    [given] = seen.arguments()
    return given.keys() == wanted.keys() and all(
        value in ("", given[key]) for key, value in wanted.items()
    )


def _has_values(seen: Seen, words: str) -> bool:
    given = [value for arguments in seen.arguments() for value in arguments.values()]
    return sorted(given) == sorted(words.split(","))


def _failed(seen: Seen, name: str) -> bool:
    return seen.error is not None and type(seen.error).__name__.lower().startswith(name.lower())


Check = Callable[[Seen, str], bool]

# Tried at each place of the words in turn; what fits none of them says nothing.
_CHECKS: list[tuple[str, Check]] = [
    (r"reasoning '([^']*)'", lambda seen, words: seen.reasoning == words),
    (r"reasoning", lambda seen, _: bool(seen.reasoning)),
    (r"text '([^']*)'", lambda seen, words: words.replace("\\n", "\n") in seen.text),
    (r"'([^']*)'", lambda seen, words: seen.text == words),
    (r"\d calls (\w(?:,\w)+)", _has_values),
    (r"(\d) calls?", lambda seen, words: len(seen.calls) == int(words)),
    (r"call\b", lambda seen, _: len(seen.calls) == 1 and seen.error is None),
    (r"\{([\w:,]*)\}", _has_arguments),
    (r"(\w+_\w+)$", lambda seen, words: words in [*_stop(seen), *_names(seen)]),
    (r"(end_turn|tool_use|max_tokens)", lambda seen, words: words in _stop(seen)),
    (r"(\w+_\w+)", lambda seen, words: words in _names(seen)),
    (r"(ProviderError|ContentFiltered|Truncated|truncated)", _failed),
    (r"typed error|error", lambda seen, _: seen.error is not None),
    (r"retryable", lambda seen, _: seen.error is not None and seen.error.retryable),
    (r"status (\d+)", lambda seen, words: getattr(seen.error, "status", 0) == int(words)),
    (r"(\d+)(?=/\d)", lambda seen, words: seen.usage.input_tokens == int(words)),
    (r"/(\d+)", lambda seen, words: seen.usage.output_tokens == int(words)),
    (r"out (\d+)", lambda seen, words: seen.usage.output_tokens == int(words)),
    (r"in(?:put)? (\d+)\+(?=(\d+))", lambda seen, words: seen.usage.input_tokens > int(words)),
    (r"in(?:put)? (\d+)", lambda seen, words: seen.usage.input_tokens == int(words)),
    (r"(\d+) cached", lambda seen, words: seen.usage.cache_read_tokens == int(words)),
    (r"text", lambda seen, _: bool(seen.text) and seen.error is None),
    (r"\bend\b", lambda seen, _: seen.stop is not None),
]


def _stop(seen: Seen) -> list[str]:
    return [] if seen.stop is None else [seen.stop.value]


def _names(seen: Seen) -> list[str]:
    return [name for name, _ in seen.calls.values()]


@dataclass(frozen=True)
class OddStream:
    name: str
    api: str
    want: str
    status: int
    content_type: str
    body: bytes

    def __repr__(self) -> str:
        return f"<{self.name}>"

    @property
    def decided(self) -> bool:
        """False where nobody can say what is right."""
        return "undecidable" not in self.want and not re.search(r"call of \w+ \d\?$", self.want)

    def broken(self, seen: Seen) -> list[str]:
        """The words that this outcome does not keep; of alternatives one has to be kept."""
        kept = re.sub(r" - .*| \(.*\)|typed sign\? ours", "", self.want)
        failures = []
        for alternative in re.split(r",? or (?!skip)", kept):
            claims = _claims(alternative)
            broken = [words for words, holds in claims if not holds(seen)]
            if claims and not broken:
                return []
            failures += broken
        return failures


def _claims(words: str) -> list[tuple[str, Callable[[Seen], bool]]]:
    claims: list[tuple[str, Callable[[Seen], bool]]] = []
    at = 0
    while at < len(words):
        for pattern, check in _CHECKS:
            found = re.compile(pattern).match(words, at)
            if found is not None:
                said = found.group(1) if found.re.groups else ""
                claims.append((found.group(), lambda seen, c=check, s=said: c(seen, s)))  # type: ignore[misc]
                break
        at = found.end() if found is not None and found.end() > at else at + 1
    return claims


@cache
def odd_streams(api: str) -> tuple[OddStream, ...]:
    """All of one API, by name. Empty where the folder is missing: call `requires("streams")`."""
    folder = PARTS["streams"].find()
    if folder is None:
        return ()
    loaded = (json.loads(path.read_bytes()) for path in sorted(Path(folder, "odd").glob("*.json")))
    return tuple(
        OddStream(
            *(data["name"], data["api"], data["want"], data["status"], data["content_type"]),
            data["body"].encode("utf-8", "surrogatepass"),
        )
        for data in loaded
        if data["api"] == api
    )
