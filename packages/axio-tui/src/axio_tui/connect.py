"""From a choice to a transport that is ready: with its key, its model and an HTTP session."""

from __future__ import annotations

import asyncio
import difflib
import inspect
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from types import MappingProxyType
from typing import Any

from axio.events import StreamEvent
from axio.exceptions import AxioError, ProtocolError, StreamError
from axio.messages import Message
from axio.models import Capability, ModelRegistry, ModelSpec
from axio.plugins import TRANSPORT_GROUP, Installed, PluginError
from axio.tool import AnyTool
from axio.transport import CompletionTransport
from axio_tui.choose import COMPATIBLE, KEYS, NOTHING, OFFLINE, Choice
from axio_tui.config.forms import arguments
from axio_tui.config.saved import ACCOUNT
from axio_tui.config.settings import is_secret
from axio_tui.errors import CommandError, WrongUse, blotted, explain, words_of_others
from axio_tui.harmless import visible
from axio_tui.own_servers import load_own
from axio_tui.parts import class_of
from axio_tui.servers import models_in
from axio_tui.steps import in_thread, on_loop

__all__ = (
    "connect",
    "known_models",
    "listed",
    "models_of",
    "models_there",
    "reach_loopback_directly",
)

LOOPBACK = ("localhost", "127.0.0.1", "::1")
# A person waits at the terminal: a server that is not there is reported within seconds. A wait
# that the server itself asks for is kept.
PATIENCE = {"max_retries": 3, "retry_base_delay": 0.5}
SHOWN_MODELS = 20
ADDRESSES = {
    "anthropic": "ANTHROPIC_BASE_URL",
    "openai": "OPENAI_BASE_URL",
    COMPATIBLE: "OPENAI_BASE_URL",
}
"""The variable for the address of a transport's server."""

# Transports whose server lists its models at `<base URL>/models`.
LISTING = frozenset({"openai", "openai-custom", "openrouter", "nebius"})


@asynccontextmanager
async def connect(
    choice: Choice,
    model: str | None,
    parts: Installed,
    kept: Mapping[str, str] = MappingProxyType({}),
) -> AsyncIterator[CompletionTransport]:
    """The chosen transport, closed with its session at the end.

    `kept` are the settings that a person has kept for it, its key among them; those of the choice,
    and of the environment, come first.

    Raises `WrongUse` for a missing key and for a model that is known not to be there, and
    `CommandError` for a transport that does not load.
    """
    if choice is NOTHING:
        yield _Unconnected()
        return
    if model is not None and choice.models and model not in choice.models:
        raise _no_such_model(choice, model, choice.models)
    try:
        make = await class_of(parts, TRANSPORT_GROUP, choice.transport)
    except PluginError as error:
        raise CommandError(f"the transport cannot be used: {error}") from error
    async with AsyncExitStack() as opened:
        if choice.own:
            transport = await _own(choice, model, parts, opened)
        else:
            transport = await _construct(make, choice, model, kept, opened)
        _check_key(choice, transport)
        _check_account(choice, transport)
        for name, value in PATIENCE.items():
            if hasattr(transport, name):
                setattr(transport, name, value)
        await _settle_model(choice, transport, model)
        yield transport


class _Unconnected:
    """Stands where no model can be used."""

    async def stream(
        self, messages: list[Message], tools: list[AnyTool], system: str
    ) -> AsyncGenerator[StreamEvent, None]:
        nothing: list[StreamEvent] = []
        for event in nothing:
            yield event
        raise StreamError("no model is connected: /connect takes one")


