"""The models that can be used here: of transports whose key is set, servers that run, and offline.

No provider is asked anything, and no transport is opened: they say themselves what they know.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from axio.models import Capability, ModelRegistry, ModelSpec
from axio.plugins import TRANSPORT_GROUP, Installed, PluginError
from axio_tui.choose import COMPATIBLE, KEYS, OFFLINE
from axio_tui.config.saved import ACCOUNT
from axio_tui.own_servers import load_own
from axio_tui.servers import SERVERS, RunningServer, Server, find_own_servers

__all__ = ("Offer", "is_free", "offers", "told")

Find = Callable[[Sequence[Server]], Awaitable[list[RunningServer]]]

_OF_THIS_MACHINE = frozenset({OFFLINE, *(server.name for server in SERVERS)})


@dataclass(frozen=True, slots=True)
class Offer:
    """A model that can be used: of the transport or server `transport`, as `--transport` names it.

    Without an `id` it is the transport's own choice. `spec` is None where nothing is known of it.
    """

    transport: str
    id: str = ""
    spec: ModelSpec | None = None

    @property
    def name(self) -> str:
        """Its name for `Models.use`."""
        return f"{self.transport}:{self.id}" if self.id else self.transport

    def __str__(self) -> str:
        return ", ".join([self.name, *told(self.spec, is_free(self.transport))])


def is_free(transport: str) -> bool:
    """True for models of this machine, which cost nothing."""
    return transport in _OF_THIS_MACHINE


def told(spec: ModelSpec | None, free: bool) -> Iterator[str]:
    """The things a person wants to know of a model before they take it."""
    if spec is not None and not free:
        yield f"{spec.context_window:,} tokens"
    if free:
        yield "free"
    elif spec is None or not (spec.input_cost or spec.output_cost):
        yield "price unknown"
    else:
        yield f"${spec.input_cost:g} in, ${spec.output_cost:g} out per million tokens"
    if spec is not None and Capability.vision in spec.capabilities:
        yield "sees images"


async def offers(
    parts: Installed,
    keys: Collection[str],
    find: Find = find_own_servers,
) -> list[Offer]:
    """All that can be used, in the order in which the command prefers them.

    `keys` are the providers whose keys are known, such as `Secrets().sources()`.
    """
    installed = parts.names(TRANSPORT_GROUP)
    found = [
        offer
        for name in KEYS
        if name in installed and name in keys
        for offer in await asyncio.to_thread(_known, name, parts)
    ]
    if ACCOUNT in installed and _is_signed_in():
        found += await asyncio.to_thread(_known, ACCOUNT, parts)
    if COMPATIBLE in installed:
        running = await find(SERVERS)
        found += [Offer(one.server.name, id) for one in running for id in one.models]
    for name in installed:
        found += await asyncio.to_thread(_own, name, parts)
    others = [name for name in installed if name not in (*KEYS, ACCOUNT, COMPATIBLE, OFFLINE)]
    for name in (*others, *([OFFLINE] if OFFLINE in installed else [])):
        found += await asyncio.to_thread(_known, name, parts)
    return found


def _own(transport: str, parts: Installed) -> list[Offer]:
    """The models of those that the settings of a transport keep."""
    try:
        kept = load_own(transport, parts)
    except PluginError:
        return []
    registries = {name: getattr(one, "models", None) for name, one in kept.items()}
    return [
        Offer(f"{transport}.{name}", spec.id, spec)
        for name, models in registries.items()
        if isinstance(models, ModelRegistry)
        for spec in models.values()
    ]


def _known(name: str, parts: Installed) -> Iterable[Offer]:
    """The models that the class of a transport knows; without a list, its own choice."""
    try:
        kind = parts.load_class(TRANSPORT_GROUP, name)
    except PluginError:
        return []  # it cannot be used
    catalogue = getattr(kind, "catalogue", None)
    if not isinstance(catalogue, ModelRegistry) or not catalogue:
        return [Offer(name)]
    return [Offer(name, spec.id, spec) for spec in catalogue]


def _is_signed_in() -> bool:
    from axio_transport_codex.tokens import default_path

    return os.path.exists(default_path())
