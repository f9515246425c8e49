"""The programs that a command runs, with those inside of others: `sudo rm x`, `sh -c '…'`, `eval`.

Programs are of three kinds. Some run the rest of their words (`usages.WRAPPERS`) or a text that can
be read off. Of those with a usage line it is known that they run nothing else. All others are
opaque: they may run anything (interpreters, editors, build tools, scripts), and only a rule that
names them may allow them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from axio_tui_guards.conditions import read_condition
from axio_tui_guards.find_usage import FIND, executed, read_find, writes_files
from axio_tui_guards.globs import expanded
from axio_tui_guards.scripts import only_edits
from axio_tui_guards.shell import RESERVED, parse
from axio_tui_guards.shell_command import Assignment, Command, Redirect, holds_a_command
from axio_tui_guards.shell_words import MAX_DEPTH, Unparsable, Word
from axio_tui_guards.usage import Reading, Usage, may_be_option, read_table
from axio_tui_guards.usages import USAGES, WRAPPERS
from axio_tui_guards.variables import changes_programs, is_harmless

__all__ = ("Program", "Revealer", "name_of", "names_of", "programs_in", "programs_of", "with_files")

_NEUTRAL = frozenset(": true false cd pushd popd shift exit return break continue wait".split())
_TESTS = frozenset("test [ [[".split())
_SYSTEM_FOLDERS = ("/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/usr/local/bin/")
_SHELLS = frozenset("sh bash dash ash".split())
_CHANGES_THE_SHELL = frozenset(
    "alias unalias enable hash shopt bind complete compgen compopt fc history mapfile readarray "
    "getopts let declare typeset builtin emulate autoload zmodload".split()
)
_ASSIGNING = frozenset("export readonly local".split())
_PLAIN_SETTINGS = frozenset("errexit nounset pipefail xtrace noglob noclobber verbose".split())
_RAISES_PRIVILEGES = frozenset(("sudo", "doas"))
_RUNS_A_TEXT = re.compile(r"-[eux]*c[eux]*")
_READ = read_table("read: -rs -p=t -n=t -N=t -t=t -d=t -u=t : v*")["read"]
_LOOKS = read_table("test: : r* ! reads")["test"]
_FOUND = Word("(what find found)", literal=False, single=False)


@dataclass(frozen=True, slots=True)
class Program:
    """One program that a text runs, with its arguments."""

    words: tuple[Word, ...]
    """Its name, which is literal, and its arguments. Empty for redirections alone."""
    redirects: tuple[Redirect, ...] = ()
    opaque: str = ""
    """Why nobody can say what it runs; "" when it runs nothing else."""
    neutral: bool = False
    """It does nothing by itself: what it runs is a program of its own in the list."""
    repeated: bool = False
    reading: Reading | None = None
    """Its words by its usage; None where no usage is known."""
    usage: Usage | None = None
    variables: tuple[Assignment, ...] = ()
    """Those that it sees, and that may change what it does."""

    @property
    def name(self) -> str:
        return name_of(self.words[0]) if self.words else ""


def programs_in(text: str) -> list[Program]:
    """All programs that a shell text runs, as far as it shows them. Raises `Unparsable`."""
    revealer = Revealer()
    try:
        revealer.text(text, {}, 0)
    except RecursionError:
        raise Unparsable("nested too deeply") from None
    return revealer.finish()


def programs_of(argv: Sequence[str]) -> list[Program]:
    """The same for a command that no shell has to read."""
    revealer = Revealer()
    revealer.command(Command(tuple(map(Word, argv))), {}, 0)
    return revealer.finish()


Variables = Mapping[str, Word]


class Revealer:
    """Takes commands, and keeps the programs that they run and the variables that they set."""

    def __init__(self) -> None:
        self._found: list[tuple[Program, Variables]] = []
        self._exported: dict[str, Word] = {}
        self._evaluated: set[str] = set()
        self._split: set[str] = set()
        self._unknown: set[str] = set()
        self._no_numbers: set[str] = set()

    def finish(self) -> list[Program]:
        """All programs. `Unparsable` if a value that only running would tell may run something."""
        for name in sorted(self._evaluated):
            if name in self._no_numbers or name.isdigit():
                raise Unparsable(f"${name} is read as arithmetic and may be no number")
        for name in sorted(self._split & self._unknown):
            raise Unparsable(f"${name} is not quoted and may be several words")
        return [self._with_variables(*found) for found in self._found]

    def _with_variables(self, program: Program, variables: Variables) -> Program:
        known = program.usage is not None or program.neutral
        seen = tuple(
            Assignment(name, value)
            for name, value in {**self._exported, **variables}.items()
            if not is_harmless(name, value.text if value.literal else None, known)
        )
        return replace(program, variables=seen) if seen else program

    # ── texts and commands ────────────────────────────────────────────────────────────────────

    def text(self, source: str, variables: Variables, depth: int, repeated: bool = False) -> None:
        """Take a shell text whose programs see these variables."""
        script = parse(source, depth, repeated)
        self._evaluated |= script.evaluated
        starts = []
        for command in script.commands:
            starts.append(len(self._found))
            self.command(command, variables, depth)
        starts.append(len(self._found))
        for first, end in script.loops:
            inside = [program for program, _ in self._found[starts[first] : starts[end]]]
            if all(program.neutral and program.name != "read" for program in inside):
                self.add(Program((Word("(loop)"),), opaque="the loop may never end"), {})

    def command(self, command: Command, variables: Variables, depth: int) -> None:
        """Take a command that sees these variables."""
        if depth > MAX_DEPTH:
            raise Unparsable("nested too deeply")
        words = command.words
        name = name_of(words[0]) if words else ""
        for assignment in command.assignments:
            # `IFS= read x` is common, and changes nothing but what x becomes.
            self._set(assignment.name, assignment.value, is_plain=name == "read")
        if not words:
            for assignment in command.assignments:
                if assignment.name in os.environ:  # and so it is exported
                    self._exported[assignment.name] = assignment.value
            self.add(_itself(command, neutral=True), {})
            return
        own = {one.name: one.value for one in command.assignments}
        self._named(name, command, {**variables, **own}, depth)

    def add(self, program: Program, variables: Variables) -> None:
        self._found.append((program, variables))

    def _set(self, name: str, value: Word, is_plain: bool = False) -> None:
        if changes_programs(name) and not (is_plain and name == "IFS"):
            raise Unparsable(f"setting {name} can change what programs do")
        if not (value.literal or value.number):
            self._unknown.add(name)
        if not value.number:
            self._no_numbers.add(name)

    def _named(self, name: str, command: Command, variables: Variables, depth: int) -> None:
        words = command.words
        if name in _CHANGES_THE_SHELL:
            raise Unparsable(f"{name} changes what other words mean")
        if name in _ASSIGNING:
            self._assigning(name, command)
        elif name == "read":
            self._read(command)
        elif name == "unset":
            for word in words[1:]:
                self._set(_literal(name, word), Word(""))
            self.add(_itself(command, neutral=True), {})
        elif name == "set":
            self.add(_itself(command, neutral=_check_settings(words[1:])), {})
        elif name in _TESTS:
            self._test(name, command)
        elif name == "eval":
            self.add(_itself(command, neutral=True), {})
            source = " ".join(_literal(name, word) for word in words[1:])
            self.text(source, variables, depth + 1, command.repeated)
        elif name == "trap":
            self.add(_itself(command, neutral=True), {})
            if len(words) > 1 and _literal(name, words[1]) not in ("", "-", "-p", "-l"):
                self.text(words[1].text, variables, depth + 1, command.repeated)
        elif name in _SHELLS:
            self._shell(command, variables, depth)
        elif name == "find":
            self._find(command, variables, depth)
        elif name == "command" and len(words) > 1 and words[1].text in ("-v", "-V"):
            self.add(_itself(command, neutral=True), {})
        elif name in WRAPPERS:
            self._wrapper(name, command, variables, depth)
        else:
            self.add(_plain(name, command), variables)

    # ── built-ins ─────────────────────────────────────────────────────────────────────────────

    def _assigning(self, name: str, command: Command) -> None:
        """`export x=1`; without a name, or with an option, it lists what there is."""
        listed = len(command.words) == 1
        for word in command.words[1:]:
            variable, equals, value = _literal(name, word).partition("=")
            if holds_a_command(word):
                raise Unparsable("a variable that holds a command")
            listed |= variable.startswith("-")
            if not variable.startswith("-"):
                held = Word(value, literal=bool(equals), number=value.isdecimal())
                self._set(variable, held)
                if name == "export":
                    self._exported[variable] = held
        self.add(_itself(command, neutral=not listed), {})

    def _read(self, command: Command) -> None:
        """`read` sets variables to what nobody knows yet."""
        reading = _READ.read(command.words[1:])
        if reading.unclear:
            raise Unparsable(f"read: {reading.unclear}")
        for kind, word in reading.arguments:
            if kind == "v":
                self._set(_literal("read", word), Word("", literal=False, single=False))
        self.add(_itself(command, neutral=True), {})

    def _test(self, name: str, command: Command) -> None:
        condition = read_condition(name, command.words[1:])
        self._evaluated |= condition.evaluated
        self._split |= condition.split
        reading = Reading(arguments=[("r", word) for word in condition.files])
        self.add(replace(_itself(command, neutral=True), reading=reading, usage=_LOOKS), {})

    # ── programs that run others ──────────────────────────────────────────────────────────────

    def _inner(
        self, command: Command, words: Iterable[Word], variables: Variables, depth: int
    ) -> None:
        self.command(replace(command, words=tuple(words), assignments=()), variables, depth + 1)

    def _wrapper(self, name: str, command: Command, variables: Variables, depth: int) -> None:
        reading = WRAPPERS[name].read(command.words[1:])
        if reading.unclear or any(kind == "x" for kind, _ in reading.arguments):
            raise Unparsable(f"{name}: {reading.unclear or 'an option that may do anything'}")
        own = dict(variables)
        mark = ""
        for kind, word in reading.arguments:
            text = _literal(name, word)
            if kind == "=":
                # Not literal, an expansion could add the words of another command.
                variable, _, value = text.partition("=")
                own[variable] = Word(value)
                self._set(variable, own[variable])
            mark = text if kind == "i" else mark
        rest = list(reading.rest)
        if name == "xargs" and rest:
            # What it reads becomes further arguments, or stands where the mark is.
            rest = [
                replace(word, literal=word.literal and not (mark and mark in word.text))
                for word in rest
            ]
            rest.append(Word("(what xargs reads)", literal=False, single=False))
        itself = _itself(command, neutral=bool(rest) and name not in _RAISES_PRIVILEGES)
        # Of redirections, xargs alone takes its own input; others leave them to the command.
        self.add(itself if name == "xargs" or not rest else replace(itself, redirects=()), {})
        if rest:
            self._inner(command, rest, own, depth)

    def _shell(self, command: Command, variables: Variables, depth: int) -> None:
        words = command.words[1:]
        inner = depth + 1
        if not words or (len(words) == 1 and words[0] == Word("-s")):
            if command.stdin is None or not command.stdin.literal:
                raise Unparsable("a shell that runs what it reads")
            self.add(_itself(command, neutral=True), {})
            self.text(command.stdin.text, variables, inner, command.repeated)
        elif words[0].literal and _RUNS_A_TEXT.fullmatch(words[0].text):
            if len(words) < 2 or words[1].text[:1] in ("-", "+"):
                raise Unparsable("a shell whose command is not where it should be")
            self.add(_itself(command, neutral=True), {})
            self.text(_literal("sh -c", words[1]), variables, inner, command.repeated)
        else:
            self.add(_itself(command, opaque="a shell runs a script"), variables)

    def _find(self, command: Command, variables: Variables, depth: int) -> None:
        rest = [_literal("find", word) for word in command.words[1:]]
        self.add(_find_itself(command, rest), variables)
        if "-delete" in rest:
            self._inner(command, [Word("rm"), _FOUND], variables, depth)
        for words in executed(rest):
            inner = [Word(word, "{}" not in word) for word in words]
            self._inner(command, inner, variables, depth)


# ── single programs ───────────────────────────────────────────────────────────────────────────


def name_of(word: Word) -> str:
    """The name of a program, without the folder if it is one of the system's."""
    if not word.literal:
        raise Unparsable(f"{word.text!r} could be any program")
    if not word.text or word.text in RESERVED or word.text.startswith("-"):
        raise Unparsable(f"{word.text!r} in the place of a program")
    folder, _, name = word.text.rpartition("/")
    return name if f"{folder}/" in _SYSTEM_FOLDERS else word.text


