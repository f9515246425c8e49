"""An offline model that chooses tools, as a transport for axio."""

from __future__ import annotations

from axio_transport_local.transport import LocalTransport
from axio_transport_local.weights import SMOLLM2

__all__ = ("SMOLLM2", "LocalTransport")

__version__ = "1.0.0a1"
