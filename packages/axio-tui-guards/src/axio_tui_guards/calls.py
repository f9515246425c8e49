"""A call as rules see it: its parts, each with the command, the paths and the hosts it shows."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from axio.tool import AnyTool
from axio_tui_guards.arguments import base_of, claims
from axio_tui_guards.effects import with_effects
from axio_tui_guards.hosts import UnclearHost, hosts_in, hosts_in_word, looks_like_host
from axio_tui_guards.names import (
    names_code,
    names_command,
    names_content,
    names_host,
    names_path,
    words_of,
)
from axio_tui_guards.parts import Changes, Part, parts_of
from axio_tui_guards.paths import Finder, Unresolvable
from axio_tui_guards.programs import Program, programs_in, programs_of
from axio_tui_guards.shell_words import Unparsable, Word
from axio_tui_guards.values import Leaf, Unreadable, leaves

__all__ = ("Call", "possible_programs", "read_call")

_MAX_POSSIBLE = 20_000
_MAX_ARGUMENTS = 2000
_MAX_TEXT = 4000
_WHERE = (["cwd"], ["workdir"])
_REST = ("args", "arguments")
_WORD = re.compile(r"[\w./-]+")


@dataclass(frozen=True)
class Call:
    tool: str
    arguments: Mapping[str, Any]
    parts: tuple[Part, ...]
    unparsable: str
    """Why a command or path in it cannot be read; "" when all can."""
    fingerprint: str
    """The same for the same call: tool, arguments and where its paths lead; "" for one that
    cannot be told from others."""
    subjects: tuple[str, ...] = ()
    """Its commands and paths as they were given, for a person to see."""
    base: frozenset[str] = frozenset()
    """The directory in which the tool works, resolved."""

    @property
    def places(self) -> tuple[str, ...]:
        """Every resolved path that it shows, in order."""
        return tuple(sorted(frozenset().union(*(part.places for part in self.parts))))


def read_call(tool: AnyTool, kwargs: Mapping[str, Any]) -> Call:
    """Take a call apart. Never raises for what the arguments hold."""
    finder = Finder()
    places: frozenset[str] = frozenset()
    parts: tuple[Part, ...]
    unparsable = ""
    subjects: list[str] = []
    base: frozenset[str] = frozenset()
    held: list[Leaf] = []
    try:
        base = finder.leads_to(".", (base_of(tool),))
        held = list(leaves(kwargs))
        found = claims(tool, kwargs, finder=finder)
        places = frozenset(place for claim in found for place in claim.places)
        starts = [claim.places for claim in found if words_of(claim.field)[-1:] in _WHERE]
        directories = frozenset().union(*starts) if starts else base
        commands = list(_commands(kwargs))
        subjects = [text for text, _ in commands] + [claim.path for claim in found]
        programs = [program for _, some in commands for program in some]
        deep = places - directories if commands else places
        changes: Changes = "" if tool.read_only else "places"
        whole = _with_hosts(Part(None, None, places, deep, changes=changes), held)
        parts = (
            with_effects(parts_of(programs, whole, directories, finder)) if programs else (whole,)
        )
        parts += _code(held, whole)
    except (Unparsable, Unreadable, Unresolvable) as error:
        unparsable = str(error)
        parts = (_unclear(Part((), places=places, deep=places), unparsable),)
    fingerprint = _fingerprint(tool, kwargs, held, places)
    return Call(tool.name, kwargs, parts, unparsable, fingerprint, tuple(subjects), base)


def _unclear(part: Part, why: str) -> Part:
    return Part(
        part.words,
        None,
        part.places,
        part.deep,
        hosts=part.hosts,
        unclear_paths=why,
        unclear_hosts=why,
        opaque=why,
    )


def _fingerprint(
    tool: AnyTool, kwargs: Mapping[str, Any], held: list[Leaf], places: frozenset[str]
) -> str:
    if kwargs and not held:
        return ""
    # The repr alone may leave out what an object holds, the leaves alone how it is nested.
    text = repr((tool.name, kwargs, held, base_of(tool), sorted(places)))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


# ── commands ──────────────────────────────────────────────────────────────────────────────────


def _commands(kwargs: Mapping[str, Any]) -> Iterator[tuple[str, list[Program]]]:
    """The texts of all commands that the call holds, each with the programs that it runs."""
    for names, _ in leaves(kwargs):
        if any(names_command(name) for name in names[1:]):
            raise Unparsable(f"{names[0]} holds a command")
    for name, value in kwargs.items():
        if value is None or not names_command(name):
            continue
        arguments = next((kwargs[other] for other in _REST if kwargs.get(other)), None)
        if arguments and (isinstance(value, str) or _is_texts(value)):
            if not _is_texts(arguments):
                raise Unparsable(f"the arguments of {name} are no list of texts")
            argv = [*([value] if isinstance(value, str) else value), *arguments]
            yield " ".join(argv), programs_of(argv)
        elif isinstance(value, str):
            yield value, programs_in(value)
        elif _is_texts(value) and words_of(name)[-1] == "commands":
            yield from ((text, programs_in(text)) for text in value)
        elif _is_texts(value):
            yield " ".join(value), programs_of(value)
        else:
            raise Unparsable(f"{name} is of type {type(value).__name__}, not text")


def _is_texts(value: Any) -> bool:
    """True for a list of texts, and not too many."""
    texts = isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
    if texts and len(value) > _MAX_ARGUMENTS:
        raise Unparsable(f"more than {_MAX_ARGUMENTS} arguments")
    return texts


def _code(held: list[Leaf], whole: Part) -> tuple[Part, ...]:
    """A part more for a program in an argument."""
    if any(value and any(map(names_code, names)) for names, value in held):
        return (_unclear(whole, "it is a program"),)
    return ()


# ── hosts ─────────────────────────────────────────────────────────────────────────────────────


def _with_hosts(whole: Part, held: list[Leaf]) -> Part:
    used, stored = _Hosts(), _Hosts()
    for names, value in held:
        if isinstance(value, str) and not names_command(names[0]):
            (stored if names_content(names[-1]) else used).take(names, value)
    hosts = used.certain | stored.certain
    possible = (used.possible | stored.possible) - {"", *hosts}
    return replace(
        whole,
        hosts=frozenset(hosts),
        possible_hosts=frozenset(possible),
        stored_hosts=frozenset((hosts | possible) - used.certain - used.possible),
        unclear_hosts=used.unclear,
    )


class _Hosts:
    """The hosts in some of the values of a call."""

    def __init__(self) -> None:
        self.certain: set[str] = set()
        self.possible: set[str] = set()
        self.unclear = ""

    def take(self, names: tuple[str, ...], value: str) -> None:
        try:
            if any(map(names_host, names)):
                self.certain |= hosts_in_word(value)
            else:
                self.certain |= hosts_in(value)
                if not any(map(names_path, names)):
                    self.possible.add(looks_like_host(value))
        except UnclearHost as error:
            self.unclear = str(error)


# ── values that may be commands ───────────────────────────────────────────────────────────────


def possible_programs(call: Call) -> list[Program]:
    """Programs that single values would run if they were commands. `Unreadable` for too many."""
    found: list[Program] = []
    lists: dict[tuple[str, ...], list[str]] = {}
    read = _REST if any(map(names_command, call.arguments)) else ()
    for names, value in leaves(call.arguments):
        if names[0] in read or names_command(names[0]):
            continue
        if isinstance(value, str) and value:
            lists.setdefault(names, []).append(value)
    left = _MAX_POSSIBLE
    for texts in lists.values():
        short = [text for text in texts if len(text) <= _MAX_TEXT and "\n" not in text.strip()]
        left -= sum(len(text) + 50 for text in short)
        if left < 0:
            raise Unreadable("it holds more values than can be looked through")
        found += [program for text in short for program in _programs_or_words(text)]
        if short:
            found.append(Program(tuple(map(Word, short))))
    return found


def _programs_or_words(text: str) -> list[Program]:
    """The programs of a text; of one that cannot be read, each word could be one."""
    try:
        return programs_in(text)
    except Unparsable:
        return [Program((Word(word),)) for word in _WORD.findall(text)]
