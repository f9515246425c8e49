"""Transports around transports: the base of all, and the one that asks for answers of a schema."""

from __future__ import annotations

import copy
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from axio.events import StreamEvent
from axio.messages import Message
from axio.transport import (
    CompletionTransport,
    StructuredStream,
    StructuredTransport,
    require_transport,
    takes_schema,
)

if TYPE_CHECKING:
    from axio.tool import AnyTool

__all__ = ("Structured", "Wrapper", "without_retries")

W = TypeVar("W", bound="Wrapper")

_TOLD = (
    "Give the final answer as one JSON object and nothing else. It must fit this schema: {schema}"
)


class Wrapper:
    """`inner`, unchanged. Subclasses override `stream`.

    Attributes that a wrapper has not got, such as `api_key`, are the inner transport's.
    """

    # A slot, so that `around` can share all else.
    __slots__ = ("__dict__", "__weakref__", "inner")

    inner: CompletionTransport

    def __init__(self, inner: CompletionTransport) -> None:
        require_transport(inner, "the transport inside")
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        # While a copy is made there is no `inner` yet, and an inner `__deepcopy__` copies the
        # inner transport alone.
        if name == "inner" or name.startswith("__"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.inner, name)

    @property
    def model(self) -> Any:
        """The inner transport's model; setting it sets that one's."""
        return cast(Any, self.inner).model

    @model.setter
    def model(self, model: object) -> None:
        cast(Any, self.inner).model = model

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.inner!r})"

    def stream(
        self, messages: list[Message], tools: list[AnyTool], system: str
    ) -> AsyncIterator[StreamEvent]:
        return self.inner.stream(messages, tools, system)

    @property
    def stream_structured(self) -> StructuredStream:
        """There if the inner transport has it; these requests pass through `stream` as well."""
        if not takes_schema(self.inner):
            raise AttributeError(f"{type(self.inner).__name__} has no stream_structured")

        def stream(
            messages: list[Message],
            tools: list[AnyTool],
            system: str,
            schema: Mapping[str, Any],
        ) -> AsyncIterator[StreamEvent]:
            held = self.around(lambda inner: Structured(inner, schema))
            return held.stream(messages, tools, system)

        return stream

    def without_retries(self) -> CompletionTransport:
        """The same around a transport that makes one attempt only."""
        return self.around(without_retries)

    def around(self: W, change: Callable[[CompletionTransport], CompletionTransport]) -> W:
        """This wrapper around the changed inner transport.

        All attributes but that one are shared: where `stream` counts, both count together.
        """
        inner = change(self.inner)
        return self if inner is self.inner else self._twin(inner)

    def _twin(self: W, inner: CompletionTransport) -> W:
        twin = copy.copy(self)
        twin.__dict__ = self.__dict__
        twin.inner = inner
        return twin


def without_retries(transport: Any) -> CompletionTransport:
    """A transport like this one that makes one attempt only: itself if it makes no more.

    A transport with a retry policy has a method `without_retries()`, or keeps the number of
    attempts in an attribute `max_retries` of its own.
    """
    # Asked of the class: a wrapper that is no `Wrapper` may forward the inner one's attributes.
    if hasattr(type(transport), "without_retries"):
        return cast(CompletionTransport, transport.without_retries())
    own = "max_retries" in getattr(transport, "__dict__", ())
    if not (own or hasattr(type(transport), "max_retries")) or transport.max_retries == 1:
        return cast(CompletionTransport, transport)
    changed = copy.copy(transport)
    changed.max_retries = 1
    return cast(CompletionTransport, changed)


class Structured(Wrapper):
    """`inner`, which answers with JSON text for `schema`.

    A provider that can is held to it, any other model is told it.
    """

    def __init__(self, inner: CompletionTransport, schema: Mapping[str, Any]) -> None:
        super().__init__(inner)
        self._schema = schema

    @property
    def stream_structured(self) -> StructuredStream:
        """The inner transport's: who asks for another schema gets that one."""
        return cast(StructuredTransport, self.inner).stream_structured

    def stream(
        self, messages: list[Message], tools: list[AnyTool], system: str
    ) -> AsyncIterator[StreamEvent]:
        if takes_schema(self.inner):
            return self.inner.stream_structured(messages, tools, system, self._schema)
        told = _TOLD.format(schema=json.dumps(self._schema))
        return self.inner.stream(messages, tools, f"{system}\n\n{told}".strip())
