"""Which transport: the one that was named, else the first that can be used here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from axio.plugins import TRANSPORT_GROUP, Installed
from axio_tui.config.secrets import KEYS
from axio_tui.errors import CommandError, WrongUse
from axio_tui.harmless import visible
from axio_tui.own_servers import split_name
from axio_tui.owners import is_ours, owners_of
from axio_tui.servers import SERVERS, RunningServer, Server, find_own_servers, find_servers

__all__ = (
    "COMPATIBLE",
    "KEYS",
    "NOTHING",
    "OFFLINE",
    "Choice",
    "available",
    "choose",
    "choose_named",
)

OFFLINE = "local"
# The transport for any server that speaks the Chat Completions protocol.
COMPATIBLE = "openai-custom"

Find = Callable[[Sequence[Server]], Awaitable[list[RunningServer]]]


@dataclass(frozen=True, slots=True)
class Choice:
    """An entry point of the group `axio.transport` and what its class is to be called with.

    `name` is what `--transport` takes for the same choice. `models` are all that the server has,
    empty when it was not asked. `own` is the name of one of several that its settings keep.
    """

    name: str
    transport: str
    title: str
    reason: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    models: tuple[str, ...] = ()
    own: str = ""


NOTHING = Choice("none", "", "no model, /connect takes one")
"""Where nothing can be used: what is asked fails, and says what to do."""


def available(parts: Installed) -> list[str]:
    """The names that `--transport` takes: what is installed, and the servers that could run."""
    installed = parts.names(TRANSPORT_GROUP)
    servers = [server.name for server in SERVERS] if COMPATIBLE in installed else []
    return sorted({*installed, *servers})


async def choose_named(name: str, parts: Installed, find: Find = find_servers) -> Choice:
    """The transport or running server called `name`. Raises `WrongUse`, listing what there is."""
    if name in parts.names(TRANSPORT_GROUP):
        return Choice(name, name, name)
    transport, own = split_name(name, parts)
    if own:
        return Choice(name, transport, name, own=own)
    names = available(parts)
    if name not in names:
        there_is = ", ".join(names) or "none; install one, such as axio-transport-openai"
        raise WrongUse(f"no transport {visible(name)!r}; there is: {there_is}")
    server = next(server for server in SERVERS if server.name == name)
    running = await find([server])
    if not running:
        raise CommandError(
            f"{server.title} does not answer with a list of models at {server.base_url}; start it, "
            "or load a model"
        )
    return _at(running[0])


async def choose(
    environment: Mapping[str, str],
    parts: Installed,
    find: Find = find_own_servers,
    kept: Mapping[str, str] = MappingProxyType({}),
) -> Choice:
    """The first that is usable: by key, by a server that runs, else the offline model.

    `kept` says where the keys are that are kept; one in the environment comes first.

    A server of another user is taken only when it is named. Raises `CommandError` when there is no
    model at all.
    """
    installed = parts.names(TRANSPORT_GROUP)
    for name, variable in KEYS.items():
        if environment.get(variable, "").strip() and name in installed:
            return Choice(name, name, name, f"{variable} is set")
    for name in KEYS:
        if name in kept and name in installed:
            return Choice(name, name, name, f"its key is in {kept[name]}")
    if COMPATIBLE in installed and (running := await find(SERVERS)):
        return _at(running[0])
    if OFFLINE in installed:
        reason = "no key is set and no model server runs here"
        if environment.get("OPENAI_BASE_URL", "").strip() and COMPATIBLE in installed:
            reason += f"; for OPENAI_BASE_URL say --transport {COMPATIBLE}"
        elif COMPATIBLE in installed:
            reason += _of_others()
        return Choice(OFFLINE, OFFLINE, "the offline model", reason)
    raise CommandError(
        "no model can be used: install axio-transport-local for the offline one, start a model "
        f"server, or install a transport and set its key ({', '.join(KEYS.values())})"
    )


def _of_others() -> str:
    """A word on servers that run, but are another user's."""
    servers = [s for s in SERVERS if owners_of(s.port) and not is_ours(s.port)]
    return "".join(
        f"; what listens at port {server.port} is another user's: "
        f"--transport {server.name} takes it"
        for server in servers
    )


def _at(running: RunningServer) -> Choice:
    server = running.server
    return Choice(
        server.name,
        COMPATIBLE,
        f"{server.title} at {server.base_url}",
        "it runs on this machine",
        # An empty key, said plainly: the user's OpenAI key is not for this server.
        {"base_url": server.base_url, "api_key": "", "model": running.models[0]},
        running.models,
    )
