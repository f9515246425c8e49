"""Hosts that a text names, in one form: lower case, no final dot, numbers as dotted addresses."""

from __future__ import annotations

import ipaddress
import re
import socket

__all__ = ("UnclearHost", "hosts_in", "hosts_in_word", "normal_host")

_URL = re.compile(r"(?:[a-z][a-z0-9+.-]*://|(?:https?|ftps?|wss?):[/\\]*)([^\s/?#'\"<>]*)", re.I)
_NAME = re.compile(r"(?=.*[a-z])[\w-]+(\.[\w-]+)+|localhost", re.I)
_MANY_DIGITS = 1 << 24


class UnclearHost(ValueError):
    """An address that different programs read differently."""


def hosts_in(text: str) -> set[str]:
    """The hosts of all URLs in a text."""
    return {_host_of(authority) for authority in _URL.findall(text) if authority}


def hosts_in_word(word: str) -> set[str]:
    """The hosts of URLs in an argument, or the argument itself if it could be a host:
    `user@host:path`, `host:port`, `10.1.2.3`, `localhost`."""
    found = hosts_in(word)
    if not found:
        for part in re.split(r"[=,]", word):
            host = part.removeprefix("//").rpartition("@")[2].partition("/")[0]
            host = host if host.count(":") > 1 else host.partition(":")[0]
            if _NAME.fullmatch(host.rstrip(".")) or _is_address(host):
                found.add(normal_host(host))
    return found


def normal_host(host: str) -> str:
    """`HOST.` and `host`, `0x7f.1` and `127.0.0.1` are the same."""
    host = host.strip("[]").rstrip(".")
    try:
        return str(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        pass
    if host and re.fullmatch(r"[0-9a-fx.]+", host, re.I):
        try:
            return socket.inet_ntoa(socket.inet_aton(host))
        except OSError:
            pass
    try:
        return host.encode("idna").decode().lower()
    except UnicodeError as error:
        raise UnclearHost(f"{host!r} is not a host: {error}") from error


def _host_of(authority: str) -> str:
    host = authority.rpartition("@")[2]
    if "\\" in authority or "%" in host:
        raise UnclearHost(f"{authority!r} can be read as different hosts")
    if host.startswith("["):
        return normal_host(host.partition("]")[0])
    return normal_host(host.partition(":")[0])


def _is_address(host: str) -> bool:
    if host.isdecimal():
        return int(host) >= _MANY_DIGITS
    if not re.fullmatch(r"\[?[0-9a-fx.:]+\]?", host, re.I) or not re.search(r"[.:x]", host):
        return False
    try:
        ipaddress.ip_address(normal_host(host))
    except ValueError:
        return False
    return True
