"""One program as rules see it: which paths and hosts it shows, and what stays unclear."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from axio_tui_guards.hosts import UnclearHost, host_of_address, hosts_in_word
from axio_tui_guards.looks import looks_leaving, possible_paths
from axio_tui_guards.paths import Finder, leads_anywhere
from axio_tui_guards.programs import Program, with_files
from axio_tui_guards.shell_command import Assignment
from axio_tui_guards.shell_words import Word
from axio_tui_guards.subcommands import runs_an_argument, without_texts

__all__ = ("Part", "parts_of")

Changes: TypeAlias = Literal["", "places", "more"]

_MAX_DIRECTORIES = 64
_ENTERS = frozenset(("cd", "pushd"))
_HIDDEN_PATTERN = frozenset("[]{}")
_BESIDE = re.compile(r"\"?[\w.~-]", re.A)
"""The start of a path that cannot lead to /dev, whatever else is in it."""


@dataclass(frozen=True, slots=True)
class Part:
    """All that one program does, or the whole call of a tool that runs none."""

    words: tuple[Word, ...] | None = None
    """The program and its arguments; None where there is none."""
    program: Program | None = None
    places: frozenset[str] = frozenset()
    """Resolved paths, all readings of all of them."""
    deep: frozenset[str] = frozenset()
    """Those of them that it may go through, with all that they hold."""
    here: frozenset[str] = frozenset()
    """Directories in which it may run."""
    inputs: frozenset[str] = frozenset()
    """Files that are fed to it; they are among the places, too."""
    hosts: frozenset[str] = frozenset()
    possible_hosts: frozenset[str] = frozenset()
    """Texts that could be hosts, and could be something else."""
    stored_hosts: frozenset[str] = frozenset()
    """Those of both kinds that are only in texts that it stores."""
    unclear_paths: str = ""
    """Why there may be other places; "" when these are all, as far as arguments tell."""
    unclear_hosts: str = ""
    opaque: str = ""
    """Why it may do anything besides what it shows; "" when it may not."""
    writes: bool = False
    """Its output goes to a file."""
    changes: Changes = "more"
    """It may change something: only the places that it shows, or more."""
    moved: frozenset[str] = frozenset()
    """Places below which it may have put links."""

    @property
    def variables(self) -> tuple[Assignment, ...]:
        return self.program.variables if self.program is not None else ()

    @property
    def reaches_out(self) -> bool:
        """True if it may reach a host, as far as its words tell."""
        return bool((self.hosts | self.possible_hosts) - self.stored_hosts or self.unclear_hosts)

    @property
    def is_bare(self) -> bool:
        """True if it names no path, host or command, nor what may be one."""
        return self == Part(changes=self.changes)


def parts_of(
    programs: Sequence[Program], whole: Part, directories: frozenset[str], finder: Finder
) -> Iterator[Part]:
    """A part for each program, with what the call as a whole shows."""
    here: frozenset[str] | None = directories
    # In a loop, what stands later happens earlier too.
    if any(program.repeated and program.name in _ENTERS for program in programs):
        here = None
    settled = True  # nothing so far may have made or moved a file
    for original in programs:
        program = original
        if settled and here is not None and len(here) == 1:
            program = with_files(original, next(iter(here)))
        survey = _Survey(program, here or directories, finder)
        if here is None:
            survey.unclear("nobody can say in which directory it runs")
        part = survey.part(whole)
        settled &= not part.changes
        yield replace(part, words=original.words)
        if here is not None and program.name in _ENTERS:
            here = _entered(program, here, finder)


def _entered(program: Program, here: frozenset[str], finder: Finder) -> frozenset[str] | None:
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
    found = here | finder.leads_to(target.text, here)
    return found if len(found) <= _MAX_DIRECTORIES else None


@dataclass(slots=True)
class _Survey:
    """Looks at the words of one program."""

    program: Program
    here: frozenset[str]
    finder: Finder
    bases: frozenset[str] = field(init=False)
    places: set[str] = field(default_factory=set)
    inputs: set[str] = field(default_factory=set)
    hosts: set[str] = field(default_factory=set)
    why_paths: str = ""
    why_hosts: str = ""

    def __post_init__(self) -> None:
        self.bases = self.here

    def unclear(self, why: str) -> None:
        self.why_paths = self.why_paths or why

    def part(self, whole: Part) -> Part:
        program = self.program
        deep = self._known() if program.usage is not None else self._guessed()
        deep = frozenset(deep) | whole.deep
        for redirect in program.redirects:
            if redirect.is_file:
                found = self._path(redirect.target)
                self.inputs |= found if redirect.reads else frozenset()
                if not (redirect.target.literal or _BESIDE.match(redirect.target.text)):
                    self.why_hosts = f"{redirect.target.text!r} may be a connection to bash"
        places = self.places | whole.places
        for place in sorted(places | self.here):
            if leads_anywhere(place):
                self.unclear(f"{place} may be any other place")
        return replace(
            whole,
            words=program.words,
            program=program,
            places=frozenset(places),
            deep=deep,
            here=self.here,
            inputs=frozenset(self.inputs),
            hosts=whole.hosts | self.hosts,
            unclear_paths=self.why_paths,
            unclear_hosts=self.why_hosts,
            opaque=self._opaque(),
            writes=any(redirect.writes for redirect in program.redirects),
            changes=self._changes(),
            moved=frozenset(self._moved()),
        )

    def _opaque(self) -> str:
        program = self.program
        if program.variables and not (program.opaque or program.neutral):
            return f"the variable {program.variables[0].name} may change what it does"
        return program.opaque

    def _changes(self) -> Changes:
        program = self.program
        usage, reading = program.usage, program.reading
        writes = any(redirect.writes for redirect in program.redirects)
        if self._opaque() or ((usage is None or reading is None) and not program.neutral):
            return "more"
        if usage is not None and reading is not None:
            writes |= any(kind in ("w", "f") for kind, _ in reading.arguments)
            writes |= bool(reading.unclear) or usage.has("writes", reading)
            if "reads" not in usage.traits:
                return "places" if "w*" in usage.operands or "w" in usage.operands else "more"
        return "places" if writes else ""

    # ── words whose meaning is known ──────────────────────────────────────────────────────────

    def _known(self) -> Iterable[str]:
        """Take in the words by their kinds; returns the places that the program goes through."""
        usage, reading = self.program.usage, self.program.reading
        assert usage is not None
        assert reading is not None
        for kind, word in reading.arguments:
            if kind == "d":
                self.bases |= self._path(word)
        for kind, word in reading.arguments:
            self._take(kind, word)
        if reading.unclear:
            self.unclear(reading.unclear)
        if "net" in usage.traits and (reading.unclear or usage.has("follows", reading)):
            self.why_hosts = reading.unclear or "it may be sent on to another host"
        if usage.has("names", reading):
            self.unclear("it names its output by itself")
        if usage.has("into", reading):
            self._into()
        implicit = usage.has("here", reading) and not any(k == "r" for k, _ in reading.arguments)
        if implicit:
            self.places |= self.bases
        if not usage.has("deep", reading):
            return ()
        if usage.has("wanders", reading):
            self.unclear("it follows the links inside of directories")
        return set(self.places)

    def _into(self) -> None:
        """A file that is put into a directory keeps its name there."""
        target, sources = self._written()
        for source in sources:
            if source.literal and target.literal:
                self._path(Word(f"{target.text}/{os.path.basename(source.text)}"))

    def _written(self) -> tuple[Word, list[Word]]:
        """The place where it puts things, and those things: the last of its words is the place, or
        the one of its option, or for one word alone the directory where it works."""
        reading = self.program.reading
        assert reading is not None
        written = [word for kind, word in reading.arguments if kind == "w"]
        if len(written) < 2:
            return Word("."), written
        return written.pop(0 if "-t" in reading.options else -1), written

    def _moved(self) -> frozenset[str]:
        """Places below which it may have put links: its target, or where it works."""
        usage, reading = self.program.usage, self.program.reading
        if usage is None or reading is None or not usage.has("links", reading):
            return frozenset()
        return self.bases if "here" in usage.traits else self._path(self._written()[0])

    def _take(self, kind: str, word: Word) -> None:
        if kind in ("r", "R", "w"):
            self._path(word)
        elif kind in ("h", "u"):
            self._host(word)
        elif kind in ("f", "g", "@"):
            self._path_or_more(kind, word)

    def _path(self, word: Word) -> frozenset[str]:
        if not word.literal:
            self.unclear(f"only running it would tell what {word.text!r} is")
            return frozenset()
        if any(map(looks_leaving, possible_paths(word.text) or ())) > looks_leaving(word.text):
            self.unclear(f"{word.text!r} may hold another path")
        found = self.finder.leads_to(word.text, self.bases)
        self.places |= found
        return found

    def _path_or_more(self, kind: str, word: Word) -> None:
        text = word.text
        if kind == "@":
            if word.literal and not set(text) & set("@<"):
                return
            word = Word(text[1:], word.literal)
            more = text[0] not in "@<"
        elif kind == "g":
            more = bool(set(text) & _HIDDEN_PATTERN)
        else:
            more = ":" in text.partition("/")[0]
        if more:
            self.unclear(f"{text!r} may be more than a path")
        else:
            self._path(word)

    def _host(self, word: Word) -> None:
        try:
            if not word.literal:
                raise UnclearHost(f"only running it would tell what {word.text!r} is")
            self.hosts.add(host_of_address(word.text))
        except UnclearHost as error:
            self.why_hosts = self.why_hosts or str(error)
        if not word.literal or word.text[:5].lower() == "file:":
            if set(word.text) & _HIDDEN_PATTERN:
                self.unclear(f"{word.text!r} is a pattern")
            self._path(word)

    # ── words of a program that nobody knows ──────────────────────────────────────────────────

    def _guessed(self) -> Iterable[str]:
        """Take in all that could be a path or a host."""
        if not self.program.words:
            return ()
        if why := runs_an_argument(self.program.words):
            self.unclear(why)
        values = [one.value for one in self.program.variables]
        for word in (*without_texts(self.program.words), *values):
            paths = possible_paths(word.text) if word.literal else None
            if paths is None:
                self.unclear(f"{word.text!r} may be more than a path")
            for path in paths or ():
                self.places |= self.finder.leads_to(path, self.bases)
            try:
                self.hosts |= hosts_in_word(word.text) if word.literal else frozenset()
            except UnclearHost as error:
                self.why_hosts = str(error)
        return set(self.places)
