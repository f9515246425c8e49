"""`axio doctor`: the report on the command line, and a terminal put back."""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
from collections.abc import Callable, Sequence

__all__ = ("main",)

Say = Callable[[str], None]


def main(argv: Sequence[str], say: Say) -> int:
    """Run `axio doctor` and return its exit code: 1 if something that is needed is broken."""
    args = _parser().parse_args(argv)
    if args.reset_terminal:
        from axio_tui.doctor.reset import reset_terminal

        problem = reset_terminal()
        if problem:
            say(f"error: {problem}")
        return 1 if problem else 0
    from axio_tui.doctor.checks import diagnosis
    from axio_tui.doctor.findings import is_well
    from axio_tui.doctor.report import to_json, to_text

    logging.getLogger().addHandler(logging.NullHandler())  # the report says it, and no secret
    findings = diagnosis(online=args.online, asks_terminal=True, limit=args.limit)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    print(to_json(findings) if args.json else to_text(findings, width))
    return 0 if is_well(findings) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="axio doctor",
        description="What works here, what does not, and what to do: a line for each, with ok, "
        "warning or broken before it. No provider is asked, and nothing is changed.",
        epilog="exit codes: 0 all that is needed works, 1 something that is needed is broken",
    )
    parser.add_argument("--json", action="store_true", help="print one object, for programs")
    parser.add_argument(
        "--online",
        action="store_true",
        help="send the model a small request, and start the MCP servers",
    )
    parser.add_argument(
        "--limit", type=_seconds, metavar="SECONDS", help="how long a check may take (default: 4)"
    )
    parser.add_argument(
        "--reset-terminal",
        action="store_true",
        help="put back a terminal that a program has left without its own modes, and do no more",
    )
    return parser


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds <= 600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds up to 600")
    return seconds
