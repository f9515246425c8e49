"""What a command runs besides itself: `sudo rm x`, `find -exec`, `sh -c '…'`, `eval`.

Programs are of three kinds. A few run another command that can be read off their arguments. Of
those in `_SELF_CONTAINED` it is known that they run nothing else. All others are opaque: they may
run anything (interpreters, editors, build tools, scripts), and only a rule that names them may
allow them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from axio_tui_guards.shell import RESERVED, parse
from axio_tui_guards.shell_command import Command, Redirect, holds_a_command
from axio_tui_guards.shell_words import Unparsable, Word

__all__ = ("Program", "names_of", "programs_in", "programs_of")

_SELF_CONTAINED = frozenset(
    (
        "[ arch base32 base64 basename cal cat chgrp chmod chown cksum cmp column comm cp curl cut "
        "date df diff dirname du echo egrep expand expr fgrep file fmt fold free grep groups "
        "head hexdump host hostname iconv id join jq kill link ln ls lsof md5sum mkdir mktemp mv "
        "nl nproc nslookup od paste pgrep ping pkill printf ps pwd readlink realpath rev rm "
        "rmdir seq sha1sum sha256sum sha512sum shasum shred shuf sleep stat strings sum sync tac "
        "tail tee test touch tr tree truncate tty uname unexpand uniq unlink uptime users wc "
        "whereis which who whoami xxd yes"
    ).split()
)
_NEUTRAL = frozenset(
    ": true false test [ cd pushd popd set shift exit return break continue wait".split()
)
_SYSTEM_FOLDERS = ("/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/usr/local/bin/")
_SHELLS = frozenset("sh bash dash ash".split())
_CHANGES_THE_SHELL = frozenset(
    "alias unalias enable hash shopt bind complete compgen compopt fc history mapfile readarray "
    "read getopts let declare typeset unset builtin emulate autoload zmodload".split()
)
_ASSIGNING = frozenset("export readonly local".split())

# Options without and with an argument, for programs that run the rest of their words.
_WRAPPERS: dict[str, tuple[str, str]] = {
    "sudo": ("nEHSbk", "ugpC"),
    "doas": ("n", "u"),
    "env": ("i0", "u"),
    "nice": ("", "n"),
    "ionice": ("t", "cn"),
    "nohup": ("", ""),
    "setsid": ("wfc", ""),
    "stdbuf": ("", "ioe"),
    "timeout": ("v", "sk"),
    "time": ("p", ""),
    "command": ("p", ""),
    "exec": ("", ""),
    "xargs": ("0rtpx", "InPdaELs"),
    "busybox": ("", ""),
    "toybox": ("", ""),
}
_RAISES_PRIVILEGES = frozenset(("sudo", "doas"))

_PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_HARMLESS = re.compile(
    r"LANG|LC_[A-Z]+|TZ|TERM|CI|DEBUG|VERBOSE|NO_COLOR|FORCE_COLOR|COLUMNS|LINES|NODE_ENV"
    r"|PYTHONUNBUFFERED|PYTHONDONTWRITEBYTECODE|RUST_BACKTRACE|RUST_LOG"
)


@dataclass(frozen=True, slots=True)
class Program:
    """One program that a text runs, with its arguments."""

    words: tuple[Word, ...]
    """Its name, which is literal, and its arguments. Empty for redirections alone."""
    redirects: tuple[Redirect, ...] = ()
    opaque: str = ""
    """Why nobody can say what it runs; "" when it runs nothing else."""
    neutral: bool = False
    """Whether it does nothing by itself: what it runs is a program of its own in the list."""
    repeated: bool = False

    @property
    def name(self) -> str:
        return self.words[0].text if self.words else ""


def programs_in(text: str) -> list[Program]:
    """All programs that a shell text runs, as far as it shows them. Raises `Unparsable`."""
    try:
        return [program for command in parse(text) for program in _reveal(command, 0)]
    except RecursionError:
        raise Unparsable("nested too deeply") from None


def programs_of(argv: Sequence[str]) -> list[Program]:
    """The same for a command that no shell has to read."""
    return list(_reveal(Command(tuple(map(Word, argv))), 0))


def _reveal(command: Command, depth: int) -> Iterator[Program]:
    if depth > 20:
        raise Unparsable("nested too deeply")
    _check_assignments(command.assignments)
    words, redirects, repeated = command.words, command.redirects, command.repeated
    if not words:
        yield Program((), redirects, neutral=True, repeated=repeated)
        return
    name = _name_of(words[0])

    def itself(opaque: str = "", neutral: bool = False) -> Program:
        return Program(words, redirects, opaque, neutral, repeated)

    def inner(rest: Sequence[Word]) -> Iterator[Program]:
        yield from _reveal(Command(tuple(rest), (), (), command.stdin, repeated), depth + 1)

    def text(source: str) -> Iterator[Program]:
        for found in parse(source, depth + 1, repeated):
            yield from _reveal(found, depth + 1)

    if name in _CHANGES_THE_SHELL:
        raise Unparsable(f"{name} changes what other words mean")
    if name in _ASSIGNING:
        for word in words[1:]:
            _check_assignments([_literal(name, word).partition("=")[0]])
        yield itself(neutral=True)
    elif name == "eval":
        yield itself(neutral=True)
        yield from text(" ".join(_literal(name, word) for word in words[1:]))
    elif name == "trap":
        yield itself(neutral=True)
        if len(words) > 1:
            yield from text(_literal(name, words[1]))
    elif name in _SHELLS:
        yield from _shell(itself, text, command)
    elif name == "find":
        yield from _find(itself, inner, words)
    elif name == "command" and len(words) > 1 and words[1].text in ("-v", "-V"):
        yield itself(neutral=True)
    elif name in _WRAPPERS:
        yield itself(neutral=name not in _RAISES_PRIVILEGES)
        rest = _without_options(name, words)
        if rest:
            yield from inner(rest)
    else:
        opaque = _why_opaque(name, words)
        yield itself(opaque, name in _NEUTRAL and not opaque)


def _name_of(word: Word) -> str:
    """The name of a program, without the folder if it is one of the system's."""
    if not word.literal:
        raise Unparsable(f"{word.text!r} could be any program")
    if not word.text or word.text in RESERVED:
        raise Unparsable(f"{word.text!r} in the place of a program")
    folder, _, name = word.text.rpartition("/")
    return name if f"{folder}/" in _SYSTEM_FOLDERS else word.text


