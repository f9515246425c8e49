"""The model that a conversation would begin with and, if asked, a small request to it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator, Mapping

from axio.plugins import TRANSPORT_GROUP, Installed
from axio.transport import CompletionTransport, model_of
from axio_tui.chat.providers import Providers
from axio_tui.chat.trial import Step, try_out
from axio_tui.choose import OFFLINE, Choice, choose, choose_named
from axio_tui.config.secrets import Secrets
from axio_tui.config.values import Config
from axio_tui.connect import connect, reach_loopback_directly
from axio_tui.doctor.findings import Finding
from axio_tui.doctor.settings import config_here, parts_here
from axio_tui.errors import CommandError, address_of, words_of_others

__all__ = ("look_at_model", "look_at_transports")


def look_at_transports() -> Iterator[Finding]:
    names = parts_here().names(TRANSPORT_GROUP)
    if names:
        yield Finding("ok", "transports", ", ".join(names))
    else:
        advice = "install one, such as axio-transport-local for the offline model"
        yield Finding("broken", "transports", "none is installed", advice)


def look_at_model(limit: float, *, online: bool) -> Iterator[Finding]:
    """It is asked nothing unless `online`; servers of this machine are asked for their models."""
    yield from asyncio.run(_look(limit * 0.9, online))


async def _look(patience: float, online: bool) -> list[Finding]:
    config = config_here()
    parts = parts_here()
    reach_loopback_directly()
    end = time.monotonic() + patience
    try:
        choice = await _chosen(config, parts)
        kept = await asyncio.to_thread(Providers(parts, config, Secrets()).kept, choice)
        async with (
            asyncio.timeout(patience),
            connect(choice, config["model"], parts, kept) as transport,
        ):
            told = Finding("ok", "model", _told(choice, transport), _hint(choice, online))
            if not online:
                return [told]
            return [told, await _asked(transport, choice.transport, end - time.monotonic())]
    except CommandError as error:
        return [Finding("broken", "model", words_of_others(str(error)), "axio models lists others")]
    except TimeoutError:
        words = f"it cannot be had within {patience:.1f} s"
        return [Finding("warning", "model", words, "axio doctor --limit N waits longer")]


async def _chosen(config: Config, parts: Installed) -> Choice:
    if config["transport"] is not None:
        return await choose_named(config["transport"], parts)
    return await choose(os.environ, parts, kept=Secrets().sources())


def _told(choice: Choice, transport: CompletionTransport) -> str:
    spec = model_of(transport)
    name = choice.title if spec is None else f"{spec.id} of {choice.title}"
    address = "" if choice.name == OFFLINE else address_of(transport)
    where = f" at {address}" if address and address not in name else ""
    return f"{name}{where}{f' ({choice.reason})' if choice.reason else ''}"


def _hint(choice: Choice, online: bool) -> str:
    if choice.name == OFFLINE:
        return "set a key or start a model server for a better one"
    return "" if online else "axio doctor --online tries a small request"


async def _asked(transport: CompletionTransport, name: str, patience: float) -> Finding:
    trial = await try_out(transport, name, max(0.1, patience))
    words = words_of_others(trial.words)
    if trial.works:
        return Finding("ok", "request", words)
    return Finding("broken", "request", words, _ADVICE[trial.step])


_ADVICE: Mapping[Step, str] = {
    "settings": "/connect changes its settings, and --limit N waits longer",
    "model": "axio models lists other models",
    "": "axio models lists other models",
}
