"""`axio tools`: the tools that are installed. `axio mcp list` has those of MCP servers."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from axio.plugins import TOOLS_GROUP, PluginError
from axio_tui.config.load import load_config
from axio_tui.harmless import one_line
from axio_tui.parts import Parts, disabled_in

__all__ = ("main",)

Say = Callable[[str], None]


def main(argv: Sequence[str], say: Say) -> int:
    """Run `axio tools` and return its exit code."""
    _parser().parse_args(argv)
    parts = Parts(say, off=disabled_in(load_config({})))
    names = parts.names(TOOLS_GROUP)
    width = max(map(len, names), default=0)
    for name in names:
        try:
            tool = parts.load_tool(name)
        except PluginError as error:
            say(f"left out: {error}")
            continue
        effect = "only reads" if tool.read_only else "may change something"
        print(f"{name:<{width}}  {effect:<20}  {one_line(tool.description, 100)}")
    if not names:
        say("no tool is installed")
    return 0


def _parser() -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog="axio tools",
        description="The installed tools, and if they can change something. --tools of axio and "
        "axio run takes their names. axio mcp list --check lists those of MCP servers.",
    )
