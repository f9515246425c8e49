"""Spans and metrics name the session and count the attempts at its work, whoever has died."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from axio.agent import Agent
from axio.durable import Standing
from axio.exceptions import StoreError
from axio.tracing import Traced
from axio_context_sqlite import SQLite
from axio_durable import Durable
from axio_durable.tracing import Tracing


class Recorder:
    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.spans = TracerProvider()
        self.spans.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.metrics = MeterProvider([self.reader])
        self.tracing = Tracing(tracer_provider=self.spans, meter_provider=self.metrics)

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.exporter.get_finished_spans() if span.name == name]

    def points(self) -> list[dict[str, Any]]:
        """The attributes under which durations were counted."""
        data = self.reader.get_metrics_data()
        assert data is not None
        ((metric,),) = (scope.metrics for of in data.resource_metrics for scope in of.scope_metrics)
        assert metric.name == "axio.durable.attempt.duration"
        return [dict(point.attributes or {}) for point in metric.data.data_points]


def watched(durable: Durable, recorder: Recorder) -> Durable:
    """The same, with each of its models traced, too."""

    def traced(made: Any) -> Any:
        def make() -> Agent:
            agent = made if isinstance(made, Agent) else made()
            agent.transport = Traced(agent.transport, tracer_provider=recorder.spans)
            return agent

        return make

    agents = {name: traced(made) for name, made in durable.agents.items()}
    return Durable(durable.database, durable.scheduler, agents=agents, watch=recorder.tracing)


async def answered(durable: Durable, session: str, prompt: str, id: str) -> None:
    stop = asyncio.Event()
    working = asyncio.create_task(durable.work(stop=stop))
    try:
        await durable.post(session, prompt, agent="worker", id=id)
        async with asyncio.timeout(60):
            async for _ in durable.follow(session):
                pass
    finally:
        stop.set()
        await working


@pytest.mark.parametrize("program", ["sqlite", "postgres"], indirect=True)
async def test_an_attempt_after_kill_9_is_the_second_and_one_after_rest_the_first(
    program: Any,
) -> None:
    recorder = Recorder()
    async with watched(program.durable(), recorder) as durable:
        await durable.post("s", "slow secret", agent="worker", id="1")
        killed = program.worker()
        async with asyncio.timeout(60):
            while not program.effects():  # noqa: ASYNC110 - another process sets no event
                await asyncio.sleep(0.02)
        killed.kill()
        killed.wait()
        assert (await durable.database.session("s").work.standing()).attempt == 1

        await answered(durable, "s", "slow secret", "1")
        (attempt,) = recorder.named("advance worker")
        assert attempt.attributes is not None
        assert attempt.attributes["gen_ai.conversation.id"] == "s"
        assert attempt.attributes["axio.attempt"] == 2
        assert attempt.attributes["axio.end"] == "end_turn"
        assert (await durable.database.session("s").work.standing()).attempt == 0

        await answered(durable, "s", "effect secret", "2")
        _, attempt = recorder.named("advance worker")
        assert attempt.attributes is not None
        assert attempt.attributes["axio.attempt"] == 1

    _, run = recorder.named("invoke_agent worker")
    assert run.attributes is not None and run.parent is not None and attempt.context is not None
    assert run.parent.span_id == attempt.context.span_id
    assert run.attributes["gen_ai.conversation.id"] == "s"
    assert run.attributes["axio.attempt"] == 1
    for below in (recorder.named("chat")[-1], recorder.named("execute_tool effect")[-1]):
        assert below.context is not None and run.context is not None
        assert below.context.trace_id == run.context.trace_id
    counted = [(point["axio.attempt"], point["axio.end"]) for point in recorder.points()]
    assert sorted(counted) == [(1, "end_turn"), (2, "end_turn")]
    assert "secret" not in repr([span.to_json() for span in recorder.exporter.get_finished_spans()])


@pytest.mark.parametrize("error", [StoreError("the disk is full"), asyncio.CancelledError()])
def test_an_attempt_that_fails_is_counted_with_the_class_of_its_error(error: BaseException) -> None:
    recorder = Recorder()
    with pytest.raises(type(error)), recorder.tracing("s", Standing("worker", attempt=3)):
        raise error
    (span,) = recorder.named("advance worker")
    name = type(error).__name__
    agent = {"gen_ai.agent.name": "worker"}
    assert recorder.points() == [{**agent, "axio.attempt": 3, "error.type": name}]
    assert span.attributes is not None and span.attributes["error.type"] == name
    assert (span.status.status_code is StatusCode.ERROR) == isinstance(error, Exception)
    assert "disk" not in span.to_json()


async def test_a_session_at_rest_is_no_attempt() -> None:
    recorder = Recorder()
    durable = Durable(SQLite(":memory:"), agents={}, watch=recorder.tracing)
    async with durable:
        store = durable.database.session("s")
        await store.work.assign("worker")
        async with store.own():
            assert (await store.work.attempt()).attempt == 0
        await durable.advance("s")
    assert recorder.exporter.get_finished_spans() == ()
