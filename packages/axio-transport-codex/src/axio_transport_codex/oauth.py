"""Sign in with a ChatGPT account: OAuth with PKCE (RFC 7636) and a loopback redirect (RFC 8252)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
import time
import webbrowser
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp

from axio.types import JSONObject
from axio.wire.secret import Token, blotted
from axio.wire.session import open_session
from axio_transport_codex.callback import CALLBACK_PATH, listening

__all__ = (
    "AUTH_URL",
    "CLIENT_ID",
    "ORIGINATOR",
    "PORT",
    "SCOPES",
    "TOKEN_URL",
    "account_id_of",
    "new_pkce",
    "refresh_access_token",
    "run_oauth_flow",
)

AUTH_URL = "https://auth.openai.com/oauth/authorize"
TOKEN_URL = "https://auth.openai.com/oauth/token"
CLIENT_ID = "app_EMoamEEZ73f0CkXaXp7hrann"
SCOPES = "openid profile email offline_access api.connectors.read api.connectors.invoke"
ORIGINATOR = "codex_cli_rs"
PORT = 1455
"""The port that the client's registration names."""

SIGN_IN_SECONDS = 300.0
REQUEST_SECONDS = 30.0
MAX_ANSWER = 1 << 20
"""Bytes of an answer of the token endpoint."""

_ACCOUNT = (
    ("https://api.openai.com/auth", "chatgpt_account_id"),
    ("organizations", 0, "id"),
    ("sub",),
)
"""Claims that name the account, the surest first."""
# Not packed: a small answer that unpacks to a large one would pass any bound.
_PLAIN: dict[str, Any] = {
    "allow_redirects": False,
    "auto_decompress": False,
    "headers": {"Accept-Encoding": "identity"},
}


async def run_oauth_flow(
    *,
    timeout: float = SIGN_IN_SECONDS,
    port: int | None = None,
    open_browser: Callable[[str], object] | None = None,
    paste: Callable[[str], Awaitable[str]] | None = None,
) -> dict[str, str]:
    """Let a person sign in; returns access_token, refresh_token, expires_at and account_id.

    `open_browser` gets the address to open, by default in the web browser. `paste` is for machines
    without one: it gets the address too, and returns what the person pasted, either the code or the
    whole address that the browser ended at. With both, whichever comes first counts.

    RuntimeError when the sign-in is refused or fails, or takes more than `timeout` seconds.
    """
    verifier, challenge = new_pkce()
    port = PORT if port is None else port
    code, redirect = await _authorized(challenge, timeout, port, open_browser, paste)
    data = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect,
        "client_id": CLIENT_ID,
        "code_verifier": verifier,
    }
    return _tokens(await _ask("OAuth flow failed", data=data), "")


async def _authorized(
    challenge: str,
    timeout: float,
    port: int,
    open_browser: Callable[[str], object] | None,
    paste: Callable[[str], Awaitable[str]] | None,
) -> tuple[Token, str]:
    """The code that a person got by signing in, and where to it was redirected."""
    state = secrets.token_urlsafe(32)
    try:
        async with asyncio.timeout(timeout), AsyncExitStack() as opened:
            try:
                callback = await opened.enter_async_context(listening(state, port))
            except OSError as error:
                if paste is None:
                    raise RuntimeError(
                        f"OAuth flow failed: port {port} of this machine is taken ({error});"
                        " end the other sign-in, or paste the code"
                    ) from error
                callback = None
            redirect = f"http://localhost:{port}{CALLBACK_PATH}"
            redirect = redirect if callback is None else callback.redirect_uri
            url = _authorize_url(redirect, challenge, state)
            waits: list[asyncio.Future[Any]] = [] if callback is None else [callback.answer]
            if paste is not None:
                waits.append(asyncio.ensure_future(paste(url)))
                opened.push_async_callback(_ended, waits[-1])
            if open_browser is not None:
                await asyncio.to_thread(open_browser, url)
            elif paste is None and await asyncio.to_thread(webbrowser.open, url) is False:
                raise RuntimeError(
                    "OAuth flow failed: no web browser could be started; sign in with"
                    " `python -m axio_transport_codex login --headless`"
                )
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            answer = done.pop().result()
            return Token(_code(answer, state)), redirect
    except TimeoutError:
        raise RuntimeError(f"OAuth flow failed: no sign-in within {timeout:g} s") from None


async def refresh_access_token(refresh_token: str) -> dict[str, str]:
    """New tokens for a refresh token, with the same keys as `run_oauth_flow`.

    The old refresh token may be void afterwards; it is in the answer only if no new one came.
    RuntimeError, "Token refresh failed (status)", when the server says no.
    """
    refresh_token = Token(refresh_token)
    data = {
        "grant_type": "refresh_token",
        "client_id": CLIENT_ID,
        "refresh_token": refresh_token,
    }
    return _tokens(await _ask("Token refresh failed", json=data), refresh_token)


def new_pkce() -> tuple[str, str]:
    """A fresh verifier of 128 characters and its S256 challenge."""
    verifier = Token(_base64url(secrets.token_bytes(96)))
    return verifier, _base64url(hashlib.sha256(verifier.encode("ascii")).digest())


