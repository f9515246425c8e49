"""Words of a shell text: quotes taken off, and what is only known when they are expanded marked.

The rules are those of POSIX (https://pubs.opengroup.org/onlinepubs/9699919799/utilities/
V3_chap02.html). Where shells differ, or a text means more than it shows, it is `Unparsable`.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass

__all__ = ("Unparsable", "Word", "WordScanner")


class Unparsable(ValueError):
    """A shell text whose commands cannot be named for certain."""


@dataclass(frozen=True, slots=True)
class Word:
    """`text` is the word itself if `literal`, else what stands in the source for it."""

    text: str
    literal: bool = True
    quoted: bool = False
    """Whether a part was quoted: then it is no reserved word."""


BLANK = " \t"
_ENDS_WORD = frozenset(" \t\n;&|<>()")
_SPECIAL_PARAMETER = "@*#?-$!0123456789"
_NAME = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
# No `=` (it assigns), no `!` and `@` of bash (they evaluate), nothing nested.
_BRACED = re.compile(
    r"\{(?:#?(?:[A-Za-z_]\w*|\d+|[@*#?$!-])|[A-Za-z_]\w*(?::?[-+?]|%%?|##?)[^{}$`\"'\\()]*)\}", re.A
)
# No names: bash evaluates what a variable holds, and that can be a command.
_OPERATORS = r"[0-9+\-*/% <>=!&|^~?:,]"
_ARITHMETIC = re.compile(rf"\(\((?:{_OPERATORS}|\({_OPERATORS}*\))*\)\)")


class WordScanner(ABC):
    """A position in a text, and the words from there on."""

    def __init__(self, text: str, depth: int = 0) -> None:
        if depth > 20:
            raise Unparsable("nested too deeply")
        strange = next((char for char in text if not (char.isprintable() or char in "\n\t")), None)
        if strange is not None:
            raise Unparsable(f"the character {strange!r}")
        self.text = text
        self.position = 0
        self.depth = depth

    @abstractmethod
    def substitute(self, text: str | None) -> None:
        """Take in the commands of `text`, or those from here to the closing parenthesis."""

    def peek(self, size: int = 1) -> str:
        return self.text[self.position : self.position + size]

    def skip_blanks(self) -> None:
        """Blanks, continued lines and comments."""
        while True:
            if self.peek() and self.peek() in BLANK:
                self.position += 1
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
        literal, quoted = True, False
        while (char := self.peek()) and char not in _ENDS_WORD:
            self.position += 1
            if char == "\\":
                following = self.peek()
                self.position += 1
                if not following:
                    raise Unparsable("a backslash at the end")
                if following == "\n":
                    raise Unparsable("a word that is continued on the next line")
                parts.append(following)
                quoted = True
            elif char == "'":
                quoted = True
                parts.append(self._until("'"))
            elif char == '"':
                quoted = True
                literal &= self._double_quoted(parts)
            elif char == "$":
                if self._dollar():
                    literal = False
                else:
                    parts.append(char)
            elif char == "`":
                self._backquoted()
                literal = False
            elif char == "{" and self.peek() == "}":
                self.position += 1
                parts.append("{}")
            else:
                if self._may_expand(char, start):
                    literal = False
                parts.append(char)
        if self.position == start:
            raise Unparsable(f"a word is missing before {self.peek(10)!r}")
        if not literal:
            return Word(self.text[start : self.position], False, quoted)
        return Word("".join(parts), True, quoted)

    def _may_expand(self, char: str, start: int) -> bool:
        """Whether the character just read, unquoted, is a pattern, a brace or a `~` that counts."""
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
        """Up to the closing quote; whether it is literal."""
        literal = True
        while char := self.peek():
            self.position += 1
            if char == '"':
                return literal
            literal &= self._expanding(char, parts, '$`"\\')
        raise Unparsable('" is not closed')

    def here_document(self, body: str) -> bool:
        """Take in what is substituted in this text of its own; whether it is literal."""
        literal = True
        while char := self.peek():
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
        elif char == "`":
            self._backquoted()
            return False
        parts.append(char)
        return True

    def _dollar(self) -> bool:
        """After `$`: whether it is an expansion."""
        following = self.peek()
        if following in ("'", '"') and following:
            raise Unparsable(f"${following} means different things to different shells")
        if following == "(":
            if arithmetic := _ARITHMETIC.match(self.text, self.position):
                self.position = arithmetic.end()
            elif self.peek(2) == "((":
                raise Unparsable("arithmetic with variables")
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

    def _backquoted(self) -> None:
        inner = self._until("`")
        if "\\" in inner:
            raise Unparsable("a backslash inside backquotes")
        self.substitute(inner)
