"""Grammars (GBNF) that the model's output must follow."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ("FREE_TEXT", "literal", "one_of", "text_until")

_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r"})
_CHARACTER = r"""[^"\\\x00-\x1F] | "\\" ["\\n]"""

FREE_TEXT = 120
"""Characters that a made-up value may have at most."""


def literal(text: str) -> str:
    r"""A terminal that is just `text`.

    >>> print(literal('a "b"'))
    "a \"b\""
    """
    return f'"{text.translate(_ESCAPES)}"'


def one_of(texts: Iterable[str], end: str = "") -> str:
    """One of `texts`, then `end`.

    >>> print(one_of(["a", "b"], end=")"))
    root ::= ("a" | "b") ")"
    """
    choice = " | ".join(map(literal, dict.fromkeys(texts)))
    return f"root ::= ({choice}) {literal(end)}" if end else f"root ::= {choice}"


def text_until(end: str) -> str:
    """The inside of a JSON string, then `end`, which begins with its closing quote.

    The end holds what follows the quote, too: the quote and the bracket behind it are one token,
    and a grammar that allows the quote alone never lets the model take it.
    """
    return f"root ::= character{{0,{FREE_TEXT}}} {literal(end)}\ncharacter ::= {_CHARACTER}"
