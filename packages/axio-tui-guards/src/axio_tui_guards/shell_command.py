"""A simple command, as the parser finds it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from axio_tui_guards.shell_words import Word

__all__ = ("Command", "Redirect", "holds_a_command")


@dataclass(frozen=True, slots=True)
class Redirect:
    """`operator` without the number of the descriptor."""

    operator: str
    target: Word

    @property
    def writes(self) -> bool:
        """Whether it changes a file."""
        descriptor = self.operator == ">&" and re.fullmatch(r"\d+|-", self.target.text)
        return ">" in self.operator and not descriptor and self.target != Word("/dev/null")


@dataclass(frozen=True, slots=True)
class Command:
    """One simple command. `words` may be empty: assignments or redirections alone."""

    words: tuple[Word, ...]
    assignments: tuple[str, ...] = ()
    """Names of variables that are set."""
    redirects: tuple[Redirect, ...] = ()
    stdin: Word | None = None
    """What a here-document or here-string feeds to it."""
    repeated: bool = False
    """Inside a loop or function: what follows in the text may have happened before it."""


def holds_a_command(word: Word) -> bool:
    """Whether a literal word would run something if it were expanded once more."""
    return word.literal and ("$(" in word.text or "`" in word.text)
