"""Credentials for a server that is signed in to, on the library's OAuth flow.

A request with a valid token is sent at once, side by side with others. Only when the token has
expired, or is refused, one of them goes through the library's flow (discovery, registration, PKCE,
refresh), and holds a lock over all processes until there are new tokens; the others then use those.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import httpx2
from mcp.client.auth import OAuthClientProvider, OAuthFlowError
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthMetadata,
    OAuthToken,
    ProtectedResourceMetadata,
)

from axio_tools_mcp.config import MCPServerConfig
from axio_tools_mcp.credentials import algorithm_of, credentials_provider
from axio_tools_mcp.errors import MCPServerError
from axio_tools_mcp.signing_in import BrowserLogin
from axio_tools_mcp.tokens import TokenFile
from axio_tools_mcp.witness import Witness, words_of

__all__ = ("ServerAuth", "SignInNeeded")

_EARLY = 30.0  # seconds before its end at which a token counts as expired, or a tenth of its life


class SignInNeeded(MCPServerError):
    """A person has to sign in first."""


class ServerAuth(httpx2.Auth):
    """The tokens in `file` for a server. With a `login` a person may be asked to sign in; without
    one `SignInNeeded` is raised where it is needed."""

    requires_response_body = True

    def __init__(
        self,
        config: MCPServerConfig,
        file: TokenFile,
        witness: Witness,
        login: BrowserLogin | None = None,
    ) -> None:
        assert config.url is not None
        if config.oauth_private_key is not None:
            algorithm_of(config)  # a key that is none is told before anything is asked
        self._url = config.url
        self._config = config
        self._file = file
        self._witness = witness
        self._login = login
        self._lock = asyncio.Lock()

    async def async_auth_flow(
        self, request: httpx2.Request
    ) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        used = _token_in(self._file.read())
        if used is not None:
            _bear(request, used)
            response = yield request
            if not _refuses(response):
                return
        async with self._lock, self._file.locked():
            fresh = _token_in(self._file.read())
            if fresh is None or fresh == used:
                renewal = self._renewal(request, refused=used is not None)
                async with aclosing(renewal):  # here, since the library's lock belongs to this task
                    async for step in renewal:
                        step.response = yield step.request
                        if step.request.url == request.url and not _refuses(step.response):
                            return  # it was answered on the way
                fresh = _token_in(self._file.read())
        if fresh is not None:
            _bear(request, fresh)
        yield request

    async def _renewal(
        self, request: httpx2.Request, *, refused: bool
    ) -> AsyncGenerator[_Step, None]:
        """The requests of the library's flow, until there are new tokens."""
        self._witness.not_signed_in = ""
        provider = await self._provider(refused)
        before = self._file.read().get("tokens")
        flow = provider.async_auth_flow(request)
        try:
            wanted = await anext(flow)
            while True:
                if wanted.url == request.url and self._file.read().get("tokens") != before:
                    return  # from here on it needs no lock
                step = _Step(wanted)
                yield step
                assert step.response is not None
                wanted = await flow.asend(step.response)
        except StopAsyncIteration:
            return
        except OAuthFlowError as error:
            self._witness.not_signed_in = f"signing in failed: {words_of(error)}"
            raise
        finally:
            self._keep_discovered(provider)
            await flow.aclose()

    async def _provider(self, refused: bool) -> OAuthClientProvider:
        """The library's part, as it was left when the tokens were stored."""
        config, login, data = self._config, self._login, self._file.read()
        redirect = "http://127.0.0.1/callback" if login is None else login.redirect_uri
        storage = _Storage(self._file, config, redirect, anew=login is not None)
        if config.signs_in_alone:
            provider = credentials_provider(config, storage)
        else:
            provider = self._persons_provider(storage, redirect)
        await provider._initialize()
        context = provider.context
        # The library counts an expiry from the moment of loading, and knows no discovery then.
        context.token_expiry_time = 1.0 if refused else data.get("expires_at") or 1.0
        if "metadata" in data:
            context.oauth_metadata = OAuthMetadata.model_validate(data["metadata"])
        if "resource" in data:
            resource = ProtectedResourceMetadata.model_validate(data["resource"])
            context.protected_resource_metadata = resource
        return provider

    def _persons_provider(self, storage: _Storage, redirect: str) -> OAuthClientProvider:
        metadata = OAuthClientMetadata.model_validate(
            {
                "client_name": "axio",
                "redirect_uris": [redirect],
                "grant_types": ["authorization_code", "refresh_token"],
                "response_types": ["code"],
                "token_endpoint_auth_method": "none",
                "scope": self._config.oauth_scope,
            }
        )
        return OAuthClientProvider(
            self._url,
            metadata,
            storage,
            self._open,
            self._answer,
            self._config.oauth_client_metadata_url,
        )

    def _keep_discovered(self, provider: OAuthClientProvider) -> None:
        context, data = provider.context, self._file.read()
        if context.oauth_metadata is not None and "tokens" in data:
            data["metadata"] = context.oauth_metadata.model_dump(mode="json", exclude_none=True)
            if context.protected_resource_metadata is not None:
                resource = context.protected_resource_metadata
                data["resource"] = resource.model_dump(mode="json", exclude_none=True)
            self._file.write(data)

    async def _open(self, url: str) -> None:
        if self._login is None:
            name = self._config.name
            raise SignInNeeded(f"MCP server {name!r}: sign in first with `axio mcp login {name}`")
        await self._login.open(url)

    async def _answer(self) -> AuthorizationCodeResult:
        assert self._login is not None
        answer = await self._login.answer()
        return AuthorizationCodeResult(
            code=answer.get("code", ""), state=answer.get("state"), iss=answer.get("iss")
        )


