"""One base for transports over HTTP. A provider has for itself how a request is encoded, how the
answer is decoded, and which models there are."""

from __future__ import annotations

import copy
import dataclasses
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeAlias, TypeVar

from axio.events import StreamEvent
from axio.messages import Message
from axio.models import Capability, ModelRegistry, ModelSpec
from axio.types import JSONObject
from axio.wire.address import Address
from axio.wire.http import (
    Decoder,
    Headers,
    Http,
    Session,
    Timeouts,
    request_json,
    stream_events,
)
from axio.wire.retry import RetryPolicy
from axio.wire.session import SessionPool
from axio.wire.settings import ModelOrId, spec_from_dict, spec_to_dict

if TYPE_CHECKING:
    from axio.tool import AnyTool

__all__ = ("HttpTransport", "Request", "Schema", "StructuredStream")

T = TypeVar("T", bound="HttpTransport")

Schema: TypeAlias = Mapping[str, Any] | None
"""Of the JSON that the text of an answer is to be; None where it may be any text."""

StructuredStream: TypeAlias = Callable[
    ["list[Message]", "list[AnyTool]", str, Mapping[str, Any]],
    AsyncGenerator[StreamEvent, None],
]


class Request(NamedTuple):
    """One POST whose answer is a stream."""

    url: str
    headers: Headers
    """With the credentials as `axio.wire.secret.Secret`, so that no error shows them."""
    body: bytes
    decoder: Callable[[], Decoder]
    """Makes one that has read nothing yet, for each attempt."""


