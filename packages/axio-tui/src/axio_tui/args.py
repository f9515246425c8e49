"""The command line of `axio`."""

from __future__ import annotations

import argparse
from typing import Any

from axio_tui.subcommands import SUBCOMMANDS

__all__ = ("build_parser",)

LOG_LEVELS = ("critical", "error", "warning", "info", "debug", "notset")


def build_parser() -> argparse.ArgumentParser:
    """`axio [run ...]`; the options for logging may stand before and after the command."""
    parser = argparse.ArgumentParser(
        prog="axio", description="An agent in the terminal: a model, your tools, one conversation."
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    _add_logging(parser, level=None, file=None)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_run(commands)
    for name, (_, help) in SUBCOMMANDS.items():
        commands.add_parser(name, help=help)
    return parser


def _add_run(commands: Any) -> None:
    run = commands.add_parser(
        "run",
        help="answer a prompt, or one after another on a terminal",
        description="Answer PROMPT and exit. Without PROMPT, on a terminal, ask for one again and "
        "again until end of input, in one conversation.",
        epilog="exit codes: 0 done, 1 the run failed, 2 wrong use, 130 interrupted",
    )
    run.add_argument(
        "prompt", nargs="?", metavar="PROMPT", help="what to do; - reads it from stdin"
    )
    run.add_argument(
        "--transport",
        metavar="NAME",
        help="the model's provider; default: the first whose key is set, else a model server on "
        "this machine, else the offline model; a wrong name lists what there is",
    )
    run.add_argument("--model", metavar="ID", help="the model; default: the transport's own")
    run.add_argument(
        "--tools",
        metavar="NAMES",
        help="tools the model may call, separated by commas; none for no tools (default: all "
        "but confirm, status_line and vision); a wrong name lists them",
    )
    run.add_argument(
        "--sandbox",
        metavar="PLACE",
        help="where commands run and files are: none, workspace-write, read-only, docker or "
        "docker:IMAGE (default: none)",
    )
    run.add_argument("--system", metavar="TEXT", help="the system prompt, instead of axio's own")
    run.add_argument(
        "--max-iterations",
        type=_positive,
        metavar="N",
        help="how often the model may be asked for one prompt (default: 50)",
    )
    run.add_argument("--json", action="store_true", help="print one event a line, as JSON")
    _add_permissions(run)
    run.add_argument("--debug", action="store_true", help="show tracebacks of errors")
    run.add_argument(
        "--trust",
        action="store_true",
        help="use what this folder brings this once: AGENTS.md, skills, hooks, MCP servers",
    )
    _add_logging(run, level=argparse.SUPPRESS, file=argparse.SUPPRESS)


def _add_permissions(run: argparse.ArgumentParser) -> None:
    run.add_argument(
        "--mode",
        choices=("ask", "plan", "accept-edits", "auto"),
        help="ask before calls that may change something, only plan, change files of the folder "
        "unasked, or ask a second model before you (default: ask)",
    )
    run.add_argument(
        "--yes",
        action="store_true",
        help="do not ask before calls, except for secrets and what decides what runs next",
    )
    run.add_argument(
        "--guards",
        metavar="NAMES",
        help="installed guards that are asked before every call, separated by commas; none for "
        "none (default: all)",
    )


def _add_logging(parser: argparse.ArgumentParser, level: str | None, file: str | None) -> None:
    """The defaults of a sub-command would overwrite what stood before it, hence `SUPPRESS`."""
    parser.add_argument(
        "--log-level",
        choices=LOG_LEVELS,
        default=level,
        metavar="LEVEL",
        help=f"what to log: {', '.join(LOG_LEVELS)} (default: info in a file, else nothing)",
    )
    parser.add_argument(
        "--log-file", default=file, metavar="PATH", help="where to log (default: stderr)"
    )


def _positive(text: str) -> int:
    number = int(text) if text.strip().lstrip("+-").isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return number