async def _own(choice: Choice, model: str | None, parts: Installed, opened: AsyncExitStack) -> Any:
    """One of several that the settings of a transport keep."""
    session = await _session(opened)
    try:
        found = await asyncio.to_thread(load_own, choice.transport, parts, session)
    except PluginError as error:
        raise CommandError(str(error)) from error
    transport = found.get(choice.own)
    if not isinstance(transport, CompletionTransport):
        there_is = ", ".join(visible(f"{choice.transport}.{name}") for name in found) or "none"
        raise WrongUse(f"no transport {visible(choice.name)!r}; there is: {there_is}")
    known: Any = getattr(transport, "models", None) or ModelRegistry()
    wanted = model or (known.first().id if known else None)
    if wanted is not None:
        able = frozenset({Capability.text, Capability.tool_use})
        setattr(transport, "model", known.get(wanted) or ModelSpec(wanted, able))  # noqa: B010
    return transport


async def _session(opened: AsyncExitStack) -> Any:
    import aiohttp

    # Without a limit of its own aiohttp would end an answer after five minutes.
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=30)
    session = aiohttp.ClientSession(timeout=timeout, trust_env=True)
    return await opened.enter_async_context(session)


async def _construct(
    make: Callable[..., Any],
    choice: Choice,
    model: str | None,
    kept: Mapping[str, str],
    opened: AsyncExitStack,
) -> Any:
    parameters = inspect.signature(make).parameters
    settings = dict(choice.settings)
    if not settings:  # else it is a server that was found here, which is for no key of another
        taken = {name: value for name, value in kept.items() if name in parameters}
        settings = arguments(make, taken)
        if os.environ.get(ADDRESSES.get(choice.transport, ""), "").strip():
            settings.pop("base_url", None)
    if choice.transport == COMPATIBLE and not settings.get("base_url"):
        settings["base_url"] = os.environ.get("OPENAI_BASE_URL", "")
        if not settings["base_url"]:
            raise WrongUse(
                f"the transport {COMPATIBLE} needs a server: set OPENAI_BASE_URL, or "
                f"axio config set transports.{COMPATIBLE}.base_url URL"
            )
    if choice.transport == ACCOUNT:
        from axio_transport_codex.tokens import default_path

        settings.setdefault("token_file", default_path())
    if model is not None:
        if "model" not in parameters:
            raise WrongUse(f"the transport {choice.transport} has no choice of models")
        settings["model"] = model
    # A transport that can be closed has a session of its own, the offline one needs none.
    closes_itself = inspect.iscoroutinefunction(getattr(make, "close", None))
    if "session" in parameters and not closes_itself and choice.transport != OFFLINE:
        settings["session"] = await _session(opened)
    try:
        transport = await in_thread("its constructor", partial(make, **settings))
    except PluginError as failed:
        error = failed.__cause__ or failed  # the message of a foreign constructor is the best
        kind = WrongUse if isinstance(error, LookupError | ValueError) else CommandError
        words = str(error) if isinstance(error, Exception) else f"{type(error).__name__}: {error}"
        known = [text for name, text in settings.items() if is_secret(name)]
        words = words_of_others(blotted(words, map(str, known)))
        raise kind(f"the transport {choice.transport} cannot be used: {words}") from error
    if closes_itself:
        opened.push_async_callback(transport.close)
    if not isinstance(transport, CompletionTransport):
        raise CommandError(
            f"the transport {choice.transport} cannot be used: {type(transport).__name__} has no "
            "method 'stream'"
        )
    return transport


def _check_key(choice: Choice, transport: Any) -> None:
    variable = KEYS.get(choice.transport)
    key = getattr(transport, "api_key", None)
    if variable and isinstance(key, str) and not key.strip() and not _is_loopback(transport):
        raise WrongUse(
            f"the transport {choice.transport} needs a key: set {variable}, or "
            f"axio config set-key {choice.transport}"
        )


def _check_account(choice: Choice, transport: Any) -> None:
    """A transport that signs in says how, before it asks a server that would refuse it."""
    if choice.transport == ACCOUNT and not transport.api_key and not _is_loopback(transport):
        raise WrongUse(
            f"the transport {ACCOUNT} is not signed in: run python -m axio_transport_codex login"
        )


