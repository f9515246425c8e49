"""Spans and metrics of the work on sessions, for OpenTelemetry; needs the extra `otel`.

Conventions: https://opentelemetry.io/docs/specs/semconv/gen-ai/ (version 1.41). What was said is
never recorded.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from time import monotonic

from axio.durable import Standing
from axio.events import SessionEndEvent, StreamEvent
from axio.stream import AgentStream
from axio_durable.errors import MissingPackage
from axio_durable.watch import Watched

try:
    from opentelemetry import metrics, trace
    from opentelemetry.trace import SpanKind, Status, StatusCode

    from axio.tracing import traced_run
except ModuleNotFoundError as error:
    raise MissingPackage("otel", error, "tracing") from error

__all__ = ("Tracing",)

_SCOPE = "axio-durable"


class Tracing:
    """A span for each attempt at a session's work, with those of its runs, calls and responses
    below it, and the histogram `axio.durable.attempt.duration`.

        durable = Durable(..., watch=Tracing())

    Spans have the session as `gen_ai.conversation.id`, and the number of the attempt since the
    session was at rest as `axio.attempt`. The histogram has only the latter: a metric's attributes
    must be few, and its exemplars name the trace.
    """

    def __init__(
        self,
        *,
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
    ) -> None:
        self._provider = tracer_provider
        self._tracer = trace.get_tracer(_SCOPE, tracer_provider=tracer_provider)
        self._duration = metrics.get_meter(_SCOPE, meter_provider=meter_provider).create_histogram(
            "axio.durable.attempt.duration", "s", "Duration of an attempt at a session's work"
        )

    @contextmanager
    def __call__(self, session: str, standing: Standing) -> Iterator[Watched]:
        agent = standing.agent or ""
        counted: dict[str, str | int] = {
            "gen_ai.agent.name": agent,
            "axio.attempt": standing.attempt,
        }
        attributes = {**counted, "gen_ai.conversation.id": session}
        ends: list[str] = []

        async def watched(stream: AgentStream) -> AsyncIterator[StreamEvent]:
            run = traced_run(stream, agent, attributes=attributes, tracer_provider=self._provider)
            async for event in run:
                if isinstance(event, SessionEndEvent):
                    ends.append(event.reason or event.stop_reason)
                yield event

        start = monotonic()
        with self._tracer.start_as_current_span(
            f"advance {agent}",
            kind=SpanKind.CONSUMER,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield watched
            except BaseException as error:
                counted["error.type"] = type(error).__qualname__
                if isinstance(error, Exception):
                    span.set_status(Status(StatusCode.ERROR))
                raise
            finally:
                if ends:
                    counted["axio.end"] = ends[-1]
                span.set_attributes(counted)
                self._duration.record(monotonic() - start, counted)
