"""A call as rules see it: its parts, each with the command, the paths and the hosts it shows."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from axio.tool import Tool
from axio_tui_guards.arguments import PATH_WORDS, base_of, claims, last_word
from axio_tui_guards.hosts import UnclearHost, hosts_in, hosts_in_word
from axio_tui_guards.paths import Unresolvable, leads_to
from axio_tui_guards.programs import Program, programs_in, programs_of
from axio_tui_guards.shell_words import Unparsable, Word
from axio_tui_guards.values import Unreadable, leaves

__all__ = ("Call", "Part", "read_call")

_COMMANDS = frozenset("bash cmd cmdline command commands commandline shell".split())
_CODE = frozenset(("code", "script"))
_HOSTS = frozenset("address domain endpoint host hostname server uri url urls".split())
_MAX_DIRECTORIES = 64
_MAX_WORDS = 2000


@dataclass(frozen=True, slots=True)
class Part:
    """What one program does, or the whole call of a tool that runs none."""

    words: tuple[Word, ...] | None = None
    """The program and its arguments; None where there is none."""
    places: frozenset[str] = frozenset()
    """Resolved paths, all readings of all of them."""
    hosts: frozenset[str] = frozenset()
    clear_paths: bool = True
    """Whether `places` is everything, as far as arguments tell."""
    clear_hosts: bool = True
    opaque: str = ""
    """Why it may do anything; "" when it may not."""
    neutral: bool = False
    writes: bool = False
    """Whether its output goes to a file."""


@dataclass(frozen=True, slots=True)
class Call:
    tool: str
    arguments: Mapping[str, Any]
    parts: tuple[Part, ...]
    unparsable: str
    """Why a command, path or host in it cannot be read; "" when all can."""
    fingerprint: str
    """The same for the same call: tool, arguments and where its paths lead."""
    subjects: tuple[str, ...] = ()
    """Its commands and paths as they were given, for a person to see."""


def read_call(tool: Tool[Any], kwargs: Mapping[str, Any]) -> Call:
    """Take a call apart. Never raises for what the arguments hold."""
    base = base_of(tool)
    places: frozenset[str] = frozenset()
    parts: tuple[Part, ...]
    unparsable = ""
    try:
        found = claims(base, kwargs)
        places = frozenset(place for claim in found for place in claim.places)
        starts = [claim.places for claim in found if last_word(claim.field) in ("cwd", "workdir")]
        directories = frozenset().union(*starts) if starts else leads_to(".", (base,))
        hosts = _hosts_of(kwargs)
        programs = _programs(kwargs)
        parts = tuple(_parts(programs, Part(None, places, hosts), directories))
        if _holds_code(kwargs):
            parts += (Part(None, places, hosts, False, False, "it is a program"),)
    except (Unparsable, Unreadable, Unresolvable, UnclearHost) as error:
        unparsable = str(error)
        parts = (Part((), places, frozenset(), False, False, unparsable),)
    fingerprint = _fingerprint(tool.name, kwargs, base, places)
    return Call(tool.name, kwargs, parts, unparsable, fingerprint, _subjects(kwargs))


def _subjects(kwargs: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(
        value if isinstance(value, str) else repr(value)
        for name, value in kwargs.items()
        if last_word(name) in _COMMANDS | PATH_WORDS and value is not None
    )


def _fingerprint(name: str, kwargs: Mapping[str, Any], base: str, places: frozenset[str]) -> str:
    try:  # the repr alone may leave out what an object holds, the leaves alone how it is nested
        held = list(leaves(kwargs))
    except Unreadable:
        return uuid4().hex  # like no other call
    text = repr((name, kwargs, held, base, sorted(places)))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _programs(kwargs: Mapping[str, Any]) -> list[Program] | None:
    """The programs that the call starts; None if it is no call that starts any."""
    found: list[Program] | None = None
    for names, _ in leaves(kwargs):
        if any(last_word(name) in _COMMANDS for name in names[1:]):
            raise Unparsable(f"{names[0]} holds a command")
    for name, value in kwargs.items():
        if value is None or last_word(name) not in _COMMANDS:
            continue
        found = [] if found is None else found
        arguments = kwargs.get("args", kwargs.get("arguments"))
        if isinstance(value, str) and arguments:
            if not _is_texts(arguments):
                raise Unparsable(f"the arguments of {name} are no list of texts")
            found += programs_of([value, *arguments])
        elif isinstance(value, str):
            found += programs_in(value)
        elif _is_texts(value) and last_word(name) == "commands":
            found += [program for text in value for program in programs_in(text)]
        elif _is_texts(value):
            found += programs_of(value)
        else:
            raise Unparsable(f"{name} is of type {type(value).__name__}, not text")
    return found


def _is_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)


def _holds_code(kwargs: Mapping[str, Any]) -> bool:
    return any(
        value and any(last_word(name) in _CODE for name in names) for names, value in leaves(kwargs)
    )


def _hosts_of(kwargs: Mapping[str, Any]) -> frozenset[str]:
    found: set[str] = set()
    for names, value in leaves(kwargs):
        if isinstance(value, str) and last_word(names[0] if names else "") not in _COMMANDS:
            is_host = any(last_word(name) in _HOSTS for name in names)
            found |= hosts_in_word(value) if is_host else hosts_in(value)
    return frozenset(found)


def _parts(
    programs: Sequence[Program] | None, whole: Part, directories: frozenset[str]
) -> Iterable[Part]:
    """Each program with what the call as a whole shows."""
    if not programs:
        yield whole
        return
    here: frozenset[str] | None = directories
    # In a loop, what stands later happens earlier too.
    if any(program.repeated and _enters(program) for program in programs):
        here = None
    for program in programs:
        texts = [*program.words, *(redirect.target for redirect in program.redirects)]
        literal = [word.text for word in texts if word.literal]
        all_literal = len(literal) == len(texts) <= _MAX_WORDS
        hosts = set(whole.hosts)
        places = set(whole.places) | (here or set())
        for text in literal[:_MAX_WORDS]:
            hosts |= hosts_in_word(text)
            for path in _paths_in(text):
                places |= leads_to(path, here or directories)
        yield Part(
            program.words,
            frozenset(places),
            frozenset(hosts),
            all_literal and here is not None,
            all_literal,
            program.opaque,
            program.neutral,
            any(redirect.writes for redirect in program.redirects),
        )
        if here is not None and _enters(program):
            here = _entered(program, here)


def _paths_in(word: str) -> set[str]:
    """What a program could take for a path in an argument: `--file=x`, `-ox`, `host:x`, `@x`."""
    found = {word} if not word.startswith("-") else set()
    if word.startswith("-") and re.search(r"[/~.]", word):
        found.add(word[2:])
    for separator in re.finditer(r"[=:,@]", word):
        rest = word[separator.end() :]
        found |= {rest, rest.partition(":")[0], rest.partition(",")[0]}
    return (found | {word.partition(":")[0], word.partition(",")[0]}) - {""}


def _enters(program: Program) -> bool:
    return program.name in ("cd", "pushd")


def _entered(program: Program, here: frozenset[str]) -> frozenset[str] | None:
    """The directories in which the commands after a `cd` may run; None if nobody knows."""
    if len(program.words) == 1:
        target = Word("~")
    elif len(program.words) == 2:
        target = program.words[1]
    else:
        return None
    if not target.literal or target.text[:1] in ("", "-", "+"):
        return None
    if "CDPATH" in os.environ and not target.text.startswith(("/", ".")):
        return None
    found = here | leads_to(target.text, here)
    return found if len(found) <= _MAX_DIRECTORIES else None
