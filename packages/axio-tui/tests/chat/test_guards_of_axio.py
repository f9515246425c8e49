"""The guards `path` and `llm` in the application: they ask as the rules do, in the same queue."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Any

import pytest

from axio.agent import Agent
from axio.blocks import ToolResultBlock
from axio.context import MemoryContextStore
from axio.permission import AllowAllGuard, PermissionGuard
from axio.testing import StubTransport, make_text_response, make_tool_use_response
from axio.tool import Tool, tool_options
from axio_tui.chat.answers import Answers
from axio_tui.chat.installed import limited, own_guards
from axio_tui.chat.permissions import Asked, Permissions
from axio_tui.chat.questions import Questions
from axio_tui.config.load import load_config
from axio_tui.offered import guards_for
from axio_tui.parts import Parts
from axio_tui.plain.person import choices_of, question_text, reply_to
from axio_tui.switches import save_names


@tool_options(read_only=True)
async def look(path: str) -> str:
    """Look at a file."""
    return f"seen {path}"


class Person:
    """Answers what is asked, and remembers it."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[Asked] = []

    async def __call__(self, asked: Asked) -> str:
        self.asked.append(asked)
        return self.answers.pop(0)


async def result(permissions: Permissions, *guards: PermissionGuard, path: str = "a.txt") -> str:
    """The result of a call in a run, guarded so."""
    tool = Tool(name="look", handler=look, read_only=True, guards=guards)
    model = StubTransport([
        make_tool_use_response("look", "c1", {"path": path}), make_text_response("done"),
    ])  # fmt: skip
    store = MemoryContextStore()
    await Agent("Help.", model, [tool]).run("go", store)
    blocks = [b for m in await store.get_history() for b in m.content]
    (block,) = [b for b in blocks if isinstance(b, ToolResultBlock)]
    return str(block.content)


@pytest.mark.parametrize(
    ("answer", "end"),
    [
        ("once", "seen"),
        ("no", "the person refused this path"),
        ("never", "refused this path for good"),
        ("it is private", "it is private"),
    ],
)
async def test_the_path_guard_asks_the_person_about_the_call(
    tmp_path: Path, answer: str, end: str
) -> None:
    person = Person(answer)
    permissions = Permissions(person, root=tmp_path)
    guard = own_guards(["path"], permissions)["path"]
    assert end in await result(permissions, guard, path=str(tmp_path / "[red]a"))
    (asked,) = person.asked
    question = asked.question
    assert question.choices == ("once", "no", "never")
    assert question.call.tool == "look" and question.call.places == (str(tmp_path / "[red]a"),)
    assert "a guard asks: 'look' wants to use:" in question.reason
    assert question.rule_for("session") is None and question.rule_for("never") is not None


async def test_what_the_guard_was_told_holds_for_the_next_call(tmp_path: Path) -> None:
    person = Person("once")
    permissions = Permissions(person, root=tmp_path)
    guard = own_guards(["path"], permissions)["path"]
    for name in ("a.txt", "b.txt"):
        assert "seen" in await result(permissions, guard, path=str(tmp_path / name))
    assert len(person.asked) == 1


async def test_the_reviewing_guard_asks_with_the_model_of_its_role(tmp_path: Path) -> None:
    verdict = {"verdict": "RISKY", "reason": "it may be secret", "category": "read files"}
    reviewer = Agent(
        "Judge.",
        StubTransport([make_tool_use_response("confirm", "r1", verdict), make_text_response("ok")]),
    )
    person = Person("no")
    permissions = Permissions(person, root=tmp_path, reviewer=reviewer)
    guard = own_guards(["llm"], permissions)["llm"]
    assert "the person refused this call" in await result(permissions, guard)
    assert "it may be secret" in person.asked[0].question.reason


