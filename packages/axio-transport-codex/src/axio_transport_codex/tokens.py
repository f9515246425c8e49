"""Tokens in a file that only the user can read, shared by all processes of that user."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from axio.wire.secret import SecretBytes, Token

try:
    import fcntl
except ImportError:  # not on Windows, where two processes must not share the file
    fcntl = None  # type: ignore[assignment]

__all__ = ("FIELDS", "TokenFile", "default_path", "expires_soon")

FIELDS = ("api_key", "refresh_token", "expires_at", "account_id")
"""The stored values, all of them text."""

EARLY = 30
"""Seconds before its end at which an access token counts as used up."""

POLL = 0.05
"""Seconds between two attempts to get the lock."""


def default_path() -> Path:
    """Where `python -m axio_transport_codex` keeps the tokens."""
    config = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(config, "axio", "codex.json")


def expires_soon(expires_at: str) -> bool:
    """True if this time, in seconds since 1970 as text, is (nearly) over; `False` for no time."""
    try:
        return float(expires_at) - time.time() < EARLY
    except ValueError:
        return False


class TokenFile:
    """One account's tokens. Readable and writable by their owner alone, replaced as a whole."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).expanduser()

    def __repr__(self) -> str:
        return f"TokenFile({str(self.path)!r})"

    def load(self) -> dict[str, str]:
        """The stored values, if there are any. ValueError for a file that holds something else."""
        try:
            with open(self.path, "rb") as file:
                if os.fstat(file.fileno()).st_mode & 0o077:  # copied there, or written by hand
                    os.chmod(self.path, 0o600)
                text = SecretBytes(file.read())
        except FileNotFoundError:
            return {}
        try:
            data = json.loads(text)
        except ValueError:
            data = None
        if not isinstance(data, dict):
            raise ValueError(f"{self.path} holds no tokens: delete it and sign in again")
        return {name: Token(value) for name in FIELDS if isinstance(value := data.get(name), str)}

    def save(self, tokens: Mapping[str, str]) -> None:
        """Replace what is stored; a crash leaves either the old or the new."""
        target = self.path.resolve()  # a link stays one
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = target.with_name(f"{target.name}.{secrets.token_hex(4)}.tmp")
        stored = {name: Token(tokens.get(name, "")) for name in FIELDS}
        data = SecretBytes((json.dumps(stored, indent=2) + "\n").encode())
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, target)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(draft)
            raise

    def delete(self) -> None:
        self.path.resolve().unlink(missing_ok=True)

    @asynccontextmanager
    async def locked(self, timeout: float = 60.0) -> AsyncIterator[None]:
        """Hold the file's lock, against other processes and against others in this one.

        TimeoutError when another holder keeps it for so long. The kernel lets go of it when its
        holder dies.
        """
        target = self.path.resolve()
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(target.with_name(target.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            end = time.monotonic() + timeout
            while fcntl is not None:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > end:
                        raise TimeoutError(
                            f"another process has kept {target}.lock for {timeout:g} s"
                        ) from None
                await asyncio.sleep(POLL)
            yield
        finally:
            os.close(lock)  # which also unlocks
