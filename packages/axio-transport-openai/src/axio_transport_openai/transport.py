"""OpenAI's chat completions, and every server that speaks them."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, TypeVar

from axio.events import StreamEvent
from axio.messages import Message
from axio.models import ModelRegistry, ModelSpec
from axio.tool import Tool
from axio.wire.http import Decoder, Http, Session, Timeouts, request_json, stream_events
from axio.wire.names import accepted
from axio.wire.retry import RetryPolicy
from axio.wire.session import SessionPool, aiohttp_options
from axio_transport_openai.catalogue import OPENAI_MODELS, spec_for
from axio_transport_openai.decode import ChatDecoder
from axio_transport_openai.embeddings import vectors
from axio_transport_openai.encode import (
    encode_json,
    encode_messages,
    encode_tools,
    mark_prefix,
    response_format,
)
from axio_transport_openai.encoded import RequestEncoder
from axio_transport_openai.providers import OPENAI, Provider, endpoint, provider_for
from axio_transport_openai.responses import ResponsesDecoder, text_format
from axio_transport_openai.responses.request import build_request
from axio_transport_openai.settings import spec_from_dict, spec_to_dict

__all__ = ("OpenAITransport",)

logger = logging.getLogger("axio_transport_openai")

T = TypeVar("T", bound="OpenAITransport")

StructuredStream: TypeAlias = Callable[
    [list[Message], list[Tool[Any]], str, Mapping[str, Any]], AsyncGenerator[StreamEvent, None]
]

if TYPE_CHECKING:
    import aiohttp

    class _Model:
        """To the type checker: takes a model or its id, gives the model."""

        def __get__(self, instance: object, owner: object = None) -> ModelSpec: ...
        def __set__(self, instance: object, value: ModelSpec | str) -> None: ...


def from_environment(name: str, default: str = "", *, repr: bool = True) -> Any:
    """A dataclass field whose default is a variable's value at the time the object is made."""
    return field(default_factory=lambda: os.environ.get(name) or default, repr=repr)