def names_of(word: Word) -> set[str]:
    """Every name under which a rule that refuses may know this program."""
    text = word.text
    names = {text, os.path.basename(text)}
    if "/" in text:
        names.add(os.path.basename(os.path.realpath(text)))
    return names | {name.lower() for name in names}


def _itself(command: Command, opaque: str = "", neutral: bool = False) -> Program:
    return Program(command.words, command.redirects, opaque, neutral, command.repeated)


def _plain(name: str, command: Command) -> Program:
    """A program that runs nothing that its words show."""
    words = command.words[1:]
    if name == "printf" and words and (may_be_option(words[0]) or words[0].text[:1] == "-"):
        raise Unparsable("printf -v sets a variable")
    if name not in USAGES:
        return _itself(command, opaque=f"{name} may run other programs")
    return _read_plain(_itself(command, neutral=name in _NEUTRAL))


def _read_plain(program: Program) -> Program:
    """The program with its words read by its usage."""
    name = program.name
    usage = USAGES[name]
    reading = usage.read(program.words[1:])
    if name == "wait" and reading.unclear:
        raise Unparsable(f"wait: {reading.unclear}")  # of bash's options one sets a variable
    opaque = ""
    for kind, word in reading.arguments:
        if kind == "p" and not (word.literal and only_edits(name, word.text)):
            reading.doubt(f"{name} may do more than edit with {word.text!r}")
        elif kind == "x":
            reading.doubt(f"{word.text!r} tells {name} what to do")
    if reading.unclear and "runs" in usage.traits:
        opaque = f"{name} may run other programs: {reading.unclear}"
    elif any(holds_a_command(word) for word in program.words):
        opaque = "an argument holds a command"
    return replace(program, opaque=opaque, reading=reading, usage=usage)