async def _settle_model(choice: Choice, transport: Any, wanted: str | None) -> None:
    """A transport that does not know its model yet is asked to fetch what there is; one that takes
    its model only as a `ModelSpec` gets it so."""
    registry, model = getattr(transport, "models", None), getattr(transport, "model", None)
    name = model.id if isinstance(model, ModelSpec) else model
    if not isinstance(registry, ModelRegistry) or not isinstance(name, str):
        return
    if name not in registry and hasattr(transport, "fetch_models"):
        try:
            problem = f"{choice.title} cannot tell its models"
            await on_loop(problem, transport.fetch_models)
        except PluginError as failed:
            error = failed.__cause__  # that of a server is explained
            words = explain(error, transport) if isinstance(error, AxioError) else str(failed)
            raise CommandError(words) from failed
    if isinstance(transport.model, str):
        able = frozenset({Capability.text, Capability.tool_use})
        transport.model = transport.models.get(name) or ModelSpec(name, able)
    if wanted is not None and transport.model.id != wanted:  # it took another that it did find
        raise _no_such_model(choice, wanted, transport.models.ids())


def _no_such_model(choice: Choice, wanted: str, models: Iterable[str]) -> WrongUse:
    there_is = listed(models, wanted)
    return WrongUse(f"{choice.title} has no model {visible(wanted)!r}; it has: {there_is}")


async def known_models(choice: Choice, transport: Any) -> list[str]:
    """The models to name instead of one that was refused: those the server lists, else those the
    transport knows."""
    try:
        return await models_there(choice, transport)
    except StreamError:
        return models_of(transport)


def models_of(transport: Any) -> list[str]:
    """The models that the transport knows."""
    registry = getattr(transport, "models", None)
    return registry.ids() if isinstance(registry, ModelRegistry) else []


async def models_there(choice: Choice, transport: Any) -> list[str]:
    """The models that the server lists; those the transport knows where it is not asked for a list.
    `StreamError` if no list comes, or one of no models."""
    if choice.transport not in LISTING:
        return models_of(transport)
    from axio.wire.address import Address
    from axio.wire.http import Http, Timeouts, request_json
    from axio.wire.retry import RetryPolicy
    from axio.wire.secret import Secret
    from axio.wire.session import SessionPool

    http = Http(RetryPolicy(attempts=1), Timeouts(connect=3, idle=3, total=3), "list of models")
    key = Secret(transport.api_key.strip())
    headers = {"Authorization": Secret(f"Bearer {key.reveal()}")} if key else {}
    url = Address(transport.base_url).below("models")
    pool = SessionPool()
    try:
        names = models_in(await request_json(pool, url=url, headers=headers, http=http))
    except (StreamError, ValueError) as error:
        if isinstance(error, StreamError) and error.status not in (200, 404):
            raise
        raise ProtocolError(f"{url.shown} gives no list of models: is the address right?") from None
    finally:
        await pool.close()
    if not names:
        raise ProtocolError(f"{url.shown} lists no model: the server may have to load one")
    return list(names)


def listed(models: Iterable[str], wanted: str) -> str:
    """`models` for one line, those that look like `wanted` first."""
    names = list(models)
    close = difflib.get_close_matches(wanted, names, n=5, cutoff=0.5)
    names = [*close, *(name for name in names if name not in close)]
    more = [f"and {len(names) - SHOWN_MODELS} more"] if len(names) > SHOWN_MODELS else []
    return ", ".join([*map(visible, names[:SHOWN_MODELS]), *more])


def reach_loopback_directly() -> None:
    """Never use a proxy for this machine's own servers, here and in what tools start."""
    for variable in ("NO_PROXY", "no_proxy"):
        hosts = [host.strip() for host in os.environ.get(variable, "").split(",") if host.strip()]
        if variable == "NO_PROXY" or hosts:  # the small one, where set, wins
            missing = [host for host in LOOPBACK if host not in hosts and "*" not in hosts]
            os.environ[variable] = ",".join([*hosts, *missing])


def _is_loopback(transport: Any) -> bool:
    from axio.wire.address import Address  # Later: the offline model has no address.

    return Address(getattr(transport, "base_url", "")).loopback
