"""The command `axio-worker`: works on what was posted to a `Durable`."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import logging
import os
import signal
import sys
from collections.abc import Sequence

from axio.exceptions import AxioError, message_of
from axio_durable.durable import Durable
from axio_durable.errors import MissingPackage

__all__ = ("main",)


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code: 0 after SIGTERM or SIGINT, 1 when it failed, 2 for wrong use."""
    parser = argparse.ArgumentParser(
        prog="axio-worker",
        description="Work on the sessions of a program's Durable, until SIGTERM or Ctrl-C.",
        epilog="exit codes: 0 stopped, 1 failed, 2 wrong use",
    )
    parser.add_argument("app", metavar="MODULE:NAME", help="where the Durable is, as app:durable")
    parser.add_argument(
        "--concurrency",
        type=int,
        default=10,
        metavar="N",
        help="how many sessions at once (default: %(default)s)",
    )
    parser.add_argument(
        "--grace",
        type=float,
        default=30.0,
        metavar="SECONDS",
        help="how long sessions under way may go on after SIGTERM (default: %(default)g)",
    )
    args = parser.parse_args(argv)
    if args.concurrency < 1:
        parser.error("--concurrency must be at least 1")
    if not args.grace >= 0:
        parser.error("--grace must not be negative")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    try:
        durable = _find(args.app)
    except MissingPackage as error:
        print(f"axio-worker: error: {args.app}: {message_of(error)}", file=sys.stderr)
        return 2
    except Exception as error:  # all that a module of the user's may raise
        words = f"{type(error).__name__}: {message_of(error)}"
        print(f"axio-worker: error: {args.app}: {words}", file=sys.stderr)
        return 2
    try:
        asyncio.run(_work(durable, args.concurrency, args.grace))
    except AxioError as error:
        print(f"axio-worker: error: {message_of(error)}", file=sys.stderr)
        return 1
    return 0


def _find(app: str) -> Durable:
    module, _, name = app.partition(":")
    sys.path.insert(0, os.getcwd())
    found = getattr(importlib.import_module(module), name or "durable")
    if not isinstance(found, Durable):
        raise TypeError(f"it is no axio_durable.Durable, but a {type(found).__name__}")
    return found


async def _work(durable: Durable, concurrency: int, grace: float) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with durable:
        await durable.database.unfinished(1)  # Who starts it wants to know that it cannot be asked.
        print(f"axio-worker: at work on {durable.database!r}", file=sys.stderr, flush=True)
        await durable.work(concurrency, stop=stop, grace=grace)


if __name__ == "__main__":
    sys.exit(main())
