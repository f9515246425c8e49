"""Words of a shell text: quotes taken off, and what is only known when they are expanded marked.

The rules are those of POSIX (https://pubs.opengroup.org/onlinepubs/9699919799/utilities/
V3_chap02.html). Where shells differ, or a text means more than it shows, it is `Unparsable`.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass

from axio_tui_guards.arithmetic import END_OF_ARITHMETIC, NotPlain, names_in_arithmetic

__all__ = ("MAX_DEPTH", "Unparsable", "Word", "WordScanner", "is_number")

MAX_DEPTH = 20


class Unparsable(ValueError):
    """A shell text whose commands cannot be named for certain."""


@dataclass(frozen=True, slots=True)
class Word:
    """`text` is the word itself if `literal`, else what stands in the source for it."""

    text: str
    literal: bool = True
    quoted: bool = False
    """A part was quoted: then it is no reserved word."""
    single: bool = True
    """It stays one word when it is expanded."""
    number: bool = False
    """It is a whole number, whatever it is expanded to."""


_ENDS_WORD = frozenset(" \t\n;&|<>()")
_SPECIAL_PARAMETER = "@*#?-$!0123456789"
_NAME = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
# No `=` (it assigns), no `!` and `@` of bash (they evaluate), nothing nested.
_BRACED = re.compile(
    r"\{(?:#?(?:[A-Za-z_]\w*|\d+|[@*#?$!-])|[A-Za-z_]\w*(?::?[-+?]|%%?|##?)[^{}$`\"'\\()]*)\}", re.A
)
_PLAIN = re.compile(r"[^ \t\n;&|<>()\\'\"$`{}\[\]*?~]+")
_PLAIN_IN_QUOTES = re.compile(r"(?:[^\"\\$`]+|\$[A-Za-z_][A-Za-z_0-9]*)+")
_PLAIN_IN_HERE = re.compile(r"(?:[^\\$`]+|\$[A-Za-z_][A-Za-z_0-9]*)+")
_INTEGER = re.compile(r"-?\d{1,18}", re.A)
_NUMBER = re.compile(r"\$(?:[#?$!]|\{#\w+\})", re.A)
_BLANKS = re.compile(r"[ \t]+")


def is_number(text: str, literal: bool) -> bool:
    """True if this is a whole number, or is one when it is expanded."""
    if literal:
        return _INTEGER.fullmatch(text) is not None
    inner = text[1:-1] if text[:1] == '"' == text[-1:] else text
    if _NUMBER.fullmatch(inner):
        return True
    end = END_OF_ARITHMETIC.match(inner, 3) if inner.startswith("$((") else None
    return end is not None and end.end() == len(inner)


class WordScanner(ABC):
    """A position in a text, and the words from there on."""

    def __init__(self, text: str, depth: int = 0) -> None:
        if depth > MAX_DEPTH:
            raise Unparsable("nested too deeply")
        if not text.replace("\n", "").replace("\t", "").isprintable():
            strange = next(char for char in text if not (char.isprintable() or char in "\n\t"))
            raise Unparsable(f"the character {strange!r}")
        self.text = text
        self.position = 0
        self.depth = depth
        self.evaluated: set[str] = set()
        """Variables whose values are read as arithmetic."""

    @abstractmethod
    def substitute(self, text: str | None) -> None:
        """Take in the commands of `text`, or those from here to the closing parenthesis."""

    def peek(self, size: int = 1) -> str:
        return self.text[self.position : self.position + size]

    def skip_blanks(self) -> None:
        """Blanks, continued lines and comments."""
        while True:
            if blanks := _BLANKS.match(self.text, self.position):
                self.position = blanks.end()
            elif self.peek(2) == "\\\n":
                self.position += 2
            elif self.peek() == "#":
                end = self.text.find("\n", self.position)
                self.position = len(self.text) if end < 0 else end
            else:
                return

    def word(self) -> Word:
        """The word that starts here, which must not be empty."""
        start = self.position
        parts: list[str] = []
        literal, quoted, single = True, False, True
        while (char := self.peek()) and char not in _ENDS_WORD:
            if plain := self._run(_PLAIN):
                parts.append(plain)
                continue
            self.position += 1
            if char == "\\":
                parts.append(self._escaped())
                quoted = True
            elif char == "'":
                quoted = True
                parts.append(self._until("'"))
            elif char == '"':
                quoted = True
                before = self.position
                literal &= self._double_quoted(parts)
                single &= "$@" not in self.text[before : self.position]
            elif char == "$":
                if self._dollar():
                    literal = single = False
                else:
                    parts.append(char)
            elif char == "`":
                self._backquoted()
                literal = single = False
            elif char == "{" and self.peek() == "}":
                self.position += 1
                parts.append("{}")
            else:
                if self._may_expand(char, start):
                    literal = False
                    single &= char == "~"
                parts.append(char)
        if self.position == start:
            raise Unparsable(f"a word is missing before {self.peek(10)!r}")
        text = "".join(parts) if literal else self.text[start : self.position]
        return Word(text, literal, quoted, single, is_number(text, literal))

    def _run(self, characters: re.Pattern[str]) -> str:
        """All that follows of these characters."""
        found = characters.match(self.text, self.position)
        if found is None:
            return ""
        self.position = found.end()
        return found[0]

    def _escaped(self) -> str:
        following = self.peek()
        self.position += 1
        if not following:
            raise Unparsable("a backslash at the end")
        if following == "\n":
            raise Unparsable("a word that is continued on the next line")
        return following

    def _may_expand(self, char: str, start: int) -> bool:
        """True if the character just read, unquoted, is a pattern, a brace or a `~` that counts."""
        if char == "~":
            return self.position == start + 1 or self.text[self.position - 2] in ":="
        if char in "{}[" and self.position == start + 1:
            return self.peek() not in _ENDS_WORD and self.peek() != ""
        return char in "*?[{}"

    def _until(self, end: str) -> str:
        found = self.text.find(end, self.position)
        if found < 0:
            raise Unparsable(f"{end} is not closed")
        start, self.position = self.position, found + 1
        return self.text[start:found]

    def _double_quoted(self, parts: list[str]) -> bool:
        """Up to the closing quote; True if it is literal."""
        literal = True
        while char := self.peek():
            if plain := self._run(_PLAIN_IN_QUOTES):
                literal &= "$" not in plain
                parts.append(plain)
                continue
            self.position += 1
            if char == '"':
                return literal
            literal &= self._expanding(char, parts, '$`"\\')
        raise Unparsable('" is not closed')

    def here_document(self) -> bool:
        """Take in what is substituted in this text of its own; True if it is literal."""
        literal = True
        while char := self.peek():
            if plain := self._run(_PLAIN_IN_HERE):
                literal &= "$" not in plain
                continue
            self.position += 1
            literal &= self._expanding(char, [], "$`\\")
        return literal

    def _expanding(self, char: str, parts: list[str], escaped: str) -> bool:
        """One character inside double quotes or a here-document."""
        if char == "\\":
            following = self.peek()
            if following == "\n":
                raise Unparsable("a word that is continued on the next line")
            if following and following in escaped:
                self.position += 1
                char = following
        elif char == "$":
            if self.peek() not in ("'", '"') and self._dollar():
                return False
        else:
            self._backquoted()
            return False
        parts.append(char)
        return True

    def _dollar(self) -> bool:
        """After `$`: True if it is an expansion."""
        following = self.peek()
        if following in ("'", '"') and following:
            raise Unparsable(f"${following} means different things to different shells")
        if following == "(":
            if self.peek(2) == "((":
                self._arithmetic()
            else:
                self.position += 1
                self.substitute(None)
        elif following == "{":
            braced = _BRACED.match(self.text, self.position)
            if braced is None:
                raise Unparsable("an expansion in braces that is not simple")
            self.position = braced.end()
        elif following == "[":
            raise Unparsable("$[ is arithmetic to some shells")
        elif name := _NAME.match(self.text, self.position):
            self.position = name.end()
        elif following and following in _SPECIAL_PARAMETER:
            self.position += 1
        else:
            return False
        return True

    def _arithmetic(self) -> None:
        end = END_OF_ARITHMETIC.match(self.text, self.position + 2)
        if end is None:
            raise Unparsable("arithmetic that is not simple")
        try:
            self.evaluated |= names_in_arithmetic(end[1])
        except NotPlain as error:
            raise Unparsable(str(error)) from error
        self.position = end.end()

    def _backquoted(self) -> None:
        inner = self._until("`")
        if "\\" in inner:
            raise Unparsable("a backslash inside backquotes")
        self.substitute(inner)
