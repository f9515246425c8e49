"""Textual reads markup in many of the texts that it is given: a bracket in the words of a model
would end the application. Here every such text is a constant, a `Content`, or marked as plain."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import axio_tui.app

SOURCES = sorted(Path(axio_tui.app.__file__).parent.rglob("*.py"))

TAKE_MARKUP_OFF = ("Static", "Label", "OptionList", "notify")
"""Callables with a parameter `markup`."""
TAKE_CONTENT = (
    "Option",
    "Button",
    "Checkbox",
    "RadioButton",
    "Selection",
    "TabPane",
    "Collapsible",
)
"""Callables whose first argument is read as markup unless it is a `Content`."""
ATTRIBUTES = ("border_title", "border_subtitle", "tooltip")


def _name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _is_safe(value: ast.expr, makers: set[str]) -> bool:
    match value:
        case ast.Constant():
            return True
        case ast.Call(func=ast.Name() as called):
            return called.id == "Content" or called.id in makers
        case ast.Call(func=ast.Attribute(value=inner, attr=name)):
            return name in makers or (name != "from_markup" and _is_safe(inner, makers))
        case ast.IfExp(body=one, orelse=other):
            return _is_safe(one, makers) and _is_safe(other, makers)
        case ast.Name(id="Content"):
            return True
        case _:
            return False


def faults(source: str) -> Iterator[str]:
    tree = ast.parse(source)
    makers = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.returns and _name(node.returns) == "Content"
    }
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=called, args=args, keywords=keywords):
                name = _name(called)
                off = any(
                    k.arg == "markup" and isinstance(k.value, ast.Constant) and not k.value.value
                    for k in keywords
                )
                if name == "from_markup" and args and not isinstance(args[0], ast.Constant):
                    yield f"line {node.lineno}: from_markup of a text that is no constant"
                if name in TAKE_MARKUP_OFF and not off:
                    yield f"line {node.lineno}: {name} without markup=False"
                if name in TAKE_CONTENT and args and not _is_safe(args[0], makers):
                    yield f"line {node.lineno}: {name} of a text that is no Content"
            case ast.Assign(targets=[ast.Attribute(attr=name)], value=value) if name in ATTRIBUTES:
                if not _is_safe(value, makers):
                    yield f"line {node.lineno}: {name} is no Content"


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ('Static(f"{name}")', 1),
        ("Label(text, markup=True)", 1),
        ("Static(text, markup=False)", 0),
        ("self.app.notify(text)", 1),
        ("self.app.notify(text, markup=False)", 0),
        ("Option(name)", 1),
        ("Option(Content(name))", 0),
        ('Option(Content(name).stylize("bold"))', 0),
        ("def line(x) -> Content: ...\nOption(line(name))", 0),
        ("Content.from_markup(name)", 1),
        ("box.border_title = name", 1),
        ('box.border_title = "Sessions"', 0),
        ("box.border_title = Content(name)", 0),
        ("widget.tooltip = name", 1),
    ],
)
def test_a_text_that_would_be_read_as_markup_is_seen(source: str, count: int) -> None:
    assert len(list(faults(source))) == count


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: file.stem)
def test_no_text_of_others_is_read_as_markup(file: Path) -> None:
    assert list(faults(file.read_text("utf-8"))) == []
