"""Answers of a server of tokens that are not tokens: told in its words, without our secrets."""

from __future__ import annotations

import gzip
import json
import time
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import web

from axio_transport_codex import oauth
from support.loopback import serving, status


async def refusal(code: int, answer: str, monkeypatch: pytest.MonkeyPatch) -> str:
    async with serving(status(code, answer, content_type="application/json")) as server:
        monkeypatch.setattr(oauth, "TOKEN_URL", server.url + "/token")
        with pytest.raises(RuntimeError) as caught:
            await oauth.refresh_access_token("the secret of ours")
    assert "secret" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"error": "invalid_grant"}, ": invalid_grant; sign in again"),
        (
            {"error": "invalid_grant", "error_description": "it is used up"},
            ": invalid_grant, it is used up; sign in again",
        ),
        ({"error": "slow_down", "error_description": 5}, ": slow_down"),
        ({"error": {"code": "token_expired", "message": "m"}}, ": token_expired"),
        ({"error": {"message": "not today"}}, ": not today"),
        ({"error": {}}, ""),
        ({"error": 5}, ""),
        ([], ""),
        ("text", ""),
    ],
)
async def test_a_refusal_is_told_with_the_server_s_reason(
    answer: Any, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = await refusal(400, json.dumps(answer), monkeypatch)
    assert words.endswith(f"(400){told}")


async def test_a_refusal_that_is_no_json_is_told_by_its_status(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = await refusal(502, "<html>Bad gateway</html>", monkeypatch)
    assert words.endswith("(502)")


@pytest.mark.parametrize("lifetime", [None, "soon", True, []])
async def test_tokens_of_no_known_lifetime_are_taken_for_an_hour(
    lifetime: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = json.dumps({"access_token": "opaque", "refresh_token": "r2", "expires_in": lifetime})
    async with serving(status(200, answer, content_type="application/json")) as server:
        monkeypatch.setattr(oauth, "TOKEN_URL", server.url + "/token")
        tokens = await oauth.refresh_access_token("r1")
    assert (tokens["access_token"], tokens["refresh_token"]) == ("opaque", "r2")
    assert abs(float(tokens["expires_at"]) - time.time() - 3600) < 60


async def test_an_answer_without_end_is_left_at_a_megabyte(monkeypatch: pytest.MonkeyPatch) -> None:
    for code in (200, 400):
        written = 0

        async def endless(request: web.Request, code: int = code) -> web.StreamResponse:
            nonlocal written
            response = web.StreamResponse(status=code)
            await response.prepare(request)
            with suppress(ConnectionError):
                while True:
                    await response.write(b" " * 65536)
                    written += 65536
            return response

        async with serving(endless) as server:
            monkeypatch.setattr(oauth, "TOKEN_URL", server.url + "/token")
            with pytest.raises(RuntimeError, match="more than 1048576 bytes"):
                await oauth.refresh_access_token("the secret of ours")
        assert written < 64 << 20  # what the pipes between hold


async def test_a_packed_answer_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    async def packed(request: web.Request) -> web.StreamResponse:
        assert request.headers["Accept-Encoding"] == "identity"
        answer = gzip.compress(b'{"access_token": "' + b"x" * 50_000_000 + b'"}')
        return web.Response(body=answer, headers={"Content-Encoding": "gzip"})

    async with serving(packed) as server:
        monkeypatch.setattr(oauth, "TOKEN_URL", server.url + "/token")
        with pytest.raises(RuntimeError, match="Error"):
            await oauth.refresh_access_token("the secret of ours")