class HttpTransport:
    """The base of a dataclass with the fields that are declared here, in an order of its own.

    `model` may be set to an id, which is looked up in `models`. `session` may be an
    `aiohttp.ClientSession`, which stays the caller's to close; without one the transport opens its
    own, one for each event loop, and closes it in `close`, at the end of ``async with``, or when
    its event loop ends. `max_retries` counts all attempts; `retry_base_delay` is in seconds and
    doubles.

    Copies have connections of their own; `copy` and `deepcopy` keep a `session` that was given,
    `pickle` leaves it out.
    """

    __slots__ = ("_sessions",)
    _sessions: SessionPool

    if TYPE_CHECKING:  # slots of the subclass
        name: str
        base_url: str
        api_key: str
        model: ModelOrId
        models: ModelRegistry
        session: Any
        max_retries: int
        retry_base_delay: float
        timeouts: Timeouts

    catalogue: ClassVar[ModelRegistry]
    """The models that are known without asking."""
    describe: ClassVar[str]
    """How messages of errors begin."""
    logger: ClassVar[logging.Logger] = logging.getLogger(__name__)
    stored: ClassVar[tuple[str, ...]] = ()
    """Names of the provider's own settings that `from_dict` takes."""

    # ── what a provider says ──────────────────────────────────────────────────────────────────

    def make_request(
        self, messages: list[Message], tools: list[AnyTool], system: str, schema: Schema = None
    ) -> Request:
        """The request for the next answer; with a `schema` its text is JSON of that schema.

        `UnsupportedContent` for media that the provider does not take.
        """
        raise NotImplementedError

    def guess_model(self, id: str) -> ModelSpec:
        """A spec with what may be relied on of a model that is not in `models`: that it can use
        tools. `max_output_tokens=0` means that no limit is sent, since one above the model's own is
        an error at some providers."""
        capabilities = frozenset({Capability.text, Capability.tool_use})
        return ModelSpec(id, capabilities, max_output_tokens=0)

    def can_structure(self) -> bool:
        """True if the provider can bind the answer of this model to a schema."""
        return False

    def observe(self, headers: Mapping[str, str]) -> None:
        """The headers of an answer came, also those of a refusal."""

    async def renew(self, sent: Mapping[str, str]) -> bool:
        """A request with these headers was refused with 401. True if there are better ones now."""
        return False

    # ── what all have ─────────────────────────────────────────────────────────────────────────

    if not TYPE_CHECKING:

        def __setattr__(self, name: str, value: object) -> None:
            if name == "model" and isinstance(value, str) and hasattr(self, "models"):
                value = self.models.get(value) or self.guess_model(value)
            elif name == "base_url" and isinstance(value, str):
                value = Address(value)
            object.__setattr__(self, name, value)

    def __post_init__(self) -> None:
        self._sessions = SessionPool()
        self.model = self.model  # an id can be looked up now that `models` is set

    async def __aenter__(self: T) -> T:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the session that was opened for this event loop; one that was given stays open."""
        await self._sessions.close()

    def stream(
        self, messages: list[Message], tools: list[AnyTool], system: str
    ) -> AsyncGenerator[StreamEvent, None]:
        """One answer. `UnsupportedContent` for media that the provider does not take, before
        anything is sent; `StreamError` for what goes wrong afterwards."""
        return self._post(self.make_request(messages, tools, system))

    @property
    def stream_structured(self) -> StructuredStream:
        """`stream_structured(messages, tools, system, schema)`: as `stream`, but the text of the
        answer is JSON of that schema. Only there where the provider can do it."""
        if not self.can_structure():
            raise AttributeError(f"no structured outputs for {self.model.id} here")
        return lambda *asked: self._post(self.make_request(*asked))

    async def fetch_models(self) -> None:
        """Set `models` to a copy of the built-in list; the network is not asked."""
        self.models = ModelRegistry(self.catalogue)  # type: ignore[misc]

    def without_retries(self: T) -> T:
        """The same transport, over the same connections, whose requests are made once: for
        what tries again around it."""
        other = copy.copy(self)
        other.max_retries = 1
        other._sessions = self._sessions
        return other

    def to_dict(self) -> JSONObject:
        """Settings as JSON-able data, the key in clear text; not the active model."""
        return {
            "name": self.name,
            "base_url": str(self.base_url),
            "api_key": self.api_key,
            "models": [spec_to_dict(spec) for spec in self.models],
        }

    @classmethod
    def from_dict(cls: type[T], data: Mapping[str, Any], *, session: Any = None) -> T:
        """The transport of these settings. A URL or a key that is missing is the environment's."""
        names = ("name", "base_url", "api_key", *cls.stored)
        settings = {name: data[name] for name in names if data.get(name) not in (None, "")}
        if "models" in data:
            settings["models"] = ModelRegistry(map(cls._stored_model, data["models"]))
        return cls(**settings, session=session)  # type: ignore[call-arg]

    @staticmethod
    def _stored_model(data: Mapping[str, Any]) -> ModelSpec:
        return spec_from_dict(data)

    # ── copies ────────────────────────────────────────────────────────────────────────────────

    def __getstate__(self) -> dict[str, Any]:
        names = [field.name for field in dataclasses.fields(self)]  # type: ignore[arg-type]
        state = {name: getattr(self, name) for name in names} | getattr(self, "__dict__", {})
        readable = {k: dict(v) for k, v in state.items() if isinstance(v, MappingProxyType)}
        return {**state, **readable, "session": None}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)
        self.__post_init__()

    def __copy__(self: T) -> T:
        other = object.__new__(type(self))
        other.__setstate__({**self.__getstate__(), "session": self.session})
        return other

    def __deepcopy__(self: T, memo: dict[int, Any]) -> T:
        other = memo[id(self)] = object.__new__(type(self))
        state = copy.deepcopy(self.__getstate__(), memo)
        other.__setstate__({**state, "session": self.session})
        return other

    # ── requests ──────────────────────────────────────────────────────────────────────────────

    def _url(self, path: str) -> Address:
        return Address(self.base_url).below(path)

    def _post(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
        url, headers, body, decoder = request
        http = self._http(self.describe)
        return stream_events(
            self._session, url=url, headers=headers, body=body, decoder=decoder, http=http
        )

    async def _ask(
        self,
        path: str,
        headers: Headers,
        body: bytes | None = None,
        *,
        describe: str = "",
        attempts: int | None = None,
        timeouts: Timeouts | None = None,
    ) -> Any:
        """The JSON answer to a request that is not a stream."""
        http = self._http(describe or self.describe, attempts=attempts, timeouts=timeouts)
        url = self._url(path)
        return await request_json(self._session, url=url, headers=headers, body=body, http=http)

    def _http(
        self, describe: str, *, attempts: int | None = None, timeouts: Timeouts | None = None
    ) -> Http:
        timeouts = timeouts or self.timeouts
        attempts = attempts or self.max_retries
        return Http(
            policy=RetryPolicy(attempts, self.retry_base_delay, total=timeouts.retries),
            timeouts=timeouts,
            describe=describe,
            log=self.logger,
            observe=self.observe,
            renew=self.renew,
        )

    @property
    def _session(self) -> Session:
        return self._sessions if self.session is None else self.session
