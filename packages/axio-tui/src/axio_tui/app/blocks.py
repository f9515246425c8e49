"""Markdown that is still being written, cut into blocks: all but the last never change again. Pure.

    blocks = Blocks()
    blocks.feed("# A heading\\n\\nSome te")
    blocks.settled  # the heading
    blocks.open()   # the paragraph, as far as it has come
    blocks.feed("xt"); blocks.close()

A block can be drawn without the others. A list is a block for each of its items, and code that is
longer than a screen is several blocks, so that what is open stays small.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

__all__ = ("Block", "Blocks", "blocks_of")

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})[ \t]*([^`\s]*)[^`]*$|(?! {0,3}`) {0,3}(~{3,})(.*)$")
_ITEM = re.compile(r"( {0,3})([-+*]|\d{1,9}[.)])(?=[ \t]|$)")
_HEADING = re.compile(r" {0,3}#{1,6}(?=[ \t]|$)")
_RULE = re.compile(r" {0,3}([-_*])[ \t]*(?:\1[ \t]*){2,}$")
_ROW = re.compile(r" {0,3}\|")

CODE_LINES = 40
"""So many lines of code settle together."""
TEXT_LENGTH = 4_000
"""A block of text that is longer settles at the end of a line, or of a word."""


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a text that is drawn by itself. `gap`: a blank line stands before it."""

    source: str
    is_code: bool = False
    language: str = ""
    gap: bool = True


class Blocks:
    """`feed` it the pieces of a text; `settled` grows, `open()` is what comes after it."""

    def __init__(self) -> None:
        self.settled: list[Block] = []
        self._part: list[str] = []  # of the line that is not complete
        self._part_length = 0
        self._lines: list[str] = []
        self._length = 0
        self._fence = ""
        self._language = ""
        self._indent = -1  # of the text of a list item; -1 outside of one
        self._inner_fence = ""
        self._blank = False  # the line before was blank
        self._gap = True

    def feed(self, text: str) -> None:
        *lines, rest = text.split("\n")
        for line in lines:
            self._part.append(line)
            self._take("".join(self._part))
            self._part, self._part_length = [], 0
        if rest:
            self._part.append(rest)
            self._part_length += len(rest)
            if self._part_length > TEXT_LENGTH:
                self._settle_words()

    def _settle_words(self) -> None:
        """A line without an end: what there is of it settles, but for its last word."""
        line = "".join(self._part)
        cut = line.rfind(" ") + 1 or len(line)
        self._take(line[:cut])
        self._settle()
        self._gap = False
        self._part = [line[cut:]]
        self._part_length = len(line) - cut

    def close(self) -> None:
        """Nothing more comes: all is settled."""
        if self._part:
            self._take("".join(self._part))
            self._part, self._part_length = [], 0
        self._settle()
        self._fence = ""

    def open(self) -> Block | None:
        """The block that is being written, with the unfinished line; None without one."""
        lines = list(self._lines)
        if self._part:
            lines.append("".join(self._part))
        if not lines:
            return None
        return self._block(lines)

    def _block(self, lines: list[str]) -> Block:
        source = "\n".join(lines)
        return Block(source, bool(self._fence), self._language if self._fence else "", self._gap)

    def _settle(self, gap: bool = True) -> None:
        if self._lines:
            self.settled.append(self._block(self._lines))
            self._lines, self._length = [], 0
            self._gap = gap
        self._indent, self._inner_fence = -1, ""

    # ── lines ─────────────────────────────────────────────────────────────────────────────────

    def _take(self, line: str) -> None:
        if self._fence:
            self._take_code(line)
        elif self._inner_fence:
            self._add(line)
            if _closes(line, self._inner_fence):
                self._inner_fence = ""
        elif self._indent >= 0:
            self._take_in_list(line)
        else:
            self._take_text(line)
        self._blank = not line.strip()

    def _take_code(self, line: str) -> None:
        if _closes(line, self._fence):
            self._settle()
            self._fence, self._gap = "", True
            return
        self._add(line)
        count = len(self._lines)
        # Best at a blank line: what is open across it, like a string, is rare.
        if count >= 2 * CODE_LINES or (count >= CODE_LINES and not line.strip()):
            self._settle(gap=False)

    def _take_in_list(self, line: str) -> None:
        indent = len(line) - len(line.lstrip(" "))
        if not line.strip():
            self._add(line)
        elif indent >= self._indent:
            fence = _fence_of(line[self._indent :])
            self._inner_fence = fence[0] if fence else ""
            self._add(line)
        elif _ITEM.match(line) and not _RULE.match(line):
            loose = self._blank
            self._strip_blank()
            self._settle(gap=loose)
            self._begin_item(line)
        elif self._blank or _begins_block(line):
            self._strip_blank()
            self._settle()
            self._take_text(line)
        else:
            self._add(line)  # a paragraph of the item goes on

    def _begin_item(self, line: str) -> None:
        match = _ITEM.match(line)
        assert match is not None
        after = line[match.end() :]
        self._indent = match.end() + min(max(len(after) - len(after.lstrip(" ")), 1), 4)
        fence = _fence_of(line[self._indent :])
        self._inner_fence = fence[0] if fence else ""
        self._add(line)

    def _strip_blank(self) -> None:
        while self._lines and not self._lines[-1].strip():
            self._lines.pop()

    def _take_text(self, line: str) -> None:
        fence = _fence_of(line)
        if not line.strip():
            self._settle()
            self._gap = True
        elif fence:
            self._settle()
            self._fence, self._language = fence
        elif _HEADING.match(line) or (
            _RULE.match(line) and not (self._lines and set(line.strip()) == {"-"})
        ):
            self._settle()
            self._add(line)
            self._settle()
        elif _ITEM.match(line) and (not self._lines or _interrupts(line)):
            self._settle()
            self._begin_item(line)
        else:
            self._add(line)
            is_table = _ROW.match(line) or line.lstrip().startswith(">")
            if self._length > TEXT_LENGTH and not is_table:
                self._settle(gap=False)

    def _add(self, line: str) -> None:
        self._lines.append(line)
        self._length += len(line)


def _fence_of(line: str) -> tuple[str, str] | None:
    """The fence that the line opens, and the language that it names."""
    match = _FENCE.match(line)
    if match is None:
        return None
    if match[1]:
        return match[1], match[2]
    words = match[4].split()
    return match[3], words[0] if words else ""


def _closes(line: str, fence: str) -> bool:
    text = line.strip()
    return len(text) >= len(fence) and set(text) == {fence[0]}


def _begins_block(line: str) -> bool:
    return bool(_fence_of(line) or _HEADING.match(line) or _RULE.match(line))


def _interrupts(line: str) -> bool:
    """True for an item that may follow a paragraph without a blank line between."""
    match = _ITEM.match(line)
    return match is not None and (match[2] in "-+*" or match[2][:-1] == "1")


def blocks_of(text: str) -> list[Block]:
    """The blocks of a text that is complete."""
    blocks = Blocks()
    blocks.feed(text)
    blocks.close()
    settled = blocks.settled
    return [replace(settled[0], gap=False), *settled[1:]] if settled else []