class _Step:
    """A request on the way to tokens, and its response."""

    def __init__(self, request: httpx2.Request) -> None:
        self.request = request
        self.response: httpx2.Response | None = None


class _Storage:
    """The library's view of a `TokenFile`."""

    def __init__(
        self, file: TokenFile, config: MCPServerConfig, redirect: str, *, anew: bool
    ) -> None:
        self._file = file
        self._config = config
        self._redirect = redirect
        self._anew = anew

    async def get_tokens(self) -> OAuthToken | None:
        tokens = self._file.read().get("tokens")
        return None if tokens is None else OAuthToken.model_validate(tokens)

    async def set_tokens(self, tokens: OAuthToken) -> None:
        data = self._file.read()
        old: dict[str, Any] = data.get("tokens") or {}
        new = tokens.model_dump(mode="json", exclude_none=True)
        if "refresh_token" not in new and "refresh_token" in old:
            new["refresh_token"] = old["refresh_token"]
        data["tokens"] = new
        expires_in = tokens.expires_in
        data["expires_at"] = None if expires_in is None else time.time() + expires_in
        self._file.write(data)

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        client = self._file.read().get("client")
        if client is not None and self._anew and self._redirect not in client["redirect_uris"]:
            client = None  # a server may insist on the address that it has registered
        if client is None and self._config.oauth_client_id is not None:
            secret = self._config.oauth_client_secret
            client = {
                "client_id": self._config.oauth_client_id,
                "client_secret": secret,
                "token_endpoint_auth_method": "none" if secret is None else "client_secret_basic",
                "redirect_uris": [self._redirect],
            }
        return None if client is None else OAuthClientInformationFull.model_validate(client)

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        data = self._file.read()
        data["client"] = client_info.model_dump(mode="json", exclude_none=True)
        self._file.write(data)


def _token_in(data: dict[str, Any]) -> str | None:
    """The access token, if it is not about to expire."""
    tokens, end = data.get("tokens"), data.get("expires_at")
    if not isinstance(tokens, dict):
        return None
    early = min(_EARLY, (tokens.get("expires_in") or 0) / 10)
    if end is not None and time.time() > end - early:
        return None
    token = tokens.get("access_token")
    return token if isinstance(token, str) else None


def _refuses(response: httpx2.Response) -> bool:
    """True for a response that asks for other credentials."""
    asked = response.headers.get("www-authenticate", "")
    return response.status_code == 401 or (
        response.status_code == 403 and "insufficient_scope" in asked
    )


def _bear(request: httpx2.Request, token: str) -> None:
    request.headers["Authorization"] = f"Bearer {token}"