def with_files(program: Program, directory: str) -> Program:
    """The program with its patterns replaced by the files of a directory that they stand for."""
    words = program.words
    if all(word.literal for word in words) or program.name not in USAGES:
        return program
    found = expanded(words[1:], directory)
    return (
        program if found == words[1:] else _read_plain(replace(program, words=(words[0], *found)))
    )


def _find_itself(command: Command, rest: Sequence[str]) -> Program:
    reading = read_find(rest)
    opaque = "find writes or reads files of its own" if writes_files(rest) else ""
    return replace(_itself(command, opaque), reading=reading, usage=FIND)


def _literal(name: str, word: Word) -> str:
    if not word.literal:
        raise Unparsable(f"{name} with {word.text!r}, which only running it would tell")
    return word.text


def _check_settings(words: Sequence[Word]) -> bool:
    """True if `set` with these words shows nothing. `Unparsable` if it changes what others mean."""
    pending = list(words)
    while pending:
        word = pending.pop(0)
        if word == Word("--") or not (may_be_option(word) or word.text[:1] in ("-", "+")):
            return True
        if not word.literal or not re.fullmatch(r"[-+][eufCnvx]*o?", word.text):
            raise Unparsable(f"set {word.text} changes what other words mean")
        if word.text.endswith("o"):
            if not pending:
                return False
            if _literal("set -o", pending[0]) not in _PLAIN_SETTINGS:
                raise Unparsable(f"set -o {pending[0].text} changes what other words mean")
            pending.pop(0)
    return bool(words)
