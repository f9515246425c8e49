"""The address of a server, which may hold credentials in its query or before its host. Pure."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

__all__ = ("Address", "check_address")


class _Parts(NamedTuple):
    shown: str
    secrets: tuple[str, ...]
    loopback: bool


class Address(str):
    """A URL. It is used as it is; its `repr` shows no query and no user."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(self.shown)

    @property
    def shown(self) -> str:
        """Scheme, host, port and path: what a message may say."""
        return _parts(str(self)).shown

    @property
    def secrets(self) -> tuple[str, ...]:
        """The parts that may be a credential: values of the query, the user and the password."""
        return _parts(str(self)).secrets

    @property
    def loopback(self) -> bool:
        """True for a server on this machine."""
        return _parts(str(self)).loopback

    def below(self, path: str) -> Address:
        """The address of `path` under this one, whose query (Azure's version, say) stays."""
        return _below(str(self), path)


def check_address(text: str) -> None:
    """`ValueError`, which does not repeat it, for what is no address of a server over HTTP."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("that is no address") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ValueError("an address begins with http:// or https:// and the name of a host")
    if any(character.isspace() for character in text):
        raise ValueError("an address has no blanks")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a password in an address would be shown: there is a field for the key")


@lru_cache(256)
def _below(url: str, path: str) -> Address:
    parts = urlsplit(url)
    path, _, query = path.partition("?")
    query = "&".join(filter(None, (query, parts.query)))
    return Address(urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{path}", query=query)))


@lru_cache(256)
def _parts(url: str) -> _Parts:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        shown = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
        values = [value for _, value in parse_qsl(parts.query)]
        found = (*values, parts.username, parts.password)
    except ValueError:
        return _Parts("an address that is none", (url,), False)
    secrets = {text for value in found if value for text in (value, unquote(value))}
    return _Parts(shown or url, tuple(secrets), _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
