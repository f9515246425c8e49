"""A simple command, as the parser finds it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from axio_tui_guards.shell_words import Unparsable, Word

__all__ = ("Assignment", "Command", "Redirect", "Script", "holds_a_command")

_DESCRIPTOR = re.compile(r"\d{1,9}|-")
_NOWHERE = frozenset(("/dev/null", "/dev/stdout", "/dev/stderr"))
_NETWORK = ("/dev/tcp/", "/dev/udp/")


@dataclass(frozen=True, slots=True)
class Redirect:
    """`operator` without the number of the descriptor."""

    operator: str
    target: Word

    @property
    def is_file(self) -> bool:
        """True if it opens a file that is not the command's own output or nothing at all."""
        if self.operator == "<<<" or (self.target.literal and self.target.text in _NOWHERE):
            return False
        return not (self.operator in (">&", "<&") and _DESCRIPTOR.fullmatch(self.target.text))

    @property
    def writes(self) -> bool:
        """True if it changes a file."""
        return self.is_file and ">" in self.operator

    @property
    def reads(self) -> bool:
        return self.is_file and "<" in self.operator

    def check(self) -> None:
        """Raise `Unparsable` if it opens a connection, as it does in bash."""
        if self.target.text.startswith(_NETWORK):
            raise Unparsable(f"{self.target.text!r} is a connection to bash")


@dataclass(frozen=True, slots=True)
class Assignment:
    """A variable that is set; a loop's takes several values, which are one word here."""

    name: str
    value: Word


@dataclass(frozen=True, slots=True)
class Command:
    """One simple command. `words` may be empty: assignments or redirections alone."""

    words: tuple[Word, ...]
    assignments: tuple[Assignment, ...] = ()
    redirects: tuple[Redirect, ...] = ()
    """Also those of all compound commands around it."""
    stdin: Word | None = None
    """The text that a here-document or here-string feeds to it."""
    repeated: bool = False
    """Inside a loop or function: what follows in the text may have happened before it."""


@dataclass(frozen=True, slots=True)
class Script:
    """All commands of a text, in its order."""

    commands: list[Command]
    loops: list[tuple[int, int]]
    """Where among the commands the loops are that go on as long as a command says so."""
    evaluated: set[str]
    """Variables whose values are read as arithmetic."""


def holds_a_command(word: Word) -> bool:
    """True if a literal word would run something if it were expanded once more."""
    return word.literal and ("$(" in word.text or "`" in word.text)
