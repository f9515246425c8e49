"""Vertex AI: the address, and google-auth talking to a token server on loopback."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from axio.blocks import TextBlock
from axio.exceptions import StreamError
from axio.messages import Message
from axio_transport_anthropic import AnthropicTransport
from axio_transport_anthropic.vertex import VertexToken, vertex_url
from support.threaded import Handler, ThreadedServer

HI = [Message("user", [TextBlock("Hi")])]


class TokenServer(ThreadedServer):
    """Gives out tokens as Google's OAuth endpoint does."""

    issued = 0
    seconds = 3600


class TokenHandler(Handler):
    server: TokenServer

    def do_POST(self) -> None:
        self.body()
        self.server.issued += 1
        answer = {"access_token": f"token-{self.server.issued}", "token_type": "Bearer"}
        self.reply({**answer, "expires_in": self.server.seconds})


@pytest.fixture
def tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenServer]:
    """A token server, and a service account whose tokens come from it as default credentials."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = tmp_path / "account.json"
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    with TokenServer(TokenHandler) as server:
        account = {
            "type": "service_account",
            "client_email": "agent@example.iam.gserviceaccount.com",
            "private_key": key.decode(),
            "token_uri": f"{server.url}/token",
        }
        file.write_text(json.dumps(account), "utf-8")
        yield server


async def test_a_token_is_fetched_once_for_all_who_ask(tokens: TokenServer) -> None:
    token = VertexToken()
    assert await asyncio.gather(*[token.get() for _ in range(5)]) == ["token-1"] * 5
    assert await token.get() == "token-1"
    assert tokens.issued == 1


async def test_a_token_that_runs_out_is_replaced(tokens: TokenServer) -> None:
    tokens.seconds = 1  # google-auth renews minutes before the end, so at once
    token = VertexToken()
    assert [await token.get(), await token.get()] == ["token-1", "token-2"]


async def test_the_event_loop_runs_on_while_a_token_is_fetched(
    tokens: TokenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = threading.Event()
    answer = TokenHandler.do_POST

    def slow(handler: TokenHandler) -> None:
        assert answered.wait(50)
        answer(handler)

    monkeypatch.setattr(TokenHandler, "do_POST", slow)
    asking = asyncio.create_task(VertexToken().get())
    await asyncio.sleep(0.05)
    assert not asking.done()
    answered.set()  # only a loop that still runs gets here
    assert await asking == "token-1"


async def test_without_credentials_the_error_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "missing.json"))
    with pytest.raises(StreamError, match="Google gave no access token"):
        await VertexToken().get()


class RecordingSession:
    """Vertex's host is fixed, so here a stand-in for the session sees where requests go."""

    status = 200

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.headers: dict[str, str] = {}

    @asynccontextmanager
    async def post(self, url: str, *, data: bytes, headers: dict[str, str]) -> AsyncIterator[Any]:
        self.asked.append((url, headers, json.loads(data)))
        yield self

    @property
    def content(self) -> RecordingSession:
        return self

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b'data: {"type": "content_block_delta", "index": 0, "delta": '
        yield b'{"type": "text_delta", "text": "a"}}\n\n'
        yield b'data: {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}\n\n'


async def test_a_request_to_vertex_carries_the_token_and_no_key(tokens: TokenServer) -> None:
    session: Any = RecordingSession()
    transport = AnthropicTransport(
        api_key="sk-secret",
        vertexai=True,
        project="p",
        location="us-east5",
        model="anthropic/claude-sonnet-4-6",
        session=session,
    )
    for _ in range(2):
        assert [event async for event in transport.stream(HI, [], "")]
    assert tokens.issued == 1
    url, headers, body = session.asked[1]
    assert url == (
        "https://us-east5-aiplatform.googleapis.com/v1/projects/p/locations/us-east5"
        "/publishers/anthropic/models/claude-sonnet-4-6:streamRawPredict"
    )
    assert headers == {"content-type": "application/json", "authorization": "Bearer token-1"}
    assert body["anthropic_version"] == "vertex-2023-10-16"
    assert "model" not in body


def test_the_global_endpoint_has_no_region_in_its_name() -> None:
    for location in ("", "global"):
        assert vertex_url("p", location, "m") == (
            "https://aiplatform.googleapis.com/v1/projects/p/locations/global"
            "/publishers/anthropic/models/m:streamRawPredict"
        )


async def test_without_a_project_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
    with pytest.raises(StreamError, match="project"):
        async for _ in AnthropicTransport(vertexai=True).stream(HI, [], ""):
            pass