def _why_opaque(name: str, words: Sequence[Word]) -> str:
    if name == "sort":
        # --compress-program runs one.
        safe = all(word.literal and not word.text.startswith("--c") for word in words)
        return "" if safe else "sort may run another program"
    if name in _SELF_CONTAINED or name in _NEUTRAL:
        if name == "printf" and any(not word.literal or word.text == "-v" for word in words[1:2]):
            raise Unparsable("printf -v sets a variable")
        if any(holds_a_command(word) for word in words):
            return "an argument holds a command"
        return ""
    return f"{name} may run other programs"


def _check_assignments(names: Sequence[str]) -> None:
    for name in names:
        plain = _PLAIN_NAME.fullmatch(name) and not name.endswith("_proxy")
        if not plain and not _HARMLESS.fullmatch(name):
            raise Unparsable(f"setting {name} can change what programs do")


def _literal(name: str, word: Word) -> str:
    if not word.literal:
        raise Unparsable(f"{name} with {word.text!r}, which only running it would tell")
    return word.text


def _without_options(name: str, words: Sequence[Word]) -> list[Word]:
    """The words of the command that a wrapper runs."""
    flags, with_argument = _WRAPPERS[name]
    rest = list(words[1:])
    replaced = ""
    while rest and (not rest[0].literal or rest[0].text.startswith("-")):
        option = _literal(name, rest.pop(0))
        if option == "--":
            break
        if not (flags and re.fullmatch(f"-[{flags}]+", option)):
            letter = option[1:2]
            if not letter or letter not in with_argument:
                raise Unparsable(f"{name} {option}")
            value = option[2:] or (_literal(name, rest.pop(0)) if rest else "")
            if name == "xargs" and letter == "I":
                replaced = value
    if name in ("env", "sudo", "doas"):
        while rest and "=" in rest[0].text:
            # Not quoted, an expansion could add the words of another command.
            _check_assignments([_literal(name, rest.pop(0)).partition("=")[0]])
    if name == "timeout" and rest:
        _literal(name, rest.pop(0))
    if name == "xargs" and rest:
        # What it reads becomes further arguments, or stands where the mark is.
        rest = [
            Word(word.text, word.literal and not (replaced and replaced in word.text))
            for word in rest
        ]
        rest.append(Word("(what xargs reads)", literal=False))
    return rest


def _shell(
    itself: Callable[..., Program], text: Callable[[str], Iterator[Program]], command: Command
) -> Iterator[Program]:
    words = command.words[1:]
    if not words or (len(words) == 1 and words[0] == Word("-s")):
        if command.stdin is None or not command.stdin.literal:
            raise Unparsable("a shell that runs what it reads")
        yield itself(neutral=True)
        yield from text(command.stdin.text)
    elif words[0].literal and re.fullmatch(r"-[eux]*c[eux]*", words[0].text):
        if len(words) < 2 or words[1].text[:1] in ("-", "+"):
            raise Unparsable("a shell whose command is not where it should be")
        yield itself(neutral=True)
        yield from text(_literal("sh -c", words[1]))
    else:
        yield itself("a shell runs a script")


def _find(
    itself: Callable[..., Program],
    inner: Callable[[Sequence[Word]], Iterator[Program]],
    words: Sequence[Word],
) -> Iterator[Program]:
    rest = [_literal("find", word) for word in words[1:]]
    if any(word.startswith(("-fprint", "-fls", "-files0")) for word in rest):
        yield itself("find writes or reads files of its own")
        return
    yield itself()
    if "-delete" in rest:
        yield from inner([Word("rm"), Word("(what find found)", literal=False)])
    position = 0
    while position < len(rest):
        if rest[position] in ("-exec", "-execdir", "-ok", "-okdir"):
            ends = (i for i in range(position, len(rest)) if _ends_exec(rest, i))
            end = next(ends, None)
            if end is None:
                raise Unparsable("find -exec that does not end")
            found = rest[position + 1 : end]
            yield from inner([Word(word, "{}" not in word) for word in found])
            position = end
        position += 1


def _ends_exec(words: Sequence[str], index: int) -> bool:
    return words[index] == ";" or words[index - 1 : index + 1] == ["{}", "+"]


def names_of(word: Word) -> set[str]:
    """Every name under which a rule that refuses may know this program."""
    text = word.text
    names = {text, os.path.basename(text)}
    if "/" in text:
        names.add(os.path.basename(os.path.realpath(text)))
    return names | {name.lower() for name in names}
