"""The folder that a command works in: what it brings, and what of that is used."""

from __future__ import annotations

import argparse
import os
import sys
import termios
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TextIO

from axio_tui.chat.trust import Brought, Project, State, Trust, brought_to
from axio_tui.harmless import visible

__all__ = ("Project", "open_for", "open_project", "trust_question")

Say = Callable[[str], None]

_ESCAPE = b"\x1b"
_ANSWERS = {b"y": True, b"yes": True, b"n": False, b"no": False, _ESCAPE: False}


def open_for(args: argparse.Namespace, say: Say) -> Project:
    """The project of a command. Who starts a conversation on a terminal can be asked about it; a
    single prompt may come from a program."""
    from axio_tui.plain.person import where_to_ask

    args.typed_ahead = ""
    where = where_to_ask(json=args.format != "text") if args.prompt is None else None
    ask = None if where is None else partial(_ask, where, args)
    return open_project(Path.cwd(), say, trust_all=args.trust, ask=ask)


def _ask(where: TextIO, args: argparse.Namespace, question: str) -> bool | None:
    """True for a plain yes, False for a plain no or Escape, None at end of input. Anything else is
    no answer, and is asked about again. `args.typed_ahead` has what was typed before."""
    args.typed_ahead += _typed_on(sys.stdin.fileno())
    while (line := _line(where, question)) is not None:
        answer = _ANSWERS.get(line.strip().lower())
        if answer is not None:
            return answer
        question = "That is neither. Do you trust who wrote them? [yes / no] "
    return None


def _typed_on(terminal: int) -> str:
    """All that was typed and not read: it does not answer what could not be read, and is kept."""
    from axio_tui.plain.keys import Typed

    modes = termios.tcgetattr(terminal)
    at_once = [*modes[6]]
    at_once[termios.VMIN], at_once[termios.VTIME] = 0, 0
    typed = Typed()
    termios.tcsetattr(
        terminal, termios.TCSANOW, [*modes[:3], modes[3] & ~termios.ICANON, *modes[4:6], at_once]
    )
    try:
        while keys := os.read(terminal, 4096):
            typed.feed(keys)
    finally:
        termios.tcsetattr(terminal, termios.TCSANOW, modes)
    return "\n".join([*typed.lines, typed.rest])


def _line(where: TextIO, question: str) -> bytes | None:
    """The line that is typed, `_ESCAPE` for one that Escape ends, None at end of input."""
    terminal = sys.stdin.fileno()
    modes = termios.tcgetattr(terminal)
    # Escape ends a line as Enter does. What is typed before the question stands is no answer.
    letters = [*modes[6]]
    letters[termios.VEOL] = _ESCAPE
    termios.tcsetattr(terminal, termios.TCSAFLUSH, [*modes[:6], letters])
    try:
        print(question, end="", file=where, flush=True)
        line = os.read(terminal, 4096)
    finally:
        termios.tcsetattr(terminal, termios.TCSANOW, modes)
    if line.endswith(_ESCAPE):
        termios.tcflush(terminal, termios.TCIFLUSH)  # the rest of an arrow key
    if not line.endswith(b"\n"):
        print(file=where, flush=True)
        return _ESCAPE if line.endswith(_ESCAPE) else None
    return line


def open_project(
    start: Path, say: Say, *, trust_all: bool = False, ask: Callable[[str], bool | None] | None
) -> Project:
    """The project of a folder. What nobody was asked about is asked now; without `ask` it is left
    out, and said. `trust_all` uses everything this once.

    The answer of `ask` is kept; None is no answer, and the same as no for now.
    """
    trust = Trust()
    found = brought_to(start)
    if trust_all:
        used = found
    else:
        states = [(one, trust.state(one)) for one in found]
        if trust.problem:
            say(trust.problem)
        used = [one for one, state in states if state == "trusted"]
        open_ones = [(one, s) for one, s in states if s in ("unknown", "changed") and one.names]
        if open_ones and ask is None:
            for one, state in open_ones:
                _say_what_is_left_out(one, state, say)
        elif open_ones and ask is not None and _settle(trust, open_ones, ask, say):
            chosen = {one.folder for one in used} | {one.folder for one, _ in open_ones}
            used = [one for one in found if one.folder in chosen]
    for one in used:
        for problem in one.problems:
            say(problem)
    return Project(tuple(used))


def _settle(
    trust: Trust,
    open_ones: Sequence[tuple[Brought, State]],
    ask: Callable[[str], bool | None],
    say: Say,
) -> bool:
    answer = ask(trust_question(open_ones))
    if answer is not None:
        try:
            for one, _ in open_ones:
                trust.keep(one, answer)
        except OSError as error:
            say(f"the answer holds this once, it cannot be kept: {error.strerror}")
    return answer is True


def trust_question(open_ones: Sequence[tuple[Brought, State]]) -> str:
    """The question for a person, in several lines."""
    lines = ["This folder brings files that tell the model what to do, or axio what to start:"]
    for one, state in open_ones:
        lines.append(f"  {visible(str(one.folder))}: {', '.join(one.names)}")
        if one.starts_programs:
            lines.append("    they start programs on this machine")
        if state == "changed":
            lines.append("    what is started has changed since you trusted it")
    lines.append("Without your yes none of them is used. Do you trust who wrote them? [yes / no] ")
    return "\n".join(lines)


def _say_what_is_left_out(one: Brought, state: State, say: Say) -> None:
    why = ", which has changed since it was trusted" if state == "changed" else ""
    say(
        f"left out: {', '.join(one.names)} in {one.folder}{why}; --trust uses what this folder "
        "brings this once, axio config trust from now on"
    )
