"""The transport: settings, one request, and the events of its answer."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias

import aiohttp

from axio.events import StreamEvent
from axio.messages import Message
from axio.models import Capability, ModelRegistry, ModelSpec
from axio.wire.http import Http, Timeouts, stream_events
from axio.wire.retry import RetryPolicy
from axio.wire.session import SessionPool, aiohttp_options
from axio_transport_anthropic.catalogue import (
    ANTHROPIC_MODELS,
    DEFAULT_MODEL,
    spec_of,
    with_cache_prices,
    writes_json,
)
from axio_transport_anthropic.decode import MessagesDecoder
from axio_transport_anthropic.encode import (
    CACHE_MARK,
    dumps,
    json_array,
    json_object,
    names_of,
)
from axio_transport_anthropic.history import Encoder
from axio_transport_anthropic.structured import output_config
from axio_transport_anthropic.vertex import VERTEX_ANTHROPIC_VERSION, VertexToken, vertex_url

if TYPE_CHECKING:
    from axio.tool import Tool

__all__ = ("ANTHROPIC_API_VERSION", "AnthropicTransport")

ANTHROPIC_API_VERSION = "2023-06-01"

MAX_TOKENS = 8192
"""For a model whose limit is not known: the API wants one, and every Claude can do this much."""

StructuredStream: TypeAlias = Callable[
    ["list[Message]", "list[Tool[Any]]", str, Mapping[str, Any]],
    AsyncGenerator[StreamEvent, None],
]

logger = logging.getLogger("axio_transport_anthropic")

if TYPE_CHECKING:

    class _Model:
        """To the type checker: takes a model or its name, gives the model."""

        def __get__(self, instance: object, owner: object = None) -> ModelSpec: ...
        def __set__(self, instance: object, value: ModelSpec | str) -> None: ...


def _base_url() -> str:
    return os.environ.get("ANTHROPIC_BASE_URL") or "https://api.anthropic.com/v1"


def _api_key() -> str:
    return os.environ.get("ANTHROPIC_API_KEY") or ""


@dataclass(slots=True)
class AnthropicTransport:
    """Claude over the Messages API.

    Without a `session` the transport opens its own, one for each event loop; they end with
    `close`, with their loop or with the program. `model` may be given as a name, which is looked
    up in `models`. `vertexai` selects Google's Vertex AI, which wants a `project` and Google's
    default credentials instead of a key.

    `thinking_budget` is the number of tokens that the model may think, less than the model's
    `max_output_tokens`; the API then refuses `temperature` and `top_k`. `max_retries` counts all
    attempts; `retry_base_delay` is in seconds and doubles.
    """

    name: str = "Anthropic"
    base_url: str = field(default_factory=_base_url)
    api_key: str = field(default_factory=_api_key, repr=False)
    vertexai: bool | str | None = None
    project: str = ""
    location: str = ""
    if TYPE_CHECKING:
        model: _Model = _Model()
    else:
        model: ModelSpec = field(default_factory=lambda: spec_of(DEFAULT_MODEL))
    models: ModelRegistry = field(default_factory=lambda: ModelRegistry(ANTHROPIC_MODELS.values()))
    session: aiohttp.ClientSession | None = field(default=None, repr=False, compare=False)
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    thinking_budget: int | None = None
    max_retries: int = 10
    retry_base_delay: float = 5.0
    timeouts: Timeouts = field(default_factory=Timeouts, kw_only=True)
    _sessions: SessionPool = field(
        default_factory=SessionPool, init=False, repr=False, compare=False
    )
    _token: VertexToken = field(default_factory=VertexToken, init=False, repr=False, compare=False)
    _encoder: Encoder = field(default_factory=Encoder, init=False, repr=False, compare=False)

    if not TYPE_CHECKING:

        def __setattr__(self, name: str, value: object) -> None:
            if name == "model" and isinstance(value, str) and hasattr(self, "models"):
                value = self.models.get(value) or spec_of(value)
            object.__setattr__(self, name, value)

    def __post_init__(self) -> None:
        self.model = self.model  # where it was given as a name: now `models` is there to look in
        vertexai = self.vertexai
        if vertexai is None:
            vertexai = os.environ.get("GOOGLE_GENAI_USE_VERTEXAI") or ""
        self.vertexai = str(vertexai).lower() in ("true", "1")
        if self.vertexai:
            self.project = self.project or os.environ.get("GOOGLE_CLOUD_PROJECT") or ""
            self.location = self.location or os.environ.get("GOOGLE_CLOUD_LOCATION") or ""

    async def __aenter__(self) -> AnthropicTransport:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the session that was opened for this event loop; one that was given stays open."""
        await self._sessions.close()

    def stream(
        self, messages: list[Message], tools: list[Tool[Any]], system: str
    ) -> AsyncGenerator[StreamEvent, None]:
        """One answer. `UnsupportedContent` for media that Claude does not take, before anything is
        sent; `StreamError` for what goes wrong afterwards."""
        return self._send(messages, tools, system)

    @property
    def stream_structured(self) -> StructuredStream:
        """`stream_structured(messages, tools, system, schema)`: as `stream`, but the text of the
        answer is JSON of that schema. Only there when the API can do it for this model."""
        if self.vertexai or not writes_json(self.model.id):
            raise AttributeError(f"no structured outputs for {self.model.id} here")
        return self._send

    def build_payload(
        self, messages: list[Message], tools: list[Tool[Any]], system: str
    ) -> dict[str, Any]:
        """The body of the request, as a new dict."""
        payload: dict[str, Any] = json.loads(self._body(messages, tools, system))
        return payload

    async def fetch_models(self) -> None:
        """Set `models` to a copy of the built-in list; the network is not asked."""
        self.models = ModelRegistry(ANTHROPIC_MODELS.values())

    def to_dict(self) -> dict[str, Any]:
        """Settings as JSON-able data, the key in clear text; not the active model."""
        data: dict[str, Any] = {
            "name": self.name,
            "base_url": self.base_url,
            "api_key": self.api_key,
            "models": [_spec_to_dict(spec) for spec in self.models],
        }
        if self.vertexai:
            data |= {"vertexai": True, "project": self.project, "location": self.location}
        return data | self._sampling()

    @classmethod
    def from_dict(
        cls, data: Mapping[str, Any], *, session: aiohttp.ClientSession | None = None
    ) -> AnthropicTransport:
        """What `to_dict` wrote. Without a URL or a key those of the environment are taken."""
        models = [*ANTHROPIC_MODELS.values()]
        if "models" in data:
            models = [_spec_from_dict(item) for item in data["models"]]
        return cls(
            name=data.get("name") or "Anthropic",
            base_url=data.get("base_url") or _base_url(),
            api_key=data.get("api_key") or _api_key(),
            vertexai=data.get("vertexai"),
            project=data.get("project") or "",
            location=data.get("location") or "",
            models=ModelRegistry(models),
            session=session,
            **{key: data[key] for key in _SAMPLING if data.get(key) is not None},
        )

    def _sampling(self) -> dict[str, Any]:
        values = {key: getattr(self, key) for key in _SAMPLING}
        return {key: value for key, value in values.items() if value is not None}

    def _body(
        self,
        messages: list[Message],
        tools: list[Tool[Any]],
        system: str,
        schema: Mapping[str, Any] | None = None,
    ) -> bytes:
        history = self._encoder.history(messages)
        system_parts = history.system
        if system.strip():
            prompt = dumps({"type": "text", "text": system})
            system_parts = [prompt[:-1] + CACHE_MARK, *system_parts]
        definitions = self._encoder.tools(tools)
        if definitions:
            definitions[-1] = definitions[-1][:-1] + CACHE_MARK

        settings: dict[str, Any] = self._sampling()
        budget = settings.pop("thinking_budget", None)
        if budget is not None:
            if not history.may_think():
                # The API refuses to begin thinking in the middle of a turn, and this turn was
                # begun without: by another model, or before thinking was switched on.
                logger.info("no thinking in this turn: it was begun without")
            else:
                settings["thinking"] = {"type": "enabled", "budget_tokens": budget}
        if schema is not None:
            settings["output_config"] = output_config(schema)
        if self.vertexai:
            settings["anthropic_version"] = VERTEX_ANTHROPIC_VERSION
        else:
            settings["model"] = self.model.id
        settings["max_tokens"] = self.model.max_output_tokens or MAX_TOKENS
        settings["stream"] = True

        pairs = [(key, dumps(value)) for key, value in settings.items()]
        if system_parts:
            pairs.append(("system", json_array(system_parts)))
        if definitions:
            pairs.append(("tools", json_array(definitions)))
        pairs.append(("messages", history.messages()))
        return json_object(pairs)

    def _send(
        self,
        messages: list[Message],
        tools: list[Tool[Any]],
        system: str,
        schema: Mapping[str, Any] | None = None,
    ) -> AsyncGenerator[StreamEvent, None]:
        if type(self).build_payload is AnthropicTransport.build_payload:
            body = self._body(messages, tools, system, schema)
        else:  # of a subclass, which has the last word
            output = {} if schema is None else {"output_config": output_config(schema)}
            body = dumps(self.build_payload(messages, tools, system) | output)
        decoder = partial(MessagesDecoder, names_of(tools))
        if self.vertexai:
            return self._send_to_vertex(body, decoder)
        headers = {"content-type": "application/json", "anthropic-version": ANTHROPIC_API_VERSION}
        if key := self.api_key.strip():  # the end of a line it was read from is no part of it
            headers["x-api-key"] = key
        return self._post(self.base_url.rstrip("/") + "/messages", headers, body, decoder)

    async def _send_to_vertex(
        self, body: bytes, decoder: Callable[[], MessagesDecoder]
    ) -> AsyncGenerator[StreamEvent, None]:
        url = vertex_url(self.project, self.location, self.model.id)
        token = await self._token.get()
        headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
        async with aclosing(self._post(url, headers, body, decoder)) as events:
            async for event in events:
                yield event

    def _post(
        self,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        decoder: Callable[[], MessagesDecoder],
    ) -> AsyncGenerator[StreamEvent, None]:
        session = self._sessions if self.session is None else self.session
        http = Http(
            policy=RetryPolicy(self.max_retries, self.retry_base_delay),
            timeouts=self.timeouts,
            describe="Anthropic API error",
            log=logger,
            connection_errors=(aiohttp.ClientError, OSError),
            options=aiohttp_options(session, self.timeouts),
        )
        return stream_events(
            session, url=url, headers=headers, body=body, decoder=decoder, http=http
        )


_SAMPLING = ("temperature", "top_p", "top_k", "thinking_budget")


def _spec_to_dict(spec: ModelSpec) -> dict[str, Any]:
    return {
        "id": spec.id,
        "context_window": spec.context_window,
        "max_output_tokens": spec.max_output_tokens,
        "capabilities": sorted(spec.capabilities),
        "input_cost": spec.input_cost,
        "output_cost": spec.output_cost,
    }


def _spec_from_dict(data: Mapping[str, Any]) -> ModelSpec:
    return with_cache_prices(
        ModelSpec(
            data["id"],
            frozenset(Capability(name) for name in data.get("capabilities", ()) if name in _KNOWN),
            data.get("max_output_tokens", 8000),
            data.get("context_window", 128_000),
            data.get("input_cost", 0.0),
            data.get("output_cost", 0.0),
        )
    )


_KNOWN = frozenset(Capability)
