"""A provider on loopback that speaks chat completions: it has models, and may want a key.

async with serving(provider(key="sk-right")) as server:
    ...  # connect to server.url, then look at server.asked
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from aiohttp import web

from support.loopback import Reply

__all__ = ("provider",)


def provider(
    *models: str,
    key: str = "",
    slow: asyncio.Event | None = None,
    words: Sequence[str] = ("ready",),
) -> Reply:
    """Lists `models`, and answers each with `words`. A wrong key is refused in words that repeat
    it. While `slow` is not set no answer begins."""
    known = models or ("small", "large")

    async def reply(request: web.Request) -> web.StreamResponse:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if key and given != key:
            return _error(401, f"Incorrect API key provided: {given}.", "invalid_api_key")
        if request.path.endswith("/models"):
            return web.json_response({"data": [{"id": id} for id in known]})
        if not request.path.endswith("/chat/completions"):
            return _error(404, "Not Found", "not_found")
        model = (await request.json())["model"]
        if model not in known:
            return _error(404, f"The model `{model}` does not exist", "model_not_found")
        if slow is not None:
            await slow.wait()
        return await _stream(request, [f"{model} says: ", *words])

    return reply


async def _stream(request: web.Request, words: Sequence[str]) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    for text in words:
        await response.write(_chunk({"delta": {"content": text}}))
    await response.write(_chunk({"delta": {}, "finish_reason": "stop"}))
    await response.write(b"data: [DONE]\n\n")
    return response


def _chunk(choice: dict[str, object]) -> bytes:
    return f"data: {json.dumps({'choices': [{'index': 0, **choice}]})}\n\n".encode()


def _error(status: int, message: str, code: str) -> web.Response:
    return web.json_response({"error": {"message": message, "code": code}}, status=status)
