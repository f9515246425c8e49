"""`Address`: where the server listens, and which names of it a browser may use. Pure."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from axio_tui.errors import WrongUse
from axio_tui.harmless import visible

__all__ = ("Address", "address_in")

_EXAMPLE = "say HOST:PORT, such as localhost:8086, or [::1]:8086"


@dataclass(frozen=True, slots=True)
class Address:
    host: str
    port: int

    @property
    def is_wildcard(self) -> bool:
        """True if it means all addresses of this machine."""
        ip = _ip(self.host)
        return ip is not None and ip.is_unspecified

    def on(self, port: int) -> Address:
        """The same host at the port that the system has chosen."""
        return replace(self, port=port)

    def __str__(self) -> str:
        """HOST:PORT, as it stands in an address on the web and in a `Host` header."""
        host = socket.gethostname() if self.is_wildcard else self.host
        host = f"[{host}]" if ":" in host else host
        return host if self.port == 80 else f"{host}:{self.port}"

    def is_meant_by(self, header: str) -> bool:
        """True if a browser that sends this `Host` was told the name of this server by a person.

        A page of a stranger may have the stranger's name point here (DNS rebinding), and the
        browser then takes it for ours: so a name has to be the one that was printed. All addresses
        of a machine have no name of their own; a number cannot be made to point elsewhere.
        """
        given = _split(header)
        if given is None:
            return False
        host, port = given
        if self.is_wildcard:
            ours = ("localhost", socket.gethostname().lower())
            return host in ours or _ip(host) is not None
        return host == self.host.lower() and (port or 80) == self.port


def address_in(text: str) -> Address:
    """The address in `HOST:PORT`. Raises `WrongUse`."""
    given = _split(text)
    if given is None or given[1] is None:
        raise WrongUse(f"--web-listen {visible(text)!r} is no address; {_EXAMPLE}")
    return Address(given[0], given[1])


def _split(text: str) -> tuple[str, int | None] | None:
    """Host and port of what may stand between `http://` and the next slash; None if it may not."""
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or parts.netloc != text or "@" in text or not text.isascii():
        return None
    return (host, port) if text.isprintable() and " " not in text else None


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
