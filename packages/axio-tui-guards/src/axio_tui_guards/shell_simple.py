"""Simple commands in a shell text: words, assignments, redirections, here-documents."""

from __future__ import annotations

import re
from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import NoReturn

from axio_tui_guards.shell_command import Assignment, Command, Redirect, holds_a_command
from axio_tui_guards.shell_words import Unparsable, Word, WordScanner, is_number

__all__ = ("MAX_COMMANDS", "SimpleCommands")

MAX_COMMANDS = 250
_MAX_WORDS = 2000

_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z_0-9]*=")
_ASSIGNMENT_OF_BASH = re.compile(r"[A-Za-z_]\w*(\[|\+=)")
_FUNCTION_NAME = re.compile(r"[A-Za-z_][A-Za-z_0-9-]*")
_REDIRECTION = re.compile(r"\d*(<<-|<<<|<<|<&|<>|<|>>|>&|>\||>)")
_VARIABLE_OF_BASH = re.compile(r"\{\w+\}[<>]")
_BOTH = re.compile(r"&(>>?)(?![>&|])")
_PLAIN_WORD = re.compile(r"[^\s;&|<>()'\"\\$`]+")
_ENDS = frozenset(("", "\n", ";", "&", "|", ")"))


@dataclass(slots=True)
class _HereDocument:
    delimiter: str
    quoted: bool
    strip_tabs: bool
    body: Word | None = None


class SimpleCommands(WordScanner):
    """The commands found so far, and the next one from here on."""

    def __init__(self, text: str, depth: int, repeated: bool) -> None:
        super().__init__(text, depth)
        self.commands: list[Command] = []
        self.repeated = repeated
        self._words = 0
        self._here_documents: list[_HereDocument] = []
        self._fed: list[tuple[int, _HereDocument]] = []

    @abstractmethod
    def function(self) -> None:
        """Take in the rest of a function, from behind its name."""

    @abstractmethod
    def here_body(self, body: str) -> bool:
        """Take in what a here-document runs; True if it is literal."""

    def add(self, command: Command) -> None:
        self.commands.append(command)
        if len(self.commands) > MAX_COMMANDS:
            raise Unparsable(f"more than {MAX_COMMANDS} commands")

    def word(self) -> Word:
        start = self.position
        word = super().word()
        if self._here_documents and "\n" in self.text[start : self.position]:
            raise Unparsable("a here-document and a word of several lines")
        self._words += 1
        if self._words > _MAX_WORDS:
            raise Unparsable(f"more than {_MAX_WORDS} words")
        return word

    def simple(self) -> None:
        words: list[Word] = []
        assignments: list[Assignment] = []
        redirects: list[Redirect] = []
        waiting: _HereDocument | None = None
        start = self.position
        while True:
            self.skip_blanks()
            if self.peek(2) == "&>":
                self._redirect_all(redirects)
                break
            if redirection := _REDIRECTION.match(self.text, self.position):
                waiting = self._redirect(redirection, redirects) or waiting
                continue
            char = self.peek()
            if char in _ENDS:
                break
            if char == "(":
                name = words[0] if len(words) == 1 and not (assignments or redirects) else None
                if name is None or name.quoted or not _FUNCTION_NAME.fullmatch(name.text):
                    self.fail()
                self.function()
                return
            self._add_word(words, assignments)
        if self.position == start:
            self.fail()
        index = len(self.commands)
        fed = _herestring(redirects)
        self.add(Command(tuple(words), tuple(assignments), tuple(redirects), fed, self.repeated))
        if waiting is not None:
            self._fed.append((index, waiting))

    def _add_word(self, words: list[Word], assignments: list[Assignment]) -> None:
        if _VARIABLE_OF_BASH.match(self.text, self.position):
            raise Unparsable("a redirection that sets a variable")
        begin = self.position
        word = self.word()
        source = self.text[begin : self.position]
        if words or not (_ASSIGNMENT.match(source) or _ASSIGNMENT_OF_BASH.match(source)):
            words.append(word)
            return
        if not _ASSIGNMENT.match(source):
            raise Unparsable("an assignment that is not plain")
        if holds_a_command(word):
            raise Unparsable("a variable that holds a command")
        assignments.append(_assignment(word))

    # ── redirections ──────────────────────────────────────────────────────────────────────────

    def redirects_of_all(self, first: int) -> None:
        """Redirections of a compound command: each command in it, from `first` on, has them."""
        redirects: list[Redirect] = []
        self.skip_blanks()
        while redirection := _REDIRECTION.match(self.text, self.position):
            self._redirect(redirection, redirects)
            self.skip_blanks()
        if self.peek(2) == "&>":
            self._redirect_all(redirects)
        if redirects and first == len(self.commands):
            self.add(Command((), (), (), None, self.repeated))
        for index, command in enumerate(self.commands[first:], first):
            added = (*command.redirects, *redirects)
            self.commands[index] = replace(command, redirects=added)

    def _redirect_all(self, redirects: list[Redirect]) -> None:
        """`a &> b`: to some shells both outputs go to b, to others a runs beside a `> b`.

        As long as nothing else follows, it is the same to us.
        """
        if redirection := _BOTH.match(self.text, self.position):
            self.position = redirection.end()
            self.skip_blanks()
            redirects.append(_checked(Redirect(redirection[1], self.word())))
            self.skip_blanks()
            while redirection := _REDIRECTION.match(self.text, self.position):
                self._redirect(redirection, redirects)
                self.skip_blanks()
            if self.peek() in _ENDS:
                return
        raise Unparsable("&> means different things to different shells")

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
            redirects.append(_checked(Redirect(operator, target)))
            return None
        if not target.literal or "\n" in target.text:
            raise Unparsable("a here-document whose end is not plain")
        here = _HereDocument(target.text, target.quoted, operator == "<<-")
        self._here_documents.append(here)
        return here

    # ── lines ─────────────────────────────────────────────────────────────────────────────────

    def refuse_here_documents(self) -> None:
        if self._here_documents:
            raise Unparsable("a here-document and a substitution on one line")

    def end_of_line(self) -> None:
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
            literal = self.here_body(body) and "\\" not in body
        here.body = Word(body, literal)

    # ── small things ──────────────────────────────────────────────────────────────────────────

    def reserved(self) -> str:
        """The word that starts here if it could be a reserved one."""
        found = _PLAIN_WORD.match(self.text, self.position)
        if found is None:
            return ""
        following = self.text[found.end() : found.end() + 1]
        return "" if following and following in "'\"\\$`" else found[0]

    def take(self, word: str) -> None:
        self.position += len(word)

    def expect(self, char: str) -> None:
        self.skip_blanks()
        if self.peek() != char:
            self.fail()
        self.position += 1

    def fail(self) -> NoReturn:
        rest = self.peek(20)
        raise Unparsable(f"{rest!r} is not expected here" if rest else "it ends too early")


def _assignment(word: Word) -> Assignment:
    name, _, text = word.text.partition("=")
    return Assignment(name, replace(word, text=text, number=is_number(text, word.literal)))


def _checked(redirect: Redirect) -> Redirect:
    redirect.check()
    return redirect


def _herestring(redirects: list[Redirect]) -> Word | None:
    texts = [redirect.target for redirect in redirects if redirect.operator == "<<<"]
    return texts[-1] if texts else None