async def test_what_the_reviewing_guard_is_told_for_the_session_holds_for_the_category(
    tmp_path: Path,
) -> None:
    verdict = {"verdict": "RISKY", "reason": "it may be secret", "category": "read files"}
    reviews = [make_tool_use_response("confirm", id, verdict) for id in ("r1", "r2")]
    person = Person("session")
    reviewer = Agent("Judge.", StubTransport(reviews))
    permissions = Permissions(person, root=tmp_path, reviewer=reviewer)
    guard = own_guards(["llm"], permissions)["llm"]
    for _ in range(2):
        assert "seen" in await result(permissions, guard)
    (asked,) = person.asked
    assert asked.question.choices == ("once", "session", "no")
    answers = Answers(asked.question)
    assert [key for key in "yspnd" if answers.offers(key)] == ["y", "s", "n"]
    assert answers.remembers == "s allows: all calls that are reviewed as 'read files'"
    assert "session allows from now on: all calls that are reviewed as" in question_text(asked)


@pytest.mark.parametrize("answer", ["session 1 time", "session for 5 minutes"])
async def test_a_yes_with_a_condition_holds_for_one_call(tmp_path: Path, answer: str) -> None:
    verdict = {"verdict": "RISKY", "reason": "it may be secret", "category": "read files"}
    reviews = [make_tool_use_response("confirm", id, verdict) for id in ("r1", "r2")]
    person = Person(reply_to(answer), "no")
    reviewer = Agent("Judge.", StubTransport(reviews))
    permissions = Permissions(person, root=tmp_path, reviewer=reviewer)
    guard = own_guards(["llm"], permissions)["llm"]
    assert "seen" in await result(permissions, guard)
    assert "the person refused this call" in await result(permissions, guard)
    assert choices_of(person.asked[0]) == "Run it? [yes / session / no REASON] "


async def test_a_call_without_a_category_is_allowed_once_or_not_at_all(tmp_path: Path) -> None:
    person = Person("never")
    reviewer = Agent("Judge.", StubTransport([make_text_response("I do not know")]))
    permissions = Permissions(person, root=tmp_path, reviewer=reviewer)
    guard = own_guards(["llm"], permissions)["llm"]
    assert "denied" in await result(permissions, guard)
    assert "session" not in person.asked[0].question.choices


async def test_without_a_model_the_reviewing_guard_lets_nothing_run(tmp_path: Path) -> None:
    permissions = Permissions(Person(), root=tmp_path)
    guard = own_guards(["llm"], permissions)["llm"]
    assert "'llm' cannot be used (it has no model)" in await result(permissions, guard)


async def test_a_guard_is_asked_about_its_tools_alone(tmp_path: Path) -> None:
    permissions = Permissions(Person("no"), root=tmp_path)
    path = own_guards(["path"], permissions)["path"]
    assert "seen" in await result(permissions, limited(path, frozenset({"other"})))
    assert "seen" in await result(permissions, limited(path, frozenset()))
    assert "refused" in await result(permissions, limited(path, None))
    assert limited(path, None) is path
    assert "seen" in await result(permissions, AllowAllGuard())


async def test_a_guard_that_was_given_no_tool_is_asked_about_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    async def guards() -> list[PermissionGuard]:
        args = argparse.Namespace(config=load_config({}), guards=None)
        async with guards_for(args, Parts(print), Permissions(Person(), root=tmp_path)) as those:
            return those

    assert await guards() == []
    await save_names("guards.path.tools", {"look"})
    (guard,) = await guards()
    assert "IndexError" in await result(Permissions(Person()), guard), "the person was asked"
    await save_names("guards.path.tools", ())
    assert load_config({})["guards.path.tools"] == () and await guards() == []


async def test_questions_of_guards_stand_in_the_one_queue(tmp_path: Path) -> None:
    questions: Questions[Asked] = Questions()
    permissions = Permissions(questions.ask, root=tmp_path)
    guard = own_guards(["path"], permissions)["path"]
    both = asyncio.Event()
    questions.changed = lambda: both.set() if questions.others == 1 else None
    runs = [asyncio.create_task(result(permissions, guard, path=f"/{n}/a")) for n in "ab"]
    other: Any = asyncio.create_task(questions.ask(Asked("another")))  # type: ignore[arg-type]
    await asyncio.wait_for(both.wait(), 30)
    questions.changed = lambda: None
    questions.refuse_all("once")
    assert await other == "once"
    while not all(run.done() for run in runs):
        questions.refuse_all("once")
        await asyncio.wait(runs, timeout=0.05)
    assert ["seen" in run.result() for run in runs] == [True, True]
