"""The address of a server, which may hold credentials in its query or before its host. Pure."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

__all__ = ("HTTP", "WEB_SOCKET", "Address", "check_address")

HTTP = ("http", "https")
WEB_SOCKET = ("wss", "ws", *HTTP)
"""The handshake of a web socket is HTTP, so its schemes do as well."""


class _Parts(NamedTuple):
    shown: str
    secrets: tuple[str, ...]
    loopback: bool
    signs_in: bool


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

    def problem(self, schemes: tuple[str, ...] = HTTP) -> str:
        """The reason, without the address, why no server can be asked there; "" for none."""
        return _problem(str(self), schemes)

    @property
    def signs_in(self) -> bool:
        """True if it has a user or a password, which are sent in the header `Authorization`."""
        return _parts(str(self)).signs_in

    @property
    def loopback(self) -> bool:
        """True for a server on this machine."""
        return _parts(str(self)).loopback

    def below(self, path: str) -> Address:
        """The address of `path` under this one, whose query (Azure's version, say) stays."""
        return _below(str(self), path)


def check_address(text: str) -> None:
    """`ValueError`, which does not repeat it, for what is no address of a server over HTTP."""
    problem = _problem(text)
    if not problem and any(character.isspace() for character in text):
        problem = "an address has no blanks"
    if not problem and _parts(text).signs_in:
        problem = "a password in an address would be shown: there is a field for the key"
    if problem:
        raise ValueError(problem)


def _problem(url: str, schemes: tuple[str, ...] = HTTP) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "that is no address"
    if parts.scheme not in schemes or not parts.hostname or port == 0:
        return f"an address begins with {schemes[0]}:// or {schemes[1]}:// and the name of a host"
    return ""


@lru_cache(256)
def _below(url: str, path: str) -> Address:
    try:
        parts = urlsplit(url)
    except ValueError:
        return Address(url)  # nothing is there, as `problem` says
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
        return _Parts("an address that is none", (url,), False, False)
    if "@" in parts.path and ("@" in parts.netloc or _problem(url)):
        # A password with a slash in it ends the host, and its rest is taken for a path.
        return _Parts("an address that is none", (url,), False, False)
    secrets = {text for value in found if value for text in (value, unquote(value))}
    signs_in = parts.username is not None or parts.password is not None
    return _Parts(shown or url, tuple(secrets), _is_loopback(host), signs_in)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
