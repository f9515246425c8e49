"""The command `axio`; `python -m axio_tui` is the same."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from axio_tui import __version__
from axio_tui.args import build_parser
from axio_tui.stdout import OutputClosed, told_stdout
from axio_tui.subcommands import SUBCOMMANDS, run_subcommand

__all__ = ("main",)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code, one of `axio_tui.args.EXIT_CODES`."""
    _prepare_streams()
    try:
        with told_stdout():
            return _command(argv)
    except OutputClosed:
        return 1
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    except Exception as error:
        from axio_tui.errors import CommandError

        if not isinstance(error, CommandError):
            raise
        say(f"error: {error}")
        return error.exit_code


def _command(argv: Sequence[str] | None) -> int:
    parser = build_parser()
    given = list(sys.argv[1:] if argv is None else argv)
    if given and given[0] in SUBCOMMANDS:
        # The doctor says it on a line of its report.
        if given[0] != "doctor" and not {"-h", "--help"} & {*given}:
            from axio_tui.errors import check_current_directory

            check_current_directory()
        return run_subcommand(given[0], given[1:], say)
    args = parser.parse_args(given)
    if args.version:
        print(f"axio {__version__}")
        return 0
    if args.serve:
        return _serve(args, given)
    args.literal = "--" in given  # after it "-" is a prompt like any other
    if args.command is None and not (sys.stdin.isatty() and sys.stderr.isatty()):
        say('error: a conversation needs a terminal; axio run "PROMPT" does without')
        return 2
    return _run(args)


def _serve(args: argparse.Namespace, given: Sequence[str]) -> int:
    from axio_tui.errors import WrongUse
    from axio_tui.serve.command import serve

    if args.command:
        raise WrongUse(f"--serve opens a conversation, and goes without {args.command}")
    return serve(args.web_listen, given, say)


def _why_plain(args: argparse.Namespace) -> str:
    """The reason for lines; "" for the full screen."""
    if args.plain:
        return "--plain"
    if os.environ.get("AXIO_PLAIN", "").strip() not in ("", "0"):
        return "AXIO_PLAIN"
    if os.environ.get("TERM", "dumb") == "dumb":
        return "TERM=dumb"
    if args.config["ui"] == "plain":
        return 'ui = "plain"'
    return ""


def _run(args: argparse.Namespace) -> int:
    # Imported here: help and wrong options should cost nothing.
    from axio_tui.config.load import configure
    from axio_tui.errors import CommandError, check_current_directory, explain, traceback_of
    from axio_tui.logs import start_logging
    from axio_tui.project import open_for
    from axio_tui.stopping import Stopped

    try:
        check_current_directory()
        args.project = open_for(args, say)
        configure(args, say, args.project.configs)
        because = "" if args.command else _why_plain(args)
        is_lines = bool(args.command or because)
        start_logging(args.log_level, args.log_file, to_stderr=is_lines)
        if is_lines:
            from axio_tui.run import run

            return run(args, say, because)
        from axio_tui.app.front import open_screen

        return open_screen(args, say)
    except OutputClosed:
        raise
    except Stopped as stop:
        say("interrupted")
        _leave(stop.exit_code)
    except Exception as error:
        if args.debug:
            with suppress(OSError):
                sys.stderr.write(traceback_of(error))
        say(f"error: {explain(error)}")
        return error.exit_code if isinstance(error, CommandError) else 1


def say(text: str) -> None:
    """One line on stderr, if that is still open."""
    from axio_tui.harmless import one_line

    with suppress(OSError):
        print(f"axio: {one_line(text, limit=2000)}", file=sys.stderr, flush=True)


def _prepare_streams() -> None:
    """Streams that exist and can say everything, under any locale and any parent."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _leave(exit_code: int) -> NoReturn:
    """End the process without waiting for worker threads: they cannot be interrupted."""
    with suppress(OSError):
        sys.stderr.flush()
    os._exit(exit_code)


if __name__ == "__main__":
    sys.exit(main())
