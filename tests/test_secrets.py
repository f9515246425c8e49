"""Credentials are shown nowhere: in no error, cause, frame with its locals, log or address."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from axio import Agent, MemoryContextStore
from axio.exceptions import StreamError
from axio.wire.session import Timeouts
from axio_transport_anthropic import AnthropicTransport
from axio_transport_codex import CodexTransport, oauth
from axio_transport_openai import OpenAITransport
from axio_transport_openai.openrouter import OpenRouterTransport
from axio_transport_openai.realtime import OpenAIRealtimeTransport
from support.loopback import Reply, Server, serving, status, stream

KEY = "sk-" + "Zq7" * 9
RENEWING = "rt-" + "Wk4" * 9
IN_ADDRESS = "qs-" + "Jx2" * 9
SECRETS = (KEY, RENEWING, IN_ADDRESS)

ECHO = f'{{"error": {{"message": "no such key: {KEY} at {IN_ADDRESS}"}}}}'
"""Some servers repeat what they refuse."""

FAILURES: dict[str, Reply] = {
    "401": status(401, ECHO),
    "500": status(500, ECHO),
    "redirect": status(307, location=f"http://127.0.0.1:1/?key={IN_ADDRESS}"),
    "cut": stream(b"data: {", cut=True),
    "malformed": stream(f"data: {{{KEY}\n\n".encode()),
    "error in the stream": stream(f"data: {ECHO}\n\n".encode()),
    "a document": status(200, f"<title>{KEY}</title>"),
    "silence": stream(b": nothing\n\n", 30.0),
}

TRANSPORTS: dict[str, Callable[..., Any]] = {
    "openai": OpenAITransport,
    "responses": lambda **given: OpenAITransport(**given, wire="responses"),
    "openrouter": OpenRouterTransport,
    "anthropic": AnthropicTransport,
    "codex": lambda **given: CodexTransport(**given, refresh_token=RENEWING),
}


def rendered(error: BaseException) -> Iterator[str]:
    """All that an error may be made to show, also of those behind it."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        shown = traceback.TracebackException.from_exception(one, capture_locals=True, compact=False)
        for frame in shown.stack:
            if frame.filename != __file__:  # the server's side is here
                yield f"{frame.filename}:{frame.lineno} {frame.locals}"
        yield repr(one) + str(one) + repr(one.args) + repr(vars(one))
        waiting += [one.__cause__, one.__context__]


