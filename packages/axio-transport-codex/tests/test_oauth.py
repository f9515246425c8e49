"""Signing in and renewing, against a real OAuth server."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from axio_transport_codex import oauth
from support.loopback import serving, status
from support.oauth import sign_in, start_oauth_server


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with start_oauth_server(oauth.CLIENT_ID, oauth.SCOPES) as url:
        yield url


@pytest.fixture
def server(issuer: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(oauth, "AUTH_URL", f"{issuer}/auth")
    monkeypatch.setattr(oauth, "TOKEN_URL", f"{issuer}/token")
    return issuer


class Browser:
    """Act as a person does with the address: sign in, and visit where that leads."""

    def __init__(self, *before: Callable[[str], Awaitable[None]]) -> None:
        self.before = before
        self.loop = asyncio.get_running_loop()
        self.tasks: list[asyncio.Future[Any]] = []

    def __call__(self, url: str) -> None:
        self.tasks.append(asyncio.run_coroutine_threadsafe(self.visit(url), self.loop))  # type: ignore[arg-type]

    async def visit(self, url: str) -> None:
        redirect = parse_qs(urlsplit(url).query)["redirect_uri"][0]
        for act in self.before:
            await act(redirect)
        back = await sign_in(url)
        async with aiohttp.ClientSession() as session, session.get(back) as response:
            assert response.status == 200
            assert "signed in" in await response.text()


@pytest.fixture
async def browser(server: str) -> AsyncIterator[Browser]:
    yield Browser()


def test_pkce_is_a_verifier_of_128_characters_and_its_s256_challenge() -> None:
    verifier, challenge = oauth.new_pkce()
    digest = hashlib.sha256(verifier.encode()).digest()
    assert len(verifier) == 128 and "=" not in verifier + challenge
    assert base64.urlsafe_b64decode(challenge + "=") == digest
    assert oauth.new_pkce()[0] != verifier


async def test_a_person_signs_in_and_gets_tokens(browser: Browser, server: str) -> None:
    tokens = await oauth.run_oauth_flow(open_browser=browser, port=0, timeout=20)
    assert set(tokens) == {"access_token", "refresh_token", "expires_at", "account_id"}
    assert all(isinstance(value, str) for value in tokens.values())
    assert tokens["account_id"] == "alice"
    assert abs(float(tokens["expires_at"]) - time.time()) < 5
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{server}/me", headers=headers) as response,
    ):
        assert (await response.json())["sub"] == "alice"


async def test_the_address_asks_for_what_the_client_is_registered_with(server: str) -> None:
    seen: list[str] = []
    with pytest.raises(RuntimeError, match=r"no sign-in within 0\.2 s"):
        await oauth.run_oauth_flow(open_browser=seen.append, port=0, timeout=0.2)
    query = {name: values[0] for name, values in parse_qs(urlsplit(seen[0]).query).items()}
    port = urlsplit(query["redirect_uri"]).port
    assert query.pop("redirect_uri") == f"http://localhost:{port}/auth/callback"
    assert len(query.pop("state")) >= 32 and len(query.pop("code_challenge")) == 43
    assert query == {
        "response_type": "code",
        "client_id": "app_EMoamEEZ73f0CkXaXp7hrann",
        "scope": oauth.SCOPES,
        "code_challenge_method": "S256",
        "id_token_add_organizations": "true",
        "codex_cli_simplified_flow": "true",
        "originator": "codex_cli_rs",
    }
    with pytest.raises(OSError):  # no server listens there any more
        socket.create_connection(("127.0.0.1", port or 0), 1).close()


async def test_stray_requests_do_not_end_the_wait(server: str) -> None:
    answers: list[int] = []

    async def stray(redirect: str) -> None:
        root = redirect.removesuffix("/auth/callback")
        async with aiohttp.ClientSession() as session:
            for url in (
                redirect,
                redirect + "?code=guess",
                redirect + "?code=guess&state=wrong",
                redirect + "?error=access_denied&state=wrong",
                root + "/favicon.ico",
            ):
                async with session.get(url) as response:
                    answers.append(response.status)
                    assert "state" not in (await response.text()).lower()

    tokens = await oauth.run_oauth_flow(open_browser=Browser(stray), port=0, timeout=20)
    assert tokens["account_id"] == "alice"
    assert answers == [400, 400, 400, 400, 404]


async def test_a_refusal_ends_the_wait_with_its_reason(server: str) -> None:
    loop = asyncio.get_running_loop()

    async def refuse(url: str) -> None:
        query = parse_qs(urlsplit(url).query)
        back = query["redirect_uri"][0] + "?error=access_denied&state=" + query["state"][0]
        async with aiohttp.ClientSession() as session, session.get(back) as response:
            assert "refused" in await response.text()

    def open_browser(url: str) -> None:
        asyncio.run_coroutine_threadsafe(refuse(url), loop)

    with pytest.raises(RuntimeError, match="OAuth flow failed: access_denied"):
        await oauth.run_oauth_flow(open_browser=open_browser, port=0, timeout=60)


@pytest.mark.parametrize("form", ["address", "code", "code#state", "query"])
async def test_the_code_can_be_pasted(server: str, form: str) -> None:
    async def paste(url: str) -> str:
        back = await sign_in(url, "bob")
        query = {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}
        return {
            "address": back + "\n",
            "code": f"  {query['code']}\n",
            "code#state": f"{query['code']}#{query['state']}",
            "query": "?" + urlsplit(back).query,
        }[form]

    with socket.socket() as taken:  # as on a machine where the port is in use
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        tokens = await oauth.run_oauth_flow(paste=paste, port=port, timeout=20)
    assert tokens["account_id"] == "bob" and tokens["refresh_token"]


@pytest.mark.parametrize(
    ("pasted", "words"),
    [
        ("http://localhost:1455/auth/callback?code=x&state=other", "another sign-in"),
        ("http://localhost:1455/auth/callback", "no code"),
        ("", "no code"),
        ("wrong-code", "invalid_grant"),
    ],
)
async def test_what_is_pasted_wrongly_is_told(server: str, pasted: str, words: str) -> None:
    async def paste(url: str) -> str:
        return pasted

    with pytest.raises(RuntimeError, match=words) as caught:
        await oauth.run_oauth_flow(paste=paste, port=0, timeout=60)
    assert "OAuth flow failed" in str(caught.value)


async def test_a_taken_port_is_told_and_cancelling_leaves_nothing(server: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(RuntimeError, match="taken"):
            await oauth.run_oauth_flow(port=taken.getsockname()[1], open_browser=print)
    before = asyncio.all_tasks()
    asked = asyncio.Event()

    async def never(url: str) -> str:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    flow = asyncio.create_task(oauth.run_oauth_flow(paste=never, port=0))
    await asked.wait()
    flow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await flow
    assert asyncio.all_tasks() == before


async def test_a_refresh_token_is_good_for_one_use(browser: Browser) -> None:
    first = await oauth.run_oauth_flow(open_browser=browser, port=0, timeout=20)
    second = await oauth.refresh_access_token(first["refresh_token"])
    assert second["access_token"] != first["access_token"]
    assert second["refresh_token"] != first["refresh_token"]
    assert second["account_id"] == "alice"
    with pytest.raises(RuntimeError, match=r"Token refresh failed \(400\): invalid_grant") as error:
        await oauth.refresh_access_token(first["refresh_token"])
    assert first["refresh_token"] not in str(error.value)
    assert "sign in again" in str(error.value)


# ── answers that the server does not give ─────────────────────────────────────────────────────


def jwt(**claims: Any) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"e30.{payload}.x"


@pytest.mark.parametrize(
    ("tokens", "account"),
    [
        ([jwt(organizations=[{"id": "org"}], sub="me")], "org"),
        ([jwt(sub="me")], "me"),
        ([jwt(sub="me"), jwt(organizations=[{"id": "org"}])], "org"),
        (
            [jwt(**{"https://api.openai.com/auth": {"chatgpt_account_id": "acc"}}, sub="me")],
            "acc",
        ),
        ([jwt(organizations=[])], ""),
        (["opaque"], ""),
        (["a.b.c"], ""),
        (["e30.W10.x"], ""),
    ],
)
def test_the_account_is_the_one_the_tokens_speak_of(tokens: list[str], account: str) -> None:
    assert oauth.account_id_of(*tokens) == account


async def test_a_refresh_is_json_and_keeps_the_old_token_where_no_new_one_came(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer = json.dumps({"access_token": jwt(sub="me"), "expires_in": 100})
    async with serving(status(200, answer, content_type="application/json")) as server:
        monkeypatch.setattr(oauth, "TOKEN_URL", server.url + "/token")
        tokens = await oauth.refresh_access_token("r1")
    assert server.asked[0].body == {
        "grant_type": "refresh_token",
        "client_id": oauth.CLIENT_ID,
        "refresh_token": "r1",
    }
    assert tokens["refresh_token"] == "r1" and tokens["account_id"] == "me"
    assert abs(float(tokens["expires_at"]) - time.time() - 100) < 5


@pytest.mark.parametrize("answer", ["[]", "{}", "<html>"])
async def test_an_answer_without_tokens_is_told(
    answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(status(200, answer, content_type="application/json")) as server:
        monkeypatch.setattr(oauth, "TOKEN_URL", server.url + "/token")
        with pytest.raises(RuntimeError, match="Token refresh failed"):
            await oauth.refresh_access_token("r1")
