"""A web server in front of durable agents: it posts, shows and decides; the workers do the work.

An example has no sign-in: whoever says `?user=anna` is anna.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import uvicorn
from app import durable
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from axio import TextDelta
from axio.approval import ApprovalError
from axio.exceptions import SessionBusy
from axio_durable import Followed, Restarted, Rested, Stored

PAGE = Path(__file__).with_name("page.html")


async def page(request: Request) -> Response:
    return HTMLResponse(PAGE.read_text(encoding="utf-8"))


async def post(request: Request) -> Response:
    """A message; the browser makes its id, so that it may send it again when it is not sure."""
    said = await request.json()
    new = await durable.post(_session(request), said["text"], agent="support", id=said["id"])
    return JSONResponse({"new": new})


async def decide(request: Request) -> Response:
    said = await request.json()
    if said["user"] == _owner(request):
        return _error(403, "somebody else has to decide")
    calls = await durable.pending(_session(request))
    call = next((call for call in calls if call.digest == said["call"]), None)
    if call is None:
        return _error(409, "nothing waits for this decision any more")
    try:
        await durable.decide(
            _session(request), call, approve=said["approve"], reason=said["reason"]
        )
    except (ApprovalError, SessionBusy) as error:
        return _error(409, str(error))
    return JSONResponse({})


async def cancel(request: Request) -> Response:
    await durable.cancel(_session(request))
    return JSONResponse({})


async def events(request: Request) -> Response:
    """Server-sent events. Their ids count messages; a browser that comes back sends the last."""
    after = int(request.headers.get("last-event-id", "0"))
    headers = {"cache-control": "no-store"}
    return StreamingResponse(
        _events(_session(request), after), media_type="text/event-stream", headers=headers
    )


async def _events(session: str, after: int) -> AsyncIterator[str]:
    rested: object = Rested(""), []  # nothing was posted yet
    while True:
        async for event in durable.follow(session, after):
            if isinstance(event, Stored):
                after = event.index + 1
            if isinstance(event, Rested):
                calls = [asdict(call) for call in await durable.pending(session)]
                if (event, calls) == rested:
                    continue
                rested = event, calls
                yield _sse("rest", {"reason": event.reason, "words": event.words, "calls": calls})
            elif text := _shown(event):
                rested = None
                yield text
        await asyncio.sleep(0.5)


def _shown(event: Followed) -> str:
    if isinstance(event, Stored):
        return _sse("message", event.message.to_dict(), id=event.index + 1)
    if isinstance(event, Restarted):
        return _sse("restart", {})
    if isinstance(event, TextDelta):
        return _sse("text", {"delta": event.delta})
    return ""


def _sse(kind: str, data: Any, id: int | None = None) -> str:
    number = "" if id is None else f"id: {id}\n"
    return f"{number}event: {kind}\ndata: {json.dumps(data)}\n\n"


def _session(request: Request) -> str:
    return str(request.path_params["session"])


def _owner(request: Request) -> str:
    """A session is called by the person who began it, and a number."""
    return _session(request).rpartition("-")[0]


def _error(status: int, words: str) -> Response:
    return JSONResponse({"error": words}, status_code=status)


@asynccontextmanager
async def opened(app: Starlette) -> AsyncIterator[None]:
    async with durable:
        yield


app = Starlette(
    routes=[
        Route("/", page),
        Route("/sessions/{session}/messages", post, methods=["POST"]),
        Route("/sessions/{session}/decisions", decide, methods=["POST"]),
        Route("/sessions/{session}/cancel", cancel, methods=["POST"]),
        Route("/sessions/{session}/events", events),
    ],
    lifespan=opened,
)

if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    uvicorn.run(app, host="127.0.0.1", port=port, timeout_graceful_shutdown=1)
