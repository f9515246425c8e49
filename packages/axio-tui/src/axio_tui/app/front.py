"""The command's way into the full screen, and out of it."""

from __future__ import annotations

import argparse
import asyncio
import locale
import os
from collections.abc import Callable

from axio_tui.app.app import AgentApp
from axio_tui.app.opening import opening
from axio_tui.app.themes import theme_for
from axio_tui.errors import CommandError, explain

__all__ = ("open_screen",)


def open_screen(args: argparse.Namespace, say: Callable[[str], None]) -> int:
    """Show the full screen until the person leaves; the exit code of the command."""
    return asyncio.run(_open(args, say))


async def _open(args: argparse.Namespace, say: Callable[[str], None]) -> int:
    config = args.config
    is_ascii = "utf" not in locale.getpreferredencoding(False).lower() or _is_c()
    app = AgentApp(
        opening(args),
        theme=theme_for(os.environ, config["theme"] or ""),
        is_ascii=is_ascii,
    )
    try:
        await app.run_async(mouse=config["mouse"])
    finally:
        await app.close()
    if app.failure is not None:
        say(f"error: {explain(app.failure)}")
        return app.failure.exit_code if isinstance(app.failure, CommandError) else 1
    if app.crash_words:
        say(app.crash_words)
    words = app.parting_words(config["exit_print"])
    if words:
        print(words, flush=True)
    return app.return_code or 0


def _is_c() -> bool:
    """True where the locale is that of C: what is not ASCII might not be shown."""
    values = (os.environ.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    return next((value for value in values if value), "C") in ("C", "POSIX")
