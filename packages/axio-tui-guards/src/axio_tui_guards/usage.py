"""The options and arguments of a program, read by a usage line as in its manual.

A line says which options there are and what each argument is. All that it does not say is unclear:
another option, an option cut short, a word that may become an option when it is expanded. So a
reading is a proof, and never a guess.

    sort: -bdfghiMnrRsuVz -k,--key=t -o,--output=w --files0-from=x : r* ! reads

An option is a cluster of letters without arguments, or has its names with commas between them and
the kind of its argument: `=k`, or `[=k]` where it has to be attached. Behind the colon stand the
kinds of the operands; `*` repeats the last, and `+ef` makes the one before it fall away when option
`-e` or `-f` is given. Behind the `!` stand traits.

Kinds: `r` a path that is read, `w` one that is changed, `f` one that may be `host:path`, `g` one
that may be a pattern, `d` a directory from where other paths start, `@` text or `@` and a path, `t`
text, `p` a text in a language of the program's own, `h` a host, `u` an address in the web, `x`
nothing that can be read off (a list of files, settings, another program), `=` a variable that is
set, `i` the mark that stands for an argument, `c` the first word of another command.

Traits: `words` all of it is text, also what begins with a dash; `reads` it changes nothing but what
is of kind `w`, or all with the options behind `writes=`; `deep` it goes into directories, or does
so with the options behind `deep=`; `here` without an operand of kind `r` it takes the current
directory; `net` it reaches hosts, and with the options behind `follows=` others than it shows;
`wanders=` options with which it follows links inside of directories; `into` a file that is put into
a directory keeps its name there; `links` it may put links where it writes, so that a path through
them leads elsewhere; `names=` options with which it names its output by itself; `settings` it reads
a file of settings; `runs` it runs no other program, but only when nothing in its words is unclear.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from axio_tui_guards.shell_words import Word

__all__ = ("Reading", "Usage", "may_be_option", "read_table")

_OPTION = re.compile(r"(-[^\s=\[\]]+)(?:(=)([\w@]+)|\[=(\w)\])?", re.A)
_MAX_CLUSTER = 4096
_SAFE_START = re.compile(r"~|\"?[A-Za-z0-9_./+%:@,]")


@dataclass(slots=True)
class Reading:
    """The words of a command, each with its kind."""

    arguments: list[tuple[str, Word]] = field(default_factory=list)
    options: set[str] = field(default_factory=set)
    """Each by its first name."""
    rest: Sequence[Word] = ()
    """From the first operand of kind `c` on."""
    unclear: str = ""
    """The first thing that the usage does not explain."""
    loose: bool = False
    """A word was among them that may be an option."""

    def doubt(self, why: str) -> None:
        self.unclear = self.unclear or why


@dataclass(frozen=True, slots=True)
class Usage:
    names: Mapping[str, str]
    """Each name of an option with the first of its names."""
    kinds: Mapping[str, str]
    """The kind of argument of an option, by its first name: "" for none, "[k]" if attached."""
    operands: tuple[str, ...]
    traits: Mapping[str, str]

    def has(self, trait: str, reading: Reading) -> bool:
        """True if the trait holds, with these options."""
        letters = self.traits.get(trait)
        if letters is None:
            return False
        return letters == "" or any(option in reading.options for option in letters.split(","))

    def read(self, words: Sequence[Word]) -> Reading:
        """Read the words behind the name of the program."""
        reading = Reading()
        if "words" in self.traits:
            reading.arguments = [("t", word) for word in words]
            return reading
        operands: list[Word] = []
        pending = list(reversed(words))
        stops = "c" in self.operands
        while pending:
            word = pending.pop()
            if may_be_option(word):
                reading.loose = True
                reading.doubt(f"{word.text!r} may be an option")
                operands.append(word)
            elif not word.text.startswith("-") or word.text == "-" or not word.literal:
                operands.append(word)
            elif word.text == "--":
                operands += reversed(pending)
                break
            else:
                self._option(word.text, pending, reading)
                continue
            if stops and self._ends_here(operands):
                operands += reversed(pending)
                break
        self._operands(operands, reading)
        return reading

    def _ends_here(self, operands: Sequence[Word]) -> bool:
        """True if the last operand begins another command: options behind it are not ours."""
        index = len(operands) - 1
        if self.operands[0].startswith("="):
            return "=" not in operands[index].text
        return index >= self.operands.index("c")

    def _option(self, text: str, pending: list[Word], reading: Reading) -> None:
        if text.startswith("--") or text in self.names:
            name, equals, value = text.partition("=")
            self._take(name, value if equals else None, pending, reading)
            return
        if len(text) > _MAX_CLUSTER:
            reading.doubt(f"the options {text[:20]}... are too many")
            return
        for position in range(1, len(text)):
            name = f"-{text[position]}"
            kind = self._kind(name)
            attached = text[position + 1 :]
            if kind == "":
                reading.options.add(self.names[name])
                continue
            self._take(name, attached or None, pending, reading)
            return

    def _kind(self, name: str) -> str | None:
        first = self.names.get(name)
        return None if first is None else self.kinds[first]

    def _take(self, name: str, attached: str | None, pending: list[Word], reading: Reading) -> None:
        """One option, with its argument if it has one."""
        kind = self._kind(name)
        if kind is None:
            reading.doubt(f"the option {name} is not known")
            return
        reading.options.add(self.names[name])
        if kind == "" and attached is not None:
            reading.doubt(f"the option {name} takes no argument")
        elif kind.startswith("["):
            if attached is not None:
                reading.arguments.append((kind[1], Word(attached)))
        else:
            for index, letter in enumerate(kind):
                word = Word(attached) if attached is not None and index == 0 else None
                word = word or (pending.pop() if pending else None)
                if word is None:
                    reading.doubt(f"the option {name} lacks its argument")
                    return
                if not word.single:
                    reading.doubt(f"{word.text!r} may be several words")
                reading.arguments.append((letter, word))

    def _operands(self, words: Sequence[Word], reading: Reading) -> None:
        kinds = [kind for kind in self.operands if not _falls_away(kind, reading)]
        index = 0
        for position, word in enumerate(words):
            kind = kinds[index] if index < len(kinds) else ""
            if kind == "":
                reading.doubt(f"{word.text!r} is an argument too many")
                kind = "x"
            elif kind[0] == "=" and "=" not in word.text:
                index += 1
                kind = kinds[index]
            if kind == "c":
                reading.rest = words[position:]
                return
            if not (word.single or kind.endswith("*")):
                reading.doubt(f"{word.text!r} may be several words")
            reading.arguments.append((kind[0], word))
            if not kind.endswith("*"):
                index += 1


def _falls_away(kind: str, reading: Reading) -> bool:
    return "+" in kind and any(f"-{letter}" in reading.options for letter in kind[2:])


def may_be_option(word: Word) -> bool:
    """True if it is only known when it is expanded, and may begin with a dash then."""
    return not word.literal and _SAFE_START.match(word.text) is None


def read_table(table: str) -> dict[str, Usage]:
    """Each program of a table with its usage; several names before the colon share one."""
    found: dict[str, Usage] = {}
    for line in table.strip().replace("\\\n", " ").splitlines():
        if line.strip() and not line.startswith("#"):
            programs, _, rest = line.partition(":")
            options, _, operands = rest.partition(" :")
            operands, _, traits = operands.partition("!")
            usage = _usage(options.split(), operands.split(), traits.split())
            found |= dict.fromkeys(programs.strip().split(","), usage)
    return found


def _usage(options: Sequence[str], operands: Sequence[str], traits: Sequence[str]) -> Usage:
    names: dict[str, str] = {}
    kinds: dict[str, str] = {}
    for option in options:
        found = _OPTION.fullmatch(option)
        assert found is not None, option
        spelled, equals, kind, attached = found.groups()
        if "," not in spelled and not spelled.startswith("--") and not (equals or attached):
            spellings = [[f"-{letter}"] for letter in spelled[1:]]
        else:
            spellings = [spelled.split(",")]
        for first, *others in spellings:
            names |= dict.fromkeys((first, *others), first)
            kinds[first] = kind or (f"[{attached}]" if attached else "")
    split = [trait.partition("=") for trait in traits]
    return Usage(names, kinds, tuple(operands), {name: value for name, _, value in split})
