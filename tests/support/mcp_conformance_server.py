"""Our server, without a token, as the conformance suite asks it (argument: a port)."""

from __future__ import annotations

import asyncio
import base64
import sys
from collections.abc import AsyncIterator
from types import MappingProxyType
from typing import Any

import uvicorn

from axio.blocks import AudioBlock, ImageBlock, TextBlock
from axio.exceptions import HandlerError
from axio.tool import Tool
from axio_tools_mcp.server import make_server

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)
WAV = b"RIFF$\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00@\x1f\x00\x00@\x1f\x00\x00\x01\x00"
WAV += b"\x08\x00data\x00\x00\x00\x00"


async def test_simple_text() -> str:
    """Say something."""
    return "This is a simple text response for testing."


async def test_image_content() -> ImageBlock:
    """Show a picture."""
    return ImageBlock("image/png", PNG)


async def test_audio_content() -> AudioBlock:
    """Make a sound."""
    return AudioBlock("audio/wav", WAV)


async def test_error_handling() -> str:
    """Fail."""
    raise HandlerError("This tool intentionally returns an error for testing")


async def test_tool_with_progress() -> AsyncIterator[str]:
    """Take three steps."""
    for percent in (0, 50, 100):
        yield f"{percent} %"
        await asyncio.sleep(0.05)


async def test_multiple_content_types() -> list[Any]:
    """Say and show something."""
    return [TextBlock("Multiple content types test:"), ImageBlock("image/png", PNG)]


async def json_schema_2020_12_tool(**arguments: Any) -> str:
    """Take what the schema below describes."""
    return str(arguments)


TOOLS = [
    Tool(name=handler.__name__, handler=handler)
    for handler in (
        test_simple_text,
        test_image_content,
        test_audio_content,
        test_error_handling,
        test_tool_with_progress,
        test_multiple_content_types,
    )
]
TOOLS.append(
    Tool(
        name="json_schema_2020_12_tool",
        handler=json_schema_2020_12_tool,
        schema=MappingProxyType(
            {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "$defs": {
                    "address": {
                        "$anchor": "addressDef",
                        "type": "object",
                        "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
                    }
                },
                "properties": {
                    "name": {"type": "string"},
                    "address": {"$ref": "#/$defs/address"},
                    "contactMethod": {"type": "string", "enum": ["phone", "email"]},
                    "phone": {"type": "string"},
                    "email": {"type": "string"},
                },
                "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
                "if": {
                    "properties": {"contactMethod": {"const": "phone"}},
                    "required": ["contactMethod"],
                },
                "then": {"required": ["phone"]},
                "else": {"required": ["email"]},
                "additionalProperties": False,
            }
        ),
    )
)

if __name__ == "__main__":
    application = make_server(TOOLS).streamable_http_app()
    uvicorn.run(application, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
