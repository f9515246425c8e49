"""OpenAI's chat completions, and every server that speaks them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from axio.messages import Message
from axio.models import ModelRegistry, ModelSpec
from axio.tool import AnyTool
from axio.types import JSONObject
from axio.wire.client import HttpTransport, Request, Schema
from axio.wire.http import Decoder, Timeouts
from axio.wire.names import own_names
from axio.wire.payload import dumps
from axio.wire.secret import Secret
from axio.wire.settings import (
    Fields,
    ModelOrId,
    from_environment,
    model_field,
    usual_fields,
)
from axio_transport_openai.catalogue import OPENAI_MODELS
from axio_transport_openai.decode import ChatDecoder
from axio_transport_openai.embeddings import vectors
from axio_transport_openai.encode import (
    encode_messages,
    encode_tools,
    mark_prefix,
    response_format,
)
from axio_transport_openai.encoded import RequestEncoder
from axio_transport_openai.listing import entries
from axio_transport_openai.providers import OPENAI, Provider, provider_for
from axio_transport_openai.responses import ResponsesDecoder, text_format
from axio_transport_openai.responses.request import build_request

if TYPE_CHECKING:
    import aiohttp

__all__ = ("OpenAITransport",)


@dataclass(slots=True)
class OpenAITransport(HttpTransport):
    """Chat completions and embeddings over HTTP.

    `model` is a `ModelSpec` or an id. An id is looked up in `models`; an unknown one is taken to
    be able to use tools. `session` and the rest of the settings are as in
    `axio.wire.client.HttpTransport`.

    `extra_params` are further top-level fields of the request, and override the others.
    `wire` is what is spoken: "chat" for chat completions, "responses" for OpenAI's Responses API,
    over which models that reason go on reasoning from one call of a tool to the next.
    Failures are `StreamError`s; those before the first event are retried.
    """

    name: str = "OpenAI"
    base_url: str = from_environment("OPENAI_BASE_URL", "https://api.openai.com/v1")
    api_key: str = from_environment("OPENAI_API_KEY", repr=False)
    model: ModelOrId = model_field(lambda: OPENAI_MODELS["gpt-4.1-mini"])
    models: ModelRegistry = field(default_factory=lambda: ModelRegistry(OPENAI_MODELS))
    session: aiohttp.ClientSession | None = field(default=None, repr=False, compare=False)
    max_retries: int = 10
    retry_base_delay: float = 5.0
    extra_params: Mapping[str, Any] = field(default_factory=dict)
    timeouts: Timeouts = field(default_factory=Timeouts, kw_only=True)
    wire: str = field(default="chat", kw_only=True)
    # A factory: a subclass without slots would look for a plain default on the class, in vain.
    _encoder: RequestEncoder | None = field(
        default_factory=lambda: None, init=False, repr=False, compare=False
    )

    FIELDS: ClassVar[Fields] = (
        *usual_fields(
            "OPENAI_API_KEY",
            "https://api.openai.com/v1",
            of_key="from platform.openai.com/api-keys",
            at="OPENAI_BASE_URL",
        ),
        {
            "name": "wire",
            "kind": "choice",
            "label": "Protocol",
            "choices": ("chat", "responses"),
            "default": "chat",
            "help": "responses keeps what a model has reasoned between calls",
        },
    )
    catalogue: ClassVar[ModelRegistry] = OPENAI_MODELS
    describe: ClassVar[str] = "OpenAI API error"
    logger: ClassVar[logging.Logger] = logging.getLogger("axio_transport_openai")
    stored: ClassVar[tuple[str, ...]] = ("wire", "extra_params")
    _home: ClassVar[Provider] = OPENAI
    """Whose ways are taken for a host that is not in the table."""

    def __post_init__(self) -> None:
        HttpTransport.__post_init__(self)
        self.extra_params = MappingProxyType(dict(self.extra_params))
        if self.wire not in _PATHS:
            raise ValueError(f'wire is "chat" or "responses", not {self.wire!r}')

    def can_structure(self) -> bool:
        return self._provider.json_schema

    def build_payload(
        self, messages: list[Message], tools: list[AnyTool], system: str
    ) -> JSONObject:
        """The body of the request, as a new dict. A subclass may change it."""
        provider = self._provider
        limit = provider.max_tokens
        if self.wire == "responses":
            limit = "max_output_tokens"
            payload = build_request(
                *(self.model, messages, tools, system, self.reasoning_of),
                images=provider.images,
            )
        else:
            payload = {
                "model": self.model.id,
                "messages": encode_messages(messages, system, provider),
                "stream": True,
            }
            if provider.stream_options:
                payload["stream_options"] = {"include_usage": True}
            if tools:
                payload["tools"] = encode_tools(tools)
            if self._marks_cache(provider):
                mark_prefix(payload["messages"])
        if self.model.max_output_tokens > 0:
            payload[limit] = self.model.max_output_tokens
        payload.update(self.extra_params)
        return payload

    def make_request(
        self, messages: list[Message], tools: list[AnyTool], system: str, schema: Schema = None
    ) -> Request:
        provider, names = self._provider, own_names(tools)
        extra: JSONObject = {}
        if self.wire == "responses":
            if schema is not None:
                extra["text"] = {**(self.extra_params.get("text") or {}), **text_format(schema)}
            body = dumps(self.build_payload(messages, tools, system) | extra)
            keeps_raw = bool(provider.replays)
            decoder: Callable[[], Decoder] = partial(
                ResponsesDecoder, self.reasoning_of, names, keeps_raw=keeps_raw
            )
        else:
            if schema is not None:
                extra["response_format"] = response_format(schema)
            body = self._chat_body(messages, tools, system, extra)
            decoder = partial(ChatDecoder, provider.name, provider.replays, names)
        return Request(self._url(_PATHS[self.wire]), self._headers(), body, decoder)

    @property
    def reasoning_of(self) -> str:
        """The provider of the reasoning blocks that go back to it: what came over the Responses
        wire goes back over it only."""
        name = self._provider.name
        return f"{name}-responses" if self.wire == "responses" else name

    async def embed(self, texts: list[str]) -> list[list[float]]:
        """One vector for each text, in their order."""
        body = dumps({"model": self.model.id, "input": list(texts)})
        describe = "Embedding API error"
        return vectors(await self._ask("embeddings", self._headers(), body, describe=describe))

    async def _fetch_listed(
        self, path: str, describe: str, spec: Callable[[JSONObject], ModelSpec]
    ) -> None:
        """Fill `models` with the entries of a list that the provider has, as `spec` reads them."""
        answer = await self._ask(path, self._headers(), describe=describe, attempts=1)
        self.models.clear()
        for entry in entries(answer):
            self.models[entry["id"]] = spec(entry)
        log = logging.getLogger(type(self).__module__)
        log.info("Loaded %d models", len(self.models))

    def to_dict(self) -> JSONObject:
        data = HttpTransport.to_dict(self)
        if self.extra_params:
            data["extra_params"] = dict(self.extra_params)
        if self.wire != "chat":
            data["wire"] = self.wire
        return data

    def _chat_body(
        self, messages: list[Message], tools: list[AnyTool], system: str, extra: JSONObject
    ) -> bytes:
        if _changes_payload(type(self).__mro__) or _ENCODED_ONCE & self.extra_params.keys():
            return dumps(self.build_payload(messages, tools, system) | extra)
        provider = self._provider
        encoder = self._encoder
        if encoder is None or encoder.provider is not provider:
            encoder = self._encoder = RequestEncoder(provider)
        payload = self.build_payload([], [], system) | extra
        return encoder.body(payload, messages, tools, marks=self._marks_cache(provider))

    def _marks_cache(self, provider: Provider) -> bool:
        return self.model.id.startswith(provider.cache_marks)

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        key = self.api_key.strip()  # a line end, from the file it was read from, is an error
        if key:
            headers["Authorization"] = Secret(f"Bearer {key}")
        return headers

    @property
    def _provider(self) -> Provider:
        return provider_for(self.base_url, self._home)


_PATHS = {"chat": "chat/completions", "responses": "responses"}
_ENCODED_ONCE = frozenset({"messages", "tools"})
_PACKAGE = "axio_transport_openai"


@lru_cache(256)
def _changes_payload(classes: tuple[type, ...]) -> bool:
    """True if a `build_payload` that is not ours has a say, which then gets all the messages."""
    methods = (vars(cls).get("build_payload") for cls in classes)
    return any(m is not None and not m.__module__.startswith(_PACKAGE) for m in methods)
