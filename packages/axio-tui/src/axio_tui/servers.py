"""Model servers on this machine: who answers at the usual ports with a list of models."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from axio_tui.owners import is_ours

__all__ = (
    "SERVERS",
    "RunningServer",
    "Server",
    "find_own_servers",
    "find_servers",
    "models_in",
)

# For everything together: connecting on loopback is immediate, a list of models comes within
# milliseconds from a server that is not busy loading one.
PATIENCE = 1.0
LARGEST_ANSWER = 1 << 20


@dataclass(frozen=True, slots=True)
class Server:
    """A program that serves the Chat Completions protocol at a port of its own."""

    name: str
    title: str
    port: int

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"


@dataclass(frozen=True, slots=True)
class RunningServer:
    server: Server
    models: tuple[str, ...]  # at least one


SERVERS = (
    Server("ollama", "Ollama", 11434),
    Server("llama.cpp", "llama.cpp", 8080),
    Server("lm-studio", "LM Studio", 1234),
    Server("vllm", "vLLM", 8000),
)


async def find_own_servers(servers: Iterable[Server] = SERVERS) -> list[RunningServer]:
    """As `find_servers`, of those that are this user's or root's: no other is asked anything."""
    return await find_servers([server for server in servers if is_ours(server.port)])


async def find_servers(
    servers: Iterable[Server] = SERVERS, patience: float = PATIENCE
) -> list[RunningServer]:
    """Those of `servers` that give a valid list of models, in the given order.

    All are asked at the same time and directly, without a configured proxy; what has not
    answered after `patience` seconds is not there.
    """
    servers = list(servers)
    answers = await asyncio.gather(*(_models_of(server, patience) for server in servers))
    return [RunningServer(s, models) for s, models in zip(servers, answers, strict=True) if models]


async def _models_of(server: Server, patience: float) -> tuple[str, ...]:
    try:
        async with asyncio.timeout(patience):
            return models_in(json.loads(await _get(server.port, "/v1/models")))
    except (OSError, TimeoutError, ValueError, RecursionError):
        return ()


async def _get(port: int, path: str) -> bytes:
    """The body of a 200 answer. HTTP/1.0, so that it ends with the connection and is one piece.

    Raises `ValueError` for any other answer.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        request = f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nAccept: application/json\r\n"
        writer.write(f"{request}\r\n".encode("ascii"))
        answer = bytearray()
        while piece := await reader.read(65536):
            answer += piece
            if len(answer) > LARGEST_ANSWER:
                raise ValueError("not a list of models: too long")
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    head, _, body = bytes(answer).partition(b"\r\n\r\n")
    status = head.split(b"\r\n", 1)[0].split()
    if len(status) < 2 or not status[0].startswith(b"HTTP/") or status[1] != b"200":
        raise ValueError(f"not a list of models: {head[:40]!r}")
    return body


def models_in(answer: Any) -> tuple[str, ...]:
    """The ids in a list of models (`{"data": [{"id": ...}, ...]}`), embedding models left out.

    Raises `ValueError` for anything else: other programs listen at these ports too.
    """
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, list):
        raise ValueError("not a list of models")
    ids = [model["id"] for model in data if isinstance(model, dict) and _is_name(model.get("id"))]
    if len(ids) < len(data):
        raise ValueError("not a list of models")
    # The protocol does not say what a model is for; by convention embedding models say it.
    return tuple(id for id in ids if "embed" not in id.lower())


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())
