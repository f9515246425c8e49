"""Who counts as a model server: only what gives a valid list of models, soon."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from axio_tui.servers import SERVERS, Server, find_servers, models_in

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(handler: Handler) -> AsyncIterator[Server]:
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    try:
        yield Server("test", "Test", server.sockets[0].getsockname()[1])
    finally:
        server.close()


def answering(body: str, status: str = "200 OK", content_type: str = "application/json") -> Handler:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nConnection: close\r\n\r\n"
        writer.write((head + body).encode())
        writer.close()

    return handler


def models(*ids: str) -> str:
    return json.dumps({"object": "list", "data": [{"id": id, "object": "model"} for id in ids]})


async def test_a_server_with_models_is_found_with_all_of_them() -> None:
    async with listening(answering(models("llama3.2:3b", "qwen2.5"))) as server:
        [found] = await find_servers([server])
    assert found.server is server
    assert found.models == ("llama3.2:3b", "qwen2.5")


async def test_the_order_is_that_of_the_question_and_not_of_the_answers() -> None:
    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.1)
        await answering(models("slow"))(reader, writer)

    async with listening(late) as slow, listening(answering(models("fast"))) as fast:
        found = await find_servers([slow, fast])
    assert [running.models for running in found] == [("slow",), ("fast",)]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("<html>Jenkins</html>", "200 OK"),
        ("", "200 OK"),
        ("{}", "200 OK"),
        ("[]", "200 OK"),
        ('"data"', "200 OK"),
        ("[" * 200_000, "200 OK"),
        ('{"data": []}', "200 OK"),
        ('{"data": null}', "200 OK"),
        ('{"data": ["llama"]}', "200 OK"),
        ('{"data": [{"id": 7}]}', "200 OK"),
        ('{"data": [{"id": "good"}, {"name": "bad"}]}', "200 OK"),
        (models("text-embedding-nomic"), "200 OK"),
        (models("llama"), "401 Unauthorized"),
        (models("llama"), "302 Found"),
        (models("llama"), "500 Internal Server Error"),
    ],
)
async def test_any_other_answer_is_no_model_server(body: str, status: str) -> None:
    async with listening(answering(body, status)) as server:
        assert await find_servers([server]) == []


async def test_a_port_where_no_server_listens_is_no_model_server(unused_tcp_port: int) -> None:
    assert await find_servers([Server("test", "Test", unused_tcp_port)]) == []


async def test_a_server_that_says_nothing_or_no_end_costs_no_more_than_the_patience() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with pytest.raises(ConnectionError):
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()

    started = time.monotonic()
    async with listening(silent) as one, listening(silent) as two, listening(endless) as three:
        assert await find_servers([one, two, three] * 3, patience=2) == []
    assert time.monotonic() - started < 2 * 6, "one after the other they take nine times that"


async def test_something_that_does_not_speak_http_is_no_model_server() -> None:
    async def ssh(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        writer.close()

    async with listening(ssh) as server:
        assert await find_servers([server]) == []


async def test_proxies_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    async with listening(answering(models("llama"))) as server:
        assert len(await find_servers([server])) == 1


def test_embedding_models_are_left_out() -> None:
    assert models_in(json.loads(models("nomic-embed-text", "llama3"))) == ("llama3",)


def test_the_usual_ports_are_the_ones_that_are_asked() -> None:
    ports = {server.name: server.port for server in SERVERS}
    assert ports == {"ollama": 11434, "llama.cpp": 8080, "lm-studio": 1234, "vllm": 8000}
