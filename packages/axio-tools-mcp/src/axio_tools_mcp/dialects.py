"""Servers as the files of other clients describe them: one entry, whose keys have many spellings.

Read are `mcpServers` (Claude, Cursor, Kilo and most others), `servers` (VS Code) and `mcp_servers`
(Codex, vibe; there also a list of tables with names). Pure.
"""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from axio_tools_mcp.config import OAUTH, MCPServerConfig
from axio_tools_mcp.errors import ConfigError

__all__ = ("config_of", "entries_of", "read_document")

_PLACES = ("mcpServers", "servers", "mcp_servers")

_TRANSPORTS = {
    "stdio": "stdio",
    "local": "stdio",
    "http": "http",
    "remote": "http",
    "streamable-http": "http",
    "streamable_http": "http",
    "streamableHttp": "http",
    "sse": "sse",
}

_SPELLINGS = {
    "serverUrl": "url",
    "httpUrl": "url",
    "http_headers": "headers",
    "env_vars": "pass_variables",
    "enabled_tools": "tools",
    "includeTools": "tools",
    "disabled_tools": "without",
    "excludeTools": "without",
    "disabledTools": "without",
    "type": "transport",
    "environment": "env",
    "tool_timeout_sec": "timeout",
    "startup_timeout_sec": "start_timeout",
}

_KINDS: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("command", "url", "transport", "cwd"), str),
    **dict.fromkeys(OAUTH, str),
    **dict.fromkeys(("args", "tools", "without", "pass_variables", "roots"), list),
    **dict.fromkeys(("env", "headers"), dict),
    **dict.fromkeys(("timeout", "total_timeout", "start_timeout"), (int, float)),
    **dict.fromkeys(("enabled", "always"), bool),
    "max_result": int,
}

# They say something to other clients that is nothing to us: a call is free only by our own rules.
_IGNORED = frozenset(
    "alwaysAllow autoApprove auto_approve trust description name icon version gallery dev prompt"
    " sampling_enabled required scopes tags inputs note comment $schema".split()
)

_IGNORED_OAUTH = frozenset(f"oauth_{key}" for key in "callback_port redirect_uri enabled".split())

_MAY_BE_SECRET = frozenset(("args", "env", "headers", *OAUTH))
_NAMES = {str: "a text", bool: "a truth value", list: "a list", dict: "an object"}
_NAMES |= {int: "a number", float: "a number", type(None): "null"}

_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_MILLISECONDS = 1000  # some clients count in these; nobody waits for so many seconds


def read_document(text: str, is_toml: bool) -> Mapping[str, Any]:
    """The object that a file holds. JSON may have comments and commas at the end of a list.

    Raises `ValueError`.
    """
    document = tomllib.loads(text) if is_toml else json.loads(_without_comments(text) or "{}")
    if not isinstance(document, dict):
        raise ValueError("it does not hold an object")
    return document


