"""Messages and tools as the Messages API takes them, as bytes of JSON: pure, no I/O.

The shapes: https://docs.claude.com/en/api/messages
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

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
from axio.media import NO_LIMITS, ImageLimits
from axio.types import JSONObject
from axio.wire.images import NOTHING, Weight, note, taken
from axio.wire.names import accepted
from axio.wire.payload import base64_of, dumps, untitled
from axio_transport_anthropic.decode import PROVIDER

if TYPE_CHECKING:
    from axio.tool import AnyTool

__all__ = (
    "CACHE_MARK",
    "Encoded",
    "encode_message",
    "encode_tool",
    "joined",
    "json_array",
    "json_object",
)

logger = logging.getLogger("axio_transport_anthropic")

IMAGE_TYPES = {
    "image/jpeg": "image/jpeg",
    "image/jpg": "image/jpeg",
    "image/png": "image/png",
    "image/gif": "image/gif",
    "image/webp": "image/webp",
}

CACHE_MARK = b',"cache_control":{"type":"ephemeral"}}'


class Encoded(NamedTuple):
    """One stored message as it is sent."""

    role: str
    content: list[ContentBlock]  # what it was made of; keeps the blocks, and so their ids, alive
    ids: tuple[str, ...]  # of the calls and results in it, as they are sent
    json: bytes  # of the message, up to and with its last part
    parts: int
    results: bool  # some parts are results of tools
    thinking: bool  # some parts are thinking
    images: Weight  # of the images in it


_HEADS = {
    "user": b'{"role":"user","content":[',
    "assistant": b'{"role":"assistant","content":[',
}


def encode_message(
    role: str,
    content: list[ContentBlock],
    ids: tuple[str, ...],
    limits: ImageLimits = NO_LIMITS,
) -> Encoded:
    sent = content if role == "assistant" else taken(content, limits)
    next_id = iter(ids)
    parts: list[bytes] = []
    results: list[bytes] = []
    thinking = ending = 0  # parts of reasoning, and those of them that stand at the end
    for block in sent:
        if isinstance(block, ToolResultBlock):
            results.append(_tool_result(block, next(next_id)))
            continue
        if isinstance(block, ToolUseBlock):
            part = _tool_use(block, next(next_id))
        else:
            part = _block(block, role)
        if part:
            parts.append(part)
            is_reasoning = isinstance(block, ReasoningBlock)
            thinking += is_reasoning
            ending = ending + 1 if is_reasoning else 0
    if ending:  # the API refuses a message that ends in thinking
        del parts[-ending:]
    parts = results + parts  # and wants all results before anything else
    return Encoded(
        role,
        list(content),
        ids,
        _HEADS[role] + b",".join(parts),
        len(parts),
        bool(results),
        thinking > ending,
        NOTHING if role == "assistant" else Weight.of(sent),
    )


def joined(run: list[Encoded]) -> bytes:
    head = _HEADS[run[0].role]
    return head + b",".join([message.json[len(head) :] for message in run])


def _block(block: ContentBlock, role: str) -> bytes:
    """A block that is no call and no result; empty when it cannot be sent."""
    if isinstance(block, TextBlock):
        return dumps({"type": "text", "text": block.text}) if block.text.strip() else b""
    if isinstance(block, ReasoningBlock):
        if block.provider == PROVIDER and role == "assistant":
            return dumps(block.data)
        logger.warning("reasoning of %s is left out: Claude cannot read it", block.provider)
        return b""
    if isinstance(block, ImageBlock | AudioBlock | VideoBlock):
        if role == "assistant":
            logger.warning("%s made by a model is left out: Claude takes none", block.media_type)
            return b""
        if (image := _image(block)) is not None:
            return dumps(image)
        raise UnsupportedContent(
            f"Anthropic takes no {block.media_type} in a message, only images (JPEG, PNG, GIF,"
            " WebP): send text instead, or use a model of another provider"
        )
    raise UnsupportedContent(f"Anthropic takes no {type(block).__name__} in a message")


def _tool_use(block: ToolUseBlock, id: str) -> bytes:
    call = {"type": "tool_use", "id": id, "name": accepted(block.name), "input": block.input}
    return dumps(call)


def _tool_result(block: ToolResultBlock, id: str) -> bytes:
    content: str | list[JSONObject]
    if isinstance(block.content, str):
        content = block.content
    else:
        content = [item for part in block.content if (item := _result_part(part))]
    result: JSONObject = {"type": "tool_result", "tool_use_id": id, "content": content}
    if block.is_error:
        result["is_error"] = True
    return dumps(result)


def _result_part(
    part: TextBlock | ImageBlock | AudioBlock | VideoBlock,
) -> JSONObject | None:
    if isinstance(part, TextBlock):
        return {"type": "text", "text": part.text} if part.text.strip() else None
    if (image := _image(part)) is not None:
        return image
    # An error would end the conversation for good, since the result is in its history.
    logger.warning("%s in a tool's result is left out: Claude takes none", part.media_type)
    return {"type": "text", "text": note(part, "this model cannot take it")}


def _image(block: ImageBlock | AudioBlock | VideoBlock) -> JSONObject | None:
    media_type = IMAGE_TYPES.get(block.media_type)
    if not isinstance(block, ImageBlock) or media_type is None:
        return None
    source = {"type": "base64", "media_type": media_type, "data": base64_of(block.data)}
    return {"type": "image", "source": source}


def encode_tool(tool: AnyTool) -> bytes:
    return dumps(
        {
            "name": accepted(tool.name),
            "description": tool.description,
            "input_schema": _input_schema(tool.input_schema),
            "eager_input_streaming": True,
        }
    )


def _input_schema(schema: Mapping[str, Any]) -> JSONObject:
    """The schema of a tool's input: always an object's, and without titles."""
    return {"type": "object", **untitled(schema)}


def json_array(items: Iterable[bytes]) -> bytes:
    """A JSON array of items that are encoded already."""
    return b"[%b]" % b",".join(items)


def json_object(pairs: Iterable[tuple[str, bytes]]) -> bytes:
    """A JSON object of values that are encoded already."""
    return b"{%b}" % b",".join([b'"%b":%b' % (key.encode(), value) for key, value in pairs])
