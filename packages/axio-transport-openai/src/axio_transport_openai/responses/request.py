"""The body of a request to a stateless Responses server: nothing is left behind there, and
everything it needs to go on is sent. Pure."""

from __future__ import annotations

import re

from axio.media import NO_LIMITS, ImageLimits
from axio.messages import Message
from axio.models import Capability, ModelSpec
from axio.tool import AnyTool
from axio.types import JSONObject
from axio_transport_openai.responses.encode import encode_input, encode_tools

__all__ = ("build_request", "reasons")

_REASONING = re.compile(r"(^|[./])(o\d|gpt-oss|gpt-[5-9](?!.*-chat)|codex)")


def reasons(model: ModelSpec) -> bool:
    """True if the model reasons; others refuse to be asked for their encrypted reasoning."""
    return Capability.reasoning in model.capabilities or bool(_REASONING.search(model.id))


def build_request(
    model: ModelSpec,
    messages: list[Message],
    tools: list[AnyTool],
    system: str,
    provider: str,
    *,
    plain: bool = False,
    images: ImageLimits = NO_LIMITS,
) -> JSONObject:
    """The payload without a limit on the answer. `provider` is whose reasoning is sent back.
    `plain` leaves out what only some servers ask for: types of messages, strictness of tools.
    `images` are the limits of the server."""
    payload: JSONObject = {
        "model": model.id,
        "input": encode_input(messages, provider, typed=not plain, images=images),
        "stream": True,
        "store": False,
    }
    if system:
        payload["instructions"] = system
    if reasons(model):
        payload["include"] = ["reasoning.encrypted_content"]
    if tools:
        payload["tools"] = encode_tools(tools, strict=None if plain else False)
        payload["tool_choice"] = "auto"
        payload["parallel_tool_calls"] = True
    return payload
