"""The simple commands in a shell text, wherever they stand: lists, pipes, groups, loops, functions,
substitutions, here-documents.

Accepted is the part of the POSIX grammar in which a text means the same to every shell. Everything
else is `Unparsable`, and so somebody has to be asked about it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import NoReturn

from axio_tui_guards.shell_command import Command, Redirect, holds_a_command
from axio_tui_guards.shell_words import Unparsable, Word, WordScanner

__all__ = ("RESERVED", "parse")

_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z_0-9]*=")
_ASSIGNMENT_OF_BASH = re.compile(r"[A-Za-z_]\w*(\[|\+=)")
_FUNCTION_NAME = re.compile(r"[A-Za-z_][A-Za-z_0-9-]*")
_REDIRECTION = re.compile(r"\d*(<<-|<<<|<<|<&|<>|<|>>|>&|>\||>)")
_PLAIN_WORD = re.compile(r"[^\s;&|<>()'\"\\$`]+")
_OTHER_SHELLS = frozenset("[[ function select coproc repeat foreach end namespace".split())
_CLOSING = frozenset("then do done fi elif else esac } in".split())
RESERVED = _OTHER_SHELLS | _CLOSING | frozenset("! { if while until for case".split())


def parse(text: str, depth: int = 0, repeated: bool = False) -> list[Command]:
    """All commands that running `text` may run directly, in the order of the text."""
    parser = _Parser(text, depth, repeated)
    parser.everything()
    return parser.commands


@dataclass(slots=True)
class _HereDocument:
    delimiter: str
    quoted: bool
    strip_tabs: bool
    body: Word | None = None


class _Parser(WordScanner):
    def __init__(self, text: str, depth: int, repeated: bool) -> None:
        super().__init__(text, depth)
        self.commands: list[Command] = []
        self._repeated = repeated
        self._here_documents: list[_HereDocument] = []
        self._fed: list[tuple[int, _HereDocument]] = []

    def everything(self) -> None:
        self._list()
        if self.position < len(self.text):
            self._fail()
        self._end_of_line()

    def substitute(self, text: str | None) -> None:
        if text is not None:
            self.commands += parse(text, self.depth + 1, self._repeated)
            return
        self.depth += 1
        if self.depth > 20:
            raise Unparsable("nested too deeply")
        self._refuse_here_documents()
        self._list()
        self._refuse_here_documents()
        self._expect(")")
        self.depth -= 1

    def _refuse_here_documents(self) -> None:
        if self._here_documents:
            raise Unparsable("a here-document and a substitution on one line")

    def word(self) -> Word:
        start = self.position
        word = super().word()
        if self._here_documents and "\n" in self.text[start : self.position]:
            raise Unparsable("a here-document and a word of several lines")
        return word

    # ── lists and pipes ───────────────────────────────────────────────────────────────────────

    def _list(self, *closing: str) -> str:
        """Commands up to one of the reserved words `closing`, which is taken and returned, or to a
        closing parenthesis or the end of the text, which is left."""
        while True:
            self._skip_lines()
            if not self.peek() or self.peek() == ")" or self.peek(2) == ";;":
                return self._nothing_left(closing)
            if (word := self._reserved()) in _CLOSING:
                if word not in closing:
                    self._fail()
                self._take(word)
                return word
            self._and_or()
            self.skip_blanks()
            if self.peek(2) == "&>":
                raise Unparsable("&> means different things to different shells")
            if self.peek() in (";", "&") and self.peek(2) not in (";;", ";&"):
                self.position += 1
            elif self.peek() and self.peek() != "\n" and self.peek() != ")":
                if self.peek(2) == ";;":
                    continue
                self._fail()

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
            if self._reserved() == "!":
                self._take("!")
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
        if self.peek() == "(":
            if self.peek(2) == "((":
                raise Unparsable("(( is arithmetic to some shells")
            self.position += 1
            self._list()
            self._expect(")")
            self._redirects_alone()
            return
        word = self._reserved()
        compound = {
            "{": lambda: self._list("}"),
            "if": self._if,
            "while": self._loop,
            "until": self._loop,
            "for": self._for,
            "case": self._case,
        }.get(word)
        if word in _OTHER_SHELLS or word in _CLOSING:
            raise Unparsable(f"{word!r} here")
        if compound is None:
            self._simple()
            return
        self._take(word)
        compound()
        self._redirects_alone()

    def _if(self) -> None:
        self._list("then")
        while (word := self._list("elif", "else", "fi")) != "fi":
            if word == "elif":
                self._list("then")

    def _loop(self) -> None:
        before, self._repeated = self._repeated, True
        self._list("do")
        self._list("done")
        self._repeated = before

    def _for(self) -> None:
        self.skip_blanks()
        name = self.word()
        self._skip_lines()
        if self._reserved() == "in":
            self._take("in")
            self.skip_blanks()
            while self.peek() not in ("", "\n", ";"):
                if holds_a_command(self.word()):
                    raise Unparsable("a variable that holds a command")
                self.skip_blanks()
        if self.peek() == ";":
            self.position += 1
        self._skip_lines()
        self.commands.append(Command((), (name.text if name.literal else "",)))
        if self._reserved() != "do":
            self._fail()
        self._take("do")
        before, self._repeated = self._repeated, True
        self._list("done")
        self._repeated = before

    def _case(self) -> None:
        self.skip_blanks()
        self.word()
        self._skip_lines()
        if self._reserved() != "in":
            self._fail()
        self._take("in")
        while True:
            self._skip_lines()
            if self._reserved() == "esac":
                self._take("esac")
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
            self._expect(")")
            if self._list(";;", "esac") == "esac":
                return
            if self.peek(2) != ";;" or self.peek(3) == ";;&":
                self._fail()
            self.position += 2

    def _function(self) -> None:
        self._expect("(")
        self.skip_blanks()
        self._expect(")")
        self._skip_lines()
        before, self._repeated = self._repeated, True
        if self.peek() != "(" and self._reserved() not in ("{", "if", "while", "until", "for"):
            self._fail()
        self._command()
        self._repeated = before

    # ── simple commands ───────────────────────────────────────────────────────────────────────

    def _simple(self) -> None:
        words: list[Word] = []
        assignments: list[str] = []
        redirects: list[Redirect] = []
        waiting: _HereDocument | None = None
        start = self.position
        while True:
            self.skip_blanks()
            char = self.peek()
            if self.peek(2) == "&>":
                raise Unparsable("&> means different things to different shells")
            if redirection := _REDIRECTION.match(self.text, self.position):
                waiting = self._redirect(redirection, redirects) or waiting
                continue
            if char in ("", "\n", ";", "&", "|", ")"):
                break
            if char == "(":
                name = words[0] if len(words) == 1 and not (assignments or redirects) else None
                if name is None or name.quoted or not _FUNCTION_NAME.fullmatch(name.text):
                    self._fail()
                self._function()
                return
            begin = self.position
            word = self.word()
            source = self.text[begin : self.position]
            if not words and _ASSIGNMENT.match(source):
                if holds_a_command(word):
                    raise Unparsable("a variable that holds a command")
                assignments.append(source.partition("=")[0])
            elif not words and _ASSIGNMENT_OF_BASH.match(source):
                raise Unparsable("an assignment that is not plain")
            else:
                words.append(word)
        if self.position == start:
            self._fail()
        index = len(self.commands)
        command = Command(
            tuple(words),
            tuple(assignments),
            tuple(redirects),
            _herestring(redirects),
            self._repeated,
        )
        self.commands.append(command)
        if waiting is not None:
            self._fed.append((index, waiting))

    def _redirects_alone(self) -> None:
        """Redirections of a compound command, noted as a command of their own."""
        redirects: list[Redirect] = []
        self.skip_blanks()
        while redirection := _REDIRECTION.match(self.text, self.position):
            self._redirect(redirection, redirects)
            self.skip_blanks()
        if redirects:
            self.commands.append(Command((), (), tuple(redirects), None, self._repeated))

    def _redirect(
        self, redirection: re.Match[str], redirects: list[Redirect]
    ) -> _HereDocument | None:
        operator = redirection[1]
        self.position = redirection.end()
        if self.peek() == "(":
            raise Unparsable("process substitution")
        self.skip_blanks()
        target = self.word()
        if operator not in ("<<", "<<-"):
            redirects.append(Redirect(operator, target))
            return None
        if not target.literal or "\n" in target.text:
            raise Unparsable("a here-document whose end is not plain")
        here = _HereDocument(target.text, target.quoted, operator == "<<-")
        self._here_documents.append(here)
        return here

    # ── lines and reserved words ──────────────────────────────────────────────────────────────

    def _skip_lines(self) -> None:
        while True:
            self.skip_blanks()
            if self.peek() != "\n":
                return
            self.position += 1
            self._end_of_line()

    def _end_of_line(self) -> None:
        """Read the here-documents that the line before announced."""
        for here in self._here_documents:
            self._read(here)
        self._here_documents = []
        for index, here in self._fed:
            self.commands[index] = replace(self.commands[index], stdin=here.body)
        self._fed = []

    def _read(self, here: _HereDocument) -> None:
        lines: list[str] = []
        while True:
            if self.position >= len(self.text):
                raise Unparsable(f"the here-document is not ended by {here.delimiter!r}")
            end = self.text.find("\n", self.position)
            end = len(self.text) if end < 0 else end
            line = self.text[self.position : end]
            self.position = min(end + 1, len(self.text))
            if here.strip_tabs:
                line = line.lstrip("\t")
            if line == here.delimiter:
                break
            lines.append(line + "\n")
        body = "".join(lines)
        literal = True
        if not here.quoted:
            if "\\\n" in body:
                raise Unparsable("a continued line in a here-document")
            inner = _Parser(body, self.depth + 1, self._repeated)
            literal = inner.here_document(body)
            self.commands += inner.commands
            if "\\" in body:
                literal = False
        here.body = Word(body, literal)

    def _reserved(self) -> str:
        """The word that starts here if it could be a reserved one."""
        found = _PLAIN_WORD.match(self.text, self.position)
        if found is None:
            return ""
        following = self.text[found.end() : found.end() + 1]
        return "" if following and following in "'\"\\$`" else found[0]

    def _take(self, word: str) -> None:
        self.position += len(word)

    def _expect(self, char: str) -> None:
        self.skip_blanks()
        if self.peek() != char:
            self._fail()
        self.position += 1

    def _fail(self) -> NoReturn:
        rest = self.peek(20)
        raise Unparsable(f"{rest!r} is not expected here" if rest else "it ends too early")


def _herestring(redirects: list[Redirect]) -> Word | None:
    texts = [redirect.target for redirect in redirects if redirect.operator == "<<<"]
    return texts[-1] if texts else None
