"""`axio --serve`: from the command line to a server, and to its end."""

from __future__ import annotations

import argparse
import asyncio
import errno
import ipaddress
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec

from axio_tui.errors import CommandError, WrongUse, check_current_directory
from axio_tui.serve.address import Address, address_in

__all__ = ("bound", "check_packages", "options_of_the_application", "serve")

Say = Callable[[str], None]

# Modules and the package that brings each.
_NEEDED = {"aiohttp": "aiohttp", "textual_serve": "textual-serve"}

GRACE = 10.0
"""Seconds that the application goes on without a page: to load one again takes less."""


def serve(listen: str, given: Sequence[str], say: Say) -> int:
    """Serve until a signal ends it; 0. `given` is the command line. Raises `CommandError`."""
    check_current_directory()
    address = address_in(listen)
    check_packages()
    with ExitStack() as stack:
        sockets = bound(address, stack)
        address = address.on(sockets[0].getsockname()[1])
        if not all(ipaddress.ip_address(s.getsockname()[0]).is_loopback for s in sockets):
            say(
                f"warning: other machines reach {address}, and what is typed and shown is not "
                "encrypted on the way; localhost and an SSH tunnel are safer"
            )
        return asyncio.run(_serve(address, sockets, options_of_the_application(given), say))


def check_packages() -> None:
    """`WrongUse` where something is not installed that a server needs."""
    missing = [package for module, package in _NEEDED.items() if find_spec(module) is None]
    if missing:
        raise WrongUse(
            f"--serve needs {' and '.join(missing)}, not installed here: "
            f"pip install {' '.join(missing)}"
        )


def options_of_the_application(given: Sequence[str]) -> list[str]:
    """The command line without what is for the server."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--web-listen")
    return parser.parse_known_args(given)[1]


async def _serve(
    address: Address, sockets: Sequence[socket.socket], options: Sequence[str], say: Say
) -> int:
    from aiohttp import web  # Here: without the extra it is not there.

    from axio_tui.serve.seat import Seat
    from axio_tui.serve.server import Server
    from axio_tui.serve.terminal import Terminal
    from axio_tui.serve.ticket import Ticket

    # -P: no module of the folder it is started in.
    command = [sys.executable, "-P", "-m", "axio_tui.serve.child", *options]
    seat = Seat(partial(Terminal.start, command, _environment(os.environ)), GRACE)
    server = Server(address, Ticket(), seat)
    runner = web.AppRunner(server.application, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        for listening in sockets:
            await web.SockSite(runner, listening, shutdown_timeout=1.0).start()
        ended = _signals()
        print(f"axio: open {server.url} in a browser; Ctrl+C ends it", flush=True)
        await ended.wait()
    finally:
        await seat.close()
        await runner.cleanup()
    return 0


def _signals() -> asyncio.Event:
    """Set by the first signal that ends programs; the second ends this one at once."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def end(signum: int) -> None:
        loop.remove_signal_handler(signum)
        signal.signal(signum, signal.SIG_DFL)
        ended.set()

    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(signum) is not signal.SIG_IGN:
            loop.add_signal_handler(signum, end, signum)
    return ended


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    """The variables of the application: its terminal is the one in the page, not ours."""
    of_ours = ("COLUMNS", "LINES", "COLORFGBG", "STY", "TMUX", "TMUX_PANE", "WINDOWID")
    kept = {
        name: value
        for name, value in ours.items()
        if name not in of_ours and not name.startswith(("TERM_", "VTE_", "KITTY_"))
    }
    return {**kept, "TERM": "xterm-256color", "COLORTERM": "truecolor"}


def bound(address: Address, stack: ExitStack) -> list[socket.socket]:
    """Sockets at every address that the host has, all at one port. Raises `CommandError`."""
    try:
        found = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError as error:
        raise WrongUse(f"--web-listen {address.host!r}: {error.strerror}") from error
    sockets: list[socket.socket] = []
    port = address.port
    for family, kind, protocol, _, where in dict.fromkeys(found):
        try:
            listening = stack.enter_context(socket.socket(family, kind, protocol))
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listening.bind((where[0], port, *where[2:]))
        except OSError as error:
            if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):  # such as IPv6, if off
                continue
            raise CommandError(
                f"nothing can listen at {address}: {error.strerror}; --web-listen names another "
                "place"
            ) from error
        port = listening.getsockname()[1]
        sockets.append(listening)
    if not sockets:
        raise WrongUse(f"--web-listen {address}: this machine has no such address")
    return sockets
