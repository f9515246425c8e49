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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
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

__all__ = (
    "GUARDS_GROUP",
    "SELECTOR_GROUP",
    "TOOLS_GROUP",
    "TOOLS_SETTINGS_GROUP",
    "TRANSPORT_GROUP",
    "TRANSPORT_SETTINGS_GROUP",
    "Installed",
    "PluginError",
    "ToolsPlugin",
    "as_tool",
    "discover_guards",
    "discover_selectors",
    "discover_tools",
    "discover_tools_by_package",
    "discover_tools_plugins",
    "discover_transport_settings",
    "discover_transports",
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
    """

    def __init__(self, report: Callable[[str], object] = logger.warning) -> None:
        self._report = report
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
        return _import(entries[name])

    def load_class(self, group: str, name: str) -> type:
        """The class behind one entry point. Raises `PluginError`."""
        return _class(name, self.load(group, name))

    def load_tool(self, name: str) -> AnyTool:
        """The tool called `name`, without importing any other. Raises `PluginError`."""
        part = self.load(TOOLS_GROUP, name)
        with _code_of_others(f"tool {name!r} cannot be made"):
            return as_tool(name, part)

    def each(
        self, group: str, convert: Callable[[str, object], T]
    ) -> Iterator[tuple[metadata.EntryPoint, T]]:
        """Every part of `group` that `convert(name, part)` accepts; what it raises is reported."""
        for entry in self._entries(group).values():
            try:
                imported = _import(entry)
                with _code_of_others("it cannot be made"):
                    part = convert(entry.name, imported)
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
                named.setdefault(entry.name, []).append(entry)
            self._groups[group] = {name: self._one(group, named[name]) for name in sorted(named)}
        return self._groups[group]

    def _one(self, group: str, entries: list[metadata.EntryPoint]) -> metadata.EntryPoint:
        """The one to be used of those with one name. To know whose each is takes a while, so only
        then it is looked up."""
        if len(entries) == 1:
            return entries[0]
        used, *others = sorted(entries, key=_precedence)
        for other in others:
            self._report(
                f"{group}: more than one {used.name!r}, using {_origin(used)} "
                f"and not {_origin(other)}"
            )
        return used


def _distribution(entry: metadata.EntryPoint) -> str:
    return entry.dist.name if entry.dist else "unknown"


def _precedence(entry: metadata.EntryPoint) -> tuple[bool, str]:
    distribution = _distribution(entry)
    return not distribution.startswith("axio-"), distribution


def _origin(entry: metadata.EntryPoint) -> str:
    return f"{entry.value} of {_distribution(entry)}"


def _import(entry: metadata.EntryPoint) -> Any:
    with _code_of_others(f"{entry.name!r} ({_origin(entry)}) cannot be imported"):
        return entry.load()


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
    return _by_name(TOOLS_SETTINGS_GROUP, _tools_plugin)


def discover_transports() -> dict[str, type]:
    """The transport classes by entry-point name."""
    return _by_name(TRANSPORT_GROUP, _class)


def discover_transport_settings() -> dict[str, type]:
    """The settings screens by the entry-point name of the transport they belong to."""
    return _by_name(TRANSPORT_SETTINGS_GROUP, _class)


def discover_selectors() -> dict[str, type]:
    """The tool-selector classes by entry-point name."""
    return _by_name(SELECTOR_GROUP, _class)


def discover_guards() -> dict[str, type[PermissionGuard]]:
    """The guard classes by entry-point name; what is no `PermissionGuard` is left out."""
    return _by_name(GUARDS_GROUP, _guard)


def _by_name(group: str, convert: Callable[[str, object], T]) -> dict[str, T]:
    return {entry.name: part for entry, part in Installed().each(group, convert)}


def _class(name: str, part: object) -> type:
    if not inspect.isclass(part):
        raise PluginError(f"{name!r} is an object of {type(part).__name__}, not a class")
    return part


def _guard(name: str, part: object) -> type[PermissionGuard]:
    found = _class(name, part)
    if not issubclass(found, PermissionGuard):
        raise PluginError(f"guard {name!r} is not a subclass of PermissionGuard")
    return found


def _tools_plugin(name: str, part: object) -> ToolsPlugin:
    found = _class(name, part)
    # Asked of the class: a property may need the connection that `init` opens.
    wanted = ("label", "all_tools", "init", "settings_screen", "close")
    missing = [attribute for attribute in wanted if not hasattr(found, attribute)]
    if missing:
        raise PluginError(f"tools plug-in {name!r} lacks {', '.join(missing)}")
    return found()  # type: ignore[no-any-return]
