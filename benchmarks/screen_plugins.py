"""Plug-ins for the benchmarks of the full screen: distributions in a folder of their own."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ("compare", "ready")

_SOURCE = """
from axio.permission import PermissionGuard
from axio.tool import Tool

async def forecast(city: str) -> str:
    '''Forecast for a city.'''
    return city

class Stations:
    label = 'Stations'
    async def init(self, config=None, global_config=None):
        self.url = await global_config.get('url', '')
    @property
    def all_tools(self):
        async def read() -> str: return self.url
        return [Tool(name=f'{__name__}_read', handler=read)]
    def settings_screen(self): ...
    async def close(self): ...

class Guard(PermissionGuard):
    async def check(self, tool, /, **kwargs):
        return kwargs
"""


@contextmanager
def plugged(count: int) -> Iterator[None]:
    """So many plug-ins are installed for programs that are started in the block; their home is
    empty."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="axio-bench-") as name:
        folder = Path(name)
        for number in range(count):
            module = f"bench_plugin_{number}"
            (folder / f"{module}.py").write_text(_SOURCE)
            info = folder / f"{module}-1.0.dist-info"
            info.mkdir()
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
            (info / "entry_points.txt").write_text(
                f"[axio.tools]\n{module} = {module}:forecast\n"
                f"[axio.tools.settings]\n{module} = {module}:Stations\n"
                f"[axio.guards]\n{module} = {module}:Guard\n"
            )
        home = folder / "home"
        home.mkdir()
        os.environ |= {"PYTHONPATH": name, "HOME": str(home), "AXIO_TRANSPORT": "local"}
        os.environ |= {"XDG_DATA_HOME": f"{home}/data", "XDG_CONFIG_HOME": f"{home}/config"}
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def ready(cpu: Callable[[], float]) -> float:
    """The CPU seconds up to the first prompt that is taken, with all that is installed."""
    from axio_tui.app.app import AgentApp

    app = AgentApp()

    async def job(pilot: object) -> None:
        await app.ready.wait()
        app.exit()

    async def main() -> None:
        try:
            await app.run_async(auto_pilot=job)
        finally:
            await app.close()

    asyncio.run(main())
    assert app.failure is None, app.failure
    return cpu()


def compare(middle: Callable[[str, str], float], row: Callable[[str, str, str], None]) -> None:
    """Print the cost of twenty plug-ins, over none."""
    for part, what, goal in (
        ("first", "first frame", "1.1"),
        ("ready", "until a prompt is taken", "-"),
    ):
        seconds = []
        for count in (0, 20):
            with plugged(count):
                seconds.append(middle("cpu", part))
        figure = f"{seconds[1] / seconds[0]:.2f} ({seconds[1]:.2f} / {seconds[0]:.2f} s)"
        row(f"{what} with 20 plug-ins, over none", figure, goal)
