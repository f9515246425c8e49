"""`axio sessions`, `axio models` and `axio tools`: what is kept, and what can be used."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

SCRIPTED = ("run", "--transport", "scripted", "--tools", "none")


@pytest.fixture
def ids(axio: Any) -> list[str]:
    """Two conversations, the newer one first."""
    for prompt in ("first thing", "second thing"):
        assert axio(*SCRIPTED, prompt, script=[[f"About the {prompt}."]]).code == 0
    return [line.split()[0] for line in axio("sessions").out.splitlines()]


def test_conversations_are_listed_searched_and_named(axio: Any, ids: list[str]) -> None:
    listed = axio("sessions", "list").out.splitlines()
    assert len(ids) == 2 and [line.split()[-2:] for line in listed] == [
        ["second", "thing"], ["first", "thing"],
    ]  # fmt: skip
    assert axio("sessions", "search", "first", "THING").out.split()[0] == ids[1]
    assert axio("sessions", "rename", ids[1], "the\x1b[2J parser").code == 0
    assert "the\\x1b[2J parser" in axio("sessions").out
    done = axio("sessions", "search", "nonsense")
    assert done.code == 0 and not done.out and "no conversation" in done.line


def test_a_conversation_is_exported(axio: Any, ids: list[str]) -> None:
    text = axio("sessions", "export", ids[1]).out
    assert "## You\n\nfirst thing" in text and "About the first thing." in text
    lines = axio("sessions", "export", "--format", "jsonl", ids[1][:9]).out.splitlines()
    assert json.loads(lines[0])["id"] == ids[1] and len(lines) == 3
    assert axio("sessions", "export", ids[1], "talk.md").code == 0
    assert (axio.home / "talk.md").read_text() == text
    done = axio("sessions", "export", ids[1], "talk.md")
    assert done.code == 1 and "talk.md" in done.line


def test_conversations_are_deleted_all_or_none(axio: Any, ids: list[str]) -> None:
    done = axio("sessions", "delete", ids[0], "nonsense")
    assert done.code == 2 and "no conversation 'nonsense'" in done.line
    assert len(axio("sessions").out.splitlines()) == 2
    assert axio("sessions", "delete", ids[0], ids[0]).code == 0
    assert axio("sessions").out.split()[0] == ids[1]


def test_a_conversation_is_gone_on_with(axio: Any, ids: list[str]) -> None:
    axio("sessions", "rename", ids[1], "the parser")

    def prompts(*args: str) -> Any:
        done = axio("run", "--transport", "prompts", "--tools", "none", *args)
        assert done.code == 0 and not done.err
        return json.loads(done.out.splitlines()[0])[0]

    second = ["second thing", "About the second thing.", "go on"]
    assert prompts("-c", "go on") == second, "the last one"
    assert prompts("--resume", "the parser", "go on") == [
        "first thing", "About the first thing.", "go on",
    ]  # fmt: skip
    assert prompts("-r", ids[0][:8], "on")[:3] == second
    done = axio(*SCRIPTED, "--resume", "nonsense", "hi", script=[["Hello"]])
    assert done.code == 2 and "no conversation 'nonsense'" in done.line


def test_a_conversation_that_is_not_to_be_kept_is_not(axio: Any) -> None:
    assert axio(*SCRIPTED, "--no-save", "hi", script=[["Hello"]]).code == 0
    assert not axio("sessions").out
    done = axio(*SCRIPTED, "-c", "hi", script=[["Hello"]])
    assert done.code == 0 and "this is the first" in done.line


def test_models_and_tools_are_listed(axio: Any) -> None:
    out = axio("models", env={"ANTHROPIC_API_KEY": "x" * 20}).out
    assert "anthropic:" in out and "scripted" in out and "x" * 20 not in out
    assert all("anthropic" in line for line in axio("models", "anthropic").out.splitlines())
    tools = axio("tools").out.splitlines()
    assert any(line.split()[:3] == ["acme_look", "only", "reads"] for line in tools)
    assert any(line.split()[:3] == ["acme_change", "may", "change"] for line in tools)


@pytest.mark.parametrize("name", ["sessions", "models", "tools"])
def test_wrong_use_is_exit_code_2(axio: Any, name: str) -> None:
    assert axio(name, "--nonsense").code == 2


def test_a_database_of_a_newer_axio_is_no_empty_list(axio: Any) -> None:
    assert axio("run", "--tools", "none", "--transport", "local", "hello").code == 0
    [path] = Path(f"{axio.home}-data").rglob("axio.db")
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("INSERT INTO axio_context_schema (version) VALUES (999)")
    for words in (["sessions"], ["run", "-c", "hello"], ["run", "--resume", "x", "hello"]):
        done = axio(*words)
        assert done.code == 1 and not done.out
        assert "cannot be read" in done.err and "newer axio" in done.err
        assert "no conversation" not in done.err
