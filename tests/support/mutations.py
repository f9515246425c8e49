"""Recorded answers, damaged at random: each must end in an `IterationEnd` or in a typed error."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

from axio.events import Error, IterationEnd
from axio.exceptions import StreamError
from axio.wire.http import Decoder

LARGEST = 4096
"""Bytes. The small answers hold all kinds of events, and more of them fit into a minute."""

ODD_VALUES: list[Any] = [
    None, True, False, 0, -1, 2**70, 1.5, "", "x", "text", "\ud83d", [], [1], {}, {"type": "x"},
]  # fmt: skip
TOKENS = [
    b"", b"\n", b"\n\n", b"\r", b"data:", b"event: error\n", b":", b"{", b"}", b'"', b"\\", b"\x00",
    b"\xff", b"\xef\xbb\xbf", b"null", b"[DONE]", b"tool_use", b"thinking", b"data: [DONE]\n\n",
    b"event: message_stop\n", b"event: content_block_delta\n", b"<think>", b"</think>", b"error:",
]  # fmt: skip


def flip(body: bytearray, rng: random.Random) -> None:
    for _ in range(rng.randint(1, 8)):
        body[rng.randrange(len(body))] = rng.randrange(256)


def insert(body: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(body))
    body[at:at] = rng.choice(TOKENS)


def remove(body: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(body))
    del body[at : at + rng.randint(1, 200)]


def repeat(body: bytearray, rng: random.Random) -> None:
    start, at = rng.randrange(len(body)), rng.randrange(len(body))
    body[at:at] = body[start : start + rng.randint(1, 400)]


def truncate(body: bytearray, rng: random.Random) -> None:
    del body[rng.randrange(len(body)) :]


def shuffle(body: bytearray, rng: random.Random) -> None:
    events = bytes(body).split(b"\n\n")
    rng.shuffle(events)
    body[:] = b"\n\n".join(events)


def replace_values(body: bytearray, rng: random.Random) -> None:
    """Well-formed JSON with a value of another type somewhere."""
    lines = bytes(body).split(b"\n")
    at = rng.choice([i for i, line in enumerate(lines) if line.startswith(b"data: {")] or [0])
    try:
        data = json.loads(lines[at][6:])
    except ValueError:
        return
    places: list[tuple[Any, Any]] = []
    if isinstance(data, dict):
        collect(data, places)
    if not places:
        return
    for _ in range(rng.randint(1, 2)):
        inside, key = rng.choice(places)
        inside[key] = rng.choice(ODD_VALUES)
    lines[at] = b"data: " + json.dumps(data).encode()
    body[:] = b"\n".join(lines)


def collect(data: Any, places: list[tuple[Any, Any]]) -> None:
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in items:
        places.append((data, key))
        if isinstance(value, dict | list):
            collect(value, places)


MUTATIONS: list[Callable[[bytearray, random.Random], None]] = [
    *(flip, insert, remove, repeat, truncate, shuffle, replace_values, replace_values)
]


def mutated(body: bytes, rng: random.Random) -> bytes:
    damaged = bytearray(body)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if damaged:
            rng.choice(MUTATIONS)(damaged, rng)
    return bytes(damaged)


def survive(
    bodies: Sequence[bytes],
    make: Callable[[], Decoder],
    count: int,
    seed: int,
    largest: int = LARGEST,
) -> dict[str, int]:
    """How often each kind of end was met when `count` damaged answers were decoded."""
    rng = random.Random(seed)
    small = [body for body in bodies if len(body) < largest]
    assert len(small) > 50
    ends: dict[str, int] = {}
    for number in range(count):
        body = mutated(rng.choice(small), rng)
        size = rng.choice((1 << 20, 1000, 64))
        decoder = make()
        events = [e for at in range(0, len(body), size) for e in decoder.feed(body[at : at + size])]
        events += decoder.close()
        assert decoder.done, (seed, number)
        last = events[-1]
        if isinstance(last, Error):
            assert isinstance(last.exception, StreamError), (seed, number, last)
            kind = type(last.exception).__name__
        else:
            assert isinstance(last, IterationEnd), (seed, number, last)
            kind = last.stop_reason
        assert not any(isinstance(event, Error | IterationEnd) for event in events[:-1])
        json.dumps([str(event) for event in events]).encode()
        ends[kind] = ends.get(kind, 0) + 1
    return ends
