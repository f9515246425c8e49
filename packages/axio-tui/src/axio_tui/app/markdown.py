"""A block of Markdown as rows. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from rich.segment import Segment
from rich.style import Style

from axio_tui.app.blocks import Block, blocks_of
from axio_tui.app.code import code_rows
from axio_tui.app.look import Look
from axio_tui.app.table import Cell, table_rows
from axio_tui.app.wrap import Row, row_of, wrapped

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

__all__ = ("block_rows", "markdown_rows")

_TOO_LONG = 50_000
_NARROW = 8  # cells below which nothing is indented any more
_STYLES = {"strong": "strong", "em": "emphasis", "s": "struck"}
_URL = re.compile(r"https?://[^\s<>\"'`]*[^\s<>\"'`.,;:!?)\]}]")
_SAFE_URL = re.compile(r"(?:https?://|mailto:)[!-~]+")


def markdown_rows(text: str, look: Look, width: int) -> list[Row]:
    """A whole text, block by block."""
    rows: list[Row] = []
    for block in blocks_of(text):
        rows += block_rows(block, look, width)
    return rows


def block_rows(block: Block, look: Look, width: int) -> list[Row]:
    """One block, with the blank row before it if it has a gap there."""
    base = look("base")
    gap = [row_of((), width, base)] if block.gap else []
    if block.is_code:
        indent = [Segment("  ", look("base", "code-block"))] if width > _NARROW else []
        return [*gap, *code_rows(block.source, block.language, look, width, indent)]
    if len(block.source) > _TOO_LONG:
        lines = block.source.split("\n")
        return gap + [r for line in lines for r in wrapped([Segment(line, base)], width, base)]
    return [*gap, *_Drawing(look, width).draw(_parser().parse(block.source))]


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt  # Late: it is not needed for a first screen.

    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


class _Drawing:
    """Rows for the tokens of a document. `_prefixes` are what the lists and quotes around it put
    before a line: on the first that comes, and on the others."""

    def __init__(self, look: Look, width: int) -> None:
        self._look = look
        self._width = width
        self._prefixes: list[tuple[str, str]] = []
        self._styles: list[str] = ["base"]
        self._fresh = 0  # prefixes before this one have been drawn on their first line
        self._numbers: list[int] = []
        self._rows: list[Row] = []

    def draw(self, tokens: Sequence[Token]) -> list[Row]:
        position = 0
        while position < len(tokens):
            token = tokens[position]
            if token.type == "table_open":
                end = next(
                    i for i in range(position, len(tokens)) if tokens[i].type == "table_close"
                )
                self._table(tokens[position : end + 1])
                position = end
            else:
                self._token(token)
            position += 1
        return self._rows

    def _token(self, token: Token) -> None:
        match token.type:
            case "heading_open":
                self._gap()
                self._styles.append("heading")
            case "paragraph_open":
                if not token.hidden:
                    self._gap()
            case "heading_close" | "blockquote_close":
                self._styles.pop()
                if token.type == "blockquote_close":
                    self._leave()
            case "blockquote_open":
                self._gap()
                self._enter(self._look.glyph("quote") + " ")
                self._styles.append("quote")
            case "bullet_list_open" | "ordered_list_open":
                if not self._prefixes:
                    self._gap()
                self._numbers.append(int(token.attrs.get("start", 1)))
            case "bullet_list_close" | "ordered_list_close":
                self._numbers.pop()
            case "list_item_open":
                self._item(token)
            case "list_item_close":
                self._leave()
            case "inline":
                self._inline(token.children or [])
            case "fence" | "code_block":
                self._gap()
                self._code(token)
            case "hr":
                self._gap()
                line = self._look.glyph("rule") * max(1, self._room)
                self._line([Segment(line, self._look(*self._styles, "dim"))])

    @property
    def _room(self) -> int:
        return self._width - sum(len(rest) for _, rest in self._prefixes)

    def _enter(self, first: str, rest: str | None = None) -> None:
        rest = first if rest is None else rest
        if self._room - len(first) < _NARROW:
            first = rest = ""
        self._prefixes.append((first, rest))

    def _leave(self) -> None:
        if self._fresh < len(self._prefixes):  # an item without a text
            self._line([])
        self._prefixes.pop()
        self._fresh = min(self._fresh, len(self._prefixes))

    def _item(self, token: Token) -> None:
        if token.info:
            marker = f"{token.info}{token.markup} "
        else:
            marker = f"{self._look.glyph('bullet')} "
        self._enter(marker, " " * len(marker))

    def _gap(self) -> None:
        """A blank row between two blocks, but not before the first, nor behind a marker."""
        if self._rows and self._fresh == len(self._prefixes):
            self._line([])

    def _before(self, names: Sequence[str]) -> list[Segment]:
        return [Segment("".join(names), self._look(*self._styles, "marker"))] if any(names) else []

    def _line(self, pieces: Sequence[Segment]) -> None:
        first = [p[i < self._fresh] for i, p in enumerate(self._prefixes)]
        self._fresh = len(self._prefixes)
        rest = [rest for _, rest in self._prefixes]
        self._rows += wrapped(
            pieces,
            self._width,
            self._look("base"),
            first=self._before(first),
            rest=self._before(rest),
        )

    def _inline(self, tokens: Sequence[Token]) -> None:
        for line in inline_lines(tokens, self._look, self._styles):
            self._line(line)

    def _code(self, token: Token) -> None:
        before = [*self._prefixes_now(), Segment("  ", self._look("base", "code-block"))]
        language = next(iter(token.info.split()), "")
        source = token.content.rstrip("\n")
        self._rows += code_rows(source, language, self._look, self._width, before)

    def _prefixes_now(self) -> list[Segment]:
        self._fresh = len(self._prefixes)
        return self._before([rest for _, rest in self._prefixes])

    def _table(self, tokens: Sequence[Token]) -> None:
        self._gap()
        rows: list[list[Cell]] = []
        names = self._styles
        for index, token in enumerate(tokens):
            if token.type == "tr_open":
                rows.append([])
            elif token.type in ("th_open", "td_open"):
                style = [*names, "strong"] if token.type == "th_open" else names
                lines = inline_lines(tokens[index + 1].children or [], self._look, style)
                pieces = [piece for line in lines for piece in line]
                right = str(token.attrs.get("style", "")).endswith("right")
                rows[-1].append(Cell(pieces, right))
        self._rows += table_rows(rows, self._look, self._width, self._prefixes_now())


def inline_lines(
    tokens: Sequence[Token], look: Look, names: Sequence[str]
) -> Iterator[list[Segment]]:
    """The pieces of a text in a line, as many lines as it has hard breaks."""
    styles = list(names)
    links: list[tuple[str, int]] = []
    line: list[Segment] = []
    for token in tokens:
        kind = token.type
        stem, _, turn = kind.rpartition("_")
        style = _linked(look(*styles), links[-1][0] if links else "")
        if stem in _STYLES:
            if turn == "open":
                styles.append(_STYLES[stem])
            else:
                styles.remove(_STYLES[stem])
        elif kind == "link_open":
            links.append((str(token.attrs.get("href", "")), len(line)))
            styles.append("link")
        elif kind == "link_close":
            url, start = links.pop()
            styles.remove("link")
            line += _told(url, "".join(piece.text for piece in line[start:]), look, styles)
        elif kind == "hardbreak":
            yield line
            line = []
            links = [(url, 0) for url, _ in links]
        elif kind == "softbreak":
            line.append(Segment(" ", style))
        elif kind == "code_inline":
            line.append(Segment(token.content, style + look.style_of("code")))
        elif kind == "image":
            line += _image(token, look, styles)
        elif token.content:
            line += [Segment(token.content, style)] if links else _with_urls(token, style, look)
    yield line


def _linked(style: Style, url: str) -> Style:
    """Terminals open such links; only addresses without anything that would end the sequence."""
    return style + Style(link=url) if _SAFE_URL.fullmatch(url) else style


def _told(url: str, text: str, look: Look, names: Sequence[str]) -> list[Segment]:
    """Where a link leads, if its text says something else."""
    if not url or text.strip() in (url, url.removeprefix("mailto:")):
        return []
    return [Segment(f" ({url})", _linked(look(*names, "dim"), url))]


def _image(token: Token, look: Look, names: Sequence[str]) -> list[Segment]:
    url = str(token.attrs.get("src", ""))
    text = f"[image: {token.content or url}]"
    return [Segment(text, look(*names, "dim")), *_told(url, token.content or url, look, names)]


def _with_urls(token: Any, style: Style, look: Look) -> Iterator[Segment]:
    position = 0
    for match in _URL.finditer(token.content):
        if match.start() > position:
            yield Segment(token.content[position : match.start()], style)
        yield Segment(match[0], _linked(style + look.style_of("link"), match[0]))
        position = match.end()
    if position < len(token.content):
        yield Segment(token.content[position:], style)