def judge(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    logged = [entry.getMessage() for entry in caplog.records if entry.name.startswith("axio")]
    for text in (*rendered(error), *logged):
        for secret in SECRETS:
            # Not in the assertion itself, which would show it.
            line = next((line for line in text.splitlines() if secret in line), None)
            assert line is None, line


async def failing(asking: Awaitable[Any]) -> BaseException:
    try:
        async with asyncio.timeout(60):
            await asking
    except Exception as error:
        return error
    raise AssertionError("nothing failed")


def never() -> tuple[Reply, asyncio.Event]:
    """No reply at all, and the sign that it is waited for."""
    asked = asyncio.Event()

    async def reply(_: object) -> Any:
        asked.set()
        await asyncio.sleep(30)

    return reply, asked


async def cancelled(asking: Awaitable[Any], asked: asyncio.Event) -> BaseException:
    task = asyncio.ensure_future(asking)
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    return caught.value


def run(transport: Any) -> Awaitable[Any]:
    return Agent("Be brief.", transport).run("Hello?", MemoryContextStore())


def made(name: str, url: str) -> Any:
    return TRANSPORTS[name](
        api_key=KEY,
        base_url=f"{url}?code={IN_ADDRESS}",
        max_retries=2,
        retry_base_delay=0.0,
        timeouts=Timeouts(idle=20.0),
    )


@pytest.fixture(autouse=True)
def everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("name", TRANSPORTS)
async def test_no_failure_of_a_request_shows_a_credential(
    name: str, failure: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oauth, "TOKEN_URL", "http://127.0.0.1:1/token")
    async with serving(FAILURES[failure]) as server, made(name, server.url) as transport:
        if failure == "silence":
            transport.timeouts = Timeouts(idle=2.0)
        error = await failing(run(transport))
    assert isinstance(error, StreamError)
    judge(error, caplog)
    assert KEY in str(server.asked[0].headers)
    assert f"?code={IN_ADDRESS}" in server.asked[0].path


@pytest.mark.parametrize("name", TRANSPORTS)
async def test_neither_a_refused_connection_nor_a_cancel_shows_a_credential(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    reply, asked = never()
    async with serving(reply) as server, made(name, server.url) as transport:
        judge(await cancelled(run(transport), asked), caplog)
    async with made(name, server.url) as transport:
        judge(await failing(run(transport)), caplog)


@pytest.mark.parametrize("name", TRANSPORTS)
def test_no_view_of_a_transport_shows_a_credential(name: str) -> None:
    transport = made(name, "http://127.0.0.1:1/v1")
    for secret in SECRETS:
        assert secret not in repr(transport) + str(transport)


# ── signing in and speaking ───────────────────────────────────────────────────────────────────

ANSWERS: dict[str, Reply] = {
    "400": status(400, f'{{"error": "invalid_grant", "error_description": "{RENEWING}"}}'),
    "500": status(500, RENEWING),
    "redirect": status(307, location=f"http://127.0.0.1:1/?{RENEWING}"),
    "no JSON": status(200, RENEWING, content_type="application/json"),
    "another answer": status(
        200, f'{{"refresh_token": "{RENEWING}"}}', content_type="application/json"
    ),
    "cut": stream(b"{", cut=True),
}


@pytest.mark.parametrize("answer", ANSWERS)
async def test_no_failed_renewal_shows_a_token(
    answer: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "tokens.json"
    async with serving(ANSWERS[answer]) as server:
        monkeypatch.setattr(oauth, "TOKEN_URL", f"{server.url}/token")
        for kept in (None, file):
            file.write_text(f'{{"api_key": "{KEY}", "refresh_token": "{RENEWING}"}}')
            async with CodexTransport(
                api_key=KEY, refresh_token=RENEWING, expires_at="1", token_file=kept
            ) as transport:
                error = await failing(run(transport))
                assert isinstance(error, StreamError)
                judge(error, caplog)
    assert {asked.body["refresh_token"] for asked in server.asked} == {RENEWING}
    assert {asked.path for asked in server.asked} == {"/v1/token"}


async def test_tokens_that_cannot_be_stored_are_not_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left")

    renewed = f'{{"access_token": "{KEY}", "refresh_token": "{RENEWING}"}}'
    async with serving(status(200, renewed, content_type="application/json")) as server:
        monkeypatch.setattr(oauth, "TOKEN_URL", f"{server.url}/token")
        transport = CodexTransport(
            api_key="old", refresh_token="older", expires_at="1", token_file=tmp_path / "tokens"
        )
        monkeypatch.setattr("os.replace", full)
        error = await failing(run(transport))
        monkeypatch.undo()
        assert "no space left" in str(error)
        judge(error, caplog)


def realtime(server: Server) -> OpenAIRealtimeTransport:
    return OpenAIRealtimeTransport(api_key=KEY, base_url=server.url)


@pytest.mark.parametrize("failure", ["401", "500", "redirect", "a document", "cut"])
async def test_no_failed_connection_to_speak_shows_a_credential(
    failure: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(FAILURES[failure]) as server:
        error = await failing(realtime(server).connect(system="", tools=[]))
        assert isinstance(error, StreamError)
        judge(error, caplog)
    assert KEY in str(server.asked[0].headers)
    judge(await failing(realtime(server).connect(system="", tools=[])), caplog)


async def test_a_cancelled_connection_to_speak_shows_no_credential(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reply, asked = never()
    async with serving(reply) as server:
        connecting = realtime(server).connect(system="", tools=[])
        judge(await cancelled(connecting, asked), caplog)