def entries_of(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The name and the description of each server. Raises `ValueError`."""
    for place in _PLACES:
        servers = document.get(place, {})
        if isinstance(servers, list):
            servers = {_named(entry, place): entry for entry in servers}
        if not isinstance(servers, dict):
            raise ValueError(f"{place} has to be an object of servers by their names")
        yield from servers.items()


def config_of(name: str, entry: Any, scope: str) -> MCPServerConfig:
    """The configuration that an entry describes. Raises `ConfigError`."""
    if not isinstance(entry, Mapping):
        raise ConfigError(f"MCP server {name!r}: it has to be an object, not {_kind(entry)}")
    values: dict[str, Any] = {}
    for key, value in entry.items():
        if key in _SPECIAL:
            _SPECIAL[key](values, value)
        elif (plain := _SPELLINGS.get(key, key)) in _KINDS:
            values[plain] = value
        elif key not in _IGNORED:
            raise ConfigError(f"MCP server {name!r}: there is no setting {key!r}{_meant(key)}")
    if isinstance(values.get("command"), list):  # a whole command line
        values["command"], *rest = values["command"] or [""]
        values["args"] = [*rest, *values.get("args", [])]
    for key, value in values.items():
        if key not in _KINDS:
            raise ConfigError(f"MCP server {name!r}: there is no setting {key!r}")
        kind = _KINDS[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            shown = _kind(value) if key in _MAY_BE_SECRET else repr(value)
            raise ConfigError(f"MCP server {name!r}: {key} cannot be {shown}")
    _settle(name, values, entry)
    return MCPServerConfig(name, scope=scope, **values)


def _settle(name: str, values: dict[str, Any], entry: Mapping[str, Any]) -> None:
    """Bring values to what they mean here."""
    for key in ("args", "tools", "without", "pass_variables", "roots"):
        if key in values:
            values[key] = [_word(name, key, item) for item in values[key]]
    for key in ("env", "headers"):
        if key in values:
            values[key] = {str(k): _word(name, key, item) for k, item in values[key].items()}
    for key in ("timeout", "total_timeout", "start_timeout"):
        if values.get(key, 0) >= _MILLISECONDS and key in entry:
            values[key] /= 1000
    if values.get("tools") == ["*"]:
        del values["tools"]
    kind = values.get("transport", "")
    if kind and kind not in _TRANSPORTS:
        known = ", ".join(sorted({*_TRANSPORTS.values()}))
        raise ConfigError(f"MCP server {name!r}: no transport {kind!r}; there is: {known}")
    if kind:
        values["transport"] = _TRANSPORTS[kind]
    if "command" in values and "url" in values:  # the type, where it is given, says which is meant
        dropped = {"stdio": "url", "http": "command", "sse": "command"}.get(
            values.get("transport", "")
        )
        if dropped is not None:
            del values[dropped]


def _kind(value: Any) -> str:
    """The kind of a value that is not shown, since a key may be in it."""
    return _NAMES.get(type(value), type(value).__name__)


def _word(name: str, key: str, item: Any) -> str:
    """An item as text, as many write numbers and truth values without quotes."""
    if not isinstance(item, (str, int, float)):
        raise ConfigError(f"MCP server {name!r}: {key} cannot hold {_kind(item)}")
    return str(item)


def _disabled(values: dict[str, Any], value: Any) -> None:
    values["enabled"] = value is not True


def _bearer(values: dict[str, Any], variable: Any) -> None:
    values.setdefault("headers", {})["Authorization"] = f"Bearer ${{{variable}}}"


def _variable_headers(values: dict[str, Any], headers: Any) -> None:
    for header, variable in dict(headers).items():
        values.setdefault("headers", {})[header] = f"${{{variable}}}"


def _defer(values: dict[str, Any], value: Any) -> None:
    values["always"] = value in ("never", False)


def _oauth(values: dict[str, Any], given: Any) -> None:
    for key, value in given.items() if isinstance(given, dict) else ():
        plain = f"oauth_{_CAPITAL.sub('_', key).lower()}"
        if plain not in _IGNORED_OAUTH:
            values[plain if plain in OAUTH else f"oauth.{key}"] = value


def _milliseconds(key: str) -> Callable[[dict[str, Any], Any], None]:
    def put(values: dict[str, Any], value: Any) -> None:
        values[key] = value / 1000 if isinstance(value, (int, float)) else value

    return put


_SPECIAL: dict[str, Callable[[dict[str, Any], Any], None]] = {
    "disabled": _disabled,
    "bearer_token_env_var": _bearer,
    "api_key_env": _bearer,
    "env_http_headers": _variable_headers,
    "deferTools": _defer,
    "oauth": _oauth,
    "startup_timeout_ms": _milliseconds("start_timeout"),
}


def _named(entry: Any, place: str) -> str:
    name = entry.get("name") if isinstance(entry, dict) else None
    if not isinstance(name, str):
        raise ValueError(f"{place}: a server has no name")
    return name


def _meant(key: str) -> str:
    known = [*_KINDS, *_SPELLINGS, *_SPECIAL]
    close = difflib.get_close_matches(key, known, 1)
    return f"; {close[0]!r} may be meant" if close else ""


_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_LAST_COMMA = re.compile(r'("(?:\\.|[^"\\])*")|,(\s*[}\]])')


def _without_comments(text: str) -> str:
    bare = _TOKEN.sub(lambda found: found[0] if found[0][0] == '"' else " ", text)
    return _LAST_COMMA.sub(lambda found: found[1] or found[2], bare).strip()
