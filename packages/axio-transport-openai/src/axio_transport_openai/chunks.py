"""The wire: what is read of a `chat.completion.chunk`, as every compatible server sends it.

Fields that are not here are skipped unread. Leaves whose type differs from server to server are
`Any` and looked at where they are used; the frame around them is typed, so a body that is
something else altogether is refused by the parser.
"""

from __future__ import annotations

import json
from typing import Any, TypeVar

import msgspec

from axio.events import ImageOutput
from axio.types import JSONObject
from axio.wire.lenient import bytes_of

__all__ = (
    "Choice",
    "Chunk",
    "Delta",
    "Function",
    "ToolCall",
    "call_parts",
    "converted",
    "image_of",
    "odd_chunk",
    "odd_delta",
    "parse_chunk",
)


T = TypeVar("T")


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
    reasoning_text: Any = None  # GitHub Copilot
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
    message: Any = None  # in place of the delta: the whole answer
    text: Any = None  # in place of the delta: what completions were before chats


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


def odd_chunk(payload: JSONObject) -> Chunk | None:
    """The chunk that a payload is which `parse_chunk` refused; None for what is none."""
    choices = payload.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict):
            _listed(choice.get("delta"))
    return converted(payload, Chunk)


def odd_delta(message: Any) -> Delta | None:
    """A whole message as a delta; None for what is no message."""
    _listed(message)
    return converted(message, Delta)


def converted(data: Any, kind: type[T]) -> T | None:
    """The `kind` of payload that this is; None for another one."""
    try:
        return msgspec.convert(data, kind)
    except (msgspec.ValidationError, UnicodeEncodeError):  # the latter: half a character misplaced
        return None


def _listed(delta: Any) -> None:
    """Make a list of a call that stands where the list of calls belongs."""
    if isinstance(delta, dict) and isinstance(delta.get("tool_calls"), dict):
        delta["tool_calls"] = [delta["tool_calls"]]


def call_parts(piece: ToolCall) -> tuple[str, str, str]:
    """Id, name and arguments of a piece, each empty where it is missing."""
    function = piece.function or Function()
    name, arguments = function.name, function.arguments
    if arguments is None:
        arguments = ""
    elif not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    return str(piece.id) if piece.id else "", name if isinstance(name, str) else "", arguments


def image_of(image: Any) -> ImageOutput | None:
    """`{"image_url": {"url": "data:image/png;base64,…"}}`; None for what cannot be read."""
    source = image.get("image_url") if isinstance(image, dict) else None
    url = source.get("url") if isinstance(source, dict) else source
    if not isinstance(url, str) or not url.startswith("data:image/"):
        return None
    head, _, data = url.partition(",")
    content = bytes_of(data)
    media_type: Any = head[len("data:") :].partition(";")[0]
    return None if content is None else ImageOutput(0, content, media_type)
