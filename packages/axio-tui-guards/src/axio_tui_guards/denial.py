"""When a rule that refuses or asks speaks of a command: it does, it may, or it does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import TypeAlias

from axio_tui_guards.programs import Program, names_of
from axio_tui_guards.shell_words import Word
from axio_tui_guards.subcommands import SUBCOMMANDS, Subcommands
from axio_tui_guards.usage import Usage, may_be_option
from axio_tui_guards.usages import USAGES

__all__ = ("Answer", "speaks_of")

Answer: TypeAlias = bool | str
"""True or False where it is certain; else why it may be so."""


def speaks_of(patterns: Sequence[str], program: Program) -> Answer:
    """True if this is the command of the rule. What an opaque program does besides is told, too."""
    words = program.words
    if not words:
        return False
    first, *others = patterns
    if not any(fnmatchcase(name, first) for name in names_of(words[0])):
        return program.opaque or False
    others = [other for other in others if other != "*"]
    if not others:
        return True
    name = words[0].text.rpartition("/")[2].lower()
    if subcommands := SUBCOMMANDS.get(name):
        return _by_position(name, others, program, subcommands)
    if usage := USAGES.get(name):
        answer = _by_usage(others, words[1:], usage)
    else:
        answer = _by_order(others, words[1:])
    return answer or program.opaque or False


def _by_position(
    name: str, others: Sequence[str], program: Program, subcommands: Subcommands
) -> Answer:
    reading = subcommands.options.read(program.words[1:])
    if not reading.rest:
        return f"{name}: {reading.unclear}" if reading.unclear else False
    word, *rest = reading.rest
    if not word.literal:
        return f"only running it would tell what {word.text!r} is to {name}"
    if any(fnmatchcase(same, others[0]) for same in subcommands.same_as(word.text)):
        if reading.unclear:
            return f"{name}: {reading.unclear}"
        return _by_order(others[1:], rest) if len(others) > 1 else True
    settings = [word.text for kind, word in reading.arguments if kind == "x"]
    settings += [variable.name for variable in program.variables]
    if word.text in subcommands.running:
        return _runs_inside(name, [name, *others], rest) or program.opaque or False
    if reading.unclear or settings:
        return f"{name} may run other programs by {reading.unclear or settings[0]!r}"
    if not subcommands.is_plain(word.text, rest):
        return f"{name} {word.text} may be or run another of its commands"
    return False


def _runs_inside(name: str, patterns: Sequence[str], words: Sequence[Word]) -> str:
    """Why words behind a subcommand that runs others may be the command of the rule."""
    for start, word in enumerate(words):
        if name in names_of(word) and speaks_of(patterns, Program(tuple(words[start:]))):
            return f"{' '.join(patterns)!r} stands further on"
    return ""


def _by_usage(others: Sequence[str], words: Sequence[Word], usage: Usage) -> Answer:
    """Options count in any spelling and order, the rest by order."""
    reading = usage.read(words)
    wanted = set(_options(others, usage))
    rest = [other for other in others if other[:1] != "-"]
    arguments = [word for _, word in reading.arguments]
    answer = wanted <= reading.options and _in_order(rest, arguments)
    return answer or reading.unclear or False


def _options(patterns: Sequence[str], usage: Usage) -> Iterator[str]:
    for pattern in patterns:
        if pattern in usage.names:
            yield usage.names[pattern]
        elif pattern.startswith("-"):
            cluster = pattern[1:] if pattern[1:2] != "-" else ""
            yield from (usage.names.get(f"-{letter}", f"-{letter}") for letter in cluster)


def _by_order(others: Sequence[str], words: Sequence[Word]) -> Answer:
    """Of programs whose options nobody knows: at the front for certain, further on perhaps."""
    front = words[: len(others)]
    if len(front) == len(others) and all(
        word.literal and fnmatchcase(word.text, other)
        for word, other in zip(front, others, strict=True)
    ):
        return True
    answer = _in_order(others, words)
    options = [other for other in others if other[:1] == "-"]
    if answer is True and len(options) < len(others):
        return f"{' '.join(others)!r} stands further on"
    if answer is False and options:
        similar = (w.text for w in words if w.text[:1] == "-" or may_be_option(w))
        return next((f"{text!r} may mean the same" for text in similar), False)
    return answer


def _in_order(others: Sequence[str], words: Sequence[Word]) -> Answer:
    """True if words in this order fit; a text if they do with one that only running would tell."""
    rest = iter(words)
    unknown = ""
    for other in others:
        for word in rest:
            if word.literal and fnmatchcase(word.text, other):
                break
            if not word.literal:
                unknown = unknown or word.text
        else:
            return f"only running it would tell what {unknown!r} is" if unknown else False
    return True
