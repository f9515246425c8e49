"""`Extensions`: the plug-ins that bring tools and choose among them, while an application runs.

extensions = Extensions(parts, say)
extensions.load(tools, plugins, selector)
await extensions.arrived(2.0)      # go on with what is there by then
extensions.on_change = equip       # and take what comes later
...
await extensions.close()
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint
from typing import Any

from axio.messages import Message
from axio.plugins import (
    SELECTOR_GROUP,
    TOOLS_GROUP,
    TOOLS_SETTINGS_GROUP,
    TRANSPORT_GROUP,
    PluginError,
    ToolsPlugin,
    is_own,
)
from axio.selector import ToolSelector
from axio.tool import AnyTool
from axio_tui.config.paths import database_file
from axio_tui.config.sqlite_config import GLOBAL_PROJECT, ProjectConfig
from axio_tui.parts import (
    Begun,
    Parts,
    begin,
    end,
    import_class,
    load_selector,
    load_tool,
    named,
    tools_of,
)
from axio_tui.steps import on_loop

__all__ = ("Extensions", "Held", "in_turn")

Say = Callable[[str], object]


class Extensions:
    """`tools` and `selector` are what has come so far. Each plug-in that fails is told once, and
    left out. `on_change` is called when more has come."""

    def __init__(self, parts: Parts, say: Say) -> None:
        self.selector: ToolSelector | None = None
        self.on_change: Callable[[], object] = lambda: None
        self.only: Collection[str] | None = None
        """The tools that are wanted; None for all."""
        self.parts = parts
        self.off: set[str] = set()
        """The names of tools that are switched off, also of those of axio itself."""
        self.errors: dict[EntryPoint, str] = {}
        """The error of each that was loaded; "" for none."""
        self._say = say
        self._told: set[str] = set()
        self._loading: dict[asyncio.Task[None], tuple[str, str]] = {}
        self._tools: dict[EntryPoint, AnyTool] = {}
        self._begun: dict[str, Begun] = {}
        self._config = (
            ProjectConfig(database_file()),
            ProjectConfig(database_file(), GLOBAL_PROJECT),
        )

    # ── what there is ─────────────────────────────────────────────────────────────────────────

    @property
    def plugins(self) -> dict[str, ToolsPlugin]:
        """Those that bring tools and have begun, by name."""
        return {name: begun.plugin for name, begun in self._begun.items()}

    def tools(self, taken: Collection[str] = ()) -> list[AnyTool]:
        """All tools, sorted by those who bring them. A name that is `taken`, or comes again, is
        told once and left out."""
        brought: list[tuple[EntryPoint, AnyTool]] = [*self._tools.items()]
        brought += [(begun.entry, tool) for begun in self._begun.values() for tool in begun.tools]
        brought.sort(key=lambda one: (one[0].group, one[0].name))
        known = dict.fromkeys(taken, "axio itself")
        tools = []
        for entry, tool in brought:
            is_off = entry.group == TOOLS_GROUP and entry.name in self.off
            if is_off or (self.only is not None and tool.name not in self.only):
                continue
            if tool.name in known:
                self._tell(f"{named(entry)}: {known[tool.name]} has a tool {tool.name!r} already")
            else:
                known[tool.name] = named(entry)
                tools.append(tool)
        return tools

    # ── loading ───────────────────────────────────────────────────────────────────────────────

    def load(self, tools: Iterable[str], plugins: Iterable[str], selector: str = "") -> None:
        """Begin to load these, all at the same time."""
        for name in tools:
            self._begin(TOOLS_GROUP, name, self._tool(name))
        for name in plugins:
            self._begin(TOOLS_SETTINGS_GROUP, name, self._plugin(name))
        if selector:
            self._begin(SELECTOR_GROUP, selector, self._select_with(selector))

    def _begin(self, group: str, name: str, job: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(job)
        self._loading[task] = group, name
        task.add_done_callback(self._loading.pop)

    def _give_up(self, group: str, name: str = "") -> list[asyncio.Task[None]]:
        """Cancel what still loads of a group: the part of this name, or all. It changes nothing
        any more, and may take its time to end."""
        given_up = [
            task
            for task, (its_group, its_name) in self._loading.items()
            if its_group == group and name in ("", its_name)
        ]
        for task in given_up:
            task.cancel()
        return given_up

    def import_transports(self) -> None:
        """Begin to import those of others, so that none of them is waited for when it is needed."""
        for name in self.parts.names(TRANSPORT_GROUP):
            entry = self.parts.entry(TRANSPORT_GROUP, name)
            if entry is not None and not is_own(entry):
                self._begin(TRANSPORT_GROUP, name, self._transport(entry))

    async def arrived(self, seconds: float | None = None) -> None:
        """Wait until all have come, or have failed; not longer than so many seconds."""
        if self._loading:
            await asyncio.wait(set(self._loading), timeout=seconds)

    async def _transport(self, entry: EntryPoint) -> None:
        with self._telling(entry):
            try:
                await import_class(entry)
            except PluginError as error:
                self.parts.failed[entry] = error
                raise

    async def _tool(self, name: str) -> None:
        entry = self.parts.entry(TOOLS_GROUP, name)
        if entry is not None:
            with self._telling(entry):
                self._tools[entry] = await load_tool(entry)
                self.on_change()

    async def _plugin(self, name: str) -> None:
        entry = self.parts.entry(TOOLS_SETTINGS_GROUP, name)
        if entry is not None:
            with self._telling(entry):
                self._begun[name] = await begin(entry, *self._config)
                self.on_change()

    async def _select_with(self, name: str) -> None:
        entry = self.parts.entry(SELECTOR_GROUP, name)
        if entry is None:
            there_is = ", ".join(self.parts.names(SELECTOR_GROUP)) or "none is installed"
            self._tell(f"no selector {name!r}; there is: {there_is}")
            return
        with self._telling(entry):
            self.selector = Held(entry, await load_selector(entry), self._tell)
            self.on_change()

    def select_with(self, name: str) -> None:
        """Let this selector choose from now on; none for ""."""
        self._give_up(SELECTOR_GROUP)
        self.selector = None
        if name:
            self.load((), (), name)
        self.on_change()

    async def refresh(self, name: str) -> None:
        """Ask a plug-in for its tools again, as after its settings were changed."""
        begun = self._begun.get(name)
        if begun is None:  # it was switched off
            return
        with self._telling(begun.entry):
            tools = await tools_of(begun.entry, begun.plugin)
            now = self._begun.get(name)
            if now is not None and now.plugin is begun.plugin:
                self._begun[name] = Begun(begun.entry, begun.plugin, tools)
        self.on_change()

    # ── while it runs ─────────────────────────────────────────────────────────────────────────

    async def screen_of(self, name: str) -> object:
        """The settings screen of a plug-in. `PluginError` if it has none."""
        begun = self._begun.get(name)
        if begun is None:
            there_is = ", ".join(self._begun) or "none"
            raise PluginError(f"no plug-in {name!r} has begun; there is: {there_is}")
        problem = f"{named(begun.entry)}: settings_screen"

        async def make() -> object:  # widgets belong to the thread of the application
            return begun.plugin.settings_screen()

        return await on_loop(problem, make)

    async def switch_off(self, group: str, name: str) -> None:
        """Leave out a part from now on, also one that still loads."""
        if given_up := self._give_up(group, name):
            await asyncio.wait(given_up)
        if group == TOOLS_GROUP:
            self.off.add(name)
        elif group == TOOLS_SETTINGS_GROUP and (begun := self._begun.pop(name, None)):
            with self._telling(begun.entry):
                await end(begun)
        elif group == SELECTOR_GROUP and isinstance(self.selector, Held):
            self.selector = None if self.selector.name == name else self.selector
        self.on_change()

    def switch_on(self, group: str, name: str) -> bool:
        """Use a part that brings tools again, or a selector. False if it can only be used from the
        next start on, as one that was off at this one."""
        entry = self.parts.entry(group, name)
        if entry is None or group not in (TOOLS_GROUP, TOOLS_SETTINGS_GROUP, SELECTOR_GROUP):
            return False
        if group == TOOLS_GROUP:
            self.off.discard(name)
            if entry not in self._tools and not is_own(entry):
                self.load([name], ())
        elif group == TOOLS_SETTINGS_GROUP and name not in self._begun:
            self.load((), [name])
        self.on_change()
        return True

    async def close(self) -> None:
        """Close all that have begun, at the same time."""
        loading = set(self._loading)
        for task in loading:
            task.cancel()
        if loading:
            await asyncio.wait(loading)
        begun, self._begun = list(self._begun.values()), {}
        await asyncio.gather(*(self._end(one) for one in begun))
        for config in self._config:
            await config.close()

    async def _end(self, begun: Begun) -> None:
        with self._telling(begun.entry):
            await end(begun)

    @contextmanager
    def _telling(self, entry: EntryPoint) -> Iterator[None]:
        self.errors[entry] = ""
        try:
            yield
        except PluginError as error:
            self.errors[entry] = str(error).removeprefix(f"{named(entry)}: ")
            self._tell(str(error))

    def _tell(self, words: str) -> None:
        if words not in self._told:
            self._told.add(words)
            self._say(f"left out: {words}")


class Held:
    """A selector of others. One that fails is told once, and all tools are shown."""

    def __init__(self, entry: EntryPoint, selector: ToolSelector, tell: Say) -> None:
        self.name = entry.name
        self._words = f"{named(entry)}: select"
        self._selector = selector
        self._tell = tell

    async def select(
        self, messages: Iterable[Message], tools: Iterable[AnyTool]
    ) -> Iterable[AnyTool]:
        offered = list(tools)
        history = list(messages)

        async def chosen() -> list[AnyTool]:
            return list(await self._selector.select(history, offered))

        try:
            return await on_loop(self._words, chosen)
        except PluginError as error:
            self._tell(str(error))
            return offered


def in_turn(first: ToolSelector | None, second: ToolSelector | None) -> ToolSelector | None:
    """Both selectors: the second chooses among what the first has left."""
    return _InTurn(first, second) if first and second else first or second


class _InTurn:
    def __init__(self, first: ToolSelector, second: ToolSelector) -> None:
        self._first = first
        self._second = second

    async def select(
        self, messages: Iterable[Message], tools: Iterable[AnyTool]
    ) -> Iterable[AnyTool]:
        history = list(messages)
        return await self._second.select(history, await self._first.select(history, tools))
