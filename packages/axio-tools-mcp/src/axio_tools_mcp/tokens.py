"""The outcome of signing in: tokens and client registrations, in files that only the user may read.

Expiry is kept as a point in time. The tokens of one server are one file, and who renews them holds
a lock on it: refresh tokens are used once, also by several processes.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from axio_tools_mcp.config import MCPServerConfig
from axio_tools_mcp.kept import replace

__all__ = ("TokenFile", "token_file", "tokens_folder")

_LOOK_SECONDS = 0.05


def tokens_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of the user's tokens."""
    base = environment.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return Path(base, "axio", "mcp-tokens")


def token_file(config: MCPServerConfig) -> TokenFile:
    """The tokens for a server. Those of a program that signs in for itself are apart from those of
    a person."""
    assert config.url is not None
    own = f" {config.oauth_client_id}" if config.signs_in_alone else ""
    return TokenFile(config.url + own)


class TokenFile:
    """A JSON object for the server at `url`."""

    def __init__(self, url: str, folder: Path | None = None) -> None:
        name = sha256(url.encode()).hexdigest()[:24]
        self.path = (folder or tokens_folder()) / f"{name}.json"

    def read(self) -> dict[str, Any]:
        """The object as it is now; empty where there is none."""
        try:
            data = json.loads(self.path.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return data if isinstance(data, dict) else {}

    def write(self, data: dict[str, Any]) -> None:
        """Replace the object as a whole."""
        self._make_folder()
        replace(self.path, json.dumps(data))

    def forget(self) -> bool:
        """Remove it; False where there was none."""
        try:
            self.path.unlink()
        except FileNotFoundError:
            return False
        return True

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        """Be the only one, of all processes, who renews these tokens."""
        self._make_folder()
        number = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            while True:
                try:
                    fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    await asyncio.sleep(_LOOK_SECONDS)
            yield
        finally:
            os.close(number)

    def _make_folder(self) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
