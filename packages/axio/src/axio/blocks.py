"""The blocks of a message, and their form as JSON-able dicts (also the stores' format)."""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import singledispatch
from typing import Any, Literal, TypeAlias

from axio.types import JSONObject, ToolCallID, ToolName

__all__ = (
    "AudioBlock",
    "AudioMediaType",
    "ContentBlock",
    "ImageBlock",
    "ImageMediaType",
    "ReasoningBlock",
    "TextBlock",
    "ToolResultBlock",
    "ToolUseBlock",
    "VideoBlock",
    "VideoMediaType",
    "from_dict",
    "to_dict",
    "unshared",
)

ImageMediaType: TypeAlias = Literal["image/jpeg", "image/png", "image/gif", "image/webp"]
AudioMediaType: TypeAlias = Literal[
    "audio/x-aac",
    "audio/flac",
    "audio/mp3",
    "audio/m4a",
    "audio/mpeg",
    "audio/mpga",
    "audio/mp4",
    "audio/ogg",
    "audio/pcm",
    "audio/wav",
    "audio/webm",
]
VideoMediaType: TypeAlias = Literal[
    "video/mp4",
    "video/mpeg",
    "video/mov",
    "video/avi",
    "video/x-flv",
    "video/mpg",
    "video/webm",
    "video/wmv",
    "video/3gpp",
]


class ContentBlock:
    """The base of all blocks."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class TextBlock(ContentBlock):
    text: str


@dataclass(frozen=True, slots=True)
class ImageBlock(ContentBlock):
    media_type: ImageMediaType
    data: bytes


@dataclass(frozen=True, slots=True)
class AudioBlock(ContentBlock):
    media_type: AudioMediaType
    data: bytes


@dataclass(frozen=True, slots=True)
class VideoBlock(ContentBlock):
    media_type: VideoMediaType
    data: bytes


@dataclass(frozen=True, slots=True)
class ToolUseBlock(ContentBlock):
    """A call the model made; `input` is the object its arguments parsed to."""

    id: ToolCallID
    name: ToolName
    input: JSONObject


@dataclass(frozen=True, slots=True)
class ToolResultBlock(ContentBlock):
    """The answer to the call `tool_use_id`."""

    tool_use_id: ToolCallID
    content: str | list[TextBlock | ImageBlock | AudioBlock | VideoBlock]
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class ReasoningBlock(ContentBlock):
    """Reasoning that `provider` wants back unchanged with the next request.

    `data` is the provider's own JSON object, signature and all. Only that provider reads it, and
    the whole block is dropped when the history goes to another provider. `text` is what a person
    may be shown, possibly empty.
    """

    text: str
    provider: str
    data: JSONObject


_HOLDERS = (dict, list)


def unshared(data: Any) -> Any:
    """A copy of JSON data. `deepcopy` is many times slower, and fails on what is nested deeply."""
    if not isinstance(data, _HOLDERS):
        return data
    whole = data.copy()
    unfinished: list[Any] = [whole]
    while unfinished:
        holder = unfinished.pop()
        for key, item in holder.items() if isinstance(holder, dict) else enumerate(holder):
            if isinstance(item, _HOLDERS):
                holder[key] = copy = item.copy()
                unfinished.append(copy)
    return whole


@singledispatch
def to_dict(block: Any) -> JSONObject:
    """The block as JSON-able data. Other block types may be registered."""
    raise TypeError(f"Unknown block type: {type(block).__name__}")


@to_dict.register
def _(block: TextBlock) -> JSONObject:
    return {"type": "text", "text": block.text}


def _media(kind: str) -> Callable[[Any], JSONObject]:
    def encode(block: ImageBlock | AudioBlock | VideoBlock) -> JSONObject:
        data = b2a_base64(block.data, newline=False).decode("ascii")
        return {"type": kind, "media_type": block.media_type, "data": data}

    return encode


to_dict.register(ImageBlock, _media("image"))
to_dict.register(AudioBlock, _media("audio"))
to_dict.register(VideoBlock, _media("video"))


@to_dict.register
def _(block: ToolUseBlock) -> JSONObject:
    return {"type": "tool_use", "id": block.id, "name": block.name, "input": block.input}


@to_dict.register
def _(block: ToolResultBlock) -> JSONObject:
    content = block.content
    return {
        "type": "tool_result",
        "tool_use_id": block.tool_use_id,
        "content": content if isinstance(content, str) else [to_dict(part) for part in content],
        "is_error": block.is_error,
    }


@to_dict.register
def _(block: ReasoningBlock) -> JSONObject:
    return {
        "type": "reasoning",
        "text": block.text,
        "provider": block.provider,
        "data": block.data,
    }


def _tool_result(data: Mapping[str, Any]) -> ToolResultBlock:
    content = data["content"]
    if not isinstance(content, str):
        content = [from_dict(part) for part in content]
    return ToolResultBlock(data["tool_use_id"], content, data["is_error"])


_READERS: dict[str, Callable[[Mapping[str, Any]], ContentBlock]] = {
    "text": lambda d: TextBlock(d["text"]),
    "image": lambda d: ImageBlock(d["media_type"], a2b_base64(d["data"])),
    "audio": lambda d: AudioBlock(d["media_type"], a2b_base64(d["data"])),
    "video": lambda d: VideoBlock(d["media_type"], a2b_base64(d["data"])),
    "tool_use": lambda d: ToolUseBlock(d["id"], d["name"], d["input"]),
    "tool_result": _tool_result,
    "reasoning": lambda d: ReasoningBlock(d["text"], d["provider"], d["data"]),
}


def from_dict(data: Mapping[str, Any]) -> ContentBlock:
    """The block that `to_dict` wrote."""
    kind = data.get("type")
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        raise ValueError(f"Unknown block type: {kind!r}")
    return reader(data)
