"""The barest reader of a streamed chat completion, which knows one provider and trusts it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from axio.events import IterationEnd, StreamEvent, TextDelta
from axio.types import StopReason, Usage


class Delta(msgspec.Struct):
    content: str | None = None


class Choice(msgspec.Struct):
    delta: Delta
    finish_reason: str | None = None


class Counts(msgspec.Struct):
    prompt_tokens: int
    completion_tokens: int


class Chunk(msgspec.Struct):
    choices: list[Choice]
    usage: Counts | None = None


typed = msgspec.json.Decoder(Chunk).decode


class Floor:
    """Cuts at blank lines, lets msgspec find the text, and makes the same events."""

    def __init__(self, decode: Callable[[bytes], Chunk] = typed) -> None:
        self.rest = b""
        self.decode = decode
        self.usage = Usage(0, 0)

    def feed(self, data: bytes) -> list[StreamEvent]:
        found: list[StreamEvent] = []
        *whole, self.rest = (self.rest + data).split(b"\n\n")
        for sent in whole:
            if sent == b"data: [DONE]":
                found.append(IterationEnd(0, StopReason.end_turn, self.usage))
                continue
            chunk = self.decode(sent[6:])
            found += [
                TextDelta(0, choice.delta.content)
                for choice in chunk.choices
                if choice.delta.content
            ]
            if chunk.usage is not None:
                self.usage = Usage(chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
        return found
