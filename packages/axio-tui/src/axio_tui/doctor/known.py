"""`known_secrets`: all that is secret in the places that a check may read.

No finding is made of a value. This is for the words of others in it: a plug-in that fails may say
the key that it was given.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from importlib.util import find_spec
from itertools import pairwise
from urllib.parse import parse_qsl, unquote, urlsplit

from axio_tui.config.secrets import KEYS, Secrets
from axio_tui.config.settings import is_secret

__all__ = ("known_secrets", "shown_url")

_PLACES: tuple[Callable[[Mapping[str, str]], Iterator[str]], ...]


def known_secrets(environment: Mapping[str, str] = os.environ) -> frozenset[str]:
    """The values; a place that cannot be read has none."""
    found: set[str] = set()
    for place in _PLACES:
        with suppress(Exception):
            found.update(place(environment))
    return frozenset(value for value in found if value.strip())


def shown_url(url: str) -> str:
    """An address without what may be secret in it."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    except ValueError:
        return "an address that cannot be read"


def _of_environment(environment: Mapping[str, str]) -> Iterator[str]:
    for name, value in environment.items():
        if is_secret(name) or name in KEYS.values():
            yield from (value, value.strip())
        else:
            yield from _of_url(value)


def _of_url(url: str) -> Iterator[str]:
    if "://" not in url:
        return
    parts = urlsplit(url)
    for part in (parts.username, parts.password, parts.query, parts.fragment):
        yield from (part, unquote(part)) if part else ()
    yield from (value for _, value in parse_qsl(parts.query))


def _of_files(environment: Mapping[str, str]) -> Iterator[str]:
    yield from Secrets(environment).values()


def _of_servers(environment: Mapping[str, str]) -> Iterator[str]:
    if find_spec("axio_tools_mcp") is None:
        return
    from axio_tools_mcp.saved import find_all_servers

    for config in find_all_servers(trusted=True).servers.values():
        for name, value in (config.env or {}).items():
            yield from [value] if is_secret(name) else _of_url(value)
        for value in config.headers.values():
            yield from (value, value.split()[-1])  # the token behind "Bearer"
        for before, word in pairwise(["", *config.args]):
            name, equals, value = word.partition("=")
            yield from [word] if is_secret(before.lstrip("-")) else ()
            yield from [value] if equals and is_secret(name.lstrip("-")) else _of_url(word)
        yield from filter(None, (config.oauth_client_secret, config.oauth_private_key))
        yield from _of_url(config.url or "")


_PLACES = (_of_environment, _of_files, _of_servers)
