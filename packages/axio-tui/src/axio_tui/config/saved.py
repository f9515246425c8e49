"""The settings that a person has saved for transports: secrets where secrets are kept, all others
as rows `transport.<name>.<setting>` that hold everywhere."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from axio_tui.config.secrets import Secrets
from axio_tui.config.settings import is_secret

if TYPE_CHECKING:
    from axio_transport_codex.tokens import TokenFile

__all__ = ("ACCOUNT", "Rows", "SavedSettings", "saved_rows", "saved_secrets")

ACCOUNT = "codex"
"""The transport of an account that is signed in to; its tokens have a file of their own, which
other programs of the same person renew too."""
_TOKENS = ("api_key", "refresh_token", "expires_at", "account_id")


class Rows(Protocol):
    """The part of a `ProjectConfig` that is needed here."""

    async def get_prefix(self, prefix: str) -> dict[str, str]: ...

    async def set(self, key: str, value: str) -> None: ...

    async def delete(self, key: str) -> None: ...


class SavedSettings:
    """`rows` are those that hold everywhere. `StoreError` and `OSError` where nothing can be saved,
    `ValueError` for a file of secrets that is broken."""

    def __init__(self, rows: Rows, secrets: Secrets) -> None:
        self._rows = rows
        self._secrets = secrets

    async def of(self, name: str) -> dict[str, str]:
        """All that is saved for a transport, in clear: secrets are `Token`s, which no `repr`
        shows. Nothing of the environment is among it."""
        found = await self._rows.get_prefix(_prefix(name))
        rows = _of_transport(name, found)
        return {n: v for n, v in rows.items() if not is_secret(n)} | await asyncio.to_thread(
            saved_secrets, name, self._secrets
        )

    async def replace(
        self, name: str, settings: Mapping[str, str], secret_names: Iterable[str] = ()
    ) -> str:
        """Let these be the settings of a transport, and no others; where its key is kept, "" for
        none. `secret_names` are secrets besides those that one can tell by their names."""
        apart = {*secret_names, *(_TOKENS if name == ACCOUNT else ())}
        secret = {n: v for n, v in settings.items() if n in apart or is_secret(n)}
        source = await asyncio.to_thread(_keep_secrets, name, secret, self._secrets)
        before = _of_transport(name, await self._rows.get_prefix(_prefix(name)))
        for setting, value in settings.items():
            if setting not in secret and before.get(setting) != value:
                await self._rows.set(_prefix(name) + setting, value)
        for setting in before:
            if setting not in settings or setting in secret:
                await self._rows.delete(_prefix(name) + setting)
        return source


def saved_secrets(name: str, secrets: Secrets) -> dict[str, str]:
    """The secrets that are kept for a transport, in clear, without those of the environment. A
    keyring may take its time."""
    if name == ACCOUNT and (tokens := _token_file()) is not None:
        found = tokens.load()
        if found.get("api_key"):
            return found
    kept = secrets.of(name, environment=False)
    return {setting: one.value.reveal() for setting, one in kept.items()}


def saved_rows(name: str, database: Path) -> dict[str, str]:
    """The other settings that are saved for a transport; none where the file cannot be read."""
    from axio_tui.config.stored import GLOBAL_PROJECT, stored_settings

    rows = stored_settings(database, GLOBAL_PROJECT)[0] if os.path.exists(database) else {}
    found = _of_transport(name, rows)
    return {setting: value for setting, value in found.items() if not is_secret(setting)}


def _keep_secrets(name: str, secret: Mapping[str, str], secrets: Secrets) -> str:
    if name != ACCOUNT or (tokens := _token_file()) is None:
        return secrets.replace(name, secret)
    if secret.get("api_key"):
        tokens.save(secret)
    else:
        tokens.delete()
    secrets.replace(name, {})
    return str(tokens.path) if secret else ""


def _token_file() -> TokenFile | None:
    try:
        from axio_transport_codex.tokens import TokenFile, default_path
    except ModuleNotFoundError:
        return None
    return TokenFile(default_path())


def _prefix(name: str) -> str:
    return f"transport.{name}."


def _of_transport(name: str, rows: Mapping[str, str]) -> dict[str, str]:
    """The settings among rows; those of a transport whose name begins with this one's, and a dot,
    are not."""
    start = _prefix(name)
    found = {key.removeprefix(start): value for key, value in rows.items() if key.startswith(start)}
    return {setting: value for setting, value in found.items() if "." not in setting}
