"""From messages and tools to the body of a Responses request. Pure.

The shapes: https://platform.openai.com/docs/api-reference/responses/create
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Mapping
from itertools import zip_longest
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
from axio.media import NO_LIMITS, ImageLimits
from axio.messages import Message
from axio.tool import AnyTool
from axio.types import JSONObject
from axio.wire.images import fitted, note
from axio.wire.names import accepted
from axio.wire.payload import base64_of, untitled
from axio_transport_openai.encode import MEDIA, data_url, response_format, result_text
from axio_transport_openai.responses.items import ARGUMENTS, FRAMED

__all__ = ("encode_input", "encode_tools", "text_format")

NOT_EXECUTED = "[this call was not executed]"
"""The output of a call that has none, without which the API refuses the whole history."""


def encode_input(
    messages: Iterable[Message],
    provider: str,
    *,
    typed: bool = True,
    images: ImageLimits = NO_LIMITS,
) -> list[JSONObject]:
    """The items of a history. Reasoning goes back where it is of `provider`, and nowhere else.
    With `typed` the model's messages say that they are messages, which llama.cpp asks for. In
    place of images over the limits stand notes.

    `UnsupportedContent` for what a user message holds and the API has no place for.
    """
    history = fitted(messages, images)
    results = {
        block.tool_use_id: block
        for message in history
        for block in message.content
        if isinstance(block, ToolResultBlock)
    }
    frames: dict[str, JSONObject] = {}
    items: list[JSONObject] = []
    for message in history:
        if message.role == "assistant":
            items += _Answer(provider, results, frames, typed).encode(message.content)
        elif message.role == "system":
            text = "".join(b.text for b in message.content if isinstance(b, TextBlock))
            if text:
                items.append(
                    {"role": "developer", "content": [{"type": "input_text", "text": text}]}
                )
        else:
            items += _user(message.content, frames)
    return items


def encode_tools(tools: Iterable[AnyTool], *, strict: bool | None = False) -> list[JSONObject]:
    """Definitions of `tools`. The API holds a model to a schema unless `strict` says no, and then
    makes every argument a required one; `None` leaves that to the server."""
    definitions: list[JSONObject] = []
    for tool in tools:
        definition = {
            "type": "function",
            "name": accepted(tool.name),
            "description": tool.description,
            "parameters": untitled(tool.input_schema),
        }
        if strict is not None:
            definition["strict"] = strict
        definitions.append(definition)
    return definitions


def text_format(schema: Mapping[str, Any]) -> JSONObject:
    """The field `text` of a request that binds the answer to a JSON schema."""
    return {"format": {"type": "json_schema", **response_format(schema)["json_schema"]}}


class _Answer:
    """The items of one assistant message. What of the provider's own is in it keeps its place."""

    def __init__(
        self,
        provider: str,
        results: Mapping[str, ToolResultBlock],
        frames: dict[str, JSONObject],
        typed: bool,
    ) -> None:
        self._provider = provider
        self._results = results
        self._frames = frames
        self._head = {"type": "message"} if typed else {}
        self._items: list[JSONObject] = []
        self._texts: list[str] = []

    def encode(self, content: list[ContentBlock]) -> list[JSONObject]:
        blocks = [b for b in content if not isinstance(b, ReasoningBlock) or self._takes(b)]
        if not any(isinstance(block, ReasoningBlock) for block in blocks):
            blocks.sort(key=lambda block: isinstance(block, ToolUseBlock))
        unanswered: list[JSONObject] = []
        for block, following in zip_longest(blocks, blocks[1:]):
            if isinstance(block, TextBlock):
                if block.text:
                    self._texts.append(block.text)
            elif isinstance(block, ToolUseBlock):
                self._flush()
                self._call(block, _frame(following, _CALLS))
                if block.id not in self._results:
                    unanswered.append(
                        {
                            "type": "function_call_output",
                            "call_id": accepted(block.id),
                            "output": NOT_EXECUTED,
                        }
                    )
            elif isinstance(block, ReasoningBlock):
                own_frame = _frame(block)
                if own_frame is None:
                    self._flush()
                    self._items.append(block.data)
                elif own_frame["type"] == "message":
                    self._flush(own_frame)
            elif isinstance(block, ImageBlock) and (frame := _frame(following, _IMAGES)):
                self._flush()
                self._items.append({**frame, "result": base64_of(block.data)})
            elif isinstance(block, MEDIA):
                self._texts.append(note(block))
        self._flush()
        while self._items and self._items[-1].get("type") == "reasoning":
            self._items.pop()  # the API refuses reasoning without what it led to
        return self._items + unanswered

    def _takes(self, block: ReasoningBlock) -> bool:
        return block.provider == self._provider

    def _flush(self, frame: Mapping[str, Any] | None = None) -> None:
        if self._texts:
            parts = [{"type": "output_text", "text": text} for text in self._texts]
            head = self._head if frame is None else frame
            self._items.append({**head, "role": "assistant", "content": parts})
            self._texts = []

    def _call(self, block: ToolUseBlock, frame: JSONObject | None) -> None:
        kind = frame["type"] if frame is not None else "function_call"
        result = self._results.get(block.id)
        if result is None or (kind == "computer_call" and not _images(result.content)):
            frame, kind = None, "function_call"  # nothing that its own output could hold
        self._frames[block.id] = frame or {}  # also over that of an earlier call with this id
        item: JSONObject = {**(frame or {}), "type": kind, "call_id": accepted(block.id)}
        if kind in ARGUMENTS:
            item[ARGUMENTS[kind]] = block.input
        else:
            item["name"] = accepted(block.name)
            text = block.input.get("input")
            if kind == "custom_tool_call" and isinstance(text, str):
                item["input"] = text
            else:
                item["type"] = "function_call"
                item["arguments"] = json.dumps(block.input, ensure_ascii=False)
        item["status"] = "completed"
        self._items.append(item)


