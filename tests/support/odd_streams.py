"""Odd answers of real servers and gateways, and what each must come to.

    for odd in odd_streams("openai-chat"): ...
    assert await outcome(transport.stream(...)) == odd.expected

The answers lie beside the recordings; `EXPECTED` is our own word on each of them. Two have no
certain answer: they stay as they are.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from aiohttp import web

from axio.events import (
    IterationEnd,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    ToolUseStart,
)
from axio.exceptions import (
    ContentFiltered,
    ProtocolError,
    ProviderError,
    StreamError,
    TruncatedStream,
)
from axio.types import StopReason, Usage
from support.loopback import Reply
from support.parts import PARTS


@dataclass
class Seen:
    """The answer as its consumer has it in the end."""

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


@dataclass(frozen=True)
class Expected:
    """An outcome, with a call as its name and its argument text, and tokens as input and output."""

    text: str = ""
    reasoning: str = ""
    calls: list[tuple[str, str]] = field(default_factory=list)
    stop: StopReason | None = None
    error: type[StreamError] | None = None
    retryable: bool = False
    usage: tuple[int, int] = (0, 0)


def calls(seen: Seen) -> list[tuple[str, str]]:
    """Name and arguments of each call."""
    return [(name, text) for name, text in seen.calls.values()]


def calls_of(events: Iterable[StreamEvent]) -> list[tuple[str, str]]:
    """Name and arguments of each call at the end; a second start of one begins it again."""
    seen = Seen()
    for event in events:
        seen.take(event)
    return calls(seen)


async def outcome(events: AsyncIterator[StreamEvent]) -> Expected:
    """All that a transport's stream came to, its error included."""
    seen = Seen()
    try:
        async for event in events:
            seen.take(event)
    except StreamError as error:
        seen.error = error
    return Expected(
        seen.text,
        seen.reasoning,
        calls(seen),
        seen.stop,
        None if seen.error is None else type(seen.error),
        seen.error is not None and seen.error.retryable,
        (seen.usage.input_tokens, seen.usage.output_tokens),
    )


end_turn, tool_use, max_tokens = StopReason.end_turn, StopReason.tool_use, StopReason.max_tokens