def account_id_of(*tokens: str) -> str:
    """The ChatGPT account that these JWTs speak of, or an empty text.

    Signatures are not checked: the tokens came from the server over TLS, and the id only selects
    one of the accounts that the server lets them use.
    """
    payloads = [_claims(token) for token in tokens]
    for path in _ACCOUNT:
        for payload in payloads:
            value = _at(payload, path)
            if isinstance(value, str) and value:
                return value
    return ""


def _claims(token: str) -> JSONObject:
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _at(value: Any, path: Iterable[str | int]) -> Any:
    """The value at a path into objects and lists; None where there is none."""
    try:
        for step in path:
            value = value[step]
    except (LookupError, TypeError):
        return None
    return value


def _authorize_url(redirect: str, challenge: str, state: str) -> str:
    query = {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": redirect,
        "scope": SCOPES,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "id_token_add_organizations": "true",
        "codex_cli_simplified_flow": "true",
        "state": state,
        "originator": ORIGINATOR,
    }
    return f"{AUTH_URL}?{urlencode(query)}"


def _code(answer: str | Mapping[str, str], state: str) -> str:
    """The code in what came back: a query, or what was pasted."""
    if isinstance(answer, str):
        pasted = answer.strip()
        if "://" in pasted or "code=" in pasted:
            query = parse_qs(urlsplit(pasted).query or pasted.lstrip("?"))
            answer = {name: values[0] for name, values in query.items()}
        else:  # some pages show the code and the state in one
            code, _, given = pasted.partition("#")
            answer = {"code": code, "state": given or state}
    if answer.get("error"):
        detail = answer.get("error_description") or ""
        raise RuntimeError(f"OAuth flow failed: {answer['error']} {detail}".rstrip())
    if answer.get("state", state) != state:
        raise RuntimeError("OAuth flow failed: what was pasted belongs to another sign-in")
    if not answer.get("code"):
        raise RuntimeError("OAuth flow failed: there is no code in what was pasted")
    return answer["code"]


async def _ended(task: asyncio.Future[Any]) -> None:
    """Leave no question open whose answer is not waited for any more."""
    task.cancel()
    await asyncio.wait([task])


async def _ask(describe: str, **body: Any) -> JSONObject:
    """The answer of the token endpoint. Errors name the server's reason and never what was sent."""
    status, answer, reason = await _post(body)
    if status != 200:
        raise RuntimeError(f"{describe}{f' ({status})' if status else ''}{reason}")
    if not isinstance(answer, dict) or not isinstance(answer.get("access_token"), str):
        raise RuntimeError(f"{describe}: there is no access token in the answer")
    return answer


async def _post(body: dict[str, Any]) -> tuple[int, Any, str]:
    """The status, the answer or the reason why there is none; 0 for a connection that failed.

    A failure is returned: raised here, its frames would show the library's view of the request.
    """
    sent = [value for form in body.values() for value in form.values() if isinstance(value, Token)]
    try:
        async with (
            asyncio.timeout(REQUEST_SECONDS),
            open_session(TOKEN_URL) as session,
            session.post(TOKEN_URL, **_PLAIN, **body) as response,
        ):
            document = await _document(response)
            if response.status == 200:
                return 200, _concealed(json.loads(document)), ""
            return response.status, None, blotted(_reason(document), sent)
    except (aiohttp.ClientError, ValueError, OSError) as error:
        return 0, None, blotted(f": {type(error).__name__}: {error}", sent)


async def _document(response: aiohttp.ClientResponse) -> bytes:
    """The whole body. `ValueError` when it is larger than any answer with tokens."""
    document = b""
    async for piece in response.content.iter_any():
        document += piece
        if len(document) > MAX_ANSWER:
            raise ValueError(f"the answer has more than {MAX_ANSWER} bytes")
    return document


def _concealed(answer: Any) -> Any:
    """An answer whose texts are shown nowhere by accident."""
    if not isinstance(answer, dict):
        return answer
    return {name: Token(text) if isinstance(text, str) else text for name, text in answer.items()}


def _reason(text: Any) -> str:
    try:
        answer = json.loads(text)
    except (TypeError, ValueError):
        return ""
    error = answer.get("error") if isinstance(answer, dict) else None
    if isinstance(error, dict):
        error = error.get("code") or error.get("message")
    if not isinstance(error, str):
        return ""
    detail = answer.get("error_description")
    hint = "; sign in again" if error == "invalid_grant" else ""
    return f": {error}" + (f", {detail}" if isinstance(detail, str) else "") + hint


def _tokens(answer: Mapping[str, Any], refresh_token: str) -> dict[str, str]:
    lifetime = answer.get("expires_in")
    if isinstance(lifetime, bool) or not isinstance(lifetime, int | float):
        lifetime = 3600
    access = answer["access_token"]
    return {
        "access_token": access,
        "refresh_token": answer.get("refresh_token") or refresh_token,
        "expires_at": str(int(time.time() + lifetime)),
        "account_id": account_id_of(access, str(answer.get("id_token") or "")),
    }


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
