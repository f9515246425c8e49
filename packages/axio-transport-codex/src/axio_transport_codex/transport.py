"""The transport: settings, tokens, one request, and the events of its answer."""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import aiohttp

from axio.events import StreamEvent
from axio.exceptions import ProviderError, StreamError
from axio.messages import Message
from axio.models import ModelRegistry, ModelSpec
from axio.tool import Tool
from axio.wire.http import Http, Session, Timeouts, request_json, stream_events
from axio.wire.names import accepted
from axio.wire.retry import RetryPolicy
from axio.wire.session import SessionPool, aiohttp_options
from axio_transport_codex.catalogue import CODEX_MODELS, listed_models, spec_of
from axio_transport_codex.limits import Limits, Observed, limits_of
from axio_transport_codex.oauth import ORIGINATOR, refresh_access_token
from axio_transport_codex.renewal import SingleFlight
from axio_transport_codex.tokens import TokenFile, expires_soon
from axio_transport_openai.encode import encode_json
from axio_transport_openai.responses import ResponsesDecoder, text_format
from axio_transport_openai.responses.request import build_request

__all__ = ("CODEX_BASE_URL", "CODEX_USER_AGENT", "CodexTransport")

logger = logging.getLogger("axio_transport_codex")

CODEX_BASE_URL = "https://chatgpt.com/backend-api/codex"
CODEX_USER_AGENT = (
    f"{ORIGINATOR}/0.1.0 ({platform.system()} {platform.release()}; {platform.machine()})"
)

DESCRIBE = "Codex API error"
PROVIDER = "codex"
"""Whose reasoning it is. OpenAI's own API cannot read it: it is encrypted for another account."""

T = TypeVar("T", bound="CodexTransport")
Refreshed: TypeAlias = Callable[[dict[str, str]], Awaitable[None]]

if TYPE_CHECKING:

    class _Model:
        """To the type checker: takes a model or its id, gives the model."""

        def __get__(self, instance: object, owner: object = None) -> ModelSpec: ...
        def __set__(self, instance: object, value: ModelSpec | str) -> None: ...


