"""Calls that run, calls that are asked about, and the effect of an answer."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from axio import Agent
from axio.compaction import SlidingWindow
from axio.events import ToolResult
from axio.exceptions import GuardError
from axio.permission import AllowAllGuard, DenyAllGuard, PermissionGuard
from axio.plugins import Installed
from axio.testing import StubTransport, make_text_response, make_tool_use_response
from axio.tool import AnyTool, Tool
from axio_tools_local.read_file import read_file
from axio_tools_local.shell import shell
from axio_tools_local.write_file import write_file
from axio_tui.chat.entries import ToolCall
from axio_tui.chat.installed import installed_guards
from axio_tui.chat.permissions import Asked, Mode, Permissions
from axio_tui.chat.session import ChatSession
from axio_tui_guards import Decisions, Rule


async def facts(city: str = "") -> str:
    return "facts"


TOOLS: list[AnyTool] = [
    Tool(name="read_file", handler=read_file, read_only=True),
    Tool(name="write_file", handler=write_file),
    Tool(name="shell", handler=shell),
    Tool(name="facts", handler=facts, read_only=True),
]


class Person:
    """Answers questions, one after the other; the last answer for ever after."""

    def __init__(self, *answers: str, meanwhile: Callable[[], object] = lambda: None) -> None:
        self.answers = list(answers)
        self.asked: list[Asked] = []
        self._meanwhile = meanwhile

    async def __call__(self, asked: Asked) -> str:
        self.asked.append(asked)
        self._meanwhile()
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


async def call(permissions: Permissions, name: str, **arguments: Any) -> tuple[bool, str]:
    """Call a tool in a run: if it failed, and its result."""
    turns = [make_tool_use_response(name, "a", arguments), make_text_response("ok")]
    agent = Agent("", StubTransport(turns), permissions.guarded(TOOLS))
    session = ChatSession(agent, permissions=permissions)
    results = [e async for e in session.send("go") if isinstance(e, ToolResult)]
    [entry] = [e for e in session.conversation.entries if isinstance(e, ToolCall)]
    assert entry.result == results[0].content
    return results[0].is_error, f"{results[0].content} {entry.decision}".strip()


async def test_reading_in_the_folder_is_free_and_elsewhere_is_asked_about(folder: Path) -> None:
    (folder / "f").write_text("inside")
    (folder.parent / "g").write_text("outside")
    (folder / ".env").write_text("KEY=1")
    person = Person("no")
    permissions = Permissions(person, root=folder)
    assert await call(permissions, "read_file", filename="f") == (False, "inside")
    assert await call(permissions, "facts", city="Paris") == (False, "facts")
    assert not person.asked
    for path in ("../g", ".env"):
        failed, told = await call(permissions, "read_file", filename=path)
        assert failed and told.startswith("GuardError: denied: the person refused")
        assert told.endswith("refused")
    assert len(person.asked) == 2
    assert (await call(permissions, "facts", city="http://example.com"))[0]


async def test_a_write_is_asked_about_with_its_diff(folder: Path) -> None:
    (folder / "f").write_text("old\n")
    person = Person("once", "no, not like that")
    permissions = Permissions(person, root=folder)
    failed, told = await call(permissions, "write_file", file_path="f", content="new\n")
    assert not failed and told.endswith("allowed once")
    [change] = person.asked[0].changes
    assert "-old\n+new\n" in change.diff()
    failed, told = await call(permissions, "write_file", file_path="f", content="again\n")
    assert failed and "no, not like that" in told
    assert (folder / "f").read_text() == "new\n"


async def test_a_file_that_changes_while_the_question_stands_is_left_alone(folder: Path) -> None:
    (folder / "f").write_text("old\n")
    person = Person("once", meanwhile=lambda: (folder / "f").write_text("mine\n"))
    permissions = Permissions(person, root=folder)
    failed, told = await call(permissions, "write_file", file_path="f", content="new\n")
    assert failed and "not as it was when the change was shown" in told
    assert (folder / "f").read_text() == "mine\n"


async def test_a_link_that_is_exchanged_while_the_question_stands_is_not_followed(
    folder: Path,
) -> None:
    for name in ("a", "b"):
        (folder / name).write_text("old\n")
    (folder / "link").symlink_to("a")

    def swap() -> None:
        (folder / "link").unlink()
        (folder / "link").symlink_to("b")

    permissions = Permissions(Person("once", meanwhile=swap), root=folder)
    failed, told = await call(permissions, "write_file", file_path="link", content="new\n")
    assert failed and "led somewhere else" in told
    assert [(folder / name).read_text() for name in ("a", "b")] == ["old\n", "old\n"]


async def test_what_would_fail_is_said_and_changes_nothing(folder: Path) -> None:
    person = Person("once", meanwhile=lambda: (folder / "d").rmdir())
    (folder / "d").mkdir()
    permissions = Permissions(person, root=folder)
    failed, told = await call(permissions, "write_file", file_path="d", content="x")
    assert person.asked[0].problem and failed and "nothing was changed" in told
    assert os.listdir(folder) == []


async def test_an_answer_for_the_project_holds_after_a_restart_and_there_only(
    folder: Path,
) -> None:
    kept = folder.parent / "permissions.jsonl"
    other = folder.parent / "other"
    other.mkdir()
    for root, answer, asked in ((folder, "project", 1), (folder, "no", 0), (other, "no", 1)):
        os.chdir(root)
        person = Person(answer)
        permissions = Permissions(person, root=root, decisions=Decisions(kept))
        failed, _ = await call(permissions, "write_file", file_path="f", content="x\n")
        assert (len(person.asked), failed) == (asked, root == other)
    os.chdir(folder)
    [decision] = Decisions(kept).list()
    assert decision.scope == str(folder) and "write_file" in decision.note
    permissions = Permissions(Person("no"), root=folder, decisions=Decisions(kept))
    permissions.decisions.revoke(decision.id)
    assert (await call(permissions, "write_file", file_path="f", content="x\n"))[0]


async def test_a_plan_changes_nothing_whatever_the_model_calls(folder: Path) -> None:
    person = Person("once")
    permissions = Permissions(person, root=folder, mode="plan", yes=True)
    failed, told = await call(permissions, "write_file", file_path="f", content="x")
    assert failed and "only a plan is wanted now" in told and not person.asked
    assert (await call(permissions, "shell", command="touch f"))[0]
    assert os.listdir(folder) == []
    permissions.mode = "ask"
    assert not (await call(permissions, "write_file", file_path="f", content="x"))[0]


async def test_edits_may_be_free_but_not_of_what_runs_next(folder: Path) -> None:
    person = Person("no")
    permissions = Permissions(person, root=folder, mode="accept-edits")
    assert not (await call(permissions, "write_file", file_path="f", content="x"))[0]
    assert not person.asked
    for path in (".git/hooks/pre-commit", "../f", ".env"):
        assert (await call(permissions, "write_file", file_path=path, content="x"))[0]
    assert (await call(permissions, "shell", command="touch g"))[0] is ("g" not in os.listdir())
    assert "f" in os.listdir() and len(person.asked) >= 3


async def test_yes_frees_all_but_secrets_and_what_runs_next(folder: Path) -> None:
    person = Person("no")
    permissions = Permissions(person, root=folder, yes=True)
    assert not (await call(permissions, "shell", command="touch f"))[0]
    assert not (await call(permissions, "write_file", file_path="../g", content="x"))[0]
    assert not person.asked
    assert (await call(permissions, "write_file", file_path=".git/config", content="x"))[0]
    assert (await call(permissions, "read_file", filename=".env"))[0]


def reviewer(verdict: str) -> Agent:
    arguments = {"verdict": verdict, "reason": "because", "category": "files"}
    turns = [make_tool_use_response("confirm", "c", arguments), make_text_response("ok")]
    return Agent("", StubTransport(turns))


@pytest.mark.parametrize(
    ("verdict", "asked", "done"), [("SAFE", 0, True), ("RISKY", 1, False), ("DENY", 0, False)]
)
async def test_a_second_model_is_asked_before_the_person(
    folder: Path, verdict: str, asked: int, done: bool
) -> None:
    person = Person("no")
    permissions = Permissions(person, root=folder, mode="auto", reviewer=reviewer(verdict))
    failed, _ = await call(permissions, "write_file", file_path="f", content="x")
    assert (len(person.asked), failed, (folder / "f").exists()) == (asked, not done, done)


async def test_no_model_decides_about_secrets(folder: Path) -> None:
    (folder / ".env").write_text("KEY=1")
    person = Person("no")
    permissions = Permissions(person, root=folder, mode="auto", reviewer=reviewer("SAFE"))
    assert (await call(permissions, "read_file", filename=".env"))[0] and len(person.asked) == 1


def test_there_are_four_modes() -> None:
    wrong: Any = "bypass"
    with pytest.raises(ValueError, match="only ask, plan, accept-edits, auto"):
        Permissions(Person("no"), mode=wrong)
    mode: Mode = "plan"
    assert Permissions(Person("no"), mode=mode).mode == "plan"


class Installing(Installed):
    """Guards that packages have installed."""

    def __init__(self, **guards: object) -> None:
        super().__init__(lambda text: None)
        self._guards = guards

    def names(self, group: str) -> list[str]:
        return [*self._guards, "path", "llm"]

    def entry(self, group: str, name: str) -> Any:
        part = self._guards[name]
        return SimpleNamespace(name=name, group=group, dist=None, load=lambda: part)


class Needy(PermissionGuard):
    def __init__(self, what: str) -> None:
        raise AssertionError("not without what it needs")

    async def check(self, tool: AnyTool, /, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        return kwargs


async def test_an_installed_guard_is_asked_before_every_tool(folder: Path) -> None:
    async with installed_guards(Installing(strict=DenyAllGuard)) as guards:
        permissions = Permissions(Person("once"), root=folder, guards=guards.values())
        assert await call(permissions, "facts") == (True, "GuardError: denied")
    both = Installing(strict=DenyAllGuard, lax=AllowAllGuard)
    async with installed_guards(both, ["lax"]) as guards:
        permissions = Permissions(Person("once"), root=folder, guards=guards.values())
        assert await call(permissions, "facts") == (False, "facts")


async def test_a_guard_that_is_not_made_by_the_end_is_given_up_and_lets_nothing_run() -> None:
    gate = threading.Event()
    before = asyncio.all_tasks()
    try:
        async with installed_guards(Installing(slow=gate.wait)) as guards:
            call = asyncio.create_task(guards["slow"].check(TOOLS[3]))
            await asyncio.sleep(0)
            assert not call.done(), "it waits for the guard"
        with pytest.raises(GuardError, match=r"'slow' cannot be used .*given up"):
            await asyncio.wait_for(call, 20)
        assert asyncio.all_tasks() == before
    finally:
        gate.set()


@pytest.mark.parametrize("broken", [Needy, dict, lambda: 1 / 0])
async def test_a_guard_that_cannot_be_built_lets_nothing_run(folder: Path, broken: object) -> None:
    async with installed_guards(Installing(broken=broken)) as guards:
        with pytest.raises(GuardError, match=r"guard 'broken' cannot be used .*nothing may run"):
            await guards["broken"].check(TOOLS[3])


async def test_a_compacted_conversation_keeps_what_was_allowed_for_the_session(
    folder: Path,
) -> None:
    person = Person("session", "no")
    permissions = Permissions(person, root=folder)
    write = {"file_path": "f", "content": "x"}
    call = make_tool_use_response("write_file", tool_input=write)
    done = make_text_response("done")
    agent = Agent("", StubTransport([call, done, done, done, call, done]))
    agent.tools = permissions.guarded(TOOLS)
    session = ChatSession(agent, permissions=permissions)
    for _ in range(3):
        async for _ in session.send("go on"):
            pass
    before = session.store.session_id
    assert await session.compact(SlidingWindow(2))
    assert session.store.session_id != before
    async for _ in session.send("go on"):
        pass
    assert len(person.asked) == 1
    [decision] = permissions.decided_in(session.store.session_id)
    assert decision.lifetime == "session" and decision.scope == session.store.session_id


async def test_rules_of_the_host_stand_behind_the_policy(folder: Path) -> None:
    person = Person("no")
    everywhere = [Rule("allow", tool="read_file", path="/", access="read")]
    permissions = Permissions(person, root=folder, rules=everywhere)
    (folder / ".env").write_text("KEY=1")
    read, _, shell, _ = permissions.guarded(TOOLS)
    await read(filename="/etc/hostname")
    assert person.asked == []
    for tool, arguments in ((read, {"filename": ".env"}), (shell, {"command": "cat /etc/hosts"})):
        with pytest.raises(GuardError):
            await tool(**arguments)
    assert len(person.asked) == 2
    permissions.mode = "accept-edits"
    await read(filename="/etc/hostname")
    assert len(person.asked) == 2
