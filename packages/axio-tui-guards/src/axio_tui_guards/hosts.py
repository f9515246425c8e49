"""Hosts that a text names, in one form: lower case, no final dot, numbers as dotted addresses."""

from __future__ import annotations

import ipaddress
import re
import socket
from functools import lru_cache
from itertools import islice
from urllib.parse import unquote

__all__ = (
    "UnclearHost",
    "host_of_address",
    "hosts_in",
    "hosts_in_word",
    "looks_like_host",
    "normal_host",
)

# Begins with its one sure character: a long text without it is passed over quickly.
_ADDRESS = re.compile(
    r":(?:[/\\]{2,}|(?:(?<=http:)|(?<=https:)|(?<=ftp:)|(?<=ftps:)|(?<=ws:)|(?<=wss:))[/\\]*)"
    r"([^\s/?#'\"<>]+)",
    re.I,
)
_MARKS = ("//", "\\\\", "http:", "https:", "ftp:", "ftps:", "ws:", "wss:")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]{0,30}):[/\\]{2,}|(https?|ftps?|wss?|file):[/\\]*", re.I)
_NAME = re.compile(r"[\w-]+(\.[\w-]+)+|localhost", re.I)
_ONE_ADDRESS = re.compile(r"(?:[\w.:%-]*@)?\[[0-9a-f:.]+\](?::\d*)?", re.I)
_HAS_LETTER = re.compile(r"[^\W\d_]")
_HOST = re.compile(
    r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*"
)
_MANY_DIGITS = 1 << 24
_MAX_ADDRESS = 2048
_MAX_ADDRESSES = 1000
_MAX_HOST = 253
# Ends of names that are files far more often than hosts.
_OF_FILES = frozenset(
    "bak bin bmp c cc cfg conf cpp cs css csv db diff doc docx env gif go gz h hpp htm html ico "
    "ini ipynb java jpeg jpg js json jsonl jsx kt lock log lua map md mjs o out patch pdf php pl "
    "png po proto py pyc pyi r rb rs rst scss sh so sql sqlite svg swift tar tex tgz toml ts tsv "
    "tsx ttf txt wasm wav webp xls xlsx xml yaml yml zip".split()
)


class UnclearHost(ValueError):
    """An address that different programs read differently."""


def hosts_in(text: str) -> set[str]:
    """The hosts of all addresses of the web in a text. What cannot be a host is none."""
    found: set[str] = set()
    if ":" not in text or not any(mark in text.lower() for mark in _MARKS):
        return found
    addresses = list(islice(_ADDRESS.finditer(text), _MAX_ADDRESSES + 1))
    if len(addresses) > _MAX_ADDRESSES:
        raise UnclearHost("it holds more addresses than can be looked at")
    for address in addresses:
        authority = address[1]
        if len(authority) <= _MAX_ADDRESS and _can_be_host(authority):
            found.add(_host_of(authority))
    return found


def _can_be_host(authority: str) -> bool:
    """False for `%s`, `{host}` or a name that is too long: nothing is reached under such a name."""
    host = unquote(authority.rpartition("@")[2], errors="replace").partition(":")[0]
    labels = host.split(".")
    plain = not set(host) & set("%{}()$*|^`,;")
    return (plain and all(len(label) <= 63 for label in labels)) or "\\" in authority


def hosts_in_word(word: str) -> set[str]:
    """The hosts of addresses in an argument, or the argument itself if it could be a host:
    `user@host:path`, `host:port`, `10.1.2.3`, `localhost`."""
    found = hosts_in(word)
    if not found and len(word) <= _MAX_ADDRESS:
        for part in re.split(r"[=,]", word):
            host = part.removeprefix("//").rpartition("@")[2].partition("/")[0]
            host = host if host.count(":") > 1 else host.partition(":")[0]
            if _is_name(host.rstrip(".")) or _is_address(host):
                found.add(normal_host(host))
    return found


def looks_like_host(text: str) -> str:
    """The host that a single word looks like, whatever it is called; "" if it does not."""
    if not text or len(text) > _MAX_ADDRESS or any(map(str.isspace, text)):
        return ""
    host = text.removeprefix("//").rpartition("@")[2].partition("/")[0]
    host = host if host.count(":") > 1 else host.partition(":")[0]
    last = host.rstrip(".").rpartition(".")[2].lower()
    if not (_is_name(host.rstrip(".")) or _is_address(host)) or last in _OF_FILES:
        return ""
    try:
        return normal_host(host)
    except UnclearHost:
        return ""


def host_of_address(text: str) -> str:
    """The host that a network program reaches with this argument: a URL, `host/path`, `host:1`.

    `UnclearHost` for what it could read in another way than this.
    """
    if len(text) > _MAX_ADDRESS or not text.isprintable() or any(map(str.isspace, text)):
        raise UnclearHost(f"{text[:60]!r} is no plain address")
    scheme = _SCHEME.match(text)
    if scheme and (scheme[1] or scheme[2]).lower() == "file":
        return "localhost"
    rest = text[scheme.end() :] if scheme else text.lstrip("/")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if set(authority) & set("[]{}") and not _ONE_ADDRESS.fullmatch(authority):
        raise UnclearHost(f"{authority[:60]!r} is not plainly a host")
    host = _host_of(authority)
    if not (_HOST.fullmatch(host) or _is_address(host)) or len(host) > _MAX_HOST:
        raise UnclearHost(f"{authority[:60]!r} is not plainly a host")
    return host


@lru_cache(1000)
def normal_host(host: str) -> str:
    """`HOST.` and `host`, `0x7f.1` and `127.0.0.1` are the same."""
    host = host.strip("[]").rstrip(".")
    if len(host) > _MAX_ADDRESS:
        raise UnclearHost(f"{host[:60]!r} is not a host: it is too long")
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
        raise UnclearHost(f"{authority[:60]!r} can be read as different hosts")
    if host.startswith("["):
        return normal_host(host.partition("]")[0])
    return normal_host(host.partition(":")[0])


def _is_name(host: str) -> bool:
    return _NAME.fullmatch(host) is not None and _HAS_LETTER.search(host) is not None


def _is_address(host: str) -> bool:
    if host.isdecimal():
        return len(host) < 40 and int(host) >= _MANY_DIGITS
    if not re.fullmatch(r"\[?[0-9a-fx.:]+\]?", host, re.I) or not re.search(r"[.:x]", host):
        return False
    try:
        ipaddress.ip_address(normal_host(host))
    except ValueError:
        return False
    return True
