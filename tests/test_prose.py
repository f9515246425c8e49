"""Docstrings begin with their subject: with "What …" or "Whether …" a reader waits for it. Those of
the core also say who is meant: "a person", "the caller", and not "somebody"."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.workspace import ROOT, files


def docstrings(source: str) -> Iterator[str]:
    """The texts that stand alone as statements: also those below attributes."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield text.lstrip()


def indirect(source: str) -> list[str]:
    found = (text for text in docstrings(source) if text.startswith(("What", "Whether")))
    return [text.partition("\n")[0] for text in found]


UNNAMED = re.compile(r"\b(some|every|any|no)body\b|\bsomeone\b|\b(who|what)ever\b", re.IGNORECASE)


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ('"""What a module does."""', 1),
        ('def f():\n    """Whether it works."""', 1),
        ('class A:\n    x = 1\n    """\n    What x is."""', 1),
        ('def f():\n    """True if it works. What it does is not said."""', 0),
        ('x = "What a string that is not a docstring says"', 0),
    ],
)
def test_an_indirect_beginning_is_seen(source: str, count: int) -> None:
    assert len(indirect(source)) == count


def folder_of(file: Path) -> str:
    """The package, or the folder at the root, that a file belongs to."""
    parts = file.relative_to(ROOT).parts
    return parts[1] if parts[0] == "packages" else parts[0]


MODULES = [file for file in files() if file.suffix == ".py"]


@pytest.mark.parametrize("folder", sorted({folder_of(file) for file in MODULES}))
def test_docstrings_begin_with_their_subject(folder: str) -> None:
    modules = [file for file in MODULES if folder_of(file) == folder]
    found = [
        f"{file.relative_to(ROOT)}: {line}"
        for file in modules
        for line in indirect(file.read_text("utf-8"))
    ]
    assert found == []


def test_docstrings_of_the_core_say_who_is_meant() -> None:
    found = [
        f"{file.relative_to(ROOT)}: {word[0]}"
        for file in MODULES
        if file.is_relative_to(ROOT / "packages/axio/src")
        for text in docstrings(file.read_text("utf-8"))
        for word in UNNAMED.finditer(text)
    ]
    assert found == []
