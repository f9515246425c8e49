"""The simple commands in a shell text, wherever they stand: lists, pipes, groups, loops, functions,
substitutions, here-documents.

Accepted is the part of the POSIX grammar in which a text means the same to every shell. Everything
else is `Unparsable`, and so somebody has to be asked about it.
"""

from __future__ import annotations

import re

from axio_tui_guards.shell_command import Assignment, Command, Script, holds_a_command
from axio_tui_guards.shell_simple import MAX_COMMANDS, SimpleCommands
from axio_tui_guards.shell_words import MAX_DEPTH, Unparsable, Word

__all__ = ("RESERVED", "parse")

MAX_TEXT = 100_000
"""Characters of a text that is read at all."""

_TEST = re.compile(r"(?:![ \t]+)?-[a-zA-Z][ \t]")
_OTHER_SHELLS = frozenset("function select coproc repeat foreach end namespace".split())
_CLOSING = frozenset("then do done fi elif else esac } in".split())
RESERVED = _OTHER_SHELLS | _CLOSING | frozenset("! { if while until for case".split())


def parse(text: str, depth: int = 0, repeated: bool = False) -> Script:
    """All commands that running `text` may run directly, in the order of the text."""
    if len(text) > MAX_TEXT:
        raise Unparsable(f"more than {MAX_TEXT} characters")
    parser = _Parser(text, depth, repeated)
    parser.everything()
    return parser.script()


