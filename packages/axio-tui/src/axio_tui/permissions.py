"""`axio permissions`: what a person has decided for good in a project, and taking it back."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from axio_tui.config.paths import data_folder
from axio_tui.harmless import visible
from axio_tui_guards import Decision, Decisions
from axio_tui_guards.paths import resolve

__all__ = ("decisions_file", "main")

Say = Callable[[str], None]


def decisions_file() -> Path:
    """Where decisions of a person are kept, those of all projects in one file."""
    return data_folder() / "permissions.jsonl"


def main(argv: Sequence[str], say: Say) -> int:
    """Run `axio permissions` for the current folder and return its exit code."""
    args = _parser().parse_args(argv)
    try:
        decisions = Decisions(decisions_file())
        here = decisions.within({"project": resolve(".")})
        return _revoke(args.numbers, decisions, here, say) if args.numbers else _list(here, say)
    except (OSError, ValueError) as error:
        say(f"error: {error}")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="axio permissions",
        description="List what was decided for good in the project of the current folder: from "
        "when it is, and which call was asked about.",
    )
    parser.set_defaults(numbers=())
    commands = parser.add_subparsers(metavar="COMMAND")
    commands.add_parser("list", help="list the decisions with their numbers; so does no command")
    revoke = commands.add_parser("revoke", help="take decisions back: such calls are asked about")
    revoke.add_argument("numbers", nargs="+", type=int, metavar="N", help="as the list has it")
    return parser


def _list(here: Sequence[Decision], say: Say) -> int:
    for number, decision in enumerate(here, 1):
        print(f"{number}  {_told(decision)}")
    if here:
        say(f"kept in {decisions_file()}; axio permissions revoke N takes one back")
    else:
        say("nothing was decided for good in this project: each call is asked about")
    return 0


def _revoke(
    numbers: Sequence[int], decisions: Decisions, here: Sequence[Decision], say: Say
) -> int:
    """Take back all that are named, or none if there is one that the list does not have."""
    unknown = [str(number) for number in numbers if not 1 <= number <= len(here)]
    if unknown:
        there_is = f"1 to {len(here)}" if here else "none"
        say(f"error: no decision {', '.join(unknown)} in this project; there is: {there_is}")
        return 2
    for number in dict.fromkeys(numbers):
        decision = here[number - 1]
        try:
            decisions.revoke(decision.id)
        except KeyError:
            say(f"used up or revoked meanwhile: {_told(decision)}")
        else:
            say(f"revoked: {_told(decision)}")
    return 0


def _told(decision: Decision) -> str:
    return visible(decision.explain())
