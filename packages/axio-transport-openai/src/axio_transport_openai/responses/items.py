"""The items that an answer consists of, and which of them a history holds in which form.

Text, calls and images are axio's own blocks, so that every provider can read them. What only this
API knows is a `ReasoningBlock` of the provider, whose `data` is

* a whole item, sent back as it came: reasoning that the provider can read again, compacted
  history, and the work of tools that run on the provider's side; or
* a frame: an item without the content that stands in the block before it. Frames are kept only
  where they say something: that a call is of a custom or built-in tool, the phase of a message,
  the namespace or caller of a function call.

A history that goes to another provider loses these blocks and keeps the rest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from axio.events import ImageOutput
from axio.types import JSONObject
from axio.wire.lenient import bytes_of, text_in

__all__ = (
    "ARGUMENTS",
    "FRAMED",
    "arguments_text",
    "frame_of",
    "generated_image",
    "message_text",
    "reasoning_text",
    "runs_here",
)

FRAMED = {
    "message": ("content", "id"),
    "function_call": ("arguments", "id"),
    "custom_tool_call": ("input", "id"),
    "apply_patch_call": ("operation",),
    "local_shell_call": ("action",),
    "shell_call": ("action",),
    "computer_call": ("action",),
    "image_generation_call": ("result",),
}
"""Items that are stored as blocks, and the fields that their frames go without: what the block
holds, and ids, which would tie an item to reasoning that may no longer be there."""

ARGUMENTS = {
    "apply_patch_call": "operation",
    "local_shell_call": "action",
    "shell_call": "action",
    "computer_call": "action",
}
"""Calls of built-in tools that the caller has to run: where the arguments are. To axio these are
calls of a tool whose name is the item's type."""

_PLAIN = {
    "message": {"type", "status", "role"},
    "function_call": {"type", "status", "call_id", "name"},
}
"""Fields of a frame that say nothing a block does not say."""


def runs_here(item: Mapping[str, Any]) -> bool:
    """True if the caller has to answer this call of a built-in tool.

    A shell in the provider's container has its output in the same answer.
    """
    environment = item.get("environment")
    kind = environment.get("type") if isinstance(environment, dict) else None
    return item.get("type") in ARGUMENTS and not str(kind or "").startswith("container")


def arguments_text(item: Mapping[str, Any]) -> str:
    """The arguments of any call as JSON text; empty where there are none yet.

    Those of a custom tool are any text, which to axio is the argument `input`.
    """
    kind = item["type"]
    if kind == "custom_tool_call":
        text = item.get("input")
        return json.dumps({"input": text}) if isinstance(text, str) else ""
    arguments = item.get(ARGUMENTS.get(kind, "arguments"))
    if isinstance(arguments, str):
        return arguments if kind == "function_call" else ""
    return "" if arguments is None else json.dumps(arguments, ensure_ascii=False)


def message_text(item: Mapping[str, Any]) -> str:
    """All that a message says, its refusals included."""
    content = item.get("content")
    parts = (
        [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    )
    texts = [part.get("text") or part.get("refusal") for part in parts]
    return "".join(text for text in texts if isinstance(text, str))


def frame_of(item: Mapping[str, Any]) -> JSONObject | None:
    """The frame to be kept of an item that is stored as a block; `None` where it says nothing."""
    kind = item["type"]
    content = FRAMED[kind]
    frame = {key: value for key, value in item.items() if key not in content}
    plain = _PLAIN.get(kind, set())
    if kind in _PLAIN and all(key in plain or value is None for key, value in frame.items()):
        return None
    return frame


def reasoning_text(item: Mapping[str, Any]) -> str:
    """The words of a reasoning item: the reasoning itself, else its summary."""
    for field in ("content", "summary"):
        parts = item.get(field)
        parts = parts if isinstance(parts, list) else []
        texts = [p["text"] for p in parts if isinstance(p, dict) and isinstance(p.get("text"), str)]
        if any(texts):
            return "\n\n".join(texts)
    return ""


def generated_image(item: Mapping[str, Any]) -> ImageOutput | None:
    """The finished image of an image generation call."""
    data = text_in(item, "result")
    content = bytes_of(data) if data else None
    if content is None:
        return None
    formats: dict[Any, Any] = {"jpeg": "image/jpeg", "webp": "image/webp"}
    return ImageOutput(0, content, formats.get(text_in(item, "output_format"), "image/png"))
