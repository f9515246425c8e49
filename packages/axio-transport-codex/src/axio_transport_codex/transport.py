"""The transport: settings, tokens, one request, and the events of its answer."""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from axio.exceptions import StreamError
from axio.messages import Message
from axio.models import ModelRegistry, ModelSpec
from axio.tool import AnyTool
from axio.types import JSONObject
from axio.wire.client import HttpTransport, Request, Schema
from axio.wire.http import Timeouts
from axio.wire.names import own_names
from axio.wire.payload import dumps
from axio.wire.secret import Secret
from axio.wire.settings import Fields, ModelOrId, model_field, usual_fields
from axio_transport_codex.catalogue import CODEX_MODELS, listed_models
from axio_transport_codex.limits import Limits, limits_of
from axio_transport_codex.oauth import ORIGINATOR, refresh_access_token
from axio_transport_codex.renewal import SingleFlight
from axio_transport_codex.tokens import TokenFile, expires_soon
from axio_transport_openai.providers import OPENAI
from axio_transport_openai.responses import ResponsesDecoder, text_format
from axio_transport_openai.responses.request import build_request

if TYPE_CHECKING:
    import aiohttp

__all__ = ("CODEX_BASE_URL", "CODEX_USER_AGENT", "CodexTransport")

logger = logging.getLogger("axio_transport_codex")

CODEX_BASE_URL = "https://chatgpt.com/backend-api/codex"
CODEX_USER_AGENT = (
    f"{ORIGINATOR}/0.1.0 ({platform.system()} {platform.release()}; {platform.machine()})"
)

PROVIDER = "codex"
"""Whose reasoning it is. OpenAI's own API cannot read it: it is encrypted for another account."""

Refreshed: TypeAlias = Callable[[dict[str, str]], Awaitable[None]]


@dataclass(slots=True)
class CodexTransport(HttpTransport):
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
    model: ModelOrId = model_field(lambda: CODEX_MODELS["o4-mini"])
    models: ModelRegistry = field(default_factory=lambda: ModelRegistry(CODEX_MODELS))
    session: aiohttp.ClientSession | None = field(default=None, repr=False, compare=False)
    on_auth_refresh: Refreshed | None = field(default=None, repr=False, compare=False)
    max_retries: int = 10
    retry_base_delay: float = 5.0
    timeouts: Timeouts = field(default_factory=Timeouts, kw_only=True)
    token_file: str | os.PathLike[str] | None = field(default=None, kw_only=True)
    # A factory: a subclass without slots would look for a plain default on the class, in vain.
    limits: Limits | None = field(default_factory=lambda: None, init=False, compare=False)
    _renewal: SingleFlight = field(
        default_factory=SingleFlight, init=False, repr=False, compare=False
    )

    FIELDS: ClassVar[Fields] = usual_fields("", CODEX_BASE_URL)[1:]  # an account has no key
    catalogue: ClassVar[ModelRegistry] = CODEX_MODELS
    describe: ClassVar[str] = "Codex API error"
    reasoning_of: ClassVar[str] = PROVIDER
    """The provider of the reasoning blocks that go back to it."""
    logger: ClassVar[logging.Logger] = logger
    stored: ClassVar[tuple[str, ...]] = ("refresh_token", "expires_at", "account_id")

    def __post_init__(self) -> None:
        HttpTransport.__post_init__(self)
        if self.token_file is not None and not self.api_key:
            self._take(TokenFile(self.token_file).load())

    def can_structure(self) -> bool:
        return True

    async def close(self) -> None:
        """Wait for a renewal that is under way, then close the session that was opened for this
        event loop; one that was given stays open."""
        await self._renewal.settled()
        await self._sessions.close()

    def build_payload(
        self, messages: list[Message], tools: list[AnyTool], system: str
    ) -> JSONObject:
        """The body of the request, as a new dict. A subclass may change it."""
        return build_request(
            *(self.model, messages, tools, system, PROVIDER), plain=True, images=OPENAI.images
        )

    def make_request(
        self, messages: list[Message], tools: list[AnyTool], system: str, schema: Schema = None
    ) -> Request:
        payload = self.build_payload(messages, tools, system)
        if schema is not None:
            payload["text"] = text_format(schema)
        decoder = partial(
            ResponsesDecoder,
            PROVIDER,
            own_names(tools),
            describe=self.describe,
            skips_garbage=True,
        )
        headers = partial(self._headers, "text/event-stream")
        return Request(self._url("responses"), headers, dumps(payload), decoder)

    async def fetch_models(self) -> None:
        """Set `models` to what the account may use; to the built-in list where that cannot be
        learned. A current model that is gone is replaced by the first."""
        specs = await self._listed() if self.api_key else []
        self.models = ModelRegistry(specs or CODEX_MODELS)
        if self.model.id not in self.models:
            self.model = self.models.first()

    async def _listed(self) -> list[ModelSpec]:
        try:
            answer = await self._ask(
                "models?client_version=0.0.1",
                partial(self._headers, "application/json"),
                attempts=1,
                timeouts=Timeouts(connect=10.0, total=20.0),
            )
        except StreamError as error:
            logger.warning("the list of models could not be fetched: %s", error)
            return []
        return listed_models(answer)

    def observe(self, headers: Mapping[str, str]) -> None:
        self.limits = limits_of(headers) or self.limits

    async def _headers(self, accept: str) -> dict[str, str]:
        """The headers of a request, with tokens that are good for a while."""
        if self.refresh_token and expires_soon(self.expires_at):
            await self._renew(Secret(self.api_key))
        headers = {
            "Authorization": self._bearer(),
            "Content-Type": "application/json",
            "Accept": accept,
            "User-Agent": CODEX_USER_AGENT,
            "originator": ORIGINATOR,
        }
        if self.account_id:
            headers["ChatGPT-Account-ID"] = self.account_id
        return headers

    # ── tokens ────────────────────────────────────────────────────────────────────────────────

    async def renew(self, sent: Mapping[str, str]) -> bool:
        """Have other tokens than those that were refused."""
        if not self.refresh_token:
            return False
        if sent["Authorization"] == self._bearer():
            await self._renew(Secret(self.api_key))
        return True

    def _bearer(self) -> Secret:
        return Secret(f"Bearer {self.api_key.strip()}")

    async def _renew(self, used: str) -> None:
        """Have another access token than `used`, which is refused or nearly over."""
        if self.api_key != used:
            return  # another request was faster
        try:
            await self._renewal.run(partial(self._replace_tokens, used))
        except (RuntimeError, OSError, ValueError) as error:
            raise StreamError(f"{self.describe}: {error}", code="token_refresh") from error

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
