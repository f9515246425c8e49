"""The encoder against requests that real servers accepted: read as a history, they come out again.

What is left out of the comparison: reasoning (not every client sends it back), names of speakers,
`strict`, and the difference between text and a list of one text.
"""

from __future__ import annotations

import base64
import json
from copy import deepcopy
from typing import Any

import pytest

from axio.blocks import (
    AudioBlock,
    ContentBlock,
    ImageBlock,
    TextBlock,
    ToolResultBlock,
    ToolUseBlock,
)
from axio.messages import Message
from axio.tool import Tool
from axio_transport_openai.encode import encode_messages, encode_tools
from support.parts import requires
from support.recordings import Recording, recordings


def by_reference(request: Any) -> bool:
    """True if a request holds what a history cannot: files, and media by their address."""
    return any(
        part.get("type") == "file"
        or not part.get("image_url", {}).get("url", "data:").startswith("data:")
        for message in request.get("messages", ())
        for part in (message["content"] if isinstance(message.get("content"), list) else ())
    )


ACCEPTED = [
    recording
    for recording in recordings("openai-chat")
    if recording.request.get("messages") and not by_reference(recording.request)
]


async def handler(**_: Any) -> str:
    return ""


def blocks(content: Any) -> list[ContentBlock]:
    if isinstance(content, str):
        return [TextBlock(content)] if content else []
    found: list[ContentBlock] = []
    for part in content or ():
        if part["type"] == "text":
            found.append(TextBlock(part["text"]))
        elif part["type"] == "image_url":
            head, _, data = part["image_url"]["url"].partition(",")
            media_type: Any = head[5:].removesuffix(";base64")
            found.append(ImageBlock(media_type, base64.b64decode(data)))
        else:
            audio = part["input_audio"]
            media_type = f"audio/{audio['format']}"
            found.append(AudioBlock(media_type, base64.b64decode(audio["data"])))
    return found


def history(messages: list[dict[str, Any]]) -> list[Message]:
    """The messages of a request as an agent would have stored them."""
    read: list[Message] = []
    for message in messages:
        role: Any = {"developer": "system", "tool": "user"}.get(message["role"], message["role"])
        if message["role"] == "tool":
            result = ToolResultBlock(message["tool_call_id"], message["content"])
            if read[-1].content and isinstance(read[-1].content[-1], ToolResultBlock):
                read[-1].content.append(result)
            else:
                read.append(Message("user", [result]))
            continue
        content = blocks(message.get("content"))
        for call in message.get("tool_calls") or ():
            function = call["function"]
            arguments = json.loads(function["arguments"] or "{}")
            content.append(ToolUseBlock(call["id"], function["name"], arguments))
        read.append(Message(role, content))
    return read


def plain(message: dict[str, Any]) -> dict[str, Any]:
    """A message on the wire without what may differ."""
    kept: dict[str, Any] = {"role": {"developer": "system"}.get(message["role"], message["role"])}
    content = message.get("content")
    if isinstance(content, list):
        for part in content:
            part.pop("cache_control", None)
            part.get("image_url", {}).pop("detail", None)
        if all(part["type"] == "text" for part in content):
            content = "".join(part["text"] for part in content)
    if content or message["role"] == "tool":
        kept["content"] = content
    if message.get("tool_call_id"):
        kept["tool_call_id"] = message["tool_call_id"]
    calls = message.get("tool_calls") or ()
    if calls:
        kept["calls"] = [
            (
                c["id"],
                c["type"],
                c["function"]["name"],
                json.loads(c["function"]["arguments"] or "{}"),
            )
            for c in calls
        ]
    return kept


def test_the_requests_are_there() -> None:
    requires("streams")
    assert len(ACCEPTED) > 150
    assert sum("tool_results_in_request" in recording.features for recording in ACCEPTED) > 40
    assert sum("image_in_request" in recording.features for recording in ACCEPTED) > 2


@pytest.mark.parametrize("recording", ACCEPTED, ids=lambda recording: recording.name)
def test_a_request_comes_out_as_the_server_accepted_it(recording: Recording) -> None:
    sent = deepcopy(recording.request["messages"])
    encoded = encode_messages(history(sent))
    assert [plain(message) for message in encoded] == [
        message for message in map(plain, sent) if len(message) > 1
    ]


@pytest.mark.parametrize("recording", ACCEPTED, ids=lambda recording: recording.name)
def test_tools_come_out_as_the_server_accepted_them(recording: Recording) -> None:
    functions = [
        tool["function"]
        for tool in recording.request.get("tools") or ()
        if tool["type"] == "function" and tool["function"].get("parameters")
    ]
    tools: list[Tool[Any]] = [
        Tool(
            name=function["name"],
            description=function.get("description") or " ",
            handler=handler,
            schema=function["parameters"],
        )
        for function in functions
    ]
    for encoded, function in zip(encode_tools(tools), functions, strict=True):
        assert encoded["type"] == "function"
        assert encoded["function"]["name"] == function["name"]
        assert encoded["function"]["parameters"] == function["parameters"]
        assert (
            encoded["function"]["description"].strip()
            == (function.get("description") or "").strip()
        )
