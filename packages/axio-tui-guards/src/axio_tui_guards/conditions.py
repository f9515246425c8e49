"""The operands of `test`, `[` and `[[`, and those that bash would run commands in.

Bash reads the operand of `-v`, and in `[[` those of `-eq` and its kin, as arithmetic, and runs
commands in what it takes for the index of a list. So an operator has to be one that is seen, and
a value that only running it would tell must not stand where one could be.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from axio_tui_guards.shell_words import Unparsable, Word

__all__ = ("Condition", "read_condition")

_OF_FILES = frozenset(f"-{letter}" for letter in "bcdefghkprsuwxLSOGN")
_OF_TEXTS = frozenset(("-n", "-z", "-t"))
_BETWEEN_FILES = frozenset(("-nt", "-ot", "-ef"))
_BETWEEN_NUMBERS = frozenset(("-eq", "-ne", "-lt", "-le", "-gt", "-ge"))
_BETWEEN_TEXTS = frozenset(("=", "==", "!=", "=~"))
_BINARY = _BETWEEN_FILES | _BETWEEN_NUMBERS | _BETWEEN_TEXTS
_JOINS = frozenset(("-a", "-o", "&&", "||"))
_VARIABLE = re.compile(r"\$\{?(\w+)", re.A)
_ONLY_VARIABLES = re.compile(r"[\w./:+%@,=-]*(?:\$\{?[A-Za-z_]\w*\}?[\w./:+%@,=-]*)+", re.A)


@dataclass(slots=True)
class Condition:
    files: list[Word] = field(default_factory=list)
    evaluated: set[str] = field(default_factory=set)
    """Variables whose values are read as arithmetic."""
    split: set[str] = field(default_factory=set)
    """Variables whose values may become several words."""


def read_condition(name: str, words: Sequence[Word]) -> Condition:
    """Read the words behind `test`, `[` or `[[`. `Unparsable` if they may run something."""
    if name != "test":
        if not words or words[-1] != Word("]" * len(name)):
            raise Unparsable(f"{name} without its end")
        words = words[:-1]
    condition = Condition()
    for word in words:
        if word.literal and word.text in ("-v", "-R"):
            raise Unparsable(f"{name} {word.text} evaluates its argument")
        if not (word.single or word.number or name == "[["):
            if not _ONLY_VARIABLES.fullmatch(word.text):
                raise Unparsable(f"{name} with {word.text!r}, which may be several words")
            condition.split |= set(_VARIABLE.findall(word.text))
    rest = list(words)
    while rest:
        _take_one(name, rest, condition)
        if rest and not (_is_one_of(rest[0], _JOINS) or rest[0] == Word(")")):
            raise Unparsable(f"{name} with {rest[0].text!r} where an operator belongs")
        while rest and (_is_one_of(rest[0], _JOINS) or rest[0].text == ")"):
            rest.pop(0)
    return condition


def _take_one(name: str, rest: list[Word], condition: Condition) -> None:
    """Take one test off the front."""
    while len(rest) > 1 and rest[0].literal and rest[0].text in ("!", "("):
        rest.pop(0)
    if len(rest) > 2 and _is_one_of(rest[1], _BINARY):
        left, operator, right = rest[:3]
        del rest[:3]
        if operator.text in _BETWEEN_FILES:
            condition.files += [left, right]
        if operator.text in _BETWEEN_NUMBERS and name == "[[":
            for operand in (left, right):
                condition.evaluated |= _names_in(operand)
    elif len(rest) > 1 and _is_one_of(rest[0], _OF_FILES | _OF_TEXTS):
        operator, operand = rest[:2]
        del rest[:2]
        condition.files += [operand] if operator.text in _OF_FILES else []
    else:
        rest.pop(0)


def _names_in(operand: Word) -> set[str]:
    """The variables of an operand that bash reads as arithmetic."""
    if operand.number:
        return set()
    text = operand.text.strip('"')
    name = _VARIABLE.fullmatch(text.removesuffix("}"))
    if name is None and not (operand.literal and text.isidentifier() and text.isascii()):
        raise Unparsable(f"[[ with {operand.text!r} as a number")
    return {name[1] if name else text}


def _is_one_of(word: Word, texts: frozenset[str]) -> bool:
    return word.literal and word.text in texts
