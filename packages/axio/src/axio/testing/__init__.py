"""What tests of agents, tools and plug-ins need: scripted models and ready-made parts."""

from __future__ import annotations

from axio.testing.stub import (
    StubTransport,
    make_echo_tool,
    make_ephemeral_context,
    make_stub_transport,
    make_text_response,
    make_tool_use_response,
)

__all__ = (
    "StubTransport",
    "make_echo_tool",
    "make_ephemeral_context",
    "make_stub_transport",
    "make_text_response",
    "make_tool_use_response",
)
