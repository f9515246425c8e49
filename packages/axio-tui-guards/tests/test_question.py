"""A question says what would run and what each answer remembers; a reply may set conditions."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Literal

import pytest

from axio.agent import Agent
from axio.context import MemoryContextStore
from axio.exceptions import GuardError
from axio.run import RUN, Run
from axio.testing import StubTransport
from axio.tool import Tool
from axio_tui_guards import AuditLog, Decisions, Question, Reply, Rule, RuleGuard, default_policy
from axio_tui_guards.asking import choice_of, reply_of


async def _handler(**kwargs: Any) -> str:
    return "ran"


async def _store(file_path: str, content: str = "", mode: Literal["new", "old"] = "new") -> str:
    return "ran"


SHELL: Tool[Any] = Tool(name="shell", handler=_handler)
WRITE: Tool[Any] = Tool(name="write_file", handler=_handler)
STORE: Tool[Any] = Tool(name="store[1]", handler=_store)


class Host:
    """Keeps the questions, and gives the next answer."""

    def __init__(self, *answers: str | Callable[[Question], str]) -> None:
        self.questions: list[Question] = []
        self.answers = list(answers)

    async def __call__(self, question: str) -> str:
        assert isinstance(question, Question)
        self.questions.append(question)
        answer = self.answers.pop(0)
        return answer if isinstance(answer, str) else answer(question)


@pytest.fixture(autouse=True)
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    room = tmp_path / "room"
    room.mkdir()
    monkeypatch.chdir(room)
    return room


@pytest.fixture
def in_a_run() -> Any:
    token = RUN.set(Run(MemoryContextStore(), Agent(system="", transport=StubTransport())))
    yield
    RUN.reset(token)


async def refused(guard: RuleGuard, tool: Tool[Any], **kwargs: Any) -> str:
    with pytest.raises(GuardError) as caught:
        await guard(tool, **kwargs)
    return str(caught.value)


async def _write(file_path: str, content: str, mode: int | None = None) -> str:
    return "ran"


# ── questions ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("in_a_run")
async def test_a_question_holds_the_call_the_reason_and_what_answers_remember(room: Path) -> None:
    host = Host("y", "session")
    guard = RuleGuard(prompt_fn=host)
    await guard(WRITE, file_path="notes.md", content="a")
    (question,) = host.questions
    assert question.tool is WRITE
    assert question.call.arguments == {"file_path": "notes.md", "content": "a"}
    assert question.call.places == (str(room / "notes.md"),)
    assert question.reason == "no rule allows this call of 'write_file'"
    assert question.choices == ("once", "run", "session", "project", "no", "never")
    assert question.lifetimes == ("run", "session", "project")
    rule = Rule("allow", tool="write_file", path=str(room / "notes.md"))
    assert {question.rule_for(lifetime) for lifetime in question.lifetimes} == {rule}
    assert question.rule_for("never") == replace(rule, effect="deny")
    assert question.rule_for("once") is question.rule_for("no") is None
    shown = f"project / session / run: tool 'write_file', path '{room / 'notes.md'}'"
    assert shown in question
    await guard(WRITE, file_path="notes.md", content="b")
    assert [one.rule for one in guard.decisions.list()] == [rule]
    await guard(WRITE, file_path=str(room / "notes.md"), content="c")
    assert len(host.questions) == 2


async def test_outside_of_a_run_only_the_project_remembers() -> None:
    host = Host("session", "s", "p")
    guard = RuleGuard(prompt_fn=host)
    assert await refused(guard, SHELL, command="make") == "denied: session"
    assert await refused(guard, SHELL, command="make") == "denied: s"
    await guard(SHELL, command="make")
    assert host.questions[0].lifetimes == ("project",)


async def test_a_command_is_remembered_as_this_very_call_and_its_pattern_can_be_edited() -> None:
    def edited(question: Question) -> Reply:
        assert question.pattern is not None
        return Reply("p", rule=replace(question.pattern, command="git log *"))

    host = Host("p", edited)
    guard = RuleGuard(prompt_fn=host)
    await guard(SHELL, command="git status", cwd=".", timeout=3)
    question = host.questions[0]
    assert question.pattern == Rule(
        "allow", tool="shell", arguments={"cwd": "."}, command="git status"
    )
    rule = question.rule_for("project")
    assert rule == Rule("allow", call=question.call.fingerprint)
    await guard(SHELL, command="git log -3", cwd=".")
    await guard(SHELL, command="git log --oneline", cwd=".", timeout=9)
    assert len(host.questions) == 2
    host.answers = ["n", "n"]
    assert "refused this call" in await refused(guard, SHELL, command="git log -3", cwd="/")
    assert "refused this call" in await refused(guard, SHELL, command="git log -3")


@pytest.mark.parametrize(
    "command",
    ["make; ls", "make | tail", "make > x", "A=1 make", "make $x", "make 'a b'", "$(make)", "x ("],
)
async def test_only_one_plain_command_has_a_pattern(command: str) -> None:
    host = Host("n")
    await refused(RuleGuard(prompt_fn=host), SHELL, command=command)
    assert host.questions[0].pattern is None


async def test_a_pattern_is_for_these_words_and_names_alone() -> None:
    host = Host("n", "n")
    guard = RuleGuard(prompt_fn=host)
    await refused(guard, SHELL, command="make '[a]' '*'", force=True, env=None)
    rule = host.questions[0].pattern
    assert rule is not None
    assert rule.command == "make [[]a] [*]"
    assert rule.arguments == {"force": "true", "env": "null"}
    await refused(guard, WRITE, file_path="x")
    assert host.questions[1].pattern is None


async def test_a_place_is_remembered_with_what_sets_the_tool(room: Path) -> None:
    host = Host("p", "n", "n", "n", "n")
    guard = RuleGuard(prompt_fn=host)
    await guard(STORE, file_path="a", content="x", mode="new")
    rule = host.questions[0].rule_for("project")
    assert rule == Rule("allow", tool="store[[]1]", arguments={"mode": "new"}, path=str(room / "a"))
    assert rule.arguments == {"mode": "new"}
    await guard(STORE, file_path="a", content="y", mode="new")
    await refused(guard, STORE, file_path="a", content="y", mode="old")
    await refused(guard, STORE, file_path="b", content="y", mode="new")
    await refused(guard, replace(STORE, name="store1"), file_path="a", content="y", mode="new")
    await refused(guard, WRITE, file_path="a", force=False)
    switch = host.questions[-1].rule_for("project")
    assert switch is not None
    assert switch.arguments == {"force": "false"}


@pytest.mark.parametrize(
    "arguments",
    [
        {"x": 1},
        {"path": "a", "other_path": "b"},
        {"path": "a", "url": "https://good.example/x"},
        {"path": "a", "code": "print()"},
        {"path": "a", "command": "make"},
        {"path": "/proc/self/cwd"},
    ],
)
async def test_other_calls_are_remembered_as_they_are(arguments: dict[str, Any]) -> None:
    host = Host("p", "n")
    guard = RuleGuard(prompt_fn=host)
    await guard(WRITE, **arguments)
    rule = host.questions[0].rule_for("project")
    assert rule == Rule("allow", call=host.questions[0].call.fingerprint)
    await guard(WRITE, **arguments)
    await refused(guard, WRITE, **arguments, more="x")


async def test_a_rule_that_would_not_allow_the_call_is_not_offered() -> None:
    host = Host("p")
    guard = RuleGuard([Rule("deny", host="evil.example")], prompt_fn=host)
    for _ in range(2):
        await guard(WRITE, file_path="a", content="evil.example")
    (question,) = host.questions
    assert question.rule_for("project") == Rule("allow", call=question.call.fingerprint)


async def test_two_commands_have_no_pattern() -> None:
    host = Host("n")
    await refused(RuleGuard(prompt_fn=host), SHELL, command="make", cmd="")
    assert host.questions[0].pattern is None


async def test_a_call_that_is_too_long_to_be_shown_is_in_the_log(tmp_path: Path) -> None:
    log = tmp_path / "audit.jsonl"
    guard = RuleGuard(audit=AuditLog(log), prompt_fn=Host())
    text = "".join(f"line {i}\n" for i in range(2000))
    assert "too long to be shown" in await refused(guard, WRITE, x=text)
    assert '"effect": "deny"' in log.read_text()


async def test_a_call_that_cannot_be_known_again_can_be_allowed_once() -> None:
    ring: list[Any] = []
    ring.append(ring)
    host = Host("p", "never", "y")
    guard = RuleGuard(prompt_fn=host)
    assert "cannot be remembered: the call holds too much" in await refused(guard, WRITE, x=ring)
    assert "cannot be remembered" in await refused(guard, WRITE, x=ring)
    await guard(WRITE, x=ring)
    assert host.questions[0].rule_for("project") is host.questions[0].rule_for("never") is None
    assert host.questions[0].endswith("? [y / n / never / why not]")


async def test_never_refuses_the_place_in_this_project() -> None:
    host = Host("d")
    guard = RuleGuard([Rule("ask")], prompt_fn=host)
    assert "for good" in await refused(guard, WRITE, file_path="a", content="x")
    assert "a rule denies tool 'write_file'" in await refused(guard, WRITE, file_path="a")


@pytest.mark.parametrize(
    ("answer", "choice"),
    [
        *((word, "once") for word in ("y", "yes", "YES", "once", " y ")),
        *((word, "session") for word in ("s", "session", "S")),
        *((word, "project") for word in ("p", "project")),
        *((word, "never") for word in ("d", "deny", "never")),
        *((word, "no") for word in ("", "n", "no")),
        ("run", "run"),
        *((word, None) for word in ("yes please", "r", "no, use make", "always", "ja")),
    ],
)
def test_only_these_words_are_answers(answer: str, choice: str | None) -> None:
    assert choice_of(answer) == choice


async def test_a_host_with_more_room_is_shown_more() -> None:
    content = "".join(f"line {i}\n" for i in range(2000))
    assert "too long to be shown" in await refused(RuleGuard(prompt_fn=Host()), WRITE, x=content)
    host = Host("y")
    await RuleGuard(prompt_fn=host, room=50_000)(WRITE, x=content)
    assert "line 1999" in host.questions[0]


# ── what is remembered and asked about ────────────────────────────────────────────────────────


async def test_a_remembered_pattern_frees_no_secret_that_it_does_not_name() -> None:
    host = Host("n", "p")
    guard = RuleGuard(default_policy(), prompt_fn=host)
    guard.decisions.remember(Rule("allow", tool="write_file"), "project", os.getcwd())
    await guard(WRITE, file_path="a")
    await refused(guard, WRITE, file_path=".env")
    await guard(WRITE, file_path=".env", content="A=1")
    await guard(WRITE, file_path=".env", content="A=2")
    assert len(host.questions) == 2


async def test_a_remembered_pattern_passes_a_rule_that_asks() -> None:
    guard = RuleGuard([Rule("ask", command="git push")], prompt_fn=Host("n"))
    guard.decisions.remember(Rule("allow", command="git push *"), "project", os.getcwd())
    await guard(SHELL, command="git push origin main")
    assert "git push" in await refused(guard, SHELL, command="sudo git push")


# ── conditions ────────────────────────────────────────────────────────────────────────────────


async def test_a_grant_holds_for_so_many_more_calls() -> None:
    host = Host(Reply("project", uses=2), "n")
    guard = RuleGuard(prompt_fn=host)
    for left in (2, 1, None):
        await guard(WRITE, file_path="a", content="x")
        assert [one.uses for one in guard.decisions.list()] == ([left] if left else [])
    await refused(guard, WRITE, file_path="a", content="x")


async def test_a_use_is_counted_only_where_it_is_needed() -> None:
    guard = RuleGuard([Rule("allow", tool="read")], prompt_fn=Host("n"))
    limited = guard.decisions.remember(
        Rule("allow", command="make"), "project", os.getcwd(), uses=2
    )
    other = guard.decisions.remember(Rule("allow", command="ls"), "project", os.getcwd(), uses=2)
    await guard(replace(SHELL, name="read"), path="a")
    await guard(SHELL, command="make")
    await guard(SHELL, command="true")
    left = {one.id: one.uses for one in guard.decisions.list()}
    assert left == {other.id: 1}
    guard.decisions.remember(Rule("allow", command="ls"), "project", os.getcwd())
    await guard(SHELL, command="ls")
    assert {one.id: one.uses for one in guard.decisions.list()}[other.id] == 1
    assert not guard.decisions.use(limited.id)


async def test_a_call_that_is_refused_uses_nothing_up() -> None:
    guard = RuleGuard(prompt_fn=Host("n"))
    guard.decisions.remember(Rule("allow", command="make"), "project", os.getcwd(), uses=2)
    await refused(guard, SHELL, command="make; ls")
    assert [one.uses for one in guard.decisions.list()] == [2]


async def test_a_use_that_another_process_was_faster_with_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    guard = RuleGuard(prompt_fn=Host("n"))
    given = guard.decisions.remember(Rule("allow", tool="shell"), "project", os.getcwd(), uses=1)

    def too_late(decision_id: str) -> bool:
        guard.decisions.revoke(decision_id)
        return False

    monkeypatch.setattr(guard.decisions, "use", too_late)
    assert "refused this call" in await refused(guard, SHELL, command="make")
    assert given.uses == 1


async def test_a_grant_ends_at_its_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    host = Host(Reply("project", until=soon.astimezone(timezone(timedelta(hours=5)))), "n")
    guard = RuleGuard(prompt_fn=host)
    await guard(WRITE, file_path="a", content="x")
    await guard(WRITE, file_path="a", content="y")
    (decision,) = guard.decisions.list()
    assert decision.until == soon.isoformat(timespec="seconds")

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return soon

    monkeypatch.setattr("axio_tui_guards.decisions.datetime", Later)
    assert guard.decisions.list() == []
    assert not guard.decisions.use(decision.id)
    await refused(guard, WRITE, file_path="a", content="z")


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (Reply("project", uses=0), "uses must be at least 1"),
        (Reply("project", until=datetime(2030, 1, 1)), "time zone"),
        (Reply("project", rule=Rule("deny")), "takes a rule to allow"),
        (Reply("never", rule=Rule("allow")), "takes a rule to deny"),
    ],
)
async def test_conditions_that_make_no_sense_refuse(reply: Reply, why: str) -> None:
    guard = RuleGuard(prompt_fn=Host(reply))
    assert why in await refused(guard, WRITE, file_path="a")
    assert guard.decisions.list() == []


# ── lists and files ───────────────────────────────────────────────────────────────────────────


def test_a_decision_explains_itself(room: Path) -> None:
    decisions = Decisions()
    soon = datetime(2030, 1, 2, tzinfo=UTC)
    plain = decisions.remember(Rule("deny", path="a"), "project", "/p")
    full = decisions.remember(Rule("allow", tool="t"), "session", "s", "t {}", until=soon, uses=3)
    assert plain.explain() == f"deny path '{room / 'a'}' in this project, since {plain.created}"
    assert full.explain() == (
        "allow tool 't' in this session, until 2030-01-02T00:00:00+00:00, 3 more times, "
        f"since {full.created}, asked for t {{}}"
    )


def test_what_one_process_decides_holds_in_the_others(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    first, second = Decisions(path), Decisions(path)
    given = first.remember(Rule("allow", tool="t"), "project", "/p", uses=2)
    first.remember(Rule("allow"), "run", "r")
    assert [one.id for one in second.list()] == [given.id]
    assert second.use(given.id)
    assert [one.uses for one in first.within({"project": "/p"})] == [1]
    assert first.within({"project": "/q"}) == ()
    first.revoke(given.id)
    assert second.list() == []
    assert not second.use(given.id)
    with pytest.raises(KeyError):
        second.revoke(given.id)
    path.unlink()
    third = Decisions(path).remember(Rule("allow", tool="u"), "project", "/p")
    assert [one.id for one in second.list()] == [third.id]
    assert {one.rule.tool for one in first.list()} == {"*", "u"}


def test_a_file_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    decisions = Decisions(path)
    decisions.remember(Rule("allow", tool="old"), "project", "/p")
    other = Decisions(tmp_path / "other.jsonl")
    for tool in ("new", "newer"):
        other.remember(Rule("allow", tool=tool), "project", "/p")
    os.replace(tmp_path / "other.jsonl", path)
    assert [one.rule.tool for one in decisions.list()] == ["new", "newer"]


def test_a_line_counts_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    decisions = Decisions(path)
    decisions.remember(Rule("allow", tool="a"), "project", "/p")
    line = path.read_text().replace('"a"', '"b"')
    with path.open("a") as file:
        file.write(line[:40])
        file.flush()
        assert len(decisions.list()) == 1
        file.write(line[40:])
    assert len(decisions.list()) == 1  # of the same id, and so the same decision
    assert decisions.list()[0].rule.tool == "b"


def test_what_is_used_up_meanwhile_is_no_use(tmp_path: Path, monkeypatch: Any) -> None:
    """Both have seen the last use; the one that is second in the file has not got it."""
    path = tmp_path / "decisions.jsonl"
    first, second = Decisions(path), Decisions(path)
    given = first.remember(Rule("allow"), "project", "/p", uses=1)
    assert [one.uses for one in second.list()] == [1]
    monkeypatch.setattr(second, "_catch_up", lambda: None)
    assert first.use(given.id)
    monkeypatch.undo()
    second._kept = {given.id: given}
    catch_up, looks = second._catch_up, iter((False, True))
    monkeypatch.setattr(second, "_catch_up", lambda: next(looks) and catch_up())
    assert not second.use(given.id)


def test_no_file_stays_open(tmp_path: Path) -> None:
    decisions = Decisions(tmp_path / "decisions.jsonl")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        decisions.remember(Rule("allow"), "project", "/p")
    assert len(os.listdir("/proc/self/fd")) < before + 20


def _use_often(path: str, decision_id: str, into: Any) -> None:
    decisions = Decisions(path)
    into.put(sum(decisions.use(decision_id) for _ in range(20)))


def test_processes_share_the_uses(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    given = Decisions(path).remember(Rule("allow"), "project", "/p", uses=37)
    spawn = multiprocessing.get_context("spawn")
    counts = spawn.Queue()
    processes = [
        spawn.Process(target=_use_often, args=(str(path), given.id, counts)) for _ in range(4)
    ]
    try:
        for process in processes:
            process.start()
        assert sum(counts.get(timeout=60) for _ in processes) == 37
    finally:
        for process in processes:
            process.kill()
            process.join()
    assert Decisions(path).list() == []


def test_decisions_of_before_have_no_conditions(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    rule = {"effect": "allow", "tool": "t"}
    record = {"id": "1", "rule": rule, "lifetime": "project", "scope": "/p", "note": ""}
    path.write_text(json.dumps({**record, "created": "2026-01-01T00:00:00+00:00"}))
    decisions = Decisions(path)
    decisions.remember(Rule("allow", tool="u"), "project", "/p")
    assert [(one.rule.tool, one.until, one.uses) for one in decisions.list()] == [
        ("t", None, None),
        ("u", None, None),
    ]


# ── sub-agents ────────────────────────────────────────────────────────────────────────────────


async def test_a_sub_agent_may_do_only_what_both_guards_allow() -> None:
    host = Host("n", "n", "n")
    guard = RuleGuard(
        [Rule("allow", command="make *"), Rule("allow", command="git *"), Rule("deny", path="x")],
        prompt_fn=host,
    )
    below = guard.narrowed([Rule("allow", command="git *"), Rule("deny", command="git push")])
    await below(SHELL, command="git log")
    assert "git push" in await refused(below, SHELL, command="git push")
    assert "refused this call" in await refused(below, SHELL, command="make")
    await guard(SHELL, command="make")
    assert "denies path" in await refused(below, SHELL, command="git add x")
    assert len(host.questions) == 1
    guard.rules = []
    assert "refused this call" in await refused(below, SHELL, command="git log")


@pytest.mark.usefixtures("in_a_run")
async def test_a_sub_agent_asks_once_and_shares_what_is_remembered() -> None:
    host = Host("session", "run")
    guard = RuleGuard(prompt_fn=host)
    below = guard.narrowed([]).narrowed([])
    await below(SHELL, command="make")
    await guard(SHELL, command="make")
    await guard(SHELL, command="ls")
    await below(SHELL, command="ls")
    assert len(host.questions) == 2


async def test_a_sub_agent_asks_one_question_at_a_time() -> None:
    standing = 0

    async def slow(question: str) -> str:
        nonlocal standing
        standing += 1
        assert standing == 1
        await asyncio.sleep(0.01)
        standing -= 1
        return "y"

    guard = RuleGuard(prompt_fn=slow)
    below = guard.narrowed([])
    await asyncio.gather(*(one(SHELL, command="make") for one in (guard, below, guard, below)))


def test_a_use_of_what_was_revoked_meanwhile_counts_for_nothing(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    decisions = Decisions(path)
    given = decisions.remember(Rule("allow"), "project", "/p", uses=1)
    decisions.revoke(given.id)
    with path.open("a") as file:
        file.write(json.dumps({"used": given.id, "ticket": "x"}) + "\n")
    assert decisions.list() == []


def test_a_decision_without_a_limit_is_good_for_any_number_of_uses(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    first, second = Decisions(path), Decisions(path)
    given = first.remember(Rule("allow"), "project", "/p")
    assert [one.use(given.id) for one in (first, second) * 3] == [True] * 6
    assert first.list() == second.list() == [given]
    first.revoke(given.id)
    assert not second.use(given.id)


# ── editing a rule, and conditions in words ───────────────────────────────────────────────────


async def test_an_argument_that_was_left_out_is_not_shown() -> None:
    host = Host("n", "n")
    guard = RuleGuard(prompt_fn=host)
    tool: Tool[Any] = Tool(name="write_file", handler=_write)
    await refused(guard, tool, file_path="a", content="b", mode=None)
    await refused(guard, tool, file_path="a", content="b", mode=0)
    without, with_it = host.questions
    assert "mode" not in without and "mode = 0" in with_it


async def test_the_reason_says_what_is_missing_before_what_is_allowed(room: Path) -> None:
    host = Host("n")
    guard = RuleGuard(default_policy(), prompt_fn=host)
    await refused(guard, WRITE, file_path="notes.md", content="a")
    assert host.questions[0].reason == (
        "no rule allows this call of 'write_file': it may change something. "
        f"Allowed is: path {str(room)!r}, read access"
    )


async def test_the_rule_for_a_command_can_be_edited() -> None:
    host = Host(lambda asked: Reply("project", rule=asked.edited("git push *")), lambda asked: "n")
    guard = RuleGuard(prompt_fn=host)
    await guard(SHELL, command="git push origin main")
    await guard(SHELL, command="git push")
    asked = host.questions[0]
    assert asked.editable == "git push origin main"
    for text in ("git pull *", "git", "", "git push origin"):
        with pytest.raises(ValueError, match=r"would not allow this call|name a program"):
            asked.edited(text)
    await refused(guard, SHELL, command="git pull")


async def test_the_rule_for_a_file_can_be_edited(room: Path) -> None:
    host = Host(lambda asked: Reply("project", rule=asked.edited(str(room / "src"))))
    guard = RuleGuard(prompt_fn=host)
    await guard(WRITE, file_path="src/a", content="x")
    await guard(WRITE, file_path="src/deep/b", content="y")
    assert host.questions[0].editable == str(room / "src/a")
    with pytest.raises(ValueError, match="would not allow this call"):
        host.questions[0].edited(str(room / "plain"))


async def test_a_call_that_no_rule_can_name_has_nothing_to_edit() -> None:
    host = Host("n")
    guard = RuleGuard(prompt_fn=host)
    await refused(guard, SHELL, command="make && make install")
    assert host.questions[0].editable == ""
    with pytest.raises(ValueError, match="no rule can be made"):
        host.questions[0].edited("make *")


NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "word", "uses", "minutes"),
    [
        ("session 3 times", "session", 3, None),
        ("session 1 time", "session", 1, None),
        ("s 5x for 10m", "s", 5, 10),
        ("project for 2 hours", "project", None, 120),
        ("p for 1 day, 2x", "p", 2, 1440),
        ("run 30 min", "run", None, 30),
    ],
)
def test_conditions_can_be_typed(
    line: str, word: str, uses: int | None, minutes: int | None
) -> None:
    reply = reply_of(line, NOW)
    assert isinstance(reply, Reply)
    until = None if minutes is None else NOW + timedelta(minutes=minutes)
    assert (str(reply), reply.uses, reply.until) == (word, uses, until)


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("yes", "yes"),
        ("session", "session"),
        ("no", "no"),
        ("no it is wrong", "it is wrong"),
        ("n  it is wrong", "it is wrong"),
        ("session of parliament", "session of parliament"),
        ("project 3x or so", "project 3x or so"),
        ("yes 3 times", "yes 3 times"),
        ("never 3 times", "never 3 times"),
        ("", ""),
    ],
)
def test_other_lines_stay_answers_or_reasons(line: str, answer: str) -> None:
    reply = reply_of(line)
    assert type(reply) is str and reply == answer
