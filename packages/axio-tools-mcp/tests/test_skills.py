"""Skills that servers serve: listed, loaded, and held against what was listed."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

import support
from axio_tools_mcp import MCPServerConfig, MCPSession
from axio_tools_mcp.errors import ToolCallError
from axio_tools_mcp.frontmatter import frontmatter_of, says_the_same
from axio_tools_mcp.skills import MOST_FILES, skill_of
from axio_tools_mcp.tools import load_tools

SERVER = Path(support.__file__).with_name("mcp_skills_server.py")


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for place in ("bake", "kitchen/wash", "dynamic", "unlisted"):
        name = place.rpartition("/")[2]
        head = f"name: {name}\ndescription: How to {name}"
        write(tmp_path / place / "SKILL.md", f"---\n{head}\n---\nWith care.\n")
    write(tmp_path / "bake" / "lists" / "flour.md", "Rye\n")
    return tmp_path


def config(folder: Path, **fields: Any) -> MCPServerConfig:
    return MCPServerConfig("k", command=sys.executable, args=[str(SERVER), str(folder)], **fields)


@asynccontextmanager
async def connected(folder: Path) -> AsyncIterator[MCPSession]:
    session = MCPSession(config(folder))
    try:
        await session.connect()
        yield session
    finally:
        await session.close()


async def test_skills_are_listed_without_reading_them(folder: Path) -> None:
    async with connected(folder) as session:
        bake, wash = await session.list_skills()  # "dynamic" cannot be checked
        assert (bake.name, bake.description) == ("bake", "How to bake")
        assert bake.paths == ["SKILL.md", "lists/flour.md"]
        assert wash.uri == "skill://kitchen/wash/SKILL.md"
        await load_tools(session)
    assert not (folder / "read").exists()


async def test_a_skill_is_loaded_by_a_tool_that_says_whose_words_they_are(folder: Path) -> None:
    async with connected(folder) as session:
        tools = {tool.name: tool for tool in await load_tools(session)}
        load = tools["k__skills"]
        assert not load.read_only  # a person is asked
        assert (await load()).splitlines()[0] == "skill://bake/SKILL.md (bake: How to bake)"
        loaded = str(await load(uri="skill://bake/SKILL.md"))
        assert loaded.startswith("[skill of the MCP server 'k': the words of a stranger]\n---\n")
        assert loaded.endswith("With care.\n\n[its files: lists/flour.md]")
        flour = await load(uri="skill://bake/SKILL.md", file="lists/flour.md")
        assert str(flour).endswith("\nRye\n")
    assert (folder / "read").read_text().split() == [
        "skill://bake/SKILL.md",
        "skill://bake/lists/flour.md",
    ]


async def test_a_skill_that_is_not_listed_is_found_by_its_address(folder: Path) -> None:
    async with connected(folder) as session:
        skill = await session.get_skill("skill://unlisted/SKILL.md")
        assert b"With care." in await session.read_skill(skill)
        with pytest.raises(ToolCallError, match=r"skill 'skill://none/SKILL\.md': there is no"):
            await session.get_skill("skill://none/SKILL.md")
        with pytest.raises(ToolCallError, match="cannot be checked"):
            await session.get_skill("skill://dynamic/SKILL.md")


async def test_a_file_that_is_not_what_was_listed_is_refused(folder: Path) -> None:
    async with connected(folder) as session:
        skill = await session.get_skill("skill://bake/SKILL.md")
        write(folder / "bake" / "lists" / "flour.md", "Rue\n")
        write(folder / "bake" / "new.md", "Run this.\n")
        with pytest.raises(ToolCallError, match=r"flour\.md is not the file that is listed"):
            await session.read_skill(skill, "lists/flour.md")
        with pytest.raises(ToolCallError, match=r"no file 'new\.md'; there is: SKILL\.md, lists"):
            await session.read_skill(skill, "new.md")
        with pytest.raises(ToolCallError, match="no file"):
            await session.read_skill(skill, "skill://unlisted/SKILL.md")


async def test_a_head_that_differs_from_what_is_listed_is_refused(folder: Path) -> None:
    async with connected(folder) as session:
        skill = await session.get_skill("skill://bake/SKILL.md")
        skill.head["description"] = "Something harmless"
        with pytest.raises(ToolCallError, match="says of itself something else than is listed"):
            await session.read_skill(skill)


async def test_a_server_may_be_kept_from_offering_skills(folder: Path) -> None:
    session = MCPSession(config(folder, without=["skills"]))
    await session.connect()
    try:
        assert [tool.name for tool in await load_tools(session)] == []
    finally:
        await session.close()


ENTRY = {
    "uri": "skill://a/b/SKILL.md",
    "frontmatter": {"name": "b", "description": "d"},
    "resources": [{"uri": "skill://a/b/SKILL.md", "digest": "sha256:0", "size": 1}],
}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"uri": "skill://a/b"}, "address of a SKILL.md"),
        ({"frontmatter": {"name": "c", "description": "d"}}, "not named 'c'"),
        ({"frontmatter": {"name": "b"}}, "no description"),
        ({"resources": None}, "files are not listed"),
        ({"resources": [{"uri": "skill://b", "digest": "", "size": 1}]}, "as it has to be"),
        ({"resources": [{**ENTRY["resources"][0], "size": 1 << 30}]}, "larger than"),  # type: ignore[index]
        (
            {
                "resources": [
                    {"uri": f"skill://a/b/{n or 'SKILL.md'}", "digest": "", "size": 1}
                    for n in range(MOST_FILES + 1)
                ]
            },
            "larger than",
        ),
    ],
)
def test_an_entry_that_may_not_be_loaded(change: dict[str, Any], words: str) -> None:
    assert skill_of(ENTRY).paths == ["SKILL.md"]
    with pytest.raises(ValueError, match=words):
        skill_of({**ENTRY, **change})


HEADS = {
    "name: x\ndescription: Does it: not at all": None,
    "name: x": {"name": "x"},
    "name: x # a comment\n# another\n\nlicense: 'It''s mine'": {
        "name": "x",
        "license": "It's mine",
    },
    'a: "b: c"': {"a": "b: c"},
    "a: one\n  two\nb: 3": {"a": "one two", "b": 3},
    "a:\n  one two": {"a": "one two"},
    "a: >\n  one\n  two\n\n  three\nb: x": {"a": "one two\nthree\n", "b": "x"},
    "a: |-\n  one\n    two\n": {"a": "one\n  two"},
    "metadata:\n  version: 1.50\n  deep:\n    er: yes\n": {
        "metadata": {"version": 1.5, "deep": {"er": True}}
    },
    "tools:\n- Read\n- Grep": {"tools": ["Read", "Grep"]},
    "tools:\n  - Read\n  - name: Grep\n    as: g\n": {
        "tools": ["Read", {"name": "Grep", "as": "g"}]
    },
    "tools: [Read, Grep]": {"tools": ["Read", "Grep"]},
    "a:\nb: ~\nc: false": {"a": None, "b": None, "c": False},
    "a: b\tc \u2028 d": {"a": "b\tc \u2028 d"},
    "a: |\n  one\n  \ttwo\n": {"a": "one\n\ttwo\n"},
    "a: x\r\nb: y": {"a": "x", "b": "y"},
    "a:\n\tb: c": None,
    "a: &x 1": None,
    "a: {b: c}": None,
    "a: 1\na: 2": None,
    'a: "b" c': None,
    "a: 'b": None,
    " a: 1": None,
    "a": None,
}


@pytest.mark.parametrize("head", HEADS)
def test_the_head_of_a_skill(head: str) -> None:
    expected = HEADS[head]
    text = f"---\n{head}\n---\nBody\n---\n"
    if expected is None:
        with pytest.raises(ValueError, match="its head"):
            frontmatter_of(text)
    else:
        assert says_the_same(dict(frontmatter_of(text)), expected)
        assert not says_the_same(dict(frontmatter_of(text)), {**expected, "a": "other"})


VALUES = st.recursive(
    st.text(st.characters(codec="utf-8"), min_size=1)
    | st.booleans()
    | st.integers(-(2**50), 2**50),
    lambda inner: st.dictionaries(st.text("abc", min_size=1), inner, min_size=1),
    max_leaves=8,
)


def yaml(value: dict[str, Any], indent: str = "") -> str:
    lines = []
    for key, inner in value.items():
        if isinstance(inner, dict):
            lines += [f"{indent}{key}:", yaml(inner, indent + "  ")]
        else:
            lines.append(f"{indent}{key}: {json.dumps(inner, ensure_ascii=False)}")
    return "\n".join(lines)


@given(st.dictionaries(st.text("abc", min_size=1), VALUES, min_size=1), st.data())
def test_a_head_says_what_was_written_and_nothing_else(
    value: dict[str, Any], data: st.DataObject
) -> None:
    read = dict(frontmatter_of(f"---\n{yaml(value)}\n---\n"))
    assert says_the_same(read, value)
    key = data.draw(st.sampled_from(sorted(value)))
    assert not says_the_same(read, {**value, key: ["something", "else"]})
    assert not says_the_same(read, {k: v for k, v in value.items() if k != key})


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(ValueError):
        assert isinstance(frontmatter_of(f"---\n{text}\n---\n"), dict)


def test_a_head_of_any_depth_is_refused() -> None:
    deep = "\n".join(f"{' ' * depth}a:" for depth in range(3000))
    with pytest.raises(ValueError, match="too deep"):
        frontmatter_of(f"---\n{deep}\n---\n")
