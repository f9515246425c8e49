"""`axio models`: the models that can be used here. No provider is asked."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Sequence

from axio_tui.chat.offers import offers
from axio_tui.config.load import load_config
from axio_tui.config.secrets import Secrets
from axio_tui.harmless import visible
from axio_tui.parts import Parts, disabled_in

__all__ = ("main",)

Say = Callable[[str], None]


def main(argv: Sequence[str], say: Say) -> int:
    """Run `axio models` and return its exit code."""
    args = _parser().parse_args(argv)
    parts = Parts(say, off=disabled_in(load_config({})))
    found = asyncio.run(offers(parts, Secrets(say=say).sources()))
    lines = [visible(str(offer)) for offer in found]
    for line in lines:
        if all(word.lower() in line.lower() for word in args.words):
            print(line)
    if not lines:
        say("no model can be used here: axio run says how to get one")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="axio models",
        description="The models that can be used here, as TRANSPORT:MODEL with window and price: "
        "of providers whose key is known, of servers on this machine, and the offline model.",
    )
    parser.add_argument("words", nargs="*", metavar="WORD", help="only those with all these words")
    return parser
