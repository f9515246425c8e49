"""The transport: settings, one request, and the events of its answer."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from axio.media import ImageLimits
from axio.messages import Message
from axio.models import ModelRegistry, ModelSpec
from axio.types import JSONObject
from axio.wire.client import HttpTransport, Request, Schema
from axio.wire.http import Timeouts
from axio.wire.names import own_names
from axio.wire.payload import dumps
from axio.wire.secret import Secret
from axio.wire.settings import (
    Fields,
    ModelOrId,
    from_environment,
    model_field,
    spec_from_dict,
    usual_fields,
)
from axio_transport_anthropic.catalogue import (
    ANTHROPIC_MODELS,
    DEFAULT_MODEL,
    spec_of,
    with_cache_prices,
    writes_json,
)
from axio_transport_anthropic.decode import PROVIDER, MessagesDecoder
from axio_transport_anthropic.encode import CACHE_MARK, json_array, json_object
from axio_transport_anthropic.history import Encoder
from axio_transport_anthropic.structured import output_config
from axio_transport_anthropic.vertex import VERTEX_ANTHROPIC_VERSION, VertexToken, vertex_url

if TYPE_CHECKING:
    import aiohttp

    from axio.tool import AnyTool

__all__ = ("ANTHROPIC_API_VERSION", "AnthropicTransport")

ANTHROPIC_API_VERSION = "2023-06-01"

MAX_TOKENS = 8192
"""For a model whose limit is not known: the API wants one, and every Claude can do this much."""

IMAGE_LIMITS = ImageLimits(
    base64=10 << 20,
    side=8000,
    count=100,
    total=30 << 20,  # a request may have 32 MB
    many=20,
    many_side=2000,
)
"""https://docs.claude.com/en/docs/build-with-claude/vision and the words of the API's refusals."""

SAMPLING = ("temperature", "top_p", "top_k", "thinking_budget")

logger = logging.getLogger("axio_transport_anthropic")


def _base_url() -> str:
    """The address of the environment, which other libraries want without the version."""
    given = os.environ.get("ANTHROPIC_BASE_URL", "").strip()
    if not given:
        return "https://api.anthropic.com/v1"
    return given if urlsplit(given).path.strip("/") else f"{given.rstrip('/')}/v1"


@dataclass(slots=True)
class AnthropicTransport(HttpTransport):
    """Claude over the Messages API.

    `model` may be given as a name, which is looked up in `models`. `vertexai` selects Google's
    Vertex AI, which wants a `project` and Google's default credentials instead of a key. The rest
    of the settings is as in `axio.wire.client.HttpTransport`.

    `thinking_budget` is the number of tokens that the model may think, less than the model's
    `max_output_tokens`; the API then refuses `temperature` and `top_k`.
    """

    name: str = "Anthropic"
    base_url: str = field(default_factory=_base_url)
    api_key: str = from_environment("ANTHROPIC_API_KEY", repr=False)
    vertexai: bool | str | None = None
    project: str = ""
    location: str = ""
    model: ModelOrId = model_field(lambda: spec_of(DEFAULT_MODEL))
    models: ModelRegistry = field(default_factory=lambda: ModelRegistry(ANTHROPIC_MODELS))
    session: aiohttp.ClientSession | None = field(default=None, repr=False, compare=False)
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    thinking_budget: int | None = None
    max_retries: int = 10
    retry_base_delay: float = 5.0
    timeouts: Timeouts = field(default_factory=Timeouts, kw_only=True)
    _token: VertexToken = field(default_factory=VertexToken, init=False, repr=False, compare=False)
    _encoder: Encoder = field(init=False, repr=False, compare=False)

    FIELDS: ClassVar[Fields] = usual_fields(
        "ANTHROPIC_API_KEY",
        "https://api.anthropic.com/v1",
        of_key="from console.anthropic.com",
        at="ANTHROPIC_BASE_URL",
    )
    catalogue: ClassVar[ModelRegistry] = ANTHROPIC_MODELS
    describe: ClassVar[str] = "Anthropic API error"
    reasoning_of: ClassVar[str] = PROVIDER
    """The provider of the reasoning blocks that go back to it."""
    image_limits: ClassVar[ImageLimits] = IMAGE_LIMITS
    """In place of images over these limits the model gets notes."""
    logger: ClassVar[logging.Logger] = logger
    stored: ClassVar[tuple[str, ...]] = ("vertexai", "project", "location", *SAMPLING)

    def __post_init__(self) -> None:
        HttpTransport.__post_init__(self)
        self._encoder = Encoder(self.image_limits)
        vertexai = self.vertexai
        if vertexai is None:
            vertexai = os.environ.get("GOOGLE_GENAI_USE_VERTEXAI") or ""
        self.vertexai = str(vertexai).lower() in ("true", "1")
        if self.vertexai:
            self.project = self.project or os.environ.get("GOOGLE_CLOUD_PROJECT") or ""
            self.location = self.location or os.environ.get("GOOGLE_CLOUD_LOCATION") or ""

    def guess_model(self, id: str) -> ModelSpec:
        return spec_of(id)

    def can_structure(self) -> bool:
        return not self.vertexai and writes_json(self.model.id)

    def build_payload(
        self, messages: list[Message], tools: list[AnyTool], system: str
    ) -> JSONObject:
        """The body of the request, as a new dict."""
        payload: JSONObject = json.loads(self._body(messages, tools, system))
        return payload

    def make_request(
        self, messages: list[Message], tools: list[AnyTool], system: str, schema: Schema = None
    ) -> Request:
        if type(self).build_payload is AnthropicTransport.build_payload:
            body = self._body(messages, tools, system, schema)
        else:  # of a subclass, which has the last word
            output = {} if schema is None else {"output_config": output_config(schema)}
            body = dumps(self.build_payload(messages, tools, system) | output)
        decoder = partial(MessagesDecoder, own_names(tools))
        if self.vertexai:
            url = vertex_url(self.project, self.location, self.model.id)
            return Request(url, self._token.headers, body, decoder)
        headers = {"content-type": "application/json", "anthropic-version": ANTHROPIC_API_VERSION}
        if key := self.api_key.strip():  # the end of a line it was read from is no part of it
            headers["x-api-key"] = Secret(key)
        return Request(self._url("messages"), headers, body, decoder)

    def to_dict(self) -> JSONObject:
        data = HttpTransport.to_dict(self)
        if self.vertexai:
            data |= {"vertexai": True, "project": self.project, "location": self.location}
        return data | self._sampling()

    @staticmethod
    def _stored_model(data: Mapping[str, Any]) -> ModelSpec:
        return with_cache_prices(spec_from_dict(data))

    def _sampling(self) -> JSONObject:
        values = {name: getattr(self, name) for name in SAMPLING}
        return {name: value for name, value in values.items() if value is not None}

    def _body(
        self, messages: list[Message], tools: list[AnyTool], system: str, schema: Schema = None
    ) -> bytes:
        history = self._encoder.history(messages)
        system_parts = history.system
        if system.strip():
            prompt = dumps({"type": "text", "text": system})
            system_parts = [prompt[:-1] + CACHE_MARK, *system_parts]
        definitions = self._encoder.tools(tools)
        if definitions:
            definitions[-1] = definitions[-1][:-1] + CACHE_MARK

        settings: JSONObject = self._sampling()
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