class _Parser(SimpleCommands):
    def __init__(self, text: str, depth: int, repeated: bool) -> None:
        super().__init__(text, depth, repeated)
        self.loops: list[tuple[int, int]] = []
        self._substituted = 0

    def script(self) -> Script:
        return Script(self.commands, self.loops, self.evaluated)

    def everything(self) -> None:
        self._list()
        if self.position < len(self.text):
            self.fail()
        self.end_of_line()

    def substitute(self, text: str | None) -> None:
        self._substituted += 1
        if self._substituted > MAX_COMMANDS:
            raise Unparsable(f"more than {MAX_COMMANDS} substitutions")
        if text is not None:
            self._take_in(parse(text, self.depth + 1, self.repeated))
            return
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unparsable("nested too deeply")
        self.refuse_here_documents()
        self._list()
        self.refuse_here_documents()
        self.expect(")")
        self.depth -= 1

    def here_body(self, body: str) -> bool:
        inner = _Parser(body, self.depth + 1, self.repeated)
        literal = inner.here_document()
        self._take_in(inner.script())
        return literal

    def _take_in(self, script: Script) -> None:
        before = len(self.commands)
        for command in script.commands:
            self.add(command)
        self.loops += [(first + before, end + before) for first, end in script.loops]
        self.evaluated |= script.evaluated

    # ── lists and pipes ───────────────────────────────────────────────────────────────────────

    def _list(self, *closing: str) -> str:
        """Commands up to one of the reserved words `closing`, which is taken and returned, or to a
        closing parenthesis or the end of the text, which is left."""
        while True:
            self._skip_lines()
            if not self.peek() or self.peek() == ")" or self.peek(2) == ";;":
                return self._nothing_left(closing)
            if (word := self.reserved()) in _CLOSING:
                if word not in closing:
                    self.fail()
                self.take(word)
                return word
            self._and_or()
            self.skip_blanks()
            if self.peek() in (";", "&") and self.peek(2) not in (";;", ";&"):
                self.position += 1
            elif self.peek() and self.peek() != "\n" and self.peek() != ")":
                if self.peek(2) == ";;":
                    continue
                self.fail()

    def _nothing_left(self, closing: tuple[str, ...]) -> str:
        if closing and ";;" not in closing:
            raise Unparsable(f"{closing[-1]} is missing")
        return ""

    def _and_or(self) -> None:
        while True:
            self._pipeline()
            self.skip_blanks()
            if self.peek(2) not in ("&&", "||"):
                return
            self.position += 2
            self._skip_lines()

    def _pipeline(self) -> None:
        while True:
            self.skip_blanks()
            if self.reserved() == "!":
                self.take("!")
                continue
            self._command()
            self.skip_blanks()
            if self.peek() != "|" or self.peek(2) == "||":
                return
            self.position += 2 if self.peek(2) == "|&" else 1
            self._skip_lines()

    # ── compound commands ─────────────────────────────────────────────────────────────────────

    def _command(self) -> None:
        self.skip_blanks()
        first = len(self.commands)
        if self.peek() == "(":
            if self.peek(2) == "((":
                raise Unparsable("(( is arithmetic to some shells")
            self.position += 1
            self._list()
            self.expect(")")
            self.redirects_of_all(first)
            return
        word = self.reserved()
        compound = {
            "{": lambda: self._list("}"),
            "if": self._if,
            "while": self._loop,
            "until": self._loop,
            "for": self._for,
            "case": self._case,
            "[[": self._conditional,
        }.get(word)
        if word in _OTHER_SHELLS or word in _CLOSING:
            raise Unparsable(f"{word!r} here")
        if compound is None:
            self.simple()
            return
        self.take(word)
        compound()
        self.redirects_of_all(first)

    def _if(self) -> None:
        self._list("then")
        while (word := self._list("elif", "else", "fi")) != "fi":
            if word == "elif":
                self._list("then")

    def _loop(self) -> None:
        before, self.repeated = self.repeated, True
        first = len(self.commands)
        self._list("do")
        self._list("done")
        self.repeated = before
        self.loops.append((first, len(self.commands)))

    def _conditional(self) -> None:
        """`[[ … ]]`, of which bash reads the words; to others it is a program with these words.

        Those take what follows `&&` and `||` in it for programs. There are none whose names are
        options.
        """
        words = [Word("[[")]
        while words[-1] != Word("]]"):
            self.skip_blanks()
            if (operator := self.peek(2)) in ("&&", "||"):
                self.take(operator)
                words.append(Word(operator))
                self._skip_lines()
                if not _TEST.match(self.text, self.position):
                    raise Unparsable(f"{operator} inside of [[, and no test behind it")
            else:
                words.append(self.word())
        self.add(Command(tuple(words), (), (), None, self.repeated))

    def _for(self) -> None:
        self.skip_blanks()
        name = self.word()
        values: list[Word] = []
        self._skip_lines()
        if self.reserved() == "in":
            self.take("in")
            self.skip_blanks()
            while self.peek() not in ("", "\n", ";"):
                values.append(self.word())
                if holds_a_command(values[-1]):
                    raise Unparsable("a variable that holds a command")
                self.skip_blanks()
        if self.peek() == ";":
            self.position += 1
        self._skip_lines()
        self.add(Command((), (Assignment(name.text if name.literal else "", _one_of(values)),)))
        if self.reserved() != "do":
            self.fail()
        self.take("do")
        before, self.repeated = self.repeated, True
        self._list("done")
        self.repeated = before

    def _case(self) -> None:
        self.skip_blanks()
        self.word()
        self._skip_lines()
        if self.reserved() != "in":
            self.fail()
        self.take("in")
        while True:
            self._skip_lines()
            if self.reserved() == "esac":
                self.take("esac")
                return
            if self.peek() == "(":
                self.position += 1
            while True:
                self.skip_blanks()
                self.word()
                self.skip_blanks()
                if self.peek() != "|":
                    break
                self.position += 1
            self.expect(")")
            if self._list(";;", "esac") == "esac":
                return
            if self.peek(2) != ";;" or self.peek(3) == ";;&":
                self.fail()
            self.position += 2

    def function(self) -> None:
        self.expect("(")
        self.skip_blanks()
        self.expect(")")
        self._skip_lines()
        before, self.repeated = self.repeated, True
        if self.peek() != "(" and self.reserved() not in ("{", "if", "while", "until", "for"):
            self.fail()
        self._command()
        self.repeated = before

    # ── lines ─────────────────────────────────────────────────────────────────────────────────

    def _skip_lines(self) -> None:
        while True:
            self.skip_blanks()
            if self.peek() != "\n":
                return
            self.position += 1
            self.end_of_line()


def _one_of(values: list[Word]) -> Word:
    """The values of a loop's variable as one word."""
    if not values or not all(value.literal or value.number for value in values):
        return Word(" ".join(value.text for value in values), literal=False, single=False)
    return Word(" ".join(value.text for value in values), number=all(v.number for v in values))
