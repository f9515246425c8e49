"""Everything that goes wrong with a server, on one line that names it.

MCPServerError               also a RuntimeError
├── ConfigError              an entry that says too little, too much or nonsense; a ValueError
├── ConnectError             no connection: the cause, and what to do
├── ConnectionLost           the server went away while it worked on something
├── CallTimeout              it took longer than it may
└── ToolCallError            it says that the call has failed
"""

from __future__ import annotations

from axio.exceptions import AxioError

__all__ = (
    "CallTimeout",
    "ConfigError",
    "ConnectError",
    "ConnectionLost",
    "MCPServerError",
    "ToolCallError",
)


class MCPServerError(AxioError, RuntimeError):
    """A fault of, or with, one server."""


class ConfigError(MCPServerError, ValueError):
    """A server cannot be used as it is configured."""


class ConnectError(MCPServerError):
    """A server cannot be connected."""


class ConnectionLost(MCPServerError):
    """The connection ended before the answer came; the server may have done its work or not."""


class CallTimeout(MCPServerError):
    """A server has not answered in time; it was told to stop."""


class ToolCallError(MCPServerError):
    """A tool has failed, or the server has refused the call."""
