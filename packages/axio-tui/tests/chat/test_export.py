"""A conversation as Markdown and as JSON lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from markdown_it import MarkdownIt

from axio.blocks import ImageBlock, TextBlock, ToolResultBlock, ToolUseBlock
from axio.messages import Message
from axio_context_sqlite import SQLiteContextStore
from axio_tui.chat.entries import (
    Entry,
    Failure,
    Media,
    Note,
    Reasoning,
    Text,
    ToolCall,
    User,
)
from axio_tui.chat.export import to_jsonl, to_markdown

PICTURE = ImageBlock("image/png", b"1234")


def blocks(markdown: str) -> list[tuple[str, str]]:
    """The headings and code blocks that a reader of Markdown sees, and the fences it takes."""
    tokens = MarkdownIt("commonmark").parse(markdown)
    found = []
    for index, token in enumerate(tokens):
        if token.type == "heading_open":
            found.append((token.tag, tokens[index + 1].content))
        elif token.type == "fence":
            found.append((f"code {token.info}".strip(), token.content))
    return found


def test_who_speaks_is_a_heading_and_all_else_stands_below_it() -> None:
    entries: list[Entry] = [
        User("how?", (PICTURE,)),
        Reasoning("hm\n\nhm"),
        Text("so"),
        ToolCall("a", "shell", {"command": "ls"}, "done", "one\ntwo", decision="allowed once"),
        ToolCall("b", "write_file", {}, "failed", "no"),
        Media(PICTURE),
        Failure("the line broke", "half an ans"),
        Note("cancelled"),
        User("again"),
        Text("so"),
    ]
    assert to_markdown(entries, "My\nplans") == (
        "# My plans\n\n"
        "## You\n\nhow?\n\n*(image/png, 4 bytes)*\n\n"
        "## axio\n\n> hm\n>\n> hm\n\nso\n\n"
        '**shell** (allowed once)\n\n```json\n{\n  "command": "ls"\n}\n```\n\n'
        "```\none\ntwo\n```\n\n"
        "**write_file** (failed)\n\n```json\n{}\n```\n\n```\nno\n```\n\n"
        "*(image/png, 4 bytes)*\n\n"
        "*Failed: the line broke*\n\n*Of the answer there was, and was lost:*\n\n"
        "```\nhalf an ans\n```\n\n*cancelled*\n\n"
        "## You\n\nagain\n\n## axio\n\nso\n"
    )


FENCES = st.sampled_from(
    ["```", "~~~", "````", "```python", "   ```", "text", "# You", "## axio", ""]
)
TEXTS = st.lists(FENCES, max_size=8).map("\n".join)


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=3))
def test_no_text_can_end_a_code_block_or_pass_for_a_speaker(said: list[tuple[str, str]]) -> None:
    entries: list[Entry] = []
    for prompt, result in said:
        entries += [User(prompt), ToolCall("a", "tool", {}, "done", f"result\n{result}")]
    found = blocks(to_markdown(entries))
    assert [text for tag, text in found if tag == "h2"] == ["You", "axio"] * len(said)
    results = [text for tag, text in found if tag == "code" and text.startswith("result")]
    assert results == [f"result\n{result}".rstrip() + "\n" for _, result in said]


MESSAGES = [
    Message("user", [TextBlock("naïve?")]),
    Message("assistant", [ToolUseBlock("a", "shell", {"command": "env"})]),
    Message("user", [ToolResultBlock("a", 'KEY=sk-"1"\nsk-"12"')]),
    Message("assistant", [TextBlock("done")]),
]


async def test_json_lines_can_be_read_back(tmp_path: Path) -> None:
    text = to_jsonl(MESSAGES, "s", "plans")
    first, *rest = map(json.loads, text.splitlines())
    assert (first["id"], first["name"], len(rest)) == ("s", "plans", 4)
    write(tmp_path / "s.jsonl", text)
    async with SQLiteContextStore.open(tmp_path / "axio.db", "t", "p") as store:
        assert await store.import_jsonl(tmp_path / "s.jsonl") == 4
        assert await store.get_history() == MESSAGES and await store.name() == "plans"


def write(path: Path, text: str) -> None:
    path.write_text(text)


@pytest.mark.parametrize("kind", ["markdown", "jsonl"])
def test_a_key_that_was_shown_is_blotted_out(kind: str) -> None:
    secrets = ['sk-"1"', 'sk-"12"', ""]
    entries = [ToolCall("a", "shell", {}, "done", 'KEY=sk-"1"\nsk-"12"')]
    if kind == "markdown":
        text = to_markdown(entries, secrets=secrets)
    else:
        text = to_jsonl(MESSAGES, "s", secrets=secrets)
    assert "sk-" not in text and text.count("***") == 2 and "2" not in text.partition("***")[2][:9]
