"""Sub-commands besides `axio run`: `axio NAME ...` is imported when it is called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module

__all__ = ("SUBCOMMANDS", "run_subcommand")

SUBCOMMANDS = {
    "config": ("axio_tui.config.command", "list settings with where they come from; change them"),
    "doctor": ("axio_tui.doctor.command", "say what works here, what does not, what to do"),
    "mcp": ("axio_tools_mcp.command", "MCP servers, whose tools `axio run` offers"),
    "models": ("axio_tui.catalogue", "list the models that can be used here"),
    "permissions": ("axio_tui.permissions", "list and revoke what was decided in this project"),
    "plugins": ("axio_tui.plugins_command", "list plug-ins and those that are broken"),
    "sessions": ("axio_tui.sessions", "list, search, rename, delete and export conversations"),
    "tools": ("axio_tui.toolbox", "list the tools that the model may call"),
}
"""The module of each, and what the help says of it."""


def run_subcommand(name: str, argv: Sequence[str], say: Callable[[str], None]) -> int:
    """Call `main(argv, say)` of its module; its exit code, or 2 if the package is missing."""
    module, _ = SUBCOMMANDS[name]
    package = module.partition(".")[0]
    try:
        command = import_module(module)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        say(f"error: axio {name} needs {package.replace('_', '-')}, which is not installed")
        return 2
    return int(command.main(argv, say))
