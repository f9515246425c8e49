"""The command's way into the full screen, and out of it."""

from __future__ import annotations

import argparse
import asyncio
import locale
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from signal import SIGHUP, SIGTERM

from axio_tui.app.app import AgentApp
from axio_tui.app.driver import TERMINAL_GONE
from axio_tui.app.opening import opening
from axio_tui.app.server_person import ServerPerson
from axio_tui.app.themes import theme_for
from axio_tui.errors import CommandError, explain
from axio_tui.logs import RecentLog
from axio_tui.stopping import Stopped

__all__ = ("open_screen",)


def open_screen(args: argparse.Namespace, say: Callable[[str], None]) -> int:
    """Show the full screen until the person leaves; the exit code of the command."""
    return asyncio.run(_open(args, say))


async def _open(args: argparse.Namespace, say: Callable[[str], None]) -> int:
    config = args.config
    is_ascii = "utf" not in locale.getpreferredencoding(False).lower() or _is_c()
    log = RecentLog(config["log_level"], config["log_file"])
    log.start()
    person = ServerPerson()
    app = person.app = AgentApp(
        opening(args, person),
        theme=theme_for(os.environ, config["theme"] or ""),
        is_ascii=is_ascii,
        keys=config.below("keys"),
        log=log,
        notify=config["notify"],
        typed_ahead=args.typed_ahead,
    )
    with _signals_to(app.exit) as received:
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
    with suppress(OSError):  # the terminal may be gone
        print(words, end="\n" * bool(words), flush=True)
    if app.return_code == TERMINAL_GONE:
        received.append(SIGHUP)
    if received:
        raise Stopped(received[0])
    return app.return_code or 0


@contextmanager
def _signals_to(end: Callable[[], object]) -> Iterator[list[int]]:
    """Inside the block a signal that ends programs calls `end`, and is in the list; the same signal
    again ends the program at once. One that was ignored, as by nohup, stays ignored."""
    loop = asyncio.get_running_loop()
    received: list[int] = []

    def take(signum: int) -> None:
        loop.remove_signal_handler(signum)
        received.append(signum)
        end()

    handled = [s for s in (SIGTERM, SIGHUP) if signal.getsignal(s) is not signal.SIG_IGN]
    for signum in handled:
        loop.add_signal_handler(signum, take, signum)
    try:
        yield received
    finally:
        for signum in handled:
            loop.remove_signal_handler(signum)


def _is_c() -> bool:
    """True where the locale is that of C: what is not ASCII might not be shown."""
    values = (os.environ.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    return next((value for value in values if value), "C") in ("C", "POSIX")
