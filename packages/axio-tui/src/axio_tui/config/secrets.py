"""Keys and tokens of providers: in the environment, the keyring, or a file for their owner alone.

A value is a `Secret` wherever it is found: no `repr`, log line or message shows it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from axio.wire.secret import Secret
from axio_tui.config import keyring
from axio_tui.config.file import replace
from axio_tui.config.paths import config_folder, database_file, locked
from axio_tui.config.reading import read_at_most
from axio_tui.config.settings import is_secret

__all__ = ("KEYS", "Found", "Secrets")

# In the order in which they are preferred.
KEYS = {
    "anthropic": "ANTHROPIC_API_KEY",
    "openai": "OPENAI_API_KEY",
    "openrouter": "OPENROUTER_API_KEY",
    "nebius": "NEBIUS_API_KEY",
}
"""The variable for the key of a provider."""

_KEY, _MARK = "api_key", "keyring"
_LARGEST = 256 << 10


@dataclass(frozen=True, slots=True)
class Found:
    """A secret, and where it is kept, in words."""

    value: Secret
    source: str


class Secrets:
    """The secrets of all providers. `say` is told in one line what is wrong."""

    def __init__(
        self,
        environment: Mapping[str, str] = os.environ,
        say: Callable[[str], object] = lambda text: None,
    ) -> None:
        self.path = config_folder(environment) / "secrets.toml"
        self._environment = environment
        self._database = database_file(environment)
        self._tell = say
        self._told: set[str] = set()

    def _say(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._tell(text)

    # ── finding ───────────────────────────────────────────────────────────────────────────────

    def sources(self) -> dict[str, str]:
        """Where the key of each provider is that has one. The keyring is not asked for it."""
        found = {name: "the database" for name, field in self._old() if field == _KEY}
        for name, table in self._read().items():
            if table.get(_MARK) is True:
                found[name] = "the keyring"
            elif isinstance(table.get(_KEY), str):
                found[name] = str(self.path)
        set_here = {
            name: var for name, var in KEYS.items() if self._environment.get(var, "").strip()
        }
        return found | set_here

    def of(self, provider: str, *, environment: bool = True) -> dict[str, Found]:
        """The secrets of a provider by the name of the setting; `api_key` is the key.

        Without the `environment` they are those that are kept.
        """
        found = {
            field: Found(Secret(value), "the database")
            for (name, field), value in self._old().items()
            if name == provider
        }
        table = self._read().get(provider, {})
        for field, value in table.items():
            if isinstance(value, str):
                found[field] = Found(Secret(value), str(self.path))
        variable = KEYS.get(provider, "")
        if environment and (value := self._environment.get(variable, "").strip()):
            found[_KEY] = Found(Secret(value), variable)
        elif table.get(_MARK) is True and (kept := self._in_keyring(provider)):
            found[_KEY] = Found(Secret(kept), "the keyring")
        return found

    def values(self) -> Iterator[str]:
        """Every value that is known without asking the keyring, to be blotted out of a text."""
        yield from (self._environment.get(variable, "").strip() for variable in KEYS.values())
        yield from self._old().values()
        for table in self._read().values():
            yield from (value for value in table.values() if isinstance(value, str))

    def _in_keyring(self, provider: str) -> str | None:
        if not keyring.is_installed():
            self._say(f"the key of {provider} is in the keyring, but the package keyring is gone")
            return None
        try:
            kept = keyring.look_up(provider)
        except keyring.KeyringError as error:
            self._say(f"the key of {provider} cannot be had from the keyring: {error}")
            return None
        if kept is None:
            self._say(f"the keyring has no key of {provider} any more")
        return kept

    # ── keeping ───────────────────────────────────────────────────────────────────────────────

    def keep(self, provider: str, value: str) -> str:
        """Keep the key of a provider; where it is kept. What lies in the database moves too."""
        with locked(self.path.parent):
            source = self._keep(provider, value)
            self._move_old(besides=provider)
        return source

    def replace(self, provider: str, values: Mapping[str, str]) -> str:
        """Let these be the secrets of a provider, by the names of the settings, and no others;
        where its key is kept, "" without one. What lies in the database moves too."""
        key = values.get(_KEY, "")
        with locked(self.path.parent):
            tables = self._read(strict=True)
            before = tables.pop(provider, {})
            tables[provider] = {name: value for name, value in values.items() if name != _KEY}
            if key:
                tables[provider] |= {n: v for n, v in before.items() if n in (_KEY, _MARK)}
            elif before.get(_MARK) is True:
                self._forget_in_keyring(provider)
            self._write(tables)
            source = self._keep(provider, key) if key else ""
            self._delete_old([old for old in self._old() if old[0] == provider])
            self._move_old(besides=provider)
        return source

    def forget(self, provider: str) -> bool:
        """Forget the key of a provider, but not a variable; False if there is none."""
        with locked(self.path.parent):
            tables = self._read(strict=True)
            table = tables.get(provider, {})
            if table.pop(_MARK, None) is True:
                self._forget_in_keyring(provider)
            elif table.pop(_KEY, None) is None:
                return self._delete_old([(provider, _KEY)]) > 0
            self._write(tables)
            self._delete_old([(provider, _KEY)])
            return True

    def _forget_in_keyring(self, provider: str) -> None:
        try:
            keyring.forget(provider)
        except keyring.KeyringError as error:
            self._say(f"it may still be in the keyring: {error}")

    def _keep(self, provider: str, value: str) -> str:
        tables = self._read(strict=True)
        table = tables.setdefault(provider, {})
        source = str(self.path)
        table.pop(_KEY, None)
        table.pop(_MARK, None)
        if keyring.is_installed():
            try:
                keyring.keep(provider, value)
                table[_MARK] = True
                source = "the keyring"
            except keyring.KeyringError as error:
                self._say(f"the keyring cannot be used: {error}")
        if _MARK not in table:
            table[_KEY] = value
        self._write(tables)
        return source

    def _move_old(self, besides: str) -> None:
        """Put what a program of before has left in the database where secrets are."""
        old = self._old()
        if not old:
            return
        tables = self._read(strict=True)
        for (name, field), value in old.items():
            table = tables.setdefault(name, {})
            if (name, field) != (besides, _KEY) and not (field == _KEY and _MARK in table):
                table.setdefault(field, value)
        self._write(tables)
        self._delete_old(list(old))
        self._say(f"secrets that were in the database are now in {self.path}")

    # ── the file ──────────────────────────────────────────────────────────────────────────────

    def _read(self, strict: bool = False) -> dict[str, dict[str, Any]]:
        """The tables of the file. `ValueError` if it is `strict` and the file is broken, since a
        new one would lose what is in it."""
        import tomllib

        try:
            data, size = read_at_most(self.path, _LARGEST)
            if os.stat(self.path).st_mode & 0o077:
                self._say(f"{self.path} may be read by others: chmod 600 it")
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as error:
            return self._unreadable(error.strerror or str(error), strict)
        try:
            document = tomllib.loads(data.decode() if size <= _LARGEST else "[")
        except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
            place = re.search(r"line \d+", str(error))
            return self._unreadable(f"no TOML{', ' + place[0] if place else ''}", strict)
        return {name: table for name, table in document.items() if isinstance(table, dict)}

    def _unreadable(self, why: str, strict: bool) -> dict[str, dict[str, Any]]:
        words = f"{self.path} cannot be read: {why}"
        if strict:
            raise ValueError(f"{words}; mend or remove it first")
        self._say(words)
        return {}

    def _write(self, tables: Mapping[str, Mapping[str, Any]]) -> None:
        from axio_tui.config.toml import with_value

        text = "# Kept by axio. keyring = true: the key is in the keyring of the system.\n"
        for name, table in tables.items():
            for field, value in table.items():
                text = with_value(text, (name, field), value)
        self.path.parent.chmod(0o700)
        replace(self.path, text.encode(), 0o600)

    # ── the database of before ────────────────────────────────────────────────────────────────

    def _old(self) -> dict[tuple[str, str], str]:
        """Secrets in the rows `transport.<name>.<field>` that hold everywhere."""
        if not os.path.exists(self._database):
            return {}
        from axio_tui.config.stored import GLOBAL_PROJECT, stored_settings

        found = {}
        for key, value in stored_settings(self._database, GLOBAL_PROJECT)[0].items():
            words = re.fullmatch(r"transport\.(.+)\.([^.]+)", key)
            if words is not None and is_secret(words[2]) and value.strip():
                found[words[1], words[2]] = value.strip()
        return found

    def _delete_old(self, names: list[tuple[str, str]]) -> int:
        """Take secrets out of the database, and their bytes out of its file."""
        if not os.path.exists(self._database) or not any(name in self._old() for name in names):
            return 0
        import sqlite3  # Only here: most have no such database.

        from axio_tui.config.stored import GLOBAL_PROJECT

        keys = [(GLOBAL_PROJECT, f"transport.{name}.{field}") for name, field in names]
        with closing(sqlite3.connect(self._database, timeout=5)) as db:
            db.execute("PRAGMA secure_delete = ON")
            with db:
                db.executemany("DELETE FROM axio_config WHERE project = ? AND key = ?", keys)
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return len(keys)
