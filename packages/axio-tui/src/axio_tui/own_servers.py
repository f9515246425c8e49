"""Transports that settings keep several of, such as servers of one's own: `openai-custom.NAME`.

A transport class, or the settings screen of one, has a class method `load_config(session)` that
gives them, each with a `name`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from axio.plugins import TRANSPORT_GROUP, TRANSPORT_SETTINGS_GROUP, Installed, PluginError
from axio_tui.steps import held

__all__ = ("load_own", "names_of_own", "split_name")


def split_name(name: str, parts: Installed) -> tuple[str, str]:
    """The transport and the name in it of `TRANSPORT.NAME`; two empty texts for any other."""
    transport, dot, own = name.partition(".")
    known = dot and own and transport in parts.names(TRANSPORT_GROUP)
    return (transport, own) if known else ("", "")


def load_own(transport: str, parts: Installed, session: Any = None) -> dict[str, Any]:
    """Those that are kept for a transport, by name. `PluginError` if they cannot be had."""
    load = _loader(transport, parts)
    if load is None:
        return {}
    problem = f"what the settings of {transport!r} keep cannot be read"

    def listed() -> list[Any]:
        found: Iterable[Any] = load(session)
        return list(found)

    return {
        name: one
        for one in held(problem, listed)
        if isinstance(name := getattr(one, "name", None), str) and name
    }


def names_of_own(parts: Installed) -> list[str]:
    """The full names of all that are kept. Those that cannot be had are left out."""
    names = []
    for transport in parts.names(TRANSPORT_GROUP):
        try:
            names += [f"{transport}.{name}" for name in load_own(transport, parts)]
        except PluginError:
            continue
    return names


def _loader(transport: str, parts: Installed) -> Callable[[Any], Iterable[Any]] | None:
    """That of the class, which needs nothing to draw with, before that of the screen."""
    kind = parts.load_class(TRANSPORT_GROUP, transport)
    if not hasattr(kind, "load_config") and not hasattr(kind, "FIELDS"):
        if transport not in parts.names(TRANSPORT_SETTINGS_GROUP):
            return None
        kind = parts.load_class(TRANSPORT_SETTINGS_GROUP, transport)
    return getattr(kind, "load_config", None)
