"""How long and how deep a function may be."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from textwrap import dedent

import pytest

from support.workspace import PACKAGES, ROOT, Package

LINES = 60
LEVELS = 5

_NESTING = (
    *(ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith),
    *(ast.Try, ast.TryStar, ast.Match),
)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def levels_of(node: ast.AST) -> int:
    """How many statements stand inside each other below `node`; `elif` goes no deeper.

    Functions and classes defined there count for themselves.
    """
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _DEFINITIONS):
            continue
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        deeper = isinstance(child, _NESTING) and not is_elif
        deepest = max(deepest, levels_of(child) + deeper)
    return deepest


def faults_of(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > LINES:
                yield f"{node.name}: {lines} lines, more than {LINES}"
            if (levels := levels_of(node)) > LEVELS:
                yield f"{node.name}: nested {levels} deep, more than {LEVELS}"


def nested(levels: int) -> str:
    lines = ["def f():", *(" " * n + "while x:" for n in range(1, levels + 1))]
    return "\n".join([*lines, " " * (levels + 1) + "pass"])


LADDER = "def f():\n if a: pass\n" + " elif b: pass\n" * 20


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("def f():\n" + " pass\n" * 59, 0),
        ("async def f():\n" + " pass\n" * 60, 1),
        (nested(5), 0),
        (nested(6), 1),
        (LADDER, 0),
        ("def f():\n if a: pass\n else:\n  if b: pass\n  x()\n", 0),
        (nested(5).replace("pass", "\n      try: pass\n      except E: pass"), 1),
        (nested(4).replace("pass", "def g():\n      while y:\n       while z: pass"), 0),
    ],
)
def test_a_fault_of_shape_is_seen(source: str, count: int) -> None:
    assert len(list(faults_of(dedent(source)))) == count


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_functions_are_short_and_flat(package: Package) -> None:
    modules = sorted(package.source.rglob("*.py"))
    assert modules
    faults = [
        f"{module.relative_to(ROOT)}: {fault}"
        for module in modules
        for fault in faults_of(module.read_text("utf-8"))
    ]
    assert faults == []
