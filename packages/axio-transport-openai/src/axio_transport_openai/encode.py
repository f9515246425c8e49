"""From messages and tools to the body of a chat completion request. Pure.

Two forms of the same: dicts, to be looked at and changed, and bytes, which `EncodedMessages` keeps
so that a stored message is encoded once and not again with every request.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any

from axio.blocks import (
    AudioBlock,
    ContentBlock,
    ImageBlock,
    ReasoningBlock,
    TextBlock,
    ToolResultBlock,
    ToolUseBlock,
    VideoBlock,
)
from axio.exceptions import UnsupportedContent
from axio.messages import Message
from axio.tool import AnyTool
from axio.types import JSONObject
from axio.wire.images import fitted, note
from axio.wire.names import accepted
from axio.wire.payload import base64_of
from axio_transport_openai.providers import OPENAI, Provider

__all__ = (
    "MEDIA",
    "data_url",
    "encode_message",
    "encode_messages",
    "encode_system",
    "encode_tools",
    "foreign_reasoning",
    "mark_prefix",
    "response_format",
    "result_text",
)

AUDIO_FORMATS = {"audio/wav": "wav", "audio/mp3": "mp3", "audio/mpeg": "mp3", "audio/mpga": "mp3"}
"""The formats that the API takes as `input_audio`, under its own names."""

MEDIA = ImageBlock | AudioBlock | VideoBlock

MAX_CALL_ID = 40
"""The longest id of a tool call that OpenAI takes; ids of other providers may be longer."""


def encode_messages(
    messages: Iterable[Message], system: str = "", provider: Provider = OPENAI
) -> list[JSONObject]:
    """The `messages` of a request.

    `UnsupportedContent` for what a user message holds and the API has no place for.
    """
    encoded = encode_system(system)
    for message in fitted(messages, provider.images):
        encoded.extend(encode_message(message, provider))
    return encoded


def encode_system(system: str) -> list[JSONObject]:
    return [{"role": "system", "content": system}] if system else []


def encode_message(message: Message, provider: Provider = OPENAI) -> list[JSONObject]:
    """The messages on the wire that one message of a history becomes; none for an empty one."""
    if message.role == "assistant":
        return _assistant(message.content, provider)
    if message.role == "system":
        text = "".join(_words(message.content))
        return [{"role": "system", "content": text}] if text else []
    return _user(message.content, provider)


def encode_tools(tools: Iterable[AnyTool]) -> list[JSONObject]:
    return [
        {
            "type": "function",
            "function": {
                "name": accepted(tool.name),
                "description": tool.description,
                "parameters": tool.input_schema,
            },
        }
        for tool in tools
    ]


def mark_prefix(messages: list[JSONObject]) -> None:
    """Mark, in place, where a cached prefix ends: behind the system prompt, if that comes first,
    and behind the last message, if that is text of the user."""
    for at, role in ((0, "system"), (-1, "user")):
        if messages and messages[at]["role"] == role and isinstance(messages[at]["content"], str):
            text = messages[at]["content"]
            part = {"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}
            messages[at] = {**messages[at], "content": [part]}


def response_format(schema: Mapping[str, Any]) -> JSONObject:
    """The field of a request that binds the answer to a JSON schema.

    Strict wherever the schema allows it; else the provider only tries.
    """
    name = accepted(str(schema.get("title") or "output"))
    form = {"name": name, "schema": dict(schema), "strict": _allows_strict(schema)}
    return {"type": "json_schema", "json_schema": form}


def _user(content: list[ContentBlock], provider: Provider) -> list[JSONObject]:
    """Results first: they have to follow the calls directly, before all else in the message."""
    encoded: list[JSONObject] = []
    parts: list[JSONObject] = []
    rest: list[JSONObject] = []
    for block in content:
        if isinstance(block, ToolResultBlock):
            call_id = _call_id(block.tool_use_id, provider)
            text = result_text(block.content)
            encoded.append({"role": "tool", "tool_call_id": call_id, "content": text})
            images = [_image(part) for part in block.content if isinstance(part, ImageBlock)]
            if images:
                # A result holds text only, so its images follow in the user's name.
                parts.append({"type": "text", "text": f"Images of the tool result {call_id}:"})
                parts.extend(images)
        else:
            rest.append(_user_part(block))
    if parts:
        encoded.append({"role": "user", "content": parts})
    if all(part["type"] == "text" for part in rest):
        text = "".join(part["text"] for part in rest)
        if text:
            encoded.append({"role": "user", "content": text})
    else:
        encoded.append({"role": "user", "content": rest})
    return encoded


def _user_part(block: ContentBlock) -> JSONObject:
    if isinstance(block, TextBlock):
        return {"type": "text", "text": block.text}
    if isinstance(block, ImageBlock):
        return _image(block)
    if isinstance(block, AudioBlock) and block.media_type in AUDIO_FORMATS:
        audio = {"data": base64_of(block.data), "format": AUDIO_FORMATS[block.media_type]}
        return {"type": "input_audio", "input_audio": audio}
    what = getattr(block, "media_type", type(block).__name__)
    raise UnsupportedContent(
        f"a user message holds {what}, which chat completions do not take; they take text, "
        f"images, and audio as {' or '.join(sorted(set(AUDIO_FORMATS.values())))}"
    )


def _assistant(content: list[ContentBlock], provider: Provider) -> list[JSONObject]:
    message: JSONObject = {"role": "assistant"}
    calls = [_call(block, provider) for block in content if isinstance(block, ToolUseBlock)]
    text = "".join(_words(content))
    if text:
        message["content"] = text
    elif calls and provider.null_content:
        message["content"] = None
    if calls:
        message["tool_calls"] = calls
    if len(message) == 1:
        return []
    for block in content:
        if isinstance(block, ReasoningBlock) and _takes(block, provider):
            fields = dict(block.data)
            extras = fields.pop("extra_content", ())
            message.update(fields)
            if len(extras) == len(calls):
                for call, extra in zip(calls, extras, strict=True):
                    if extra is not None:
                        call["extra_content"] = extra
    if calls and provider.replays == "reasoning_content":
        message.setdefault("reasoning_content", "")  # asked for even where there was none
    return [message]


def foreign_reasoning(message: Message, provider: Provider) -> set[str]:
    """Whose reasoning is in `message` and stays behind when it goes to `provider`."""
    return {
        block.provider
        for block in message.content
        if isinstance(block, ReasoningBlock) and not _takes(block, provider)
    }


def _takes(block: ReasoningBlock, provider: Provider) -> bool:
    return block.provider == provider.name and block.data.keys() <= {
        provider.replays,
        "extra_content",
    }


def _call(block: ToolUseBlock, provider: Provider) -> JSONObject:
    return {
        "id": _call_id(block.id, provider),
        "type": "function",
        "function": {
            "name": accepted(block.name),
            "arguments": json.dumps(block.input, ensure_ascii=False),
        },
    }


def _call_id(call_id: str, provider: Provider) -> str:
    """`call_id` where the provider takes it, else one made from it, always the same."""
    length = provider.call_id_length
    if length is not None:
        if len(call_id) == length and call_id.isascii() and call_id.isalnum():
            return call_id
        return sha256(call_id.encode("utf-8", "replace")).hexdigest()[:length]
    if len(call_id) <= MAX_CALL_ID:
        return call_id
    return "call_" + sha256(call_id.encode("utf-8", "replace")).hexdigest()[:24]


def result_text(content: str | list[Any]) -> str:
    """A tool's result. Audio and video have no place in it; the model is told that they exist."""
    return (
        content if isinstance(content, str) else "\n".join(_words(content, AudioBlock | VideoBlock))
    )


def _words(content: Iterable[ContentBlock], noted: Any = MEDIA) -> Iterator[str]:
    """The texts, and notes that the `noted` media were there."""
    for block in content:
        if isinstance(block, TextBlock):
            yield block.text
        elif isinstance(block, noted):
            yield note(block)


def data_url(block: ImageBlock) -> str:
    return f"data:{block.media_type};base64,{base64_of(block.data)}"


def _image(block: ImageBlock) -> JSONObject:
    return {"type": "image_url", "image_url": {"url": data_url(block)}}


def _allows_strict(schema: Any) -> bool:
    """True if the schema keeps the rules of strict mode: every object closed, every property
    required. (https://platform.openai.com/docs/guides/structured-outputs#supported-schemas)"""
    if isinstance(schema, list):
        return all(map(_allows_strict, schema))
    if not isinstance(schema, Mapping):
        return True
    if schema.get("type") == "object" or "properties" in schema:
        properties = schema.get("properties", {})
        if schema.get("additionalProperties") is not False:
            return False
        if set(schema.get("required", ())) != set(properties):
            return False
    return all(map(_allows_strict, schema.values()))
