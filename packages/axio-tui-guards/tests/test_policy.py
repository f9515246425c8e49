"""The rules to begin with: what they free, and what only a rule of its own frees."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from axio.tool import Tool
from axio_tui_guards import Rule, default_policy
from axio_tui_guards.calls import read_call
from axio_tui_guards.judging import Judgement, judge


async def _handler(**kwargs: Any) -> str:
    return "ran"


READ: Tool[Any] = Tool(name="read_file", handler=_handler, read_only=True)
LIST: Tool[Any] = Tool(name="list_files", handler=_handler, read_only=True)
FETCH: Tool[Any] = Tool(name="fetch", handler=_handler, read_only=True)
LOOK: Tool[Any] = Tool(name="look_up", handler=_handler, read_only=True)
WRITE: Tool[Any] = Tool(name="write_file", handler=_handler)
OTHER: Tool[Any] = Tool(name="arrange", handler=_handler)
SHELL: Tool[Any] = Tool(name="shell", handler=_handler)


@pytest.fixture(autouse=True)
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    room = tmp_path / "room"
    for folder in ("src", "deep/down", ".git/hooks", ".github/workflows", "plain"):
        (room / folder).mkdir(parents=True)
    for file in ("notes.md", "src/app.py", ".env", "deep/down/server.pem", ".git/config"):
        (room / file).write_text("x\n")
    (room / "to_env").symlink_to(".env")
    (room / "to_hooks").symlink_to(".git/hooks")
    (tmp_path / "beside.txt").write_text("x\n")
    monkeypatch.chdir(room)
    return room


def judged(tool: Tool[Any], rules: tuple[Rule, ...], **kwargs: Any) -> Judgement:
    return judge(read_call(tool, kwargs), rules)


SECRETS = """
.env
.env.local
.ENV
src/.env.production
to_env
src/../.env
id_rsa
keys/id_ed25519
deep/down/server.pem
server.key
store.p12
credentials.json
aws-credentials.json
client_secret_1.json
secrets.yaml
.netrc
.npmrc
.git-credentials
.ssh/config
.aws/credentials
.docker/config.json
prod.tfvars
/proc/self/environ
/etc/shadow
""".split()

PROTECTED = """
.git/hooks/pre-commit
.git/config
.GIT/hooks/x
.git
to_hooks/pre-push
src/../.git/hooks/x
.gitattributes
.gitmodules
.agents/skills/x/SKILL.md
.config/axio/config.toml
.config/axio/mcp.json
.local/share/axio-tui/permissions.jsonl
.local/share/axio-tui/trusted.json
.local/share/axio-tui/axio.db-wal
.github/workflows/ci.yml
.gitlab-ci.yml
Jenkinsfile
.circleci/config.yml
.vscode/tasks.json
.idea/workspace.xml
.axio/hooks.toml
.bashrc
.zshrc
.profile
.envrc
.config/fish/config.fish
.pre-commit-config.yaml
.husky/pre-commit
.mcp.json
AGENTS.md
sitecustomize.py
src/x.pth
/etc/cron.d/x
""".split()

PLAIN = (
    "notes.md src/app.py src/new.py .gitignore env.py key.py src/environment.md tokens.py".split()
)


def test_reading_in_the_working_directory_is_free_but_not_secrets(tmp_path: Path) -> None:
    rules = default_policy()
    assert {judged(READ, rules, file_path=path).effect for path in PLAIN} == {"allow"}
    assert {judged(SHELL, rules, command=f"cat {path}").effect for path in PLAIN} == {"allow"}
    for path in SECRETS:
        assert judged(READ, rules, file_path=path).effect == "ask", path
        assert judged(SHELL, rules, command=f"head -3 '{path}'").effect == "ask", path
    for path in ("../beside.txt", "/etc/hostname", str(tmp_path / "beside.txt"), "~/x", ".."):
        assert judged(READ, rules, file_path=path).effect == "ask", path
        assert judged(SHELL, rules, command=f"cat {path}").effect == "ask", path


def test_the_public_half_of_a_key_is_no_secret() -> None:
    assert judged(READ, default_policy(), file_path="id_rsa.pub").effect == "allow"


def test_what_changes_or_reaches_out_is_asked_about() -> None:
    rules = default_policy()
    for command in (
        "rm notes.md",
        "echo x > y",
        "make",
        "python x.py",
        "curl a.example",
        "git log",
    ):
        assert judged(SHELL, rules, command=command).effect == "ask", command
    assert judged(WRITE, rules, file_path="notes.md", content="x").effect == "ask"
    assert judged(OTHER, rules, place="notes.md").effect == "ask"
    assert judged(FETCH, rules, url="https://good.example/x").effect == "ask"
    assert judged(FETCH, rules, file_path="notes.md", to="good.example").effect == "ask"


def test_a_tool_that_changes_nothing_is_free_where_it_names_nothing() -> None:
    for rules in (default_policy(), default_policy(accept_edits=True)):
        for free in ({}, {"query": "weather in Paris"}, {"limit": 5, "since": None}):
            assert judged(LOOK, rules, **free).effect == "allow", free
            assert judged(OTHER, rules, **free).effect == "ask", free
        for named in (
            {"query": "see http://a.example/x"},
            {"query": "good.example"},
            {"query": "/etc/hostname"},
            {"query": "../beside.txt"},
            {"query": ".env"},
            {"where": r"http://a.example\\@b.example/"},
            {"path": 7},
            {"command": "make"},
            {"command": ["make", "x"]},
            {"command": "cat $x"},
            {"command": "'"},
            {"code": "1 + 1"},
        ):
            assert judged(LOOK, rules, **named).effect == "ask", named


def test_a_secret_is_one_under_any_name_of_an_argument() -> None:
    for secret in (".env", "to_env", "deep/down/server.pem"):
        assert judged(LOOK, default_policy(), query=secret).effect == "ask", secret
        assert judged(READ, default_policy(), file_path="notes.md", of=secret).effect == "ask"
    edits = default_policy(accept_edits=True)
    for place in (".env", ".git/config", ".git/hooks", "to_hooks"):
        assert judged(OTHER, edits, file_path="notes.md", to_there=place).effect == "ask", place
        assert judged(OTHER, default_policy(yes=True), to_there=place).effect == "ask", place
    for word in ("credentials", "app/secrets", "src", "notes.md"):
        assert judged(READ, default_policy(), file_path="notes.md", of=word).effect == "allow"


def test_rules_may_speak_of_what_names_nothing() -> None:
    denied = (Rule("allow"), Rule("deny", access="nothing"))
    refused = judged(LOOK, denied, query="weather")
    assert refused.effect == "deny"
    assert "a rule denies no access: this call" in refused.reason
    assert judged(OTHER, denied, query="weather").effect == "allow"
    assert judged(READ, denied, file_path="notes.md").effect == "allow"
    allowed = (Rule("allow", access="nothing"),)
    assert "it names what it works on" in judged(READ, allowed, file_path="notes.md").reason
    assert "it may change something" in judged(OTHER, allowed, query="weather").reason


def test_what_goes_through_folders_is_asked_about_if_a_secret_lies_there() -> None:
    rules = default_policy()
    for command in ("grep -r x .", "grep -r x deep", "cat deep/down/*", "find . -name y", "ls -R"):
        assert judged(SHELL, rules, command=command).effect == "ask", command
    why = judged(SHELL, rules, command="grep -r x deep").reason
    assert "server.pem" in why
    assert "secrets" in why
    for command in ("grep -r x src", "ls", "find plain"):
        assert judged(SHELL, rules, command=command).effect == "allow", command
    assert judged(LIST, rules, directory=".").effect == "allow"


def test_accepted_edits_change_files_here_but_not_protected_ones() -> None:
    rules = default_policy(accept_edits=True)
    for path in PLAIN:
        assert judged(WRITE, rules, file_path=path, content="x").effect == "allow", path
        assert judged(SHELL, rules, command=f"touch {path}").effect == "allow", path
    for path in (*PROTECTED, *SECRETS, "../beside.txt"):
        assert judged(WRITE, rules, file_path=path, content="x").effect == "ask", path
        assert judged(OTHER, rules, from_here="notes.md", to_there=path).effect == "ask", path
        for command in (f"cp notes.md '{path}'", f"echo x >> '{path}'", f"sed -i s/a/b/ '{path}'"):
            assert judged(SHELL, rules, command=command).effect == "ask", command
    for command in ("rm -rf .", "make", "python x.py", "mv deep x", "tar xf x.tar"):
        assert judged(SHELL, rules, command=command).effect == "ask", command
    for command in ("mkdir -p a/b", "rm -r plain", "mv notes.md x.md", "echo x > src/y"):
        assert judged(SHELL, rules, command=command).effect == "allow", command


@pytest.mark.parametrize("name", ["content", "newContent", "old_text", "new_string", "diff"])
@pytest.mark.parametrize(
    "text", ["see https://a.example/b", "a.example", "/etc/passwd", ".env", ".git/hooks/x", "../y"]
)
def test_the_words_that_a_file_is_made_of_lead_nowhere(name: str, text: str) -> None:
    rules = default_policy(accept_edits=True)
    assert judged(WRITE, rules, file_path="notes.md", **{name: text}).effect == "allow"
    assert judged(WRITE, rules, file_path="../beside.txt", **{name: text}).effect == "ask"
    if "a.example" in text:
        denied = (*rules, Rule("deny", host="a.example"))
        assert judged(WRITE, denied, file_path="notes.md", **{name: text}).effect != "allow"


@pytest.mark.parametrize("name", ["to_there", "name", "title", "of"])
@pytest.mark.parametrize("made", [".env.new", ".git/hooks/new", ".vscode/tasks.json", ".bashrc"])
def test_a_protected_place_counts_under_any_name_before_it_is_there(name: str, made: str) -> None:
    rules = default_policy(accept_edits=True)
    assert judged(OTHER, rules, path="notes.md", **{name: made}).effect == "ask"
    assert judged(OTHER, rules, path="notes.md", **{name: "a plain word"}).effect == "allow"


def test_yes_allows_all_but_secrets_and_protected_places() -> None:
    rules = default_policy(yes=True)
    for command in ("make", "rm -r src", "curl a.example", "python x.py", "cat ../beside.txt"):
        assert judged(SHELL, rules, command=command).effect == "allow", command
    assert judged(WRITE, rules, file_path="../beside.txt").effect == "allow"
    for path in PROTECTED:
        assert judged(WRITE, rules, file_path=path).effect == "ask", path
        assert judged(SHELL, rules, command=f"cp notes.md '{path}'").effect == "ask", path
    for path in SECRETS:
        assert judged(READ, rules, file_path=path).effect == "ask", path
        assert judged(SHELL, rules, command=f"base64 '{path}'").effect == "ask", path
        assert judged(SHELL, rules, command=f"python x.py '{path}'").effect == "ask", path
    assert judged(SHELL, rules, command="cat $x").effect == "ask"


def test_reading_a_protected_place_is_free() -> None:
    assert judged(READ, default_policy(), file_path=".git/config").effect == "allow"


def test_a_rule_of_its_own_frees_a_secret_or_a_protected_place() -> None:
    own = (Rule("allow", path=".env"),)
    assert judged(READ, default_policy() + own, file_path=".env").effect == "allow"
    assert judged(READ, default_policy() + own, file_path="to_env").effect == "allow"
    assert judged(READ, default_policy() + own, file_path=".env.local").effect == "ask"
    hooks = (Rule("allow", tool="write_file", path=".git/hooks"),)
    edits = default_policy(accept_edits=True)
    assert judged(WRITE, edits + hooks, file_path=".git/hooks/x").effect == "allow"
    assert judged(WRITE, edits + hooks, file_path=".git/config").effect == "ask"
    assert judged(OTHER, edits + hooks, file_path=".git/hooks/x").effect == "ask"
    every = (Rule("allow", holding="protected"),)
    assert judged(WRITE, edits + every, file_path=".github/workflows/x.yml").effect == "allow"
    assert judged(WRITE, edits + every, file_path=".env").effect == "ask"
    here = (Rule("allow", holding="secrets", path="deep"),)
    assert judged(READ, default_policy() + here, file_path="deep/down/server.pem").effect == "allow"
    assert judged(READ, default_policy() + here, file_path=".env").effect == "ask"


def test_a_rule_of_its_own_frees_no_doubt() -> None:
    rules = (*default_policy(yes=True), Rule("allow", path=".env"))
    assert judged(SHELL, rules, command="cat .env").effect == "allow"
    assert judged(SHELL, rules, command="cat $x").effect == "ask"
    assert judged(SHELL, rules, command="grep -r x .").effect == "ask"
    assert judged(SHELL, rules, command="cat .env deep/down/server.pem").effect == "ask"


def test_a_general_rule_frees_none_of_them() -> None:
    general = (Rule("allow"), Rule("allow", path="."), Rule("allow", command="cat *"))
    assert judged(READ, default_policy() + general, file_path=".env").effect == "ask"
    assert judged(SHELL, default_policy() + general, command="cat .env").effect == "ask"
    assert judged(WRITE, default_policy() + general, file_path=".git/hooks/x").effect == "ask"


def test_a_denied_kind_is_refused() -> None:
    rules = (Rule("allow"), Rule("deny", holding="secrets"))
    refused = judged(READ, rules, file_path=".env")
    assert refused.effect == "deny"
    assert "secrets" in refused.reason
    assert judged(SHELL, rules, command="make").effect == "allow"
    assert (
        judged(SHELL, (Rule("allow"), Rule("deny", access="write")), command="ls").effect == "allow"
    )
    assert (
        judged(SHELL, (Rule("allow"), Rule("deny", access="write")), command="make").effect
        == "deny"
    )


def test_the_root_may_be_another_folder(tmp_path: Path) -> None:
    rules = default_policy(tmp_path)
    assert judged(READ, rules, file_path=str(tmp_path / "beside.txt")).effect == "allow"
    os.chdir(tmp_path)
    assert judged(READ, default_policy("room"), file_path="beside.txt").effect == "ask"


def test_a_folder_that_cannot_be_read_shows_nothing(room: Path) -> None:
    loose = room / "plain" / "loop"
    loose.symlink_to("loop")
    for i in range(1600):
        (room / "plain" / f"f{i}").touch()
    assert judged(SHELL, default_policy(), command="grep -r x plain").effect == "allow"
    assert judged(SHELL, default_policy(), command="grep -r x missing").effect == "allow"
