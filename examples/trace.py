"""Spans for OpenTelemetry, here collected in memory (needs the extra `axio[otel]`)."""

from __future__ import annotations

import asyncio

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from axio import Agent, MemoryContextStore
from axio.testing import (
    StubTransport,
    make_echo_tool,
    make_text_response,
    make_tool_use_response,
)
from axio.tracing import Traced, traced_run

spans = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(spans))


async def main() -> None:
    model = StubTransport([make_tool_use_response(), make_text_response()])
    transport = Traced(model, tracer_provider=provider)
    agent = Agent(system="", transport=transport, tools=[make_echo_tool()])
    stream = agent.run_stream("hi", MemoryContextStore())
    async for _ in traced_run(stream, "echoer", tracer_provider=provider):
        pass
    for span in spans.get_finished_spans():
        attributes = dict(span.attributes or {})
        print(span.name, "-", attributes.get("gen_ai.usage.input_tokens", "no"), "tokens read")


if __name__ == "__main__":
    asyncio.run(main())

# Prints:
# chat - 10 tokens read
# execute_tool echo - no tokens read
# chat - 10 tokens read
# invoke_agent echoer - 20 tokens read
