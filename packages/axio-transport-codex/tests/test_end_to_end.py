"""All of it: a real OAuth server, a real model, and two processes with one account."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from axio import Agent, MemoryContextStore, TextDelta
from axio_transport_codex import CodexTransport, oauth
from axio_transport_codex.__main__ import main
from axio_transport_codex.tokens import TokenFile
from support.llama import Llama
from support.oauth import sign_in, start_oauth_server

DONE = b'data: {"type":"response.output_text.delta","delta":"hi"}\n\n' + (
    b'data: {"type":"response.completed","response":{"status":"completed"}}\n\n'
)


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with start_oauth_server(oauth.CLIENT_ID, oauth.SCOPES) as url:
        yield url


@pytest.fixture
def server(issuer: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(oauth, "AUTH_URL", f"{issuer}/auth")
    monkeypatch.setattr(oauth, "TOKEN_URL", f"{issuer}/token")
    return issuer


@dataclass
class Gate:
    """A backend behind the OAuth server: asks it about each token, then lets the model answer."""

    issuer: str
    model: str | None
    url: str = ""
    statuses: list[int] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        headers = {"Authorization": request.headers["Authorization"]}
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{self.issuer}/me", headers=headers) as response:
                person = await response.json() if response.status == 200 else {}
            self.statuses.append(response.status)
            if person.get("sub") != request.headers.get("ChatGPT-Account-ID"):
                return web.json_response({"error": {"message": "who?"}}, status=401)
            if self.model is None:
                return web.Response(body=DONE, content_type="text/event-stream")
            body = await request.json() | {"max_output_tokens": 8, "model": "smollm2-135m"}
            async with session.post(f"{self.model}/v1/responses", json=body) as response:
                answer = web.StreamResponse(status=response.status, headers=told(response.headers))
                await answer.prepare(request)
                async for chunk in response.content.iter_any():
                    await answer.write(chunk)
                return answer


def told(headers: Any) -> dict[str, str]:
    return {"Content-Type": headers["Content-Type"], "x-codex-primary-used-percent": "3"}


@asynccontextmanager
async def gate(issuer: str, model: str | None = None) -> AsyncIterator[Gate]:
    backend = Gate(issuer, model)
    app = web.Application()
    app.router.add_post("/codex/responses", backend.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        backend.url = f"http://127.0.0.1:{runner.addresses[0][1]}/codex"
        yield backend
    finally:
        await runner.cleanup()


async def signed_in(path: Path, person: str) -> TokenFile:
    async def paste(url: str) -> str:
        return await sign_in(url, person)

    tokens = await oauth.run_oauth_flow(paste=paste, port=0, timeout=20)
    file = TokenFile(path)
    file.save({**tokens, "api_key": tokens["access_token"]})
    return file


async def test_an_agent_talks_to_a_model_behind_a_sign_in(
    server: str, llama_natural: Llama, tmp_path: Path
) -> None:
    file = await signed_in(tmp_path / "tokens.json", "alice")
    before = file.load()
    async with (
        gate(server, llama_natural.url) as backend,
        CodexTransport(base_url=backend.url, token_file=file.path) as codex,
    ):
        context = MemoryContextStore()
        stream = Agent("Answer in one word.", codex).run_stream("Say yes.", context)
        events = [event async for event in stream]
        assert any(isinstance(event, TextDelta) and event.delta for event in events)
        assert [m.role for m in await context.get_history()] == ["user", "assistant"]
        assert codex.account_id == "alice" and codex.limits is not None
    # These tokens live for three seconds only, so they were renewed at once, and that was kept.
    assert backend.statuses == [200]
    assert file.load()["refresh_token"] not in ("", before["refresh_token"])


async def test_a_token_that_was_revoked_in_between_is_replaced_once(
    server: str, tmp_path: Path
) -> None:
    file = await signed_in(tmp_path / "tokens.json", "carol")
    async with gate(server) as backend:
        tokens = {**file.load(), "api_key": "revoked", "expires_at": ""}
        file.save(tokens)
        async with CodexTransport(base_url=backend.url, token_file=file.path) as codex:
            events = [event async for event in codex.stream([], [], "")]
    assert events[0] == TextDelta(0, "hi")
    assert backend.statuses == [401, 200]


PROGRAM = """
import asyncio, sys
from axio_transport_codex import CodexTransport, oauth

async def main(url, token_url, path):
    oauth.TOKEN_URL = token_url
    async with CodexTransport(base_url=url, token_file=path, max_retries=1) as codex:
        async def ask():
            return [event async for event in codex.stream([], [], "")]
        for _ in range(3):
            for events in await asyncio.gather(ask(), ask()):
                print(events[0].delta, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_two_processes_with_one_account_never_use_a_refresh_token_twice(
    server: str, tmp_path: Path
) -> None:
    """The server would end the sign-in, and every later request would fail."""
    file = await signed_in(tmp_path / "tokens.json", "dave")
    async with gate(server) as backend:
        arguments = [backend.url, f"{server}/token", str(file.path)]
        processes = [
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", PROGRAM, *arguments),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            for _ in range(2)
        ]
        ends = await asyncio.gather(*(process.communicate() for process in processes))
    for out, err in ends:
        assert (out.decode().split(), err.decode()) == (["hi"] * 6, "")
    assert (await oauth.refresh_access_token(file.load()["refresh_token"]))["access_token"]


def test_the_command_signs_in_shows_and_signs_out(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    path = tmp_path / "tokens.json"
    options = ["--tokens", str(path)]
    assert main(["status", *options]) == 1

    async def flow(*, paste: Any) -> dict[str, str]:
        async def at_the_terminal(url: str) -> str:
            code = await sign_in(url, "erin")
            monkeypatch.setattr("sys.stdin.readline", lambda: code + "\n", raising=False)
            return str(await paste(url))

        return await oauth.run_oauth_flow(paste=at_the_terminal, port=0, timeout=20)

    class Terminal:
        def readline(self) -> str:
            raise AssertionError("asked before the person signed in")

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("axio_transport_codex.__main__.run_oauth_flow", flow)
    assert main(["login", "--headless", *options]) == 0
    shown = capsys.readouterr().out
    assert "/auth?" in shown and "account erin" in shown
    assert json.loads(path.read_text())["api_key"] not in shown
    assert main(["logout", *options]) == 0 and not path.exists()
    path.write_text("x")
    assert main(["status", *options]) == 1
    assert "sign in again" in capsys.readouterr().err
