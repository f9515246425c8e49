"""The command line of `axio`."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from axio_tui.config.settings import LOG_LEVELS, MODES, WEB_LISTEN
from axio_tui.subcommands import SUBCOMMANDS

__all__ = ("EXIT_CODES", "build_parser")

FORMATS = ("text", "json", "stream-json")
EXIT_CODES = {
    0: "done",
    1: "failed",
    2: "wrong use: a name that is not there, no key, no prompt",
    3: "a limit was reached",
    130: "interrupted",
}
"""The meaning of the command's exit codes, wherever that is told."""


class _Parser(argparse.ArgumentParser):
    """It tells of a word that is no command how a prompt is asked."""

    def error(self, message: str) -> NoReturn:
        if message.startswith("argument COMMAND:"):
            message += "; for a prompt: axio run PROMPT"
        super().error(message)


def build_parser() -> argparse.ArgumentParser:
    """`axio [run ...]`; options may stand before and after the command."""
    codes = ", ".join(f"{code} {words}" for code, words in EXIT_CODES.items())
    parser = _Parser(
        prog="axio",
        description="An agent in the terminal: a model, your tools, one conversation. Without a "
        "command a conversation begins.",
        epilog=f"exit codes: {codes}",
    )
    parser.set_defaults(prompt=None, literal=False, format="text", output_schema=None, images=())
    parser.add_argument("-V", "--version", action="store_true", help="print the version and exit")
    parser.add_argument("--plain", action="store_true", help="lines only, not the full screen")
    parser.add_argument("--serve", action="store_true", help="the full screen in a browser")
    parser.add_argument(
        "--web-listen",
        metavar="HOST:PORT",
        default=WEB_LISTEN,
        help="where a browser finds it (default: %(default)s)",
    )
    _add_options(_Options(parser, is_top=True))
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    run = commands.add_parser(
        "run",
        help="answer a prompt and exit, for scripts too",
        description="Answer PROMPT and exit; what is piped in is sent with it. Without PROMPT, on "
        "a terminal, a conversation begins, in lines.",
        epilog=f"exit codes: {codes}",
    )
    run.add_argument(
        "prompt",
        nargs="?",
        metavar="PROMPT",
        help="what to do, taken as it is, also an @FILE in it; - reads it from stdin",
    )
    _add_output(run)
    _add_schema(run)
    _add_images(run)
    _add_options(_Options(run, is_top=False))
    for name, (_, help) in SUBCOMMANDS.items():
        commands.add_parser(name, help=help)
    return parser


class _Options:
    """Adds an option to the parser of `axio` or of `axio run`, with its default only to the first:
    the default of a sub-command would overwrite what stood before it."""

    def __init__(self, parser: argparse.ArgumentParser, is_top: bool) -> None:
        self._parser = parser
        self._is_top = is_top

    def __call__(self, *names: str, default: Any = None, **options: Any) -> None:
        if "help" in options:
            options["help"] = options["help"].replace("%(default)s", str(default))
        default = default if self._is_top else argparse.SUPPRESS
        self._parser.add_argument(*names, default=default, **options)


def _add_output(run: argparse.ArgumentParser) -> None:
    run.add_argument(
        "-f",
        "--format",
        choices=FORMATS,
        default="text",
        help="text for a person, json for one object at the end, stream-json for one event a line "
        "(default: %(default)s)",
    )
    run.add_argument(
        "--json",
        dest="format",
        action="store_const",
        const="stream-json",
        help="the same as --format stream-json",
    )


def _add_images(run: argparse.ArgumentParser) -> None:
    run.add_argument(
        "--image",
        dest="images",
        action="append",
        default=[],
        metavar="FILE",
        help="a png, jpeg, gif or webp that is sent with the prompt; may be given again",
    )


def _add_schema(run: argparse.ArgumentParser) -> None:
    run.add_argument(
        "--output-schema",
        metavar="FILE",
        help="a JSON Schema: the run ends in an answer that fits it, printed as JSON",
    )


def _add_options(add: _Options) -> None:
    flag: dict[str, Any] = {"action": "store_true", "default": False}
    add(
        "-t",
        "--transport",
        metavar="NAME",
        help="the model's provider; default: the first whose key is set, else a model server on "
        "this machine, else the offline model; a wrong name lists what there is",
    )
    add("-m", "--model", metavar="ID", help="the model; default: the transport's own")
    add(
        "--tools",
        metavar="NAMES",
        help="tools the model may call, separated by commas; none for no tools (default: all "
        "but confirm, status_line and vision); a wrong name lists them",
    )
    add(
        "--sandbox",
        metavar="PLACE",
        help="where commands run and files are: none, workspace-write, read-only, docker or "
        "docker:IMAGE (default: none)",
    )
    add("--system", metavar="TEXT", help="the system prompt, instead of axio's own")
    add("-c", "--continue", dest="continue_", help="go on with the last conversation here", **flag)
    add("-r", "--resume", metavar="WHICH", help="go on with the conversation of this id or name")
    add("--no-save", help="keep nothing of the conversation", **flag)
    _add_limits(add)
    _add_permissions(add)
    add("--debug", help="show tracebacks of errors", **flag)
    _add_logging(add)


def _add_limits(add: _Options) -> None:
    add(
        "--max-iterations",
        type=_positive,
        metavar="N",
        help="how often the model may be asked for one prompt (default: 50)",
    )
    add(
        "--max-tokens",
        type=_positive,
        metavar="N",
        help="tokens that one prompt may take, input and output together",
    )
    add("--max-cost", type=_amount, metavar="USD", help="what one prompt may cost")
    add("--time-limit", type=_amount, metavar="SECONDS", help="how long one prompt may take")


def _add_permissions(add: _Options) -> None:
    flag: dict[str, Any] = {"action": "store_true", "default": False}
    add(
        "--mode",
        choices=MODES,
        help="ask before calls that may change something, only plan, change files of the folder "
        "unasked, or ask a second model before you (default: ask)",
    )
    add(
        "-y",
        "--yes",
        help="do not ask before calls, except for secrets and what decides what runs next",
        **flag,
    )
    add(
        "--guards",
        metavar="NAMES",
        help="installed guards that are asked before every call, separated by commas; none for "
        "none (default: all)",
    )
    add(
        "--trust",
        help="use what this folder brings this once: AGENTS.md, skills, hooks, MCP servers",
        **flag,
    )


def _add_logging(add: _Options) -> None:
    add(
        "--log-level",
        choices=LOG_LEVELS,
        metavar="LEVEL",
        help=f"what to log: {', '.join(LOG_LEVELS)} (default: info in a file, else nothing)",
    )
    add("--log-file", metavar="PATH", help="where to log (default: stderr)")


def _positive(text: str) -> int:
    number = int(text) if text.strip().lstrip("+-").isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return number


def _amount(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return number
