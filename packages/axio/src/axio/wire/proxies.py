"""Proxies and certificate authorities, as a network asks for them by the usual variables."""

from __future__ import annotations

import os
import ssl
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

__all__ = ("Proxies", "authorities")


class Proxies:
    """The proxies of the environment, as they are when this is made.

    ``HTTP_PROXY`` and ``HTTPS_PROXY`` name them, ``ALL_PROXY`` one for both, ``NO_PROXY`` the hosts
    that are reached without.
    """

    def __init__(self) -> None:
        self._by_scheme = getproxies()
        self._by_origin: dict[tuple[str, str], str | None] = {}

    def __getitem__(self, url: str) -> str | None:
        """The proxy for this address; ``None`` to go there directly."""
        if not self._by_scheme:
            return None
        parts = urlsplit(url)
        origin = parts.scheme, parts.netloc.rpartition("@")[2]
        if origin not in self._by_origin:
            scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
            found = self._by_scheme.get(scheme) or self._by_scheme.get("all")
            self._by_origin[origin] = None if proxy_bypass(origin[1]) else found
        return self._by_origin[origin]


def authorities() -> ssl.SSLContext | None:
    """Trust in further authorities, ``None`` if the environment names none.

    ``REQUESTS_CA_BUNDLE`` and ``CURL_CA_BUNDLE`` add to the system's; ``SSL_CERT_FILE`` and
    ``SSL_CERT_DIR`` stand in their place, as everywhere in Python.
    """
    if not any(map(os.environ.get, (*_ADDED, "SSL_CERT_FILE", "SSL_CERT_DIR"))):
        return None
    context = ssl.create_default_context()
    for name in _ADDED:
        if path := os.environ.get(name):
            folder = os.path.isdir(path)
            context.load_verify_locations(
                cafile=None if folder else path, capath=path if folder else None
            )
    return context


_ADDED = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
