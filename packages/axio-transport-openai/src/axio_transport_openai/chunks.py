"""The wire: what is read of a `chat.completion.chunk`, as every compatible server sends it.

Fields that are not here are skipped unread. Leaves whose type differs from server to server are
`Any` and looked at where they are used; the frame around them is typed, so a body that is
something else altogether is refused by the parser.
"""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = ("Choice", "Chunk", "Delta", "Function", "ToolCall", "parse_chunk")


class Function(msgspec.Struct, gc=False):
    name: Any = None
    arguments: Any = None


class ToolCall(msgspec.Struct, gc=False):
    index: Any = None
    id: Any = None
    function: Function | None = None
    extra_content: Any = None  # Gemini: the signature of the thoughts that led to the call


class Delta(msgspec.Struct, gc=False):
    content: Any = None  # a string; of Mistral's reasoning models a list of parts
    reasoning_content: Any = None  # DeepSeek, xAI, Moonshot, llama.cpp, older vLLM
    reasoning: Any = None  # OpenRouter, Groq, Ollama, vLLM
    reasoning_details: Any = None  # OpenRouter: the same once more, with signatures
    refusal: Any = None
    tool_calls: list[ToolCall | None] | None = None
    function_call: Function | None = None  # what tool calls were before 2023-11
    images: Any = None  # OpenRouter: generated images, as data URIs


class Choice(msgspec.Struct, gc=False):
    index: Any = 0
    delta: Delta | None = None
    finish_reason: Any = None
    usage: Any = None  # Moonshot, beside the finish reason
    error: Any = None  # OpenRouter, beside the finish reason "error"


class XGroq(msgspec.Struct, gc=False):
    usage: Any = None


class Chunk(msgspec.Struct, gc=False):
    choices: list[Choice | None] | None = None
    usage: Any = None
    error: Any = None
    object: Any = None
    x_groq: XGroq | None = None


parse_chunk = msgspec.json.Decoder(Chunk).decode
"""Raises `msgspec.ValidationError` for JSON of another shape, else `msgspec.DecodeError`."""
