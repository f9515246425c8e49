"""ChatGPT's Codex backend for axio: models paid for by a ChatGPT subscription."""

from axio_transport_codex.catalogue import CODEX_MODELS
from axio_transport_codex.transport import CodexTransport

__all__ = ("CODEX_MODELS", "CodexTransport")

__version__ = "1.0.0a1"
