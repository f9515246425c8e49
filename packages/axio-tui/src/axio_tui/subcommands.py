"""Sub-commands that other packages bring: `axio NAME ...` is imported when it is called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module

__all__ = ("SUBCOMMANDS", "run_subcommand")

SUBCOMMANDS = {"mcp": ("axio_tools_mcp", "MCP servers, whose tools `axio run` offers")}
"""The package of each, which has a module `command`, and what the help says of it."""


def run_subcommand(name: str, argv: Sequence[str], say: Callable[[str], None]) -> int:
    """Call `main(argv, say)` of the package's module `command`; its exit code, or 2 without it."""
    package, _ = SUBCOMMANDS[name]
    try:
        command = import_module(f"{package}.command")
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        say(f"error: axio {name} needs {package.replace('_', '-')}, which is not installed")
        return 2
    return int(command.main(argv, say))
