"""Parts that installed distributions offer: tools, transports, guards, found by entry point.

A distribution names its parts in one of the groups below; a front end lists them with the
`discover_*` functions or takes single ones from `Installed`. Only what is asked for is imported.

    [project.entry-points."axio.tools"]
    my_tool = "my_package:my_tool"

The `discover_*` functions never fail because of a broken part: it is logged as a warning in one
line and left out. `Installed` is asked for one part and therefore raises `PluginError`. Of two
parts with one name that of axio's own distributions is used, else the first by distribution, and
the other is reported: nothing is replaced without a word.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from types import MappingProxyType
from typing import Any, Protocol, TypeVar, runtime_checkable

from axio.exceptions import AxioError
from axio.permission import PermissionGuard
from axio.tool import AnyTool, Tool, options_of

TOOLS_GROUP = "axio.tools"
TOOLS_SETTINGS_GROUP = "axio.tools.settings"
TRANSPORT_GROUP = "axio.transport"
TRANSPORT_SETTINGS_GROUP = "axio.transport.settings"
GUARDS_GROUP = "axio.guards"
SELECTOR_GROUP = "axio.selector"

GROUPS = (
    TOOLS_GROUP,
    TOOLS_SETTINGS_GROUP,
    TRANSPORT_GROUP,
    TRANSPORT_SETTINGS_GROUP,
    GUARDS_GROUP,
    SELECTOR_GROUP,
)

OWN = frozenset(
    """axio axio-context-postgres axio-context-sqlite axio-durable axio-tools-docker
    axio-tools-local axio-tools-mcp axio-transport-anthropic axio-transport-codex
    axio-transport-local axio-transport-openai axio-tui axio-tui-guards""".split()
)
"""The distributions of axio itself: a part of theirs is not replaced by one of others."""

__all__ = (
    "GROUPS",
    "GUARDS_GROUP",
    "OWN",
    "SELECTOR_GROUP",
    "TOOLS_GROUP",
    "TOOLS_SETTINGS_GROUP",
    "TRANSPORT_GROUP",
    "TRANSPORT_SETTINGS_GROUP",
    "Installed",
    "PluginError",
    "ToolsPlugin",
    "as_class",
    "as_guard",
    "as_tool",
    "as_tools_plugin",
    "discover_guards",
    "discover_selectors",
    "discover_tools",
    "discover_tools_by_package",
    "discover_tools_plugins",
    "discover_transport_settings",
    "discover_transports",
    "is_own",
)

logger = logging.getLogger(__name__)

T = TypeVar("T")


class PluginError(AxioError):
    """A part that is not installed, does not import or is not what its group asks for."""


@runtime_checkable
class ToolsPlugin(Protocol):
    """A part of the group `axio.tools.settings`: tools that need settings or a connection."""

    @property
    def label(self) -> str: ...

    @property
    def all_tools(self) -> list[AnyTool]: ...

    async def init(self, config: Any = None, global_config: Any = None) -> None: ...

    def settings_screen(self) -> Any: ...

    async def close(self) -> None: ...


class Installed:
    """The parts that are installed, by name. Each group is looked up once, when it is first asked
    for. `report` is called with one line for each part that is left out.

    Names that are `reserved` in a group are for axio's own parts. Those that are `off` are left out
    without a word.
    """

    def __init__(
        self,
        report: Callable[[str], object] = logger.warning,
        *,
        reserved: Mapping[str, Collection[str]] = MappingProxyType({}),
        off: Mapping[str, Collection[str]] = MappingProxyType({}),
    ) -> None:
        self._report = report
        self._reserved = reserved
        self._off = off
        self._all: Any = None  # metadata.EntryPoints; in 3.11 something with the same select
        self._groups: dict[str, dict[str, metadata.EntryPoint]] = {}

    def names(self, group: str) -> list[str]:
        """The names that `group` offers, sorted; nothing is imported."""
        return list(self._entries(group))

    def load(self, group: str, name: str) -> Any:
        """The object behind one entry point. Raises `PluginError`, which lists what there is."""
        entries = self._entries(group)
        if name not in entries:
            offered = ", ".join(entries) or "none is installed"
            raise PluginError(f"{group} has no {name!r}; there is: {offered}")
        return self.import_entry(entries[name])

    def load_class(self, group: str, name: str) -> type:
        """The class behind one entry point. Raises `PluginError`."""
        return as_class(name, self.load(group, name))

    def load_tool(self, name: str) -> AnyTool:
        """The tool called `name`, without importing any other. Raises `PluginError`."""
        part = self.load(TOOLS_GROUP, name)
        return self.call(f"tool {name!r} cannot be made", lambda: as_tool(name, part))

    def call(self, problem: str, code: Callable[[], T]) -> T:
        """The result of code of others. An error of it is a `PluginError` that begins with the
        problem; only Ctrl-C is the person's, and passes."""
        with _code_of_others(problem):
            return code()

    def all_entries(self, group: str) -> list[metadata.EntryPoint]:
        """All that `group` offers, sorted, also those that are not used."""
        if self._all is None:
            self._all = metadata.entry_points()
        return sorted(self._all.select(group=group), key=lambda one: (one.name, *_precedence(one)))

    def entry(self, group: str, name: str) -> metadata.EntryPoint | None:
        """The entry point that is used for the name; None without one."""
        return self._entries(group).get(name)

    def each(
        self, group: str, convert: Callable[[str, object], T]
    ) -> Iterator[tuple[metadata.EntryPoint, T]]:
        """Every part of `group` that `convert(name, part)` accepts; what it raises is reported."""
        for entry in self._entries(group).values():
            try:
                imported = self.import_entry(entry)
                part = self.call(
                    "it cannot be made", functools.partial(convert, entry.name, imported)
                )
            except PluginError as error:
                self._report(f"{group}: skipping {entry.name!r}: {error}")
            else:
                yield entry, part

    def _entries(self, group: str) -> dict[str, metadata.EntryPoint]:
        """Sorted: the order of a tool list is part of a provider's cache key."""
        if group not in self._groups:
            if self._all is None:
                self._all = metadata.entry_points()
            named: dict[str, list[metadata.EntryPoint]] = {}
            for entry in self._all.select(group=group):
                if entry.name not in self._off.get(group, ()):
                    named.setdefault(entry.name, []).append(entry)
            ones = {name: self._one(group, named[name]) for name in sorted(named)}
            self._groups[group] = {name: one for name, one in ones.items() if one is not None}
        return self._groups[group]

    def _one(self, group: str, entries: list[metadata.EntryPoint]) -> metadata.EntryPoint | None:
        """The one to be used of those with one name. To know whose each is takes a while, so only
        then it is looked up."""
        if entries[0].name in self._reserved.get(group, ()):
            for entry in entries:
                if not is_own(entry):
                    self._report(
                        f"{group}: skipping {entry.name!r} ({_origin(entry)}): the name is for a "
                        "part of axio itself"
                    )
            entries = [entry for entry in entries if is_own(entry)]
        if len(entries) < 2:
            return entries[0] if entries else None
        used, *others = sorted(entries, key=_precedence)
        for other in others:
            self._report(
                f"{group}: more than one {used.name!r}, using {_origin(used)} "
                f"and not {_origin(other)}"
            )
        return used

    def import_entry(self, entry: metadata.EntryPoint) -> Any:
        """The object behind an entry point. Raises `PluginError`."""
        return self.call(f"{entry.name!r} ({_origin(entry)}) cannot be imported", entry.load)


