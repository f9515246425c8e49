"""`axio plugins`: the plug-ins that are installed, and those that are broken."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from itertools import groupby

from axio_tui.config.load import load_config
from axio_tui.harmless import one_line, visible
from axio_tui.parts import Parts, disabled_in
from axio_tui.survey import Found, survey
from axio_tui.suspects import try_suspects
from axio_tui.switches import groups_of, switch

__all__ = ("main",)

Say = Callable[[str], None]

PATIENCE = 40.0
"""Seconds for one that may have ended the program before. At a start it has fewer."""


def main(argv: Sequence[str], say: Say) -> int:
    """Run `axio plugins` and return its exit code."""
    args = _parser().parse_args(argv)
    try:
        return asyncio.run(_main(args, say))
    except LookupError as error:
        say(f"error: {error.args[0]}")
        return 2


async def _main(args: argparse.Namespace, say: Say) -> int:
    every = Parts(lambda line: None)
    for names, on in ((args.enable, True), (args.disable, False)):
        for name in names:
            await switch(name, groups_of(name, every), on=on)
            say(f"{name} is switched {'on' if on else 'off'} in this folder")
    if (args.enable or args.disable) and not args.names and not args.json:
        return 0
    for name in args.names:
        groups_of(name, every)
    off = disabled_in(load_config({}))
    await asyncio.to_thread(try_suspects, PATIENCE)
    found = await survey(Parts(lambda line: None, off=off), off, names=args.names)
    if args.json:
        print(json.dumps([asdict(one) for one in found], indent=2))
    else:
        print("\n".join(_lines(found)))
    return int(bool(args.names) and any(one.state == "broken" for one in found))


def _lines(found: Iterable[Found]) -> Iterable[str]:
    for group, ones in groupby(found, key=lambda one: one.group):
        yield group
        rows = [
            (
                visible(one.name),
                visible(f"{one.distribution} {one.version}"),
                one.state + (f": {one_line(one.error, 500)}" if one.error else ""),
            )
            for one in ones
        ]
        widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
        for name, whose, told in rows:
            yield f"  {name:<{widths[0]}}  {whose:<{widths[1]}}  {told}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="axio plugins",
        description="The installed plug-ins by group, with the distribution that each comes from. "
        "Each that is switched on is tried; a step that takes more than 10 seconds has failed.",
        epilog="exit codes: 0, 1 if one that was named is broken, 2 if it is not installed",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these; or GROUP:NAME")
    parser.add_argument("--json", action="store_true", help="as a list of objects")
    for option, help in (("enable", "use it in this folder"), ("disable", "do without it here")):
        parser.add_argument(
            f"--{option}", action="append", default=[], metavar="NAME", help=f"{help} from now on"
        )
    return parser
