"""Spans and metrics for OpenTelemetry, by its semantic conventions for generative AI.

Needs the extra `axio[otel]`; nothing else in axio imports this module or OpenTelemetry.
Conventions: https://opentelemetry.io/docs/specs/semconv/gen-ai/ (version 1.41). What was said is
never recorded, only names, counts, times and kinds of errors.
"""

from __future__ import annotations

import copy
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from time import monotonic
from typing import Any, cast

from opentelemetry import context as otel, metrics, trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.util.types import AttributeValue

from axio.events import (
    Error,
    IterationEnd,
    SessionEndEvent,
    StreamEvent,
    ToolResult,
    ToolUseStart,
)
from axio.messages import Message
from axio.tool import AnyTool
from axio.transport import CompletionTransport, closing, model_of
from axio.types import ToolCallID, Usage
from axio.wrapper import Wrapper

__all__ = ("Traced", "traced_run")

_SCOPE = "axio"

# Names of the conventions for the transports that have other names of their own.
_PROVIDERS = {"OpenAI": "openai", "Anthropic": "anthropic"}


class Traced(Wrapper):
    """A transport with a span and metrics for each response.

    Around `Retry` it makes one span for all tries, inside of it one for each.
    """

    def __init__(
        self,
        inner: CompletionTransport,
        *,
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
    ) -> None:
        super().__init__(inner)
        self._tracer = trace.get_tracer(_SCOPE, tracer_provider=tracer_provider)
        meter = metrics.get_meter(_SCOPE, meter_provider=meter_provider)
        self._duration = meter.create_histogram(
            "gen_ai.client.operation.duration", "s", "Duration of a response"
        )
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage", "{token}", "Tokens read and written"
        )

    def __deepcopy__(self, memo: dict[int, Any]) -> Traced:
        # Where spans go is the program's, and cannot be copied.
        return self.around(lambda inner: copy.deepcopy(inner, memo))

    async def stream(
        self, messages: list[Message], tools: list[AnyTool], system: str
    ) -> AsyncGenerator[StreamEvent, None]:
        attributes = self._attributes()
        model = attributes.get("gen_ai.request.model")
        # Never made the current span: other code runs in this context between two events.
        span = self._tracer.start_span(
            f"chat {model}" if model else "chat", kind=SpanKind.CLIENT, attributes=attributes
        )
        start, error = monotonic(), ""
        try:
            async with closing(self.inner.stream(messages, tools, system)) as source:
                async for event in source:
                    if isinstance(event, IterationEnd):
                        span.set_attribute("gen_ai.response.finish_reasons", [event.stop_reason])
                        _set_usage(span, event.usage)
                        self._count(event.usage, attributes)
                    yield event
        except BaseException as exc:
            error = type(exc).__qualname__
            if isinstance(exc, Exception):
                _fail(span, exc)
            raise
        finally:
            failed = {"error.type": error} if error else {}
            self._duration.record(monotonic() - start, {**attributes, **failed})
            span.end()

    def _attributes(self) -> dict[str, str]:
        model = model_of(self.inner)
        name = getattr(self.inner, "name", type(self.inner).__name__)
        attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": _PROVIDERS.get(name, str(name)),
        }
        return attributes if model is None else {**attributes, "gen_ai.request.model": model.id}

    def _count(self, usage: Usage, attributes: Mapping[str, str]) -> None:
        for kind, tokens in (("input", usage.input_tokens), ("output", usage.output_tokens)):
            self._tokens.record(tokens, {**attributes, "gen_ai.token.type": kind})


async def traced_run(
    stream: AsyncIterator[StreamEvent],
    name: str = "agent",
    *,
    attributes: Mapping[str, AttributeValue] = {},
    tracer_provider: trace.TracerProvider | None = None,
) -> AsyncGenerator[StreamEvent, None]:
    """The events of a run, under a span for the run and one for each tool call.

    The run's span is the current one while the run works, so that the spans of `Traced` and those
    made inside tools become its children, and never while the consumer does. `attributes` of your
    own are added to it, such as "gen_ai.conversation.id".
    """
    tracer = trace.get_tracer(_SCOPE, tracer_provider=tracer_provider)
    span = tracer.start_span(
        f"invoke_agent {name}",
        attributes={
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": name,
            **attributes,
        },
    )
    inside = trace.set_span_in_context(span)
    waiting: dict[ToolCallID, str] = {}
    calls: dict[ToolCallID, Span] = {}
    try:
        async with aclosing(cast(Any, stream)):
            while True:
                token = otel.attach(inside)
                try:
                    event = await anext(stream)
                except StopAsyncIteration:
                    return
                finally:
                    otel.detach(token)
                if isinstance(event, ToolUseStart):
                    waiting[event.tool_use_id] = event.name
                elif isinstance(event, IterationEnd):
                    for id, tool in waiting.items():
                        calls[id] = _tool_span(tracer, inside, id, tool)
                    waiting.clear()
                elif isinstance(event, ToolResult):
                    _end_tool_span(calls.pop(event.tool_use_id, None), event)
                elif isinstance(event, SessionEndEvent):
                    _set_usage(span, event.total_usage)
                    span.set_attribute("gen_ai.response.finish_reasons", [event.stop_reason])
                elif isinstance(event, Error):
                    _fail(span, event.exception)
                yield event
    finally:
        for call in calls.values():
            call.end()
        span.end()


def _tool_span(tracer: trace.Tracer, parent: otel.Context, id: ToolCallID, name: str) -> Span:
    return tracer.start_span(
        f"execute_tool {name}",
        context=parent,
        attributes={
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": name,
            "gen_ai.tool.call.id": id,
            "gen_ai.tool.type": "function",
        },
    )


def _end_tool_span(span: Span | None, result: ToolResult) -> None:
    if span is None:
        return
    if result.is_error:
        span.set_attribute("error.type", "tool_error")
        span.set_status(Status(StatusCode.ERROR))
    span.end()


def _set_usage(span: Span, usage: Usage) -> None:
    span.set_attribute("gen_ai.usage.input_tokens", usage.input_tokens)
    span.set_attribute("gen_ai.usage.output_tokens", usage.output_tokens)
    if usage.cache_read_tokens:
        span.set_attribute("gen_ai.usage.cache_read.input_tokens", usage.cache_read_tokens)
    if usage.cache_write_tokens:
        span.set_attribute("gen_ai.usage.cache_creation.input_tokens", usage.cache_write_tokens)


def _fail(span: Span, exc: BaseException) -> None:
    span.set_attribute("error.type", type(exc).__qualname__)
    span.set_status(Status(StatusCode.ERROR))
