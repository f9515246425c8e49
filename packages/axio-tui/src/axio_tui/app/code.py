"""Source text as rows, coloured as far as its language is known. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from rich.segment import Segment

from axio_tui.app.look import Look
from axio_tui.app.wrap import Row, wrapped

if TYPE_CHECKING:
    from pygments.lexer import Lexer
    from pygments.token import _TokenType

__all__ = ("code_rows",)

# A lexer may need time that grows with the square of such a line.
_LONGEST_LINE = 2_000

_NAMES = {
    "Keyword": "keyword",
    "Literal.String": "string",
    "Literal.Number": "number",
    "Comment": "comment",
    "Name.Function": "function",
    "Name.Class": "function",
    "Name.Builtin": "keyword",
    "Name.Decorator": "comment",
    "Name.Tag": "keyword",
    "Name.Attribute": "function",
    "Generic.Deleted": "removed",
    "Generic.Inserted": "added",
    "Generic.Heading": "heading",
    "Generic.Subheading": "heading",
}


def code_rows(
    source: str, language: str, look: Look, width: int, before: Sequence[Segment] = ()
) -> list[Row]:
    """The lines of the source, each after the pieces `before`; long ones are folded."""
    fill = look("base", "code-block")
    rows: list[Row] = []
    for line in _lines(source.expandtabs(4), language, look):
        rows += wrapped(line, width, fill, first=before, is_code=True)
    return rows


def _lines(source: str, language: str, look: Look) -> Iterator[list[Segment]]:
    lexer = _lexer(language)
    plain = look("base", "code-block")
    if lexer is None or any(len(line) > _LONGEST_LINE for line in source.split("\n")):
        for line in source.split("\n"):
            yield [Segment(line, plain)]
        return
    pieces: list[Segment] = []
    for kind, text in lexer.get_tokens(source):
        name = _name(kind)
        style = look("base", "code-block", name) if name else plain
        first, *others = text.split("\n")
        if first:
            pieces.append(Segment(first, style))
        for other in others:
            yield pieces
            pieces = [Segment(other, style)] if other else []
    yield pieces


@lru_cache(maxsize=64)
def _lexer(language: str) -> Lexer | None:
    if not language or len(language) > 40:
        return None
    from pygments.lexers import get_lexer_by_name  # Late: it is not needed for a first screen.
    from pygments.util import ClassNotFound

    try:
        lexer: Lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None
    return lexer


@lru_cache(maxsize=512)
def _name(kind: _TokenType) -> str:
    """The name of the style for a kind of token, or for a kind that this one belongs to."""
    name = str(kind).removeprefix("Token").removeprefix(".")
    while name:
        if name in _NAMES:
            return _NAMES[name]
        name = name.rpartition(".")[0]
    return ""