@dataclass(slots=True)
class OpenAITransport:
    """Chat completions and embeddings over HTTP.

    `model` is a `ModelSpec` or an id. An id is looked up in `models`; an unknown one is taken to
    be able to use tools. `session` may be an `aiohttp.ClientSession`, which stays the caller's to
    close; without one the transport opens its own, one for each event loop, and closes it in
    `close`, at the end of ``async with``, or when its event loop ends.

    `extra_params` are further top-level fields of the request, and override the others.
    `wire` is what is spoken: "chat" for chat completions, "responses" for OpenAI's Responses API,
    over which models that reason go on reasoning from one call of a tool to the next.
    Failures are `StreamError`s; those before the first event are retried.
    """

    name: str = "OpenAI"
    base_url: str = from_environment("OPENAI_BASE_URL", "https://api.openai.com/v1")
    api_key: str = from_environment("OPENAI_API_KEY", repr=False)
    if TYPE_CHECKING:
        model: _Model = _Model()
    else:
        model: ModelSpec = field(default_factory=lambda: OPENAI_MODELS["gpt-4.1-mini"])
    models: ModelRegistry = field(default_factory=lambda: ModelRegistry(OPENAI_MODELS))
    session: aiohttp.ClientSession | None = field(default=None, repr=False, compare=False)
    max_retries: int = 10
    retry_base_delay: float = 5.0
    extra_params: Mapping[str, Any] = field(default_factory=dict)
    timeouts: Timeouts = field(default_factory=Timeouts, kw_only=True)
    wire: str = field(default="chat", kw_only=True)
    _sessions: SessionPool = field(
        default_factory=SessionPool, init=False, repr=False, compare=False
    )
    # A factory: a subclass without slots would look for a plain default on the class, in vain.
    _encoder: RequestEncoder | None = field(
        default_factory=lambda: None, init=False, repr=False, compare=False
    )

    _home: ClassVar[Provider] = OPENAI
    """Whose ways are taken for a host that is not in the table."""

    if not TYPE_CHECKING:

        def __setattr__(self, name: str, value: object) -> None:
            if name == "model" and isinstance(value, str) and hasattr(self, "models"):
                value = spec_for(value, self.models)
            object.__setattr__(self, name, value)

    def __post_init__(self) -> None:
        self.extra_params = MappingProxyType(dict(self.extra_params))
        self.model = self.model  # an id can be looked up now that `models` is set
        if self.wire not in ("chat", "responses"):
            raise ValueError(f'wire is "chat" or "responses", not {self.wire!r}')

    async def __aenter__(self: T) -> T:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the session that was opened for this event loop; one that was given stays open."""
        await self._sessions.close()

    def stream(
        self, messages: list[Message], tools: list[Tool[Any]], system: str
    ) -> AsyncGenerator[StreamEvent, None]:
        """One answer. `UnsupportedContent` for media that the API does not take, before anything is
        sent; `StreamError` for what goes wrong afterwards."""
        return self._send(self._body(messages, tools, system), tools)

    @property
    def stream_structured(self) -> StructuredStream:
        """`stream_structured(messages, tools, system, schema)`: as `stream`, but the text of the
        answer is JSON of that schema. Only there where the provider can do it."""
        provider = self._provider
        if not provider.json_schema:
            raise AttributeError(f"no structured outputs for {provider.name}")

        def stream(
            messages: list[Message],
            tools: list[Tool[Any]],
            system: str,
            schema: Mapping[str, Any],
        ) -> AsyncGenerator[StreamEvent, None]:
            if self.wire == "responses":
                options = self.extra_params.get("text") or {}
                extra = {"text": {**options, **text_format(schema)}}
            else:
                extra = {"response_format": response_format(schema)}
            return self._send(self._body(messages, tools, system, extra), tools)

        return stream

    def build_payload(
        self, messages: list[Message], tools: list[Tool[Any]], system: str
    ) -> dict[str, Any]:
        """The body of the request, as a new dict. A subclass may change it."""
        provider = self._provider
        if self.wire == "responses":
            payload = build_request(self.model, messages, tools, system, self._reasoning_of)
            if self.model.max_output_tokens > 0:
                payload["max_output_tokens"] = self.model.max_output_tokens
            payload.update(self.extra_params)
            return payload
        payload = {
            "model": self.model.id,
            "messages": encode_messages(messages, system, provider),
            "stream": True,
        }
        if provider.stream_options:
            payload["stream_options"] = {"include_usage": True}
        if self.model.max_output_tokens > 0:
            payload[provider.max_tokens] = self.model.max_output_tokens
        if tools:
            payload["tools"] = encode_tools(tools)
        if self._marks_cache():
            mark_prefix(payload["messages"])
        payload.update(self.extra_params)
        return payload

    async def embed(self, texts: list[str]) -> list[list[float]]:
        """One vector for each text, in their order."""
        body = encode_json({"model": self.model.id, "input": list(texts)})
        return vectors(await self._ask("embeddings", "Embedding API error", body))

    async def fetch_models(self) -> None:
        """Set `models` to a copy of the built-in list; the network is not asked."""
        self.models = ModelRegistry(OPENAI_MODELS)

    def to_dict(self) -> dict[str, Any]:
        """Settings as JSON-able data, the key in clear text; not the active model."""
        data: dict[str, Any] = {
            "name": self.name,
            "base_url": self.base_url,
            "api_key": self.api_key,
            "models": [spec_to_dict(spec) for spec in self.models],
        }
        if self.extra_params:
            data["extra_params"] = dict(self.extra_params)
        if self.wire != "chat":
            data["wire"] = self.wire
        return data

    @classmethod
    def from_dict(
        cls: type[T], data: Mapping[str, Any], *, session: aiohttp.ClientSession | None = None
    ) -> T:
        """What `to_dict` wrote. Without a URL or a key those of the environment are taken."""
        settings = {
            key: data[key] for key in ("name", "base_url", "api_key", "wire") if data.get(key)
        }
        if "models" in data:
            settings["models"] = ModelRegistry(map(spec_from_dict, data["models"]))
        return cls(**settings, session=session, extra_params=data.get("extra_params") or {})

    def _body(
        self,
        messages: list[Message],
        tools: list[Tool[Any]],
        system: str,
        extra: dict[str, Any] | None = None,
    ) -> bytes:
        if (
            self.wire == "responses"
            or self._changes_payload()
            or not self.extra_params.keys().isdisjoint(_ENCODED_ONCE)
        ):
            return encode_json(self.build_payload(messages, tools, system) | (extra or {}))
        provider = self._provider
        encoder = self._encoder
        if encoder is None or encoder.provider is not provider:
            encoder = self._encoder = RequestEncoder(provider)
        payload = self.build_payload([], [], system) | (extra or {})
        return encoder.body(payload, messages, tools, marks=self._marks_cache())

    def _changes_payload(self) -> bool:
        """Whether somebody else's `build_payload` has a say, which then gets all the messages."""
        methods = (vars(cls).get("build_payload") for cls in type(self).__mro__)
        return any(m is not None and not m.__module__.startswith(_PACKAGE) for m in methods)

    def _marks_cache(self) -> bool:
        return self.model.id.startswith(self._provider.cache_marks)

    def _send(self, body: bytes, tools: list[Tool[Any]]) -> AsyncGenerator[StreamEvent, None]:
        provider = self._provider
        own_names = {wire: t.name for t in tools if (wire := accepted(t.name)) != t.name}
        decoder: Callable[[], Decoder]
        if self.wire == "responses":
            path = "responses"
            keeps_raw = bool(provider.replays)
            decoder = partial(ResponsesDecoder, self._reasoning_of, own_names, keeps_raw=keeps_raw)
        else:
            path = "chat/completions"
            decoder = partial(ChatDecoder, provider.name, provider.replays, own_names)
        return stream_events(
            self._session,
            url=endpoint(self.base_url, path),
            headers=self._headers(),
            body=body,
            decoder=decoder,
            http=self._http("OpenAI API error"),
        )

    async def _ask(
        self, path: str, describe: str, body: bytes | None = None, *, attempts: int | None = None
    ) -> Any:
        """The JSON answer to a request that is not a stream."""
        url = endpoint(self.base_url, path)
        http = self._http(describe, attempts)
        return await request_json(
            self._session, url=url, headers=self._headers(), body=body, http=http
        )

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        key = self.api_key.strip()  # a line end, from the file it was read from, is an error
        if key:
            headers["Authorization"] = f"Bearer {key}"
        return headers

    def _http(self, describe: str, attempts: int | None = None) -> Http:
        import aiohttp  # takes longer than all the rest, and not every transport is ever used

        return Http(
            policy=RetryPolicy(attempts or self.max_retries, self.retry_base_delay),
            timeouts=self.timeouts,
            describe=describe,
            log=logger,
            connection_errors=(aiohttp.ClientError, OSError),
            options=aiohttp_options(self._session, self.timeouts),
        )

    @property
    def _session(self) -> Session:
        return self._sessions if self.session is None else self.session

    @property
    def _reasoning_of(self) -> str:
        """Marks reasoning that came over the Responses wire, and goes back over it only."""
        return f"{self._provider.name}-responses"

    @property
    def _provider(self) -> Provider:
        return provider_for(self.base_url, self._home)


_ENCODED_ONCE = frozenset({"messages", "tools"})
_PACKAGE = "axio_transport_openai"
