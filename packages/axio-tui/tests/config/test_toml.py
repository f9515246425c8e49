"""Lines of a TOML document, and changes that keep everything else."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given, strategies as st

from axio_tui.config.toml import Lines, statements, with_value, without_value

DOCUMENT = """\
# settings of mine
mode = "plan"   # careful
tools = [
  "read_file",  # ] not the end
  "shell",
]
system = '''
[keys]
mode = "ask"
'''

[retention]
logs = 3

[keys]
submit = ["enter", "ctrl+j"]
"a.b" = "x"

[[hooks]]
event = "turn_end"
[[hooks]]
event = "session_start"
"""


def test_each_statement_has_its_line() -> None:
    lines = Lines(statements(DOCUMENT))
    assert lines.of(("mode",)) == 2
    assert lines.of(("tools",)) == 3
    assert lines.of(("system",)) == 7
    assert lines.of(("retention", "logs")) == 13
    assert lines.of(("keys", "a.b")) == 17
    assert lines.of(("hooks",), 0) == 19
    assert lines.of(("hooks",), 1) == 21
    assert lines.of(("keys", "missing")) == 15  # the nearest that there is


def test_a_value_is_changed_where_it_stands() -> None:
    assert with_value(DOCUMENT, ("mode",), "ask") == DOCUMENT.replace('"plan"', '"ask"')
    changed = with_value(DOCUMENT, ("tools",), ("none",))
    assert 'tools = ["none"]\nsystem' in changed
    assert with_value(DOCUMENT, ("retention", "logs"), 40) == DOCUMENT.replace("= 3", "= 40")


def test_a_new_value_goes_to_its_table() -> None:
    changed = with_value(DOCUMENT, ("retention", "conversations"), 9)
    assert "logs = 3\nconversations = 9\n\n[keys]" in changed
    assert "'''\nmodel = \"m\"\n\n[retention]" in with_value(DOCUMENT, ("model",), "m")
    assert with_value("", ("model",), "m") == 'model = "m"\n'
    assert with_value("[keys]\n", ("model",), "m") == 'model = "m"\n[keys]\n'
    assert with_value("# mine", ("model",), "m") == '# mine\nmodel = "m"\n'
    assert with_value("mouse = true", ("keys", "quit"), ("f1",)) == (
        'mouse = true\n\n[keys]\nquit = ["f1"]\n'
    )


def test_a_value_is_taken_out_with_its_lines() -> None:
    without = without_value(DOCUMENT, ("tools",))
    assert "read_file" not in without and "# careful\nsystem" in without
    with pytest.raises(KeyError):
        without_value(DOCUMENT, ("model",))


def test_an_inline_table_is_not_torn_apart() -> None:
    with pytest.raises(ValueError, match="edit the file"):
        with_value("keys = { submit = 'x' }\n", ("keys", "quit"), "q")
    with pytest.raises(ValueError, match="edit the file"):
        with_value("mode = 'x'\n", ("mode", "quit"), "q")


# ── every document ────────────────────────────────────────────────────────────────────────────

texts = st.text(st.characters(codec="utf-8"), max_size=12)
values = st.one_of(texts, st.integers(-99, 99), st.booleans(), st.lists(texts, max_size=3))
keys = st.text("abc-_é. \"'=[#", min_size=1, max_size=4)
comments = st.sampled_from(["", "  # a = [", '\t#"""', " # '"])
forms = st.sampled_from(["plain", "literal", "lines", "raw lines", "array"])


def written(value: Any, form: str) -> str:
    """One of the ways in which TOML may say a value."""
    if isinstance(value, str):
        simple = "'" not in value and value.isprintable()
        if form == "literal" and simple:
            return f"'{value}'"
        if form == "raw lines" and simple:
            return f"'''\n{value}'''"
        if form == "lines" and value.isprintable():
            quoted = value.replace("\\", "\\\\").replace('"', '\\"')
            return f'"""\n{quoted}\\\n   """'
    if isinstance(value, list) and form == "array":
        return "[ # one\n" + "".join(f"  {basic(item)}, # ]\n" for item in value) + "]"
    return basic(value)


def basic(value: Any) -> str:
    return with_value("", ("x",), value).removeprefix("x = ").removesuffix("\n")


def quoted(name: str) -> str:
    return basic(name) if not name.isascii() or not name.isidentifier() else name


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, dict[tuple[str, ...], int]]:
    """A document, and the line of each value in it."""
    lines: list[str] = []
    where: dict[tuple[str, ...], int] = {}
    for table in ["", *draw(st.lists(keys, max_size=3, unique=True))]:
        if table:
            lines.append(f"[{quoted('t' + table)}]{draw(comments)}")
        for key in draw(st.lists(keys, max_size=4, unique=True)):
            lines += ["", "# [not.a.table]"][: draw(st.integers(0, 2))]
            path = ("t" + table, key) if table else (key,)
            where[path] = len(lines) + 1
            text = written(draw(values), draw(forms))
            lines += f"{quoted(key)}\t= {text}{draw(comments)}".split("\n")
    return "\n".join(lines) + draw(st.sampled_from(["", "\n"])), where


@given(documents())
def test_every_value_is_found_on_its_line(made: tuple[str, dict[tuple[str, ...], int]]) -> None:
    text, where = made
    tomllib.loads(text)
    lines = Lines(statements(text))
    assert {path: lines.of(path) for path in where} == where


@given(documents(), st.lists(keys, min_size=1, max_size=2), values)
def test_a_change_says_one_thing_and_keeps_every_comment(
    made: tuple[str, dict[tuple[str, ...], int]], path: list[str], value: Any
) -> None:
    text, where = made
    try:
        changed = with_value(text, tuple(path), value)
    except ValueError:
        assert where  # only what stands there can be in the way
        return
    node: Any = tomllib.loads(changed)
    for name in path:
        node = node[name]
    assert node == value
    assert changed.count("# [not.a.table]") == text.count("# [not.a.table]")
    if tuple(path) not in where:
        without = without_value(changed, tuple(path))
        assert without.split()[: len(text.split())] == text.split()