@dataclass(slots=True)
class CodexTransport:
    """Models of a ChatGPT subscription, over the backend of the Codex tools.

    The four values that `run_oauth_flow` returns are `api_key` (its access_token), `refresh_token`,
    `expires_at` (seconds since 1970, as text) and `account_id`. They are renewed when less than 30
    seconds are left and when the backend refuses them; `on_auth_refresh` is then told. With a
    `token_file` they are kept there, which also lets several processes use one account: whichever
    renews them first does it for all.

    `limits` is how much of the subscription is used up, as the last answer told.
    """

    name: str = "ChatGPT (Codex)"
    api_key: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    expires_at: str = ""
    account_id: str = ""
    base_url: str = CODEX_BASE_URL
    if TYPE_CHECKING:
        model: _Model = _Model()
    else:
        model: ModelSpec = field(default_factory=lambda: CODEX_MODELS["o4-mini"])
    models: ModelRegistry = field(default_factory=lambda: ModelRegistry(CODEX_MODELS))
    session: aiohttp.ClientSession | None = field(default=None, repr=False, compare=False)
    on_auth_refresh: Refreshed | None = field(default=None, repr=False, compare=False)
    max_retries: int = 10
    retry_base_delay: float = 5.0
    timeouts: Timeouts = field(default_factory=Timeouts, kw_only=True)
    token_file: str | os.PathLike[str] | None = field(default=None, kw_only=True)
    limits: Limits | None = field(default=None, init=False, compare=False)
    _sessions: SessionPool = field(
        default_factory=SessionPool, init=False, repr=False, compare=False
    )
    _renewal: SingleFlight = field(
        default_factory=SingleFlight, init=False, repr=False, compare=False
    )

    if not TYPE_CHECKING:

        def __setattr__(self, name: str, value: object) -> None:
            if name == "model" and isinstance(value, str):
                value = spec_of(value, getattr(self, "models", None) or CODEX_MODELS)
            object.__setattr__(self, name, value)

    def __post_init__(self) -> None:
        if self.token_file is not None and not self.api_key:
            self._take(TokenFile(self.token_file).load())

    async def __aenter__(self: T) -> T:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Wait for a renewal that is under way, then close the session that was opened for this
        event loop; one that was given stays open."""
        await self._renewal.settled()
        await self._sessions.close()

    def build_payload(
        self, messages: list[Message], tools: list[Tool[Any]], system: str
    ) -> dict[str, Any]:
        """The body of the request, as a new dict. A subclass may change it."""
        return build_request(self.model, messages, tools, system, PROVIDER, plain=True)

    def stream(
        self, messages: list[Message], tools: list[Tool[Any]], system: str
    ) -> AsyncGenerator[StreamEvent, None]:
        """One answer. `UnsupportedContent` for media that the backend does not take, before
        anything is sent; `StreamError` for what goes wrong afterwards."""
        return self._stream(encode_json(self.build_payload(messages, tools, system)), tools)

    def stream_structured(
        self,
        messages: list[Message],
        tools: list[Tool[Any]],
        system: str,
        schema: Mapping[str, Any],
    ) -> AsyncGenerator[StreamEvent, None]:
        """As `stream`, but the text of the answer is JSON of that schema."""
        payload = self.build_payload(messages, tools, system) | {"text": text_format(schema)}
        return self._stream(encode_json(payload), tools)

    async def fetch_models(self) -> None:
        """Set `models` to what the account may use; to the built-in list where that cannot be
        learned. A current model that is gone is replaced by the first."""
        specs = await self._listed() if self.api_key else []
        self.models = ModelRegistry(specs or CODEX_MODELS)
        if self.model.id not in self.models:
            self.model = self.models.first()

    async def _listed(self) -> list[ModelSpec]:
        try:
            await self._renew_if_due()
            answer = await request_json(
                self._session,
                url=self.base_url.rstrip("/") + "/models?client_version=0.0.1",
                headers=self._headers("application/json"),
                http=self._http(attempts=1, timeouts=Timeouts(connect=10.0, total=20.0)),
            )
        except StreamError as error:
            logger.warning("the list of models could not be fetched: %s", error)
            return []
        return listed_models(answer)

    async def _stream(
        self, body: bytes, tools: list[Tool[Any]]
    ) -> AsyncGenerator[StreamEvent, None]:
        await self._renew_if_due()
        refused = self.api_key
        began = False
        try:
            async with aclosing(self._post(body, tools)) as events:
                async for event in events:
                    began = True
                    yield event
            return
        except ProviderError as error:
            if error.status != 401 or began or not self.refresh_token:
                raise
        await self._renew(refused)
        async with aclosing(self._post(body, tools)) as events:
            async for event in events:
                yield event

    def _post(self, body: bytes, tools: list[Tool[Any]]) -> AsyncGenerator[StreamEvent, None]:
        own_names = {wire: t.name for t in tools if (wire := accepted(t.name)) != t.name}
        return stream_events(
            Observed(self._session, self._see),
            url=self.base_url.rstrip("/") + "/responses",
            headers=self._headers("text/event-stream"),
            body=body,
            decoder=partial(
                ResponsesDecoder, PROVIDER, own_names, describe=DESCRIBE, skips_garbage=True
            ),
            http=self._http(attempts=self.max_retries, timeouts=self.timeouts),
        )

    def _see(self, headers: Mapping[str, str]) -> None:
        self.limits = limits_of(headers) or self.limits

    def _headers(self, accept: str) -> dict[str, str]:
        headers = {
            "Authorization": f"Bearer {self.api_key.strip()}",
            "Content-Type": "application/json",
            "Accept": accept,
            "User-Agent": CODEX_USER_AGENT,
            "originator": ORIGINATOR,
        }
        if self.account_id:
            headers["ChatGPT-Account-ID"] = self.account_id
        return headers

    def _http(self, *, attempts: int, timeouts: Timeouts) -> Http:
        return Http(
            policy=RetryPolicy(attempts, self.retry_base_delay),
            timeouts=timeouts,
            describe=DESCRIBE,
            log=logger,
            connection_errors=(aiohttp.ClientError, OSError),
            options=aiohttp_options(self._session, timeouts),
        )

    @property
    def _session(self) -> Session:
        return self._sessions if self.session is None else self.session

    # ── tokens ────────────────────────────────────────────────────────────────────────────────

    async def _renew_if_due(self) -> None:
        if self.refresh_token and expires_soon(self.expires_at):
            await self._renew(self.api_key)

    async def _renew(self, used: str) -> None:
        """Have another access token than `used`, which is refused or nearly over."""
        if self.api_key != used:
            return  # somebody else was faster
        try:
            await self._renewal.run(partial(self._replace_tokens, used))
        except (RuntimeError, OSError, ValueError) as error:
            raise StreamError(f"{DESCRIBE}: {error}", code="token_refresh") from error

    async def _replace_tokens(self, used: str) -> None:
        if self.token_file is None:
            await self._refresh()
            return
        file = TokenFile(self.token_file)
        async with file.locked():
            stored = file.load()
            if stored.get("api_key") not in (None, "", used):  # another process was faster
                self._take(stored)
                if not expires_soon(self.expires_at):
                    return
            elif stored.get("refresh_token"):
                self._take(stored)
            await self._refresh(file)

    async def _refresh(self, file: TokenFile | None = None) -> None:
        fresh = await refresh_access_token(self.refresh_token)
        tokens = {
            "api_key": fresh["access_token"],
            "refresh_token": fresh.get("refresh_token") or self.refresh_token,
            "expires_at": fresh.get("expires_at", ""),
            "account_id": fresh.get("account_id") or self.account_id,
        }
        self._take(tokens)
        if file is not None:
            file.save(tokens)
        if self.on_auth_refresh is not None:
            try:
                await self.on_auth_refresh(tokens)
            except Exception:
                logger.exception("on_auth_refresh failed; the new tokens are in use all the same")

    def _take(self, tokens: Mapping[str, str]) -> None:
        for name, value in tokens.items():
            setattr(self, name, value)
