"""The terminal: what it says of itself, in variables and answers, and what that means for axio."""

from __future__ import annotations

import locale
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from axio_tui.doctor.findings import Finding
from axio_tui.doctor.query import Answers, ask_terminal

__all__ = ("Terminal", "look_at_terminal", "terminal_findings", "terminal_here")

_SMALLEST = (40, 10)
_TMUX_PATIENCE = 1.0
_INLINE_IMAGES = ("iTerm.app", "WezTerm")


@dataclass(frozen=True, slots=True)
class Terminal:
    """All that is known of a terminal. Without a `size` there is none; `answers` are None if it was
    not asked; `tmux` are options of the tmux around it."""

    environment: Mapping[str, str]
    encoding: str = "utf-8"
    size: tuple[int, int] | None = None
    answers: Answers | None = None
    tmux: Mapping[str, str] = field(default_factory=dict)


def look_at_terminal(limit: float, *, asks: bool) -> Iterator[Finding]:
    """`asks` unless another part of the program reads the terminal. It may take a small part of the
    limit to answer."""
    yield from terminal_findings(terminal_here(limit / 8, asks=asks))


def terminal_here(patience: float, *, asks: bool) -> Terminal:
    """The terminal of this process. It is asked only if both input and output are one."""
    environment = dict(os.environ)
    is_one = _is_terminal(0) and _is_terminal(1)
    size = None
    for stream in (1, 2, 0):
        with suppress(OSError):
            size = size or os.get_terminal_size(stream)
    return Terminal(
        environment,
        locale.getpreferredencoding(False),
        size,
        ask_terminal(environment.get("TERM", ""), patience) if asks and is_one else None,
        _tmux_options() if environment.get("TMUX") else {},
    )


def _is_terminal(stream: int) -> bool:
    with suppress(OSError):
        return os.isatty(stream)
    return False


def _tmux_options() -> dict[str, str]:
    command = ["tmux", "show-options", "-gs", ";", "show-options", "-g"]
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=_TMUX_PATIENCE, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    pairs = (line.partition(" ") for line in done.stdout.decode("utf-8", "replace").splitlines())
    return {name: value.strip('"') for name, _, value in pairs}


# ── findings ──────────────────────────────────────────────────────────────────────────────────


def terminal_findings(terminal: Terminal) -> Iterator[Finding]:
    """A line for each ability. Pure."""
    term = terminal.environment.get("TERM", "")
    if terminal.size is None:
        yield Finding("ok", "terminal", "none here: only axio run, and what scripts do, works")
        yield _encoding(terminal)
        return
    if term in ("", "dumb"):
        words = f"TERM is {term or 'not set'}: lines only, no full screen"
        yield Finding("warning", "terminal", words, "set TERM, for instance TERM=xterm-256color")
    else:
        name = terminal.answers.name if terminal.answers is not None else ""
        program = name or terminal.environment.get("TERM_PROGRAM", "")
        yield Finding("ok", "terminal", f"TERM={term}{f', {program}' if program else ''}")
    yield _size(terminal.size)
    yield _colours(terminal.environment)
    yield _encoding(terminal)
    yield from _abilities(terminal)
    yield from _tmux(terminal)


def _size(size: tuple[int, int]) -> Finding:
    words = f"{size[0]} columns, {size[1]} lines"
    if size[0] < _SMALLEST[0] or size[1] < _SMALLEST[1]:
        return Finding("warning", "size", words, "make the window larger")
    return Finding("ok", "size", words)


def _colours(environment: Mapping[str, str]) -> Finding:
    if environment.get("NO_COLOR"):
        return Finding("ok", "colours", "none, since NO_COLOR is set")
    if environment.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return Finding("ok", "colours", "16 million (COLORTERM)")
    term = environment.get("TERM", "")
    if term.endswith("-direct"):
        return Finding("ok", "colours", "16 million (TERM)")
    if "256" in term:
        advice = "COLORTERM=truecolor, if your terminal has more"
        return Finding("ok", "colours", "256 (TERM)", advice)
    words = f"16 or fewer, as far as TERM={term} tells"
    return Finding("ok", "colours", words, "TERM=xterm-256color, if it has more")


def _encoding(terminal: Terminal) -> Finding:
    encoding = terminal.encoding
    if encoding.lower().replace("-", "").replace("_", "") == "utf8":
        return Finding("ok", "UTF-8", "yes")
    words = f"no: the locale has {encoding}, so that borders are of ASCII"
    return Finding("warning", "UTF-8", words, "set LANG=C.UTF-8, or another locale of UTF-8")


def _abilities(terminal: Terminal) -> Iterator[Finding]:
    answers = terminal.answers
    if answers is None:
        words = "not asked here: axio doctor does so on a terminal"
        yield Finding("ok", "keys, mouse, images", words)
        return
    if not answers.text:
        words = "the terminal answers no question, so they are not known"
        yield Finding("warning", "keys, mouse, images", words)
        return
    enter = "Ctrl+J begins a new line everywhere"
    told = {True: "yes: Shift+Enter is not Enter", False: "no", None: "it does not say"}
    yield Finding("ok", "kitty keys", f"{told[answers.kitty_keys]}; {enter}")
    mouse, paste = answers.mode(1006), answers.mode(2004)
    yield _mode("mouse", mouse, "mouse = false in the settings leaves it to the terminal")
    yield _mode("bracketed paste", paste, "a paste of several lines is sent at its first")
    yield Finding("ok", "images", _images(terminal.environment, answers))
    words = "sent to the terminal (OSC 52), which does not tell if it takes it"
    yield Finding("ok", "copying", words)


def _mode(name: str, answer: bool | None, without: str) -> Finding:
    if answer is False:
        return Finding("warning", name, "the terminal has none", without)
    return Finding("ok", name, "yes" if answer else "it does not say")


def _images(environment: Mapping[str, str], answers: Answers) -> str:
    ways = [("kitty", answers.kitty_images), ("sixel", answers.sixel)]
    known = [name for name, answer in ways if answer]
    if environment.get("TERM_PROGRAM") in _INLINE_IMAGES:
        known.append("inline images of iTerm2")
    told = f"the terminal can draw them ({', '.join(known)})" if known else "it draws none"
    return f"{told}; axio shows a line for each"


def _tmux(terminal: Terminal) -> Iterator[Finding]:
    if terminal.environment.get("STY"):
        yield Finding("ok", "screen", "inside of GNU screen: no kitty keys, no images")
    if not terminal.environment.get("TMUX"):
        return
    options = terminal.tmux
    if not options:
        yield Finding("warning", "tmux", "inside of tmux, which does not tell its options")
        return
    if options.get("extended-keys", "off") == "off":
        words = "extended-keys is off: Shift+Enter arrives as Enter"
        advice = "tmux set -s extended-keys on"
        yield Finding("warning", "tmux keys", words, advice)
    else:
        yield Finding("ok", "tmux keys", f"extended-keys is {options['extended-keys']}")
    if options.get("set-clipboard") == "off":
        words = "set-clipboard is off: what is copied does not reach the terminal"
        yield Finding("warning", "tmux clipboard", words, "tmux set -s set-clipboard on")
    else:
        clipboard = options.get("set-clipboard", "not told")
        yield Finding("ok", "tmux clipboard", f"set-clipboard is {clipboard}")
