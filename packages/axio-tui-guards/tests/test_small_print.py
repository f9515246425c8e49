"""Rare forms of commands and values, each with what the rules say of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from axio.exceptions import GuardError
from axio.tool import Tool
from axio_tui_guards import Rule, RuleGuard
from axio_tui_guards.arguments import claims
from axio_tui_guards.calls import read_call
from axio_tui_guards.judging import Judgement, judge


async def _handler(**kwargs: Any) -> str:
    return "ran"


TOOL: Tool[Any] = Tool(name="any", handler=_handler)


@pytest.fixture(autouse=True)
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "notes.md").write_text("x\n")
    (tmp_path / "many").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def judged(denied: dict[str, Any], **kwargs: Any) -> Judgement:
    return judge(read_call(TOOL, kwargs), [Rule("allow"), Rule("deny", **denied)])


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("echo $(($1 + 1))", "arithmetic with '$1'"),
        ("echo $((PATH=1))", "setting PATH"),
        ("echo $((HOME++))", "setting HOME"),
        ("[ -f x", "[ without its end"),
        ("[ -f x ]]", "[ without its end"),
        ("read x < notes.md; test $x = y", "may be several words"),
        ("[[ -f a && x ]]", "no test behind it"),
        ("true;" * 251, "more than 250 commands"),
        ("echo " + "``" * 251, "more than 250 substitutions"),
        ("echo " + "$()" * 251, "more than 250 substitutions"),
        ("echo" + " a" * 2000, "more than 2000 words"),
        ("echo {x}> y", "sets a variable"),
        ("set -o keyword", "changes what other words mean"),
        ("set -z", "changes what other words mean"),
        ("wait -p x", "wait"),
        ("unset PATH", "setting PATH"),
    ],
)
def test_what_may_do_more_than_it_shows_cannot_be_read(command: str, reason: str) -> None:
    judgement = judged({"command": "rm"}, command=command)
    assert judgement.effect == "ask"
    assert reason in judgement.reason


@pytest.mark.parametrize(
    "command",
    [
        "echo $(($? + 1))",
        "echo $((2 > 1 ? 3 : 4))",
        "echo $((SECONDS / 60))",
        "x=1; test $x = y",
        "test -n x -a -n y",
        "test ! -f x -o a -nt b",
        "[[ 1 -eq 2 ]]",
        "[[ -f a && -f b ]]",
        "true;" * 250,
        "echo" + " a" * 1999,
        "read -r -p prompt x",
        "set -o pipefail; ls",
        "set -o",
        "unset x",
        "ls --color=auto &> /dev/null 2> /dev/null",
        "case x in a) ;; esac > /dev/null",
        "curl -d x good.example",
    ],
)
def test_rare_forms_that_are_plain_pass(command: str) -> None:
    assert judged({"command": "rm"}, command=command).effect == "allow", command


@pytest.mark.parametrize(
    ("denied", "command", "effect"),
    [
        ("git push", "git", "allow"),
        ("git push", "git --new-option", "ask"),
        ("rm --recursive x", "rm -r x", "deny"),
        ("rm -r x", "rm --recursive x", "deny"),
        ("rm -r x", "rm -r y", "allow"),
        ("make -j", "make --jobs", "ask"),
        ("make -j", "make all", "ask"),
        ("make -j", "make -j", "deny"),
        ("ls -a", "ls --all=x", "ask"),
        ("ls -a", "ls -" + "l" * 5000, "ask"),
    ],
)
def test_options_of_a_denied_command(denied: str, command: str, effect: str) -> None:
    assert judged({"command": denied}, command=command).effect == effect


def test_patterns_that_are_not_looked_up_are_unclear(room: Path) -> None:
    denied: dict[str, Any] = {"path": "/srv"}
    assert judged(denied, command="cat *.md").effect == "allow"
    assert judged(denied, command="cat missing/*").effect == "allow"
    assert judged(denied, command="cat notes.md/*").effect == "ask"
    assert judged(denied, command="cat " + " ".join(f"{i}*" for i in range(20))).effect == "allow"
    assert judged(denied, command="cat " + " ".join(f"{i}*" for i in range(21))).effect == "ask"
    for i in range(200):
        (room / "many" / f"f{i}").touch()
    assert judged(denied, command="cat many/*").effect == "allow"
    (room / "many" / "g").touch()
    assert judged(denied, command="cat many/*").effect == "ask"


def test_a_redirection_of_nothing_writes_its_file() -> None:
    denied: dict[str, Any] = {"path": "notes.md"}
    for command in ("case x in esac > notes.md", "> notes.md", "cat <<X > notes.md\n$(ls)\nX"):
        assert judged(denied, command=command).effect == "deny", command
        assert judged(denied, command=command.replace("notes", "other")).effect == "allow"


def test_hosts_that_cannot_be_told_are_unclear() -> None:
    denied: dict[str, Any] = {"host": "evil.example"}
    assert judged(denied, text="http://a.b/ " * 1000).effect == "allow"
    assert judged(denied, text="http://a.b/ " * 1001).effect == "ask"
    assert judged(denied, command="curl 'a b'").effect == "ask"
    assert judged(denied, command="true < /dev/tcp/good.example/80").effect == "ask"
    assert judged({"host": "localhost"}, command="curl file:///srv/x").effect == "deny"
    assert judged(denied, to=f"{'a' * 64}.example").effect == "allow"
    named = [Rule("allow", command="tool *"), Rule("deny", **denied)]
    call = read_call(TOOL, {"command": r"tool 'http://a\@b'"})
    assert "different hosts" in judge(call, named).reason
    with pytest.raises(ValueError, match="too long"):
        Rule("deny", host="a" * 3000)


def test_arguments_of_unknown_programs_may_hold_paths() -> None:
    rules = [Rule("allow", command="tool *"), Rule("deny", path="/srv")]
    for command, effect in {
        "tool --out=/srv/x": "deny",
        "tool -o/srv/x": "deny",
        "tool a:/srv/x": "deny",
        "tool x": "allow",
        f"tool {'a:' * 41}": "ask",
        "tool 'a b'": "ask",
    }.items():
        assert judge(read_call(TOOL, {"command": command}), rules).effect == effect, command


def test_an_exported_variable_is_seen_by_what_comes_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OF_OURS", "1")
    rules = [Rule("allow", command="npm test")]
    for command, effect in {
        "OF_OURS=2; npm test": "ask",
        "of_theirs=2; npm test": "allow",
        "export of_theirs=2; npm test": "ask",
        "npm test": "allow",
    }.items():
        assert judge(read_call(TOOL, {"command": command}), rules).effect == effect, command


def test_a_redirection_alone_is_told_as_what_it_is() -> None:
    rules = [Rule("allow", command="true")]
    for command, told in {"< /etc/hostname": "reading this file", "> x": "writing to this"}.items():
        assert told in judge(read_call(TOOL, {"command": command}), rules).reason


def test_a_rule_for_another_tool_says_nothing_of_values() -> None:
    assert judged({"tool": "other", "command": "rm"}, note="rm x").effect == "allow"
    two = [Rule("allow"), Rule("deny", command="rm"), Rule("deny", command="dd")]
    assert "'dd'" in judge(read_call(TOOL, {"note": "dd x"}), two).reason


def test_where_nothing_is_nothing_can_be_read() -> None:
    reader: Tool[Any] = Tool(name="any", handler=_handler, read_only=True)
    assert claims(reader, {"x": "/there-is-no-such-folder/y"}) == []
    assert [claim.path for claim in claims(TOOL, {"x": "/there-is-no-such-folder/y"})]


def _deep(levels: int) -> list[Any]:
    return [_deep(levels - 1)] if levels else []


def test_only_so_much_text_is_looked_into() -> None:
    assert judged({"path": "/srv"}, items=["x" * 4000] * 50).effect == "allow"
    assert judged({"path": "/srv"}, items=["x" * 4000] * 51).effect == "ask"


@pytest.mark.parametrize("answer", ["project", "deny"])
async def test_a_call_that_cannot_be_known_again_is_not_remembered(answer: str) -> None:
    async def person(question: str) -> str:
        return answer

    guard = RuleGuard(prompt_fn=person)
    with pytest.raises(GuardError, match="denied"):
        await guard.check(TOOL, items=_deep(60))
    assert guard.decisions.list() == []


@pytest.mark.parametrize(
    ("script", "plain"),
    [
        ("s/a/b/", True),
        ("s,a,b,g", True),
        ("/x/,/y/d", True),
        ("$!N;P;D", True),
        ("y/ab/ba/", True),
        ("sabcab", False),
        ("s/a/b/e", False),
        ("s/a/b", False),
        ("s", False),
        ("w x", False),
        ("e", False),
        ("s/[/]/x/;e", False),
        ("F", False),
        ("p" * 5001, False),
    ],
)
def test_scripts_of_sed(script: str, plain: bool) -> None:
    effect = judged({"command": "rm"}, command=f"sed '{script}' notes.md").effect
    assert (effect == "allow") == plain
