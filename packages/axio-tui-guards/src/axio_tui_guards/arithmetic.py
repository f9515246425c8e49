"""Arithmetic of the shell, as far as it can do nothing else.

A shell reads the value of a variable there as arithmetic again, and bash runs commands in what it
takes for the index of a list. So the variables are told: their values have to be numbers.
"""

from __future__ import annotations

import re

from axio_tui_guards.variables import changes_programs

__all__ = ("END_OF_ARITHMETIC", "NotPlain", "names_in_arithmetic")


class NotPlain(ValueError):
    """Arithmetic that may do more than calculate."""


_OPERATORS = r"[\w+\-*/% <>=!&|^~?:,$\n]"
END_OF_ARITHMETIC = re.compile(
    rf"((?:{_OPERATORS}|\((?:{_OPERATORS}|\({_OPERATORS}*\))*\))*)\)\)", re.A
)
"""From behind `$((` to its end, with the text between as its group."""

_NAME = re.compile(r"(?<![\w$])\$?([A-Za-z_]\w*)|(\$\W|\$\d|\$\Z)", re.A)
_SETS = re.compile(r"(?<![=!<>])=(?!=)|\+\+|--|<<=|>>=")


def names_in_arithmetic(text: str) -> set[str]:
    """The variables that it reads. `NotPlain` if it reads others or sets one that programs read."""
    names: set[str] = set()
    for found in _NAME.finditer(text):
        if found[2] and found[2] != "$?":
            raise NotPlain(f"arithmetic with {found[2]!r}, whose value only running it would tell")
        if found[1]:
            names.add(found[1])
    if _SETS.search(text) and (bad := next(filter(changes_programs, sorted(names)), None)):
        raise NotPlain(f"setting {bad} can change what programs do")
    return names
