"""Spans and metrics say what happened, nest as it happened, and never break a run."""

from __future__ import annotations

import asyncio
import gc
import logging
import subprocess
import sys
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from axio.agent import Agent
from axio.context import MemoryContextStore
from axio.exceptions import ProviderError
from axio.models import Capability, ModelSpec
from axio.testing import (
    FaultTransport,
    Raises,
    StubTransport,
    check_transport,
    make_echo_tool,
    make_stub_transport,
    make_text_response,
    make_tool_use_response,
)
from axio.tool import Tool
from axio.tracing import Traced, traced_run
from axio.types import Usage


class Recorder:
    def __init__(self) -> None:
        self.spans = InMemorySpanExporter()
        self.tracer_provider = TracerProvider()
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self.spans))
        self.metrics = InMemoryMetricReader()
        self.meter_provider = MeterProvider([self.metrics])

    def traced(self, inner: Any) -> Traced:
        return Traced(
            inner, tracer_provider=self.tracer_provider, meter_provider=self.meter_provider
        )

    def by_name(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self.spans.get_finished_spans()}

    def points(self) -> dict[str, list[Any]]:
        data = self.metrics.get_metrics_data()
        assert data is not None
        return {
            metric.name: list(metric.data.data_points)
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


def named(responses: list[Any]) -> StubTransport:
    stub = StubTransport(responses)
    stub.name = "OpenAI"  # type: ignore[attr-defined]
    stub.model = ModelSpec("gpt-x", frozenset({Capability.tool_use}))  # type: ignore[attr-defined]
    return stub


async def test_a_run_its_responses_and_its_calls_have_spans_that_nest() -> None:
    recorder = Recorder()
    inner: list[Any] = []

    async def look() -> str:
        inner.append(trace.get_current_span())
        return "seen"

    usage = Usage(100, 5, cache_read_tokens=80)
    transport = recorder.traced(
        named([make_tool_use_response("look", usage=usage), make_text_response(usage=usage)])
    )
    stream = Agent("", transport, [Tool("look", look)]).run_stream("go", MemoryContextStore())
    outside = trace.get_current_span()
    async for _ in traced_run(stream, "helper", tracer_provider=recorder.tracer_provider):
        assert trace.get_current_span() is outside
    spans = recorder.spans.get_finished_spans()
    assert sorted(span.name for span in spans) == [
        "chat gpt-x",
        "chat gpt-x",
        "execute_tool look",
        "invoke_agent helper",
    ]
    run = recorder.by_name()["invoke_agent helper"]
    assert run.context is not None
    for span in spans:
        if span is not run:
            assert span.parent is not None
            assert span.parent.span_id == run.context.span_id
    assert inner[0].get_span_context().span_id == run.context.span_id
    chat = dict(recorder.by_name()["chat gpt-x"].attributes or {})
    assert chat == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-x",
        "gen_ai.response.finish_reasons": ("end_turn",),
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.usage.cache_read.input_tokens": 80,
    }
    assert (run.attributes or {})["gen_ai.usage.input_tokens"] == 200
    tool = recorder.by_name()["execute_tool look"].attributes or {}
    assert tool["gen_ai.tool.call.id"] == "call_1"


async def test_metrics_count_tokens_and_time() -> None:
    recorder = Recorder()
    await Agent("", recorder.traced(make_stub_transport())).run("go", MemoryContextStore())
    points = recorder.points()
    assert len(points["gen_ai.client.operation.duration"]) == 1
    tokens = {p.attributes["gen_ai.token.type"]: p.sum for p in points["gen_ai.client.token.usage"]}
    assert tokens == {"input": 10, "output": 5}


async def test_what_was_written_to_a_cache_is_told() -> None:
    recorder = Recorder()
    usage = Usage(10, 5, cache_write_tokens=7)
    model = recorder.traced(StubTransport([make_text_response(usage=usage)]))
    await Agent("", model).run("go", MemoryContextStore())
    [chat] = recorder.spans.get_finished_spans()
    assert (chat.attributes or {})["gen_ai.usage.cache_creation.input_tokens"] == 7


async def test_errors_are_told_by_their_kind_and_never_by_what_they_say() -> None:
    recorder = Recorder()
    error = ProviderError("secret words", status=500)
    transport = recorder.traced(FaultTransport(make_stub_transport(), Raises(1, error)))
    stream = Agent("", transport).run_stream("go", MemoryContextStore())
    async for _ in traced_run(stream, tracer_provider=recorder.tracer_provider):
        pass
    chat, run = recorder.spans.get_finished_spans()
    for span in (chat, run):
        assert (span.attributes or {})["error.type"] == "ProviderError"
        assert not span.status.is_ok
        assert "secret" not in span.to_json()


async def test_a_failing_tool_has_a_failed_span() -> None:
    recorder = Recorder()
    transport = StubTransport([make_tool_use_response("nope"), make_text_response()])
    stream = Agent("", transport, [make_echo_tool()]).run_stream("go", MemoryContextStore())
    async for _ in traced_run(stream, tracer_provider=recorder.tracer_provider):
        pass
    assert not recorder.by_name()["execute_tool nope"].status.is_ok


@pytest.mark.parametrize("how", ["break", "cancel", "collect"])
async def test_leaving_early_ends_all_spans_and_logs_no_error(
    how: str, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = Recorder()
    transport = recorder.traced(StubTransport([make_tool_use_response()]))
    stream = Agent("", transport, [make_echo_tool()]).run_stream("go", MemoryContextStore())
    run = traced_run(stream, tracer_provider=recorder.tracer_provider)
    async for _ in run:
        if how == "cancel":
            stream.cancel()
        else:
            break
    if how == "break":
        await run.aclose()
    del run, stream
    gc.collect()
    for _ in range(10):
        await asyncio.sleep(0)
    names = {span.name for span in recorder.spans.get_finished_spans()}
    assert {"invoke_agent agent", "chat"} <= names
    assert [r for r in caplog.records if r.levelno >= logging.ERROR] == []


async def test_a_traced_transport_is_a_transport() -> None:
    await check_transport(lambda: Recorder().traced(make_stub_transport()))


def test_nothing_else_imports_opentelemetry() -> None:
    code = "import axio, axio.testing, axio.resilience, sys; print('opentelemetry' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