def is_own(entry: metadata.EntryPoint) -> bool:
    """True for a part of axio's own distributions."""
    return _distribution(entry).lower().replace("_", "-") in OWN


def _distribution(entry: metadata.EntryPoint) -> str:
    return entry.dist.name if entry.dist else "unknown"


def _precedence(entry: metadata.EntryPoint) -> tuple[bool, bool, str]:
    distribution = _distribution(entry)
    return not is_own(entry), not distribution.startswith("axio-"), distribution


def _origin(entry: metadata.EntryPoint) -> str:
    return f"{entry.value} of {_distribution(entry)}"


@contextmanager
def _code_of_others(problem: str) -> Iterator[None]:
    """Turn all that is raised in it into a `PluginError`, for it must not end the program; only
    Ctrl-C is the person's, and passes."""
    try:
        yield
    except (PluginError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise PluginError(f"{problem}: {_words(error)}") from error


def _words(error: BaseException) -> str:
    """One line, also of an error that has many or none, or cannot be turned into text."""
    try:
        text = " ".join(str(error).split())
    except BaseException:
        text = ""
    return f"{type(error).__name__}: {text}".rstrip(": ")


# ── tools ─────────────────────────────────────────────────────────────────────────────────────


def as_tool(name: str, part: object) -> AnyTool:
    """`part` as a tool called `name`: a coroutine function, an async generator function, a `Tool`,
    an object with an async `__call__`, or a class of such objects that needs no arguments.

    The name is always the entry point's, so that it is the same for the model, in settings and on
    a command line. Raises `PluginError` for anything else, and what the class or `Tool` raises.
    """
    if isinstance(part, Tool):
        return part if part.name == name else dataclasses.replace(part, name=name)
    if inspect.iscoroutinefunction(part) or inspect.isasyncgenfunction(part):
        handler = part
    else:
        handler = _handler_of(name, part() if inspect.isclass(part) else part)
    return Tool(name=name, handler=handler, **options_of(handler))


def _handler_of(name: str, instance: object) -> Callable[..., Any]:
    """A coroutine function that calls `instance`, with its signature, docstring and streaming."""
    call = getattr(instance, "__call__", None)  # noqa: B004 - the method is needed, not the fact
    if not inspect.iscoroutinefunction(call):
        raise PluginError(f"tool {name!r} is not a coroutine function, a Tool or an async callable")

    @functools.wraps(call)
    async def handler(**kwargs: Any) -> Any:
        return await call(**kwargs)

    handler.__doc__ = call.__doc__ or type(instance).__doc__
    for attribute in ("stream", "format_stream_result", "_tool_concurrency", "_tool_options"):
        if hasattr(instance, attribute):
            setattr(handler, attribute, getattr(instance, attribute))
    return handler


# ── all parts of a group ──────────────────────────────────────────────────────────────────────


def discover_tools() -> list[AnyTool]:
    """Every tool of the group `axio.tools` that loads, sorted by name."""
    return [tool for _, tool in Installed().each(TOOLS_GROUP, as_tool)]


def discover_tools_by_package() -> dict[str, list[AnyTool]]:
    """The same tools under the name of the distribution that offers each."""
    packages: dict[str, list[AnyTool]] = {}
    for entry, tool in Installed().each(TOOLS_GROUP, as_tool):
        packages.setdefault(_distribution(entry), []).append(tool)
    return packages


def discover_tools_plugins() -> dict[str, ToolsPlugin]:
    """One fresh, not yet initialised plug-in for each entry of `axio.tools.settings`."""
    return _by_name(TOOLS_SETTINGS_GROUP, as_tools_plugin)


def discover_transports() -> dict[str, type]:
    """The transport classes by entry-point name."""
    return _by_name(TRANSPORT_GROUP, as_class)


def discover_transport_settings() -> dict[str, type]:
    """The settings screens by the entry-point name of the transport they belong to."""
    return _by_name(TRANSPORT_SETTINGS_GROUP, as_class)


def discover_selectors() -> dict[str, type]:
    """The tool-selector classes by entry-point name."""
    return _by_name(SELECTOR_GROUP, as_class)


def discover_guards() -> dict[str, type[PermissionGuard]]:
    """The guard classes by entry-point name; what is no `PermissionGuard` is left out."""
    return _by_name(GUARDS_GROUP, as_guard)


def _by_name(group: str, convert: Callable[[str, object], T]) -> dict[str, T]:
    return {entry.name: part for entry, part in Installed().each(group, convert)}


def as_class(name: str, part: object) -> type:
    if not inspect.isclass(part):
        raise PluginError(f"{name!r} is an object of {type(part).__name__}, not a class")
    return part


def as_guard(name: str, part: object) -> type[PermissionGuard]:
    found = as_class(name, part)
    if not issubclass(found, PermissionGuard):
        raise PluginError(f"guard {name!r} is not a subclass of PermissionGuard")
    return found


def as_tools_plugin(name: str, part: object) -> ToolsPlugin:
    found = as_class(name, part)
    # Asked of the class: a property may need the connection that `init` opens.
    wanted = ("label", "all_tools", "init", "settings_screen", "close")
    missing = [attribute for attribute in wanted if not hasattr(found, attribute)]
    if missing:
        raise PluginError(f"tools plug-in {name!r} lacks {', '.join(missing)}")
    return found()  # type: ignore[no-any-return]
