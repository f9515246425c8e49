"""Servers of one's own choice in a file: a JSON list, which only the user can read."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from axio.wire.secret import SecretBytes
from axio_transport_openai.custom import OpenAICompatibleTransport

__all__ = ("CONFIG_PATH", "load", "save")

CONFIG_PATH = Path("~/.local/share/axio/openai-custom.json")


def load(path: str | os.PathLike[str], session: Any = None) -> list[OpenAICompatibleTransport]:
    """The transports in the file; none where it is missing or broken, and none for an entry that
    is."""
    try:
        entries = json.loads(SecretBytes(Path(path).expanduser().read_bytes()))
    except (OSError, ValueError, RecursionError):
        return []
    found = []
    for entry in entries if isinstance(entries, list) else ():
        with suppress(TypeError, ValueError, LookupError, AttributeError):
            found.append(OpenAICompatibleTransport.from_dict(entry, session=session))
    return found


def save(path: str | os.PathLike[str], transports: Iterable[OpenAICompatibleTransport]) -> None:
    """Replace what is stored; a crash leaves either the old or the new. Keys are in clear in it, so
    that nobody else may read it."""
    target = Path(path).expanduser().resolve()  # a link stays one
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = target.with_name(f"{target.name}.{secrets.token_hex(4)}.tmp")
    entries = [transport.to_dict() for transport in transports]
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:
            file.write(SecretBytes(json.dumps(entries, indent=2).encode()))
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(draft)
        raise