EXPECTED = {
    "chat-arguments-as-object": Expected(
        calls=[("get_weather", '{"city": "Paris"}')], stop=tool_use
    ),
    "chat-channel-token-in-the-name": Expected(calls=[("query_dataset", '{"q":1}')], stop=tool_use),
    "chat-chat-completion-with-message-inside-sse": Expected("Hi", stop=end_turn),
    "chat-choices-is-an-object": Expected(error=ProtocolError),
    "chat-cline-envelope-data-success": Expected(error=ProtocolError),
    "chat-copilot-claude-call-in-a-second-choice-object-with-index-0": Expected(
        "a", calls=[("get_weather", "{}")], stop=tool_use
    ),
    "chat-copilot-reasoning-text-reasoning-opaque": Expected("Hi", reasoning="hm", stop=end_turn),
    "chat-data-lines-without-blank-lines": Expected("ab", stop=end_turn),
    "chat-done-in-the-middle-of-a-call-without-finish": Expected(
        calls=[("get_weather", '{"city":"Par')], stop=tool_use
    ),
    "chat-empty-200-body": Expected(error=TruncatedStream, retryable=True),
    "chat-empty-tool-calls-list-beside-content": Expected("Hi", stop=end_turn),
    "chat-error-as-a-string": Expected(error=ProviderError),
    "chat-error-object-with-empty-choices": Expected(error=ProviderError, retryable=True),
    "chat-finish-length-with-only-reasoning": Expected(reasoning="hm", stop=max_tokens),
    "chat-finish-reason-abort": Expected("Hi", stop=end_turn),
    "chat-finish-reason-complete": Expected("Hi", stop=end_turn),
    "chat-finish-reason-in-between": Expected(
        "a", calls=[("get_weather", '{"city":"Paris"}')], stop=tool_use
    ),
    "chat-finish-reason-load": Expected("Hi", stop=end_turn),
    "chat-finish-reason-max-tokens": Expected("Hi", stop=max_tokens),
    "chat-finish-reason-null": Expected("Hi", stop=end_turn),
    "chat-finish-reason-stop": Expected("Hi", stop=end_turn),
    "chat-finish-reason-tool-call": Expected("Hi", stop=tool_use),
    "chat-finish-reason-unknown": Expected("Hi", stop=end_turn),
    "chat-finish-stop-but-empty-answer": Expected(stop=end_turn),
    "chat-finish-tool-calls-but-no-call": Expected("I will call", stop=tool_use),
    "chat-finish-with-last-arguments-vllm-glm5": Expected(
        calls=[("get_weather", '{"city":"Paris"}')], stop=tool_use
    ),
    "chat-gateway-message-instead-of-delta-stop-gemini-3-7-flash": Expected(
        "OK", stop=end_turn, usage=(8, 102)
    ),
    "chat-gemini-no-index-arguments-over-id-less-deltas-finish-stop": Expected(
        calls=[("get_weather", '{"city":"Paris"}')], stop=end_turn
    ),
    "chat-gemini-signature-only-tool-delta": Expected(
        calls=[("get_weather", '{"city":"Paris"}')], stop=end_turn
    ),
    "chat-id-first-name-in-the-next-piece": Expected(
        calls=[("get_weather", '{"city":"Paris"}')], stop=tool_use
    ),
    "chat-id-null-then-id-later": Expected(
        calls=[("get_weather", '{"city":"Paris"}')], stop=tool_use
    ),
    "chat-index-as-float": Expected(calls=[("get_weather", '{"city":"Paris"}')], stop=tool_use),
    "chat-index-as-text": Expected(calls=[("get_weather", '{"city":"Paris"}')], stop=tool_use),
    "chat-json-pretty-printed-over-several-data-lines": Expected("a", stop=end_turn),
    "chat-keep-alive-chunk-without-choices": Expected("Hi", stop=end_turn),
    "chat-litellm-bedrock-index-from-1": Expected(
        calls=[("get_weather", '{"city":"Paris"}')], stop=tool_use
    ),
    "chat-literal-think-in-code-the-model-writes": Expected(
        "Use `<think>` and `</think>` tags.", stop=end_turn
    ),
    "chat-literal-unclosed-think-late-in-text": Expected(
        "The parser looks for <think> and then reads on. Done.", stop=end_turn
    ),
    "chat-minimax-cumulative-reasoning-details": Expected(
        "Hi", reasoning="The user asks", stop=end_turn
    ),
    "chat-minimax-incremental-reasoning-details": Expected(
        "Hi", reasoning="The user asks", stop=end_turn
    ),
    "chat-mistral-content-parts-reasoning-effort": Expected(
        "The sum", reasoning="The", stop=end_turn
    ),
    "chat-mistral-reference-part": Expected("a", stop=end_turn),
    "chat-name-in-pieces": Expected(calls=[("get_weather", '{"city":"Paris"}')], stop=tool_use),
    "chat-name-repeated-in-every-chunk": Expected(
        calls=[("get_weather", '{"city":"Paris"}')], stop=tool_use
    ),
    "chat-nan-in-a-number": Expected("Hi", stop=end_turn),
    "chat-new-id-in-every-chunk-name": Expected(
        calls=[("get_weather", '{"city":"Paris"}')], stop=tool_use
    ),
    "chat-number-as-id-name-later": Expected(
        calls=[("get_weather", '{"city":"Paris"}')], stop=tool_use
    ),
    "chat-one-json-document-instead-of-a-stream": Expected(error=ProtocolError),
    "chat-parallel-all-index-0-one-chunk-each-id": Expected(
        calls=[("get_weather", '{"city":"A"}'), ("get_time", '{"tz":"B"}')], stop=tool_use
    ),
    "chat-parallel-all-index-0-own-ids-one-chunk-each": Expected(
        calls=[("get_weather", '{"city":"A"}'), ("get_weather", '{"city":"B"}')], stop=tool_use
    ),
    "chat-parallel-all-index-0-same-chunk-no-ids": Expected(
        calls=[("get_weather", '{"city":"A"}'), ("get_weather", '{"city":"B"}')], stop=tool_use
    ),
    "chat-parallel-no-index-no-ids-one-chunk-each": Expected(
        calls=[("get_weather", '{"city":"A"}'), ("get_weather", '{"city":"B"}')], stop=tool_use
    ),
    "chat-responses-bridge-interleaved-args-at-index-0-by-id": Expected(
        calls=[("get_weather", '{"city":"A"}'), ("get_weather", '{"city":"B"}')], stop=tool_use
    ),
    "chat-second-choice-interleaved": Expected("a", stop=end_turn),
    "chat-think-closing-tag-only-template-opens-it": Expected("hm</think>\n\nHi", stop=end_turn),
    "chat-tool-calls-as-an-object": Expected(calls=[("get_weather", "{}")], stop=end_turn),
    "chat-top-level-error-without-error-key": Expected(error=ProviderError, retryable=True),
    "chat-two-calls-index-as-text-no-later-ids": Expected(
        calls=[("get_weather", '{"city":"P"}'), ("get_time", '{"tz":"Q"}')], stop=tool_use
    ),
    "chat-two-events-run-together-in-one-line-glm-5-1": Expected(
        "a", error=ProtocolError, retryable=True
    ),
    "chat-usage-as-floats-strings": Expected("a", stop=end_turn, usage=(3, 4)),
    "chat-z-ai-finish-model-context-window-exceeded": Expected("partial", stop=max_tokens),
    "chat-z-ai-finish-network-error": Expected("partial", error=ProviderError, retryable=True),
    "chat-z-ai-finish-sensitive": Expected("partial", error=ContentFiltered),
    "chat-zen-text-usage-chunk-cost-chunk-clean-eof-no-finish-no-done": Expected(
        "OK", stop=end_turn, usage=(12, 8)
    ),
    "messages-arguments-go-to-the-next-index": Expected(
        calls=[("get_weather", '{"city":"Paris"}')], stop=tool_use, usage=(10, 5)
    ),
    "messages-bedrock-metrics-in-message-stop": Expected("OK", stop=end_turn, usage=(10, 5)),
    "messages-code-execution-text-starts-at-2-deltas-at-3": Expected(
        "Now", stop=end_turn, usage=(10, 5)
    ),
    "messages-data-done-after-message-stop": Expected("OK", stop=end_turn, usage=(10, 5)),
    "messages-data-done-instead-of-message-stop": Expected("OK", stop=end_turn, usage=(10, 5)),
    "messages-error-without-event-name": Expected(error=ProviderError, retryable=True),
    "messages-float-tokens": Expected("OK", stop=end_turn, usage=(10, 5)),
    "messages-index-missing-everywhere": Expected("OK", stop=end_turn, usage=(10, 5)),
    "messages-litellm-empty-input-json-delta-in-a-text-block": Expected(
        stop=end_turn, usage=(10, 5)
    ),
    "messages-litellm-message-start-twice-at-the-beginning": Expected(
        "OK", stop=end_turn, usage=(10, 5)
    ),
    "messages-litellm-vertex-tool-use-without-any-argument-delta": Expected(
        calls=[("get_weather", "{}")], stop=tool_use, usage=(21331, 126)
    ),
    "messages-lone-surrogate": Expected("a\U0001f600b", stop=end_turn, usage=(10, 5)),
    "messages-minimax-error-event": Expected(error=ProviderError, retryable=True),
    "messages-model-context-window-exceeded": Expected("OK", stop=max_tokens, usage=(10, 5)),
    "messages-ollama-thinking-starts-at-the-index-of-an-open-text": Expected(
        "---Hi", reasoning="hm", stop=end_turn, usage=(10, 5)
    ),
    "messages-partial-json-null": Expected(
        calls=[("get_weather", "{}")], stop=tool_use, usage=(10, 5)
    ),
    "messages-sglang-counts-at-start-zero-in-message-delta": Expected(
        "OK", stop=end_turn, usage=(10, 2)
    ),
    "messages-sglang-text-delta-in-an-open-tool-use-block": Expected(
        "\n", calls=[("get_weather", '{"city":"Paris"}')], stop=tool_use, usage=(10, 5)
    ),
    "messages-text-delta-before-message-start": Expected("OK", stop=end_turn, usage=(0, 5)),
    "messages-thinking-delta-in-a-text-block": Expected(
        "Hi", reasoning=" assistant.", stop=end_turn, usage=(10, 5)
    ),
    "messages-tool-input-as-object-delta": Expected(
        calls=[("get_weather", '{"city": "Paris"}')], stop=tool_use, usage=(10, 5)
    ),
    "messages-tool-use-without-id": Expected(
        calls=[("get_weather", '{"city":"Paris"}')], stop=tool_use, usage=(10, 5)
    ),
    "messages-two-tool-use-with-one-id": Expected(
        calls=[("get_weather", '{"city":"A"}'), ("get_weather", '{"city":"B"}')],
        stop=tool_use,
        usage=(10, 5),
    ),
    "messages-whole-arguments-repeated-at-content-block-start-and-as-delta": Expected(
        calls=[("get_weather", '{"city":"Paris"}')], stop=tool_use, usage=(10, 5)
    ),
    "messages-z-ai-zeros-at-the-start-all-counts-at-the-end": Expected(
        "OK", stop=end_turn, usage=(20, 2)
    ),
    "responses-call-id-differs-between-added-and-done": Expected(
        calls=[("get_weather", '{"city":"Paris"}')], stop=tool_use, usage=(5, 7)
    ),
    "responses-done-arguments-longer-than-the-deltas": Expected(
        calls=[("get_weather", '{"city":"Paris"}')], stop=tool_use, usage=(5, 7)
    ),
    "responses-done-item-has-more-text-than-the-deltas": Expected(
        "Hello world", stop=end_turn, usage=(5, 7)
    ),
    "responses-eof-after-output-item-done": Expected("Hi", error=TruncatedStream, retryable=True),
    "responses-failed-with-rate-limit": Expected(error=ProviderError, retryable=True),
    "responses-final-answer-only-in-the-snapshot-after-a-commentary": Expected(
        "Working. Answer", stop=end_turn, usage=(5, 7)
    ),
    "responses-id-null-in-done-vllm": Expected(
        calls=[("get_weather", '{"city":"Paris"}')], stop=tool_use, usage=(5, 7)
    ),
    "responses-index-null": Expected("Hi", stop=end_turn, usage=(5, 7)),
    "responses-item-announced-contents-only-in-the-final-response": Expected(
        "Hi", calls=[("get_weather", '{"city":"Paris"}')], stop=tool_use, usage=(5, 7)
    ),
    "responses-items-only-in-the-final-response": Expected(
        "Hi", calls=[("get_weather", '{"city":"Paris"}')], stop=tool_use, usage=(5, 7)
    ),
    "responses-keepalive-event": Expected("Hi", stop=end_turn, usage=(5, 7)),
    "responses-lone-surrogate": Expected("a\U0001f600b", stop=end_turn, usage=(5, 7)),
    "responses-no-output-index-no-content-index": Expected(
        "Hi",
        reasoning="hm",
        calls=[("get_weather", '{"city":"Paris"}')],
        stop=tool_use,
        usage=(5, 7),
    ),
    "responses-openai-error-envelope-nested": Expected(error=ProviderError, retryable=True),
    "responses-reasoning-and-call-share-output-index-0": Expected(
        reasoning="hm", calls=[("get_weather", '{"city":"Paris"}')], stop=tool_use, usage=(5, 7)
    ),
    "responses-reasoning-streamed-at-0-message-at-0-without-deltas": Expected(
        "Hi", reasoning="hm", stop=end_turn, usage=(5, 7)
    ),
    "responses-response-failed-without-error": Expected(error=ProviderError),
    "responses-text-streamed-call-only-in-the-final-response": Expected(
        "Hi", calls=[("get_weather", '{"city":"Paris"}')], stop=tool_use, usage=(5, 7)
    ),
    "responses-two-calls-added-first-at-output-index-0-deltas-interleaved-b": Expected(
        calls=[("get_weather", '{"city":"A"}'), ("get_weather", '{"city":"B"}')],
        stop=tool_use,
        usage=(5, 7),
    ),
    "responses-two-calls-at-output-index-0": Expected(
        calls=[("get_weather", '{"city": "A"}'), ("get_weather", '{"city": "B"}')],
        stop=tool_use,
        usage=(5, 7),
    ),
    "responses-usage-details-null": Expected("Hi", stop=end_turn, usage=(5, 7)),
}


@dataclass(frozen=True)
class OddStream:
    """One odd answer, as it came."""

    name: str
    status: int
    content_type: str
    body: bytes

    def __repr__(self) -> str:
        return f"<{self.name}>"

    @property
    def expected(self) -> Expected:
        return EXPECTED[self.name]

    def reply(self) -> Reply:
        """A handler that answers with it."""

        async def reply(_: web.Request) -> web.StreamResponse:
            headers = {"content-type": self.content_type}
            return web.Response(status=self.status, body=self.body, headers=headers)

        return reply


@cache
def odd_streams(api: str) -> tuple[OddStream, ...]:
    """All of one API, by name. Empty where the folder is missing: call `requires("streams")`."""
    folder = PARTS["streams"].find()
    if folder is None:
        return ()
    loaded = (json.loads(path.read_bytes()) for path in sorted(Path(folder, "odd").glob("*.json")))
    return tuple(
        OddStream(
            *(data["name"], data["status"], data["content_type"]),
            data["body"].encode("utf-8", "surrogatepass"),
        )
        for data in loaded
        if data["api"] == api
    )
