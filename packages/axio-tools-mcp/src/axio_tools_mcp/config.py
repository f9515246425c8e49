"""How one server is reached, and what may be used of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from axio_tools_mcp.errors import ConfigError

__all__ = ("CLIENT_CREDENTIALS", "OAUTH", "TRANSPORTS", "MCPServerConfig")

TRANSPORTS = ("stdio", "http", "sse")
OAUTH = (
    "oauth_client_id",
    "oauth_client_secret",
    "oauth_client_metadata_url",
    "oauth_scope",
    "oauth_grant",
    "oauth_issuer",
    "oauth_private_key",
)
CLIENT_CREDENTIALS = "client_credentials"


@dataclass(frozen=True, slots=True, repr=False)
class MCPServerConfig:
    """A server is a `command` that is started, or a `url` that is asked.

    While it works it has to say something, an answer or its progress, every `timeout` seconds, and
    a call as a whole may take `total_timeout`. It has to be connected in `start_timeout`, which is
    `timeout` unless it is given.

    `env` is added to the few variables that a server gets by default, as are those of this program
    that `pass_variables` names. Texts may hold `${VARIABLE}`, which is replaced when the server is
    connected.

    `tools`, when given, are the only tools that are offered, and `without` are not. `always` says
    that they are shown to the model even where it has to search for others. A result may have
    `max_result` characters of text; the middle of a longer one is left out.
    """

    name: str
    command: str | None = None
    args: list[str] = field(default_factory=list)
    env: dict[str, str] | None = None
    url: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    timeout: float = 30.0
    scope: str = "global"
    total_timeout: float = 600.0
    start_timeout: float | None = None
    transport: str = ""
    """"stdio", "http" or "sse" (servers from before 2025-03); "" to see it from the rest."""
    cwd: str | None = None
    enabled: bool = True
    tools: list[str] | None = None
    without: list[str] = field(default_factory=list)
    pass_variables: list[str] = field(default_factory=list)
    always: bool = False
    max_result: int = 200_000
    roots: list[str] | None = None
    """Folders that a started server is told it may work in: the working folder, unless given."""
    oauth_client_id: str | None = None
    """A client that was registered by hand, where clients cannot register by themselves."""
    oauth_client_secret: str | None = None
    oauth_client_metadata_url: str | None = None
    """The address of a client's own description, for servers that take it as the client's id."""
    oauth_scope: str | None = None
    oauth_grant: str | None = None
    """"client_credentials" where this program signs in for itself, and no person does."""
    oauth_issuer: str | None = None
    """The only authorization server that gets the credentials of such a program."""
    oauth_private_key: str | None = None
    """Its key, as PEM text, in place of `oauth_client_secret`."""
    source: str = field(default="", compare=False)
    """The file that it was read from; "" if it comes from elsewhere."""

    def __post_init__(self) -> None:
        if not self.name.strip() or not self.name.isprintable():
            raise ConfigError(f"a server needs a name that can be read, not {self.name!r}")
        if (self.command is None) == (self.url is None):
            raise ConfigError(
                f"server {self.name!r}: Exactly one of command and url must be given, "
                f"got {'neither' if self.url is None else 'both'}"
            )
        if not self.transport:
            object.__setattr__(self, "transport", "stdio" if self.url is None else "http")
        fitting = ("stdio",) if self.url is None else ("http", "sse")
        if self.transport not in fitting:
            what = "a command" if self.url is None else "a URL"
            raise ConfigError(
                f"server {self.name!r}: {what} is reached by {' or '.join(fitting)}, "
                f"not by {self.transport!r}"
            )
        for name in ("timeout", "total_timeout", "start_timeout"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(f"server {self.name!r}: {name} must be above 0 seconds")
        self._check_oauth()

    def _check_oauth(self) -> None:
        if self.oauth_grant not in (None, "authorization_code", CLIENT_CREDENTIALS):
            raise ConfigError(
                f"server {self.name!r}: no oauth grant {self.oauth_grant!r}; "
                f"there is: authorization_code, {CLIENT_CREDENTIALS}"
            )
        if not self.signs_in_alone:
            return
        if not self.oauth_client_id or not self.oauth_issuer:
            raise ConfigError(
                f"server {self.name!r}: {CLIENT_CREDENTIALS} needs a client_id and the issuer, "
                "the address of the authorization server that may have its credentials"
            )
        if (self.oauth_client_secret is None) == (self.oauth_private_key is None):
            raise ConfigError(
                f"server {self.name!r}: {CLIENT_CREDENTIALS} needs either a client_secret "
                "or a private_key"
            )

    @property
    def signs_in_alone(self) -> bool:
        """True if this program has credentials of its own, and no person signs in."""
        return self.oauth_grant == CLIENT_CREDENTIALS

    @property
    def target(self) -> str:
        """The command's name, or the address without what may be secret in it."""
        if self.url is None:
            return self.command or ""
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    def __repr__(self) -> str:
        # Arguments, variables and headers are where keys are.
        return f"MCPServerConfig({self.name!r}, {self.transport}: {self.target!r})"

    def offers(self, tool: str) -> bool:
        """True if the tool of this name may be used."""
        return (self.tools is None or tool in self.tools) and tool not in self.without

    def to_dict(self) -> dict[str, str]:
        """The settings that differ from the default as texts, without name and scope."""
        plain = MCPServerConfig(self.name, command=self.command, url=self.url)
        return {
            item.name: _to_text(getattr(self, item.name))
            for item in fields(self)
            if item.name not in ("name", "scope", "source")
            and (
                getattr(self, item.name) != getattr(plain, item.name)
                or (item.name in ("command", "url") and getattr(self, item.name) is not None)
            )
        }

    @classmethod
    def from_dict(cls, name: str, data: Mapping[str, str]) -> MCPServerConfig:
        """The configuration that `to_dict` wrote. `ConfigError` for what it cannot have written."""
        values = {}
        for key, text in data.items():
            if key not in _READERS:
                raise ConfigError(f"server {name!r}: there is no setting {key!r}")
            try:
                values[key] = _READERS[key](text)
            except ValueError as error:
                raise ConfigError(f"server {name!r}: {key} cannot be read: {error}") from error
        return cls(name, **values)


def _to_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _as_it_is(text: str) -> Any:
    return text


def _of_json(kind: type | tuple[type, ...]) -> Any:
    def read(text: str) -> Any:
        value = json.loads(text)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise ValueError("it is something else")  # which may be a secret
        return value

    return read


_READERS: dict[str, Any] = {
    **dict.fromkeys(("command", "url", "transport", "cwd", *OAUTH), _as_it_is),
    **dict.fromkeys(("args", "tools", "without", "pass_variables", "roots"), _of_json(list)),
    **dict.fromkeys(("env", "headers"), _of_json(dict)),
    **dict.fromkeys(("timeout", "total_timeout", "start_timeout"), float),
    **dict.fromkeys(("enabled", "always"), _of_json(bool)),
    "max_result": int,
}
