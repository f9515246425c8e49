"""OpenAI and every server that speaks its chat completions: Nebius, OpenRouter, vLLM, ..."""

__all__ = (
    "OPENAI_MODELS",
    "OpenAIRealtimeSession",
    "OpenAIRealtimeTransport",
    "OpenAITransport",
    "ThinkTagParser",
    "ThinkingMixin",
    "Timeouts",
)

__version__ = "1.0.0a1"

from axio.wire.http import Timeouts
from axio_transport_openai.catalogue import OPENAI_MODELS
from axio_transport_openai.realtime import OpenAIRealtimeSession, OpenAIRealtimeTransport
from axio_transport_openai.thinking import ThinkingMixin, ThinkTagParser
from axio_transport_openai.transport import OpenAITransport