_IMAGES = frozenset({"image_generation_call"})
_CALLS = FRAMED.keys() - _IMAGES - {"message"}


def _frame(
    block: ContentBlock | None, kinds: Container[str] = frozenset(FRAMED)
) -> JSONObject | None:
    """The frame of one of these kinds that this block is, if it is one; see `items`."""
    if not isinstance(block, ReasoningBlock):
        return None
    kind = block.data.get("type")
    if not isinstance(kind, str) or kind not in kinds:
        return None
    return None if any(key in block.data for key in FRAMED[kind]) else block.data


def _user(content: list[ContentBlock], frames: Mapping[str, Mapping[str, Any]]) -> list[JSONObject]:
    """Results first: they have to follow the calls directly, before all else in the message."""
    items: list[JSONObject] = []
    parts: list[JSONObject] = []
    for block in content:
        if isinstance(block, ToolResultBlock):
            items.append(_result(block, frames.get(block.tool_use_id) or {}))
        elif isinstance(block, TextBlock):
            if block.text:
                parts.append({"type": "input_text", "text": block.text})
        elif isinstance(block, ImageBlock):
            parts.append(_image(block))
        elif isinstance(block, AudioBlock | VideoBlock):
            raise UnsupportedContent(
                f"a user message holds {block.media_type}, which the Responses API does not take;"
                " it takes text and images"
            )
        elif not isinstance(block, ReasoningBlock):
            raise UnsupportedContent(f"a user message holds a {type(block).__name__}")
    if parts:
        items.append({"role": "user", "content": parts})
    return items


def _result(block: ToolResultBlock, frame: Mapping[str, Any]) -> JSONObject:
    """The output of a call, in the form that the kind of its call wants."""
    kind = frame.get("type", "function_call")
    item: JSONObject = {"type": f"{kind}_output", "call_id": accepted(block.tool_use_id)}
    text = result_text(block.content)
    images = _images(block.content)
    if kind == "apply_patch_call":
        return {**item, "status": "failed" if block.is_error else "completed", "output": text}
    if kind == "shell_call":
        outcome = {"type": "exit", "exit_code": int(block.is_error)}
        return {**item, "output": [{"stdout": text, "stderr": "", "outcome": outcome}]}
    if kind == "local_shell_call":
        return {"type": item["type"], "id": item["call_id"], "output": text}
    if kind == "computer_call":
        screenshot = {"type": "computer_screenshot", "image_url": images[-1]["image_url"]}
        return {**item, "output": screenshot}
    if frame.get("caller") is not None:
        item["caller"] = frame["caller"]
    if not images:
        return {**item, "output": text}
    parts = [{"type": "input_text", "text": text}] if text else []
    return {**item, "output": parts + images}


def _images(content: str | list[Any]) -> list[JSONObject]:
    return [_image(part) for part in content if isinstance(part, ImageBlock)]


def _image(block: ImageBlock) -> JSONObject:
    return {"type": "input_image", "image_url": data_url(block)}
