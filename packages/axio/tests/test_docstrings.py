from __future__ import annotations

import textwrap

import pytest
from hypothesis import given, strategies as st

from axio.schema.docstrings import parameter_descriptions, summary

GOOGLE = """Find things.

Args:
    query: What to look for,
        in any language.
    limit (int, optional): How many: at most.
    *paths (list[dict(str, int)]): Where to look.

        A second paragraph.
    undocumented:

Returns:
    found: not a parameter
"""

NUMPY = """Find things.

Parameters
----------
query : str
    What to look for,
    in any language.
limit : int, optional
    How many: at most.

    A second paragraph.
x, y : float
    A place.
bare
    No type.

Returns
-------
found : list
    not a parameter
"""

SPHINX = """Find things.

:param query: What to look for,
    in any language.
:type query: str
:param int limit: How many: at most.
:param dict[str, int] table: A table.
:raises ValueError: not a parameter
:returns: found
"""


def test_google_sections_are_read() -> None:
    assert parameter_descriptions(GOOGLE) == {
        "query": "What to look for, in any language.",
        "limit": "How many: at most.",
        "paths": "Where to look. A second paragraph.",
    }


def test_numpy_sections_are_read() -> None:
    assert parameter_descriptions(NUMPY) == {
        "query": "What to look for, in any language.",
        "limit": "How many: at most. A second paragraph.",
        "x": "A place.",
        "y": "A place.",
        "bare": "No type.",
    }


def test_sphinx_fields_are_read() -> None:
    assert parameter_descriptions(SPHINX) == {
        "query": "What to look for, in any language.",
        "limit": "How many: at most.",
        "table": "A table.",
    }


@pytest.mark.parametrize("doc", [GOOGLE, NUMPY, SPHINX])
def test_indentation_of_the_whole_docstring_does_not_matter(doc: str) -> None:
    first, rest = doc.split("\n", 1)
    indented = first + "\n" + textwrap.indent(rest, "        ")
    assert parameter_descriptions(indented) == parameter_descriptions(doc)


@pytest.mark.parametrize(
    "doc",
    [
        None,
        "",
        "One line.",
        "One line: with a colon.",
        "Prose that mentions Args: and goes on.",
        "Text.\n\nNote: this is none.\n\nExample:\n    query: x",
        "Text.\n\nArgs:\n",
        "Text.\n\nArgs:\nquery: not indented",
    ],
)
def test_where_nothing_is_documented_nothing_is_found(doc: str | None) -> None:
    assert parameter_descriptions(doc) == {}


@given(st.text(alphabet=" \n\t:-ab(),*Args.Parametrs" + "Parameters\n---\n", max_size=200))
def test_any_text_can_be_read(doc: str) -> None:
    for name, text in parameter_descriptions(doc).items():
        assert name
        assert text
        assert "\n" not in text


def test_the_summary_is_the_first_paragraph_on_one_line() -> None:
    assert summary("  One\n    two.\n\n    Three.") == "One two."
    assert summary(None) == ""
