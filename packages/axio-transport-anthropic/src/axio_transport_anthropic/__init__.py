"""Claude for axio: Anthropic's Messages API, directly or on Google's Vertex AI."""

from __future__ import annotations

from axio_transport_anthropic.catalogue import ANTHROPIC_MODELS
from axio_transport_anthropic.transport import ANTHROPIC_API_VERSION, AnthropicTransport
from axio_transport_anthropic.vertex import VERTEX_ANTHROPIC_VERSION

__all__ = (
    "ANTHROPIC_API_VERSION",
    "ANTHROPIC_MODELS",
    "VERTEX_ANTHROPIC_VERSION",
    "AnthropicTransport",
)

__version__ = "1.0.0a1"
