"""Distributions that a test installs: plug-ins as their authors write them, whole and broken."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

__all__ = ("BROKEN_GROUPS", "BROKEN_MODULES", "WEATHER", "WEATHER_GROUPS", "put")


def put(
    folder: Path,
    name: str,
    groups: Mapping[str, Mapping[str, str]],
    modules: Mapping[str, str] | None = None,
    version: str = "1.0",
) -> Path:
    """Install a distribution into a folder of `sys.path`."""
    folder.mkdir(exist_ok=True)
    for module, source in (modules or {}).items():
        (folder / f"{module}.py").write_text(source)
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = []
    for group, entries in groups.items():
        lines += [f"[{group}]", *(f"{entry} = {value}" for entry, value in entries.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return folder


# ── a plug-in of every kind ───────────────────────────────────────────────────────────────────

WEATHER = '''
"""Weather for agents: tools, a plug-in with settings, a transport, a guard and a selector."""

from typing import Any

from textual.app import ComposeResult
from textual.screen import ModalScreen
from textual.widgets import Button, Input

from axio.events import IterationEnd, TextDelta
from axio.exceptions import GuardError
from axio.models import Capability, ModelRegistry, ModelSpec
from axio.permission import PermissionGuard
from axio.tool import Tool
from axio.types import StopReason, Usage
from axio_tui import tools as host
from axio_tui.plugin import ToolsPlugin
from axio_tui.sqlite_config import ProjectConfig

calls: list[str] = []


async def weather(city: str, days: int = 1) -> str:
    """Forecast for a city."""
    await host.status_line(f"asking for {city}")
    return f"{city}: sunny for {days}"


weather._tool_concurrency = 2


class StationsScreen(ModalScreen):
    def __init__(self, plugin: Any) -> None:
        super().__init__()
        self.plugin = plugin

    def compose(self) -> ComposeResult:
        yield Input(id="url")
        yield Button("Save", id="btn-save")

    async def on_button_pressed(self, event: Button.Pressed) -> None:
        await self.plugin.add(self.query_one("#url", Input).value)
        self.dismiss(True)


class Stations:
    def __init__(self) -> None:
        self.urls: list[str] = []
        self.config: Any = None

    @property
    def label(self) -> str:
        return "Weather stations"

    async def init(self, config=None, global_config=None) -> None:
        assert isinstance(self, ToolsPlugin)
        self.config = config
        if global_config is not None:
            self.urls += [await global_config.get("stations.url", "default")]
        calls.append("init")

    async def add(self, url: str) -> None:
        self.urls.append(url)
        if self.config is not None:
            await self.config.set("stations.url", url)

    @property
    def all_tools(self) -> list[Tool]:
        async def handler(sensor: str = "t") -> str:
            return f"{sensor} at {', '.join(self.urls)}"

        return [Tool(name="station_read", description="Read a station", handler=handler)]

    def settings_screen(self) -> ModalScreen:
        return StationsScreen(self)

    async def close(self) -> None:
        calls.append("close")


SPECS = [
    ModelSpec("cloud-1", frozenset({Capability.text, Capability.tool_use})),
    ModelSpec("cloud-eye", frozenset({Capability.text, Capability.tool_use, Capability.vision})),
]


class CloudTransport:
    name = "Cloud"

    def __init__(self, session=None, api_key="", model=None, models=None, region="eu"):
        self.session = session
        self.api_key = api_key
        self.models = models or ModelRegistry(SPECS)
        self.model = model or SPECS[0]
        self.region = region
        self.on_auth_refresh = None

    async def fetch_models(self):
        self.models = ModelRegistry(SPECS)

    async def stream(self, messages, tools, system):
        names = ",".join(sorted(tool.name for tool in tools))
        yield TextDelta(0, f"{self.model.id} in {self.region}: {names}")
        yield IterationEnd(1, StopReason.end_turn, Usage(10, 5))


class CloudSettingsScreen(ModalScreen[dict[str, str] | None]):
    def __init__(self, settings: dict[str, str]) -> None:
        super().__init__()
        self.settings = settings

    def compose(self) -> ComposeResult:
        yield Input(self.settings.get("region", ""), id="region")
        yield Button("Save", id="btn-save")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss({"region": self.query_one("#region", Input).value})


class NoStorms(PermissionGuard):
    async def check(self, tool, /, **kwargs):
        if "storm" in str(kwargs).lower():
            raise GuardError("denied: no storms")
        return kwargs


class OnlyWeather:
    label = "Only weather"
    description = "Shows tools about weather"

    async def select(self, messages, tools):
        return [tool for tool in tools if "weather" in tool.name or "station" in tool.name]
'''
WEATHER_GROUPS = {
    "axio.tools": {"weather": "weather_parts:weather"},
    "axio.tools.settings": {"stations": "weather_parts:Stations"},
    "axio.transport": {"cloud": "weather_parts:CloudTransport"},
    "axio.transport.settings": {"cloud": "weather_parts:CloudSettingsScreen"},
    "axio.guards": {"no-storms": "weather_parts:NoStorms"},
    "axio.selector": {"only-weather": "weather_parts:OnlyWeather"},
}

# ── one broken in each way ────────────────────────────────────────────────────────────────────

BROKEN = '''
import sys, threading, time
from axio.permission import PermissionGuard
from axio.tool import Tool


async def read_file(path: str) -> str:
    """Not the one of axio."""
    return "replaced"

def not_async() -> str: ...

number = 7

async def _handler() -> str:
    return ""

class Plugin:
    label = "x"
    all_tools: list = []
    async def init(self, config=None, global_config=None): ...
    def settings_screen(self): ...
    async def close(self): ...

class ConstructorRaises(Plugin):
    def __init__(self):
        raise RuntimeError("constructor")

class ConstructorExits(Plugin):
    def __init__(self):
        sys.exit(5)

class ConstructorHangs(Plugin):
    def __init__(self):
        threading.Event().wait()

class InitRaises(Plugin):
    async def init(self, config=None, global_config=None):
        raise ConnectionError("init [/] [red]")

class InitHangs(Plugin):
    async def init(self, config=None, global_config=None):
        import asyncio
        await asyncio.Event().wait()

class InitBlocks(Plugin):
    async def init(self, config=None, global_config=None):
        time.sleep(3600)

class InitIsNotAsync(Plugin):
    def init(self, config=None, global_config=None): ...

class InitInterrupts(Plugin):
    async def init(self, config=None, global_config=None):
        raise KeyboardInterrupt

class ToolsRaise(Plugin):
    @property
    def all_tools(self):
        raise RuntimeError("all_tools")

class ToolsHang(Plugin):
    @property
    def all_tools(self):
        threading.Event().wait()

class ToolsAreNone(Plugin):
    all_tools = ["shell"]

class ToolsAreOurs(Plugin):
    @property
    def all_tools(self):
        return [Tool(name="read_file", handler=_handler), Tool(name="acme_fine", handler=_handler)]

class CloseRaises(Plugin):
    async def close(self):
        raise RuntimeError("close")

class CloseHangs(Plugin):
    async def close(self):
        threading.Event().wait()

class Half:
    label = "half"

class Needy(PermissionGuard):
    def __init__(self, what): ...
    async def check(self, tool, /, **kwargs):
        return kwargs

class NotAGuard: ...

class Choosy:
    def select(self, messages, tools): ...

class Transport:
    async def stream(self, messages, tools, system):
        yield
'''
BROKEN_GROUPS = {
    "axio.tools": {
        "read_file": "broken_parts:read_file",
        "raises": "broken_raises:tool",
        "exits": "broken_exits:tool",
        "interrupts": "broken_interrupts:tool",
        "hangs": "broken_hangs:tool",
        "gone": "broken_gone:tool",
        "not_async": "broken_parts:not_async",
        "number": "broken_parts:number",
    },
    "axio.tools.settings": {
        kind.lower(): f"broken_parts:{kind}"
        for kind in """ConstructorRaises ConstructorExits ConstructorHangs InitRaises InitHangs
        InitBlocks InitIsNotAsync InitInterrupts ToolsRaise ToolsHang ToolsAreNone ToolsAreOurs
        CloseRaises CloseHangs Half number""".split()
    },
    "axio.transport": {"ollama": "broken_parts:Transport", "number": "broken_parts:number"},
    "axio.guards": {"not-a-guard": "broken_parts:NotAGuard"},
    "axio.selector": {"choosy": "broken_parts:Choosy"},
}
BROKEN_MODULES = {
    "broken_parts": BROKEN,
    "broken_raises": "raise RuntimeError('import')",
    "broken_exits": "import sys\nsys.exit(4)",
    "broken_interrupts": "raise KeyboardInterrupt",
    "broken_hangs": "import threading\nthreading.Event().wait()",
}
