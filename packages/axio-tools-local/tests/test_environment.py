"""A command gets none of our keys, and is told that no one sits at a terminal."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from axio_tools_local.environment import for_command, is_credential
from axio_tools_local.local import LocalWorkspace
from axio_tools_local.run_python import run_python
from axio_tools_local.shell import shell

CREDENTIALS = """
    OPENAI_API_KEY ANTHROPIC_API_KEY NEBIUS_API_KEY OPENROUTER_API_KEY AXIO_OPENAI_API_KEY
    ANTHROPIC_AUTH_TOKEN GITHUB_TOKEN GH_TOKEN HF_TOKEN NPM_TOKEN TOKEN OPENAI_API_KEY_2 my_token
    AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN CLIENT_SECRET SECRET_KEY_BASE
    DJANGO_SECRET_KEY STRIPE_KEY PGPASSWORD MYSQL_PWD DB_PASSWORD DB_PASS REDISCLI_AUTH PASSWD_FILE
    GOOGLE_APPLICATION_CREDENTIALS AZURE_STORAGE_CONNECTION_STRING AZURE_EXT_PAT npm_config__auth
    KEY_OPENAI OPENAI_KEYS TOKEN_GITHUB GITLABTOKEN OPENAI_KEY_PROD GITHUB_TOKEN_RO PASS_DB
    PAT_GITHUB openaiApiKey OpenAIKey myToken AuthToken openai.api.key openai-api-key API%KEY
    acme:token x/token SESSION_COOKIE npm_config_//registry.example.org/:_authToken
    //registry.example.org/:_password ACME_JWT ACME_BEARER HTTP_AUTHORIZATION
    API__KEY acme-key-1 KEY1 ＡＰＩ＿ＫＥＹ ｔｏｋｅｎ
""".split()
NO_CREDENTIALS = """
    PATH HOME PWD OLDPWD LANG SSH_AUTH_SOCK XAUTHORITY DISPLAY VIRTUAL_ENV TOKENIZERS_PARALLELISM
    MAX_TOKENS KEYBOARD_LAYOUT KEYTIMEOUT AUTHOR_NAME PATTERN BYPASS COMPASS_URL AXIO_PASS_VARIABLES
    HTTPS_PROXY DATABASE_URL GIT_AUTHOR_EMAIL XDG_RUNTIME_DIR MONKEY TURKEY_URL
    AUTH0_DOMAIN AUTH_URL TOKENIZER_PATH LS_COLORS BASH_FUNC_which%% PIP_INDEX_URL COMPOSE_FILE
    KEYMAP GIT_SSH_COMMAND PATIENCE PASSENGER_ROOT PYTHONPATH CI JAVA_HOME npm_config_cache EDITOR
""".split()


@pytest.mark.parametrize("name", CREDENTIALS)
def test_what_a_command_must_not_have_is_known_by_its_name(name: str) -> None:
    assert is_credential(name)


@pytest.mark.parametrize("name", NO_CREDENTIALS)
def test_what_commands_need_is_no_credential(name: str) -> None:
    assert not is_credential(name)


@given(
    st.lists(st.sampled_from(["my", "acme", "openai", "a1", "prod", "eu"]), max_size=3),
    st.sampled_from(["api key", "token", "secret", "password", "access token", "key", "api keys"]),
    st.lists(st.sampled_from(["1", "2", "prod", "eu", "file", "backup"]), max_size=2),
    st.sampled_from(["_", "-", ".", ":", "/", " ", "__", "Camel"]),
    st.sampled_from([str.upper, str.lower, str]),
)
def test_a_credential_of_any_owner_and_spelling_stays_out(
    before: list[str], kind: str, after: list[str], between: str, case: Callable[[str], str]
) -> None:
    words = [*before, *kind.split(), *after]
    if between == "Camel":
        name = words[0] + "".join(word.title() for word in words[1:])
    else:
        name = case(between.join(words))
    assert name not in for_command({name: "x"}, ())
    assert for_command({name: "x"}, [name])[name] == "x"


KEYS = """
    sk-proj-Zm9vYmFyYmF6cXV4MTIzNDU2 sk-ant-api03-Zm9vYmFyYmF6cXV4 gsk_Zm9vYmFyYmF6cXV4MTIzN
    ghp_Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5 github_pat_Zm9vYmFyYmF6cXV4 glpat-Zm9vYmFyYmF6cXV4
    xoxb-123456789012-Zm9vYmFyYmF6 hf_Zm9vYmFyYmF6cXV4MTIz AKIAZM9VYMFYQMF6CXV4
    AIzaSyZm9vYmFyYmF6cXV4MTIzNDU2 eyJhbGciOiJub25lIn0.eyJhIjoxMjM0NX0.Zm9v
    npm_Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5 r8_Zm9vYmFyYmF6cXV4MTIz nvapi-Zm9vYmFyYmF6cXV4MTIz
""".split()


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_known_by_its_form_under_any_name(key: str) -> None:
    variables = {
        "A": key,
        "B": f"Bearer {key}",
        "C": f" {key}\n",
        "D": f"x-api-key: {key}",
        "E": "e",
    }
    assert variables.keys() & for_command(variables, ()).keys() == {"E"}
    assert for_command(variables, ["B"])["B"] == f"Bearer {key}"


def test_a_private_key_and_a_file_of_keys_are_known_by_their_form() -> None:
    key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaA\n-----END OPENSSH PRIVATE KEY-----\n"
    for value in (key, json.dumps({"type": "service_account", "private_key": key})):
        assert "ACCOUNT" not in for_command({"ACCOUNT": value}, ())


def test_a_credential_under_another_name_is_the_same_credential() -> None:
    secret = "correct horse battery"
    variables = {"ACME_API_KEY": secret, "LLM": secret, "HEADERS": f"x-key: {secret}, a: b"}
    assert not variables.keys() & for_command(variables, ()).keys()
    assert for_command(variables, ["LLM"])["LLM"] == secret
    # Short ones stand in many values, and a path is no secret.
    variables = {"DB_PASSWORD": "postgres", "IMAGE": "postgres:16", "KEY_FILE": "/home/me/key.pem",
                 "FILES": "/home/me/key.pem"}  # fmt: skip
    assert variables.keys() & for_command(variables, ()).keys() == {"IMAGE", "FILES"}


@pytest.mark.parametrize(
    "value",
    [
        "/usr/bin:/home/me/.npm-global-with-a-long-name/bin",
        "https://example.org/sk-slovakia-and-more-words",
        "sk-SK.UTF-8",
        "hf_cache",
        "a sentence on sk-proj and what follows it here",
        "-----BEGIN CERTIFICATE-----",
    ],
)
def test_what_only_reminds_of_a_key_is_passed_on(value: str) -> None:
    assert for_command({"ACME": value}, ())["ACME"] == value


# ── keys ──────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_API_KEY", "sk-acme")
    monkeypatch.setenv("GITHUB_TOKEN", "ghp-acme")
    monkeypatch.setenv("ACME_REGION", "north")


@pytest.mark.usefixtures("keys")
async def test_a_command_has_no_keys_and_all_the_rest() -> None:
    assert await shell("env | grep -i acme") == "[stdout] ACME_REGION=north"
    code = "import os; print([v for v in os.environ.values() if 'acme' in v])"
    assert await run_python(code) == "[]"


@pytest.mark.usefixtures("keys")
async def test_nor_has_the_process_above_it() -> None:
    result = await shell("tr '\\0' '\\n' < /proc/$PPID/environ | grep -c acme")
    assert result == "[stdout] 0\n[stderr] [exit code: 1]"


@pytest.mark.usefixtures("keys")
async def test_a_workspace_passes_what_it_names(inside: Callable[[object], None]) -> None:
    inside(LocalWorkspace(pass_variables=["GITHUB_TOKEN"]))
    assert await shell("env | grep -ic ghp-acme") == "[stdout] 1"
    inside(LocalWorkspace(pass_variables=()))
    assert "ghp-acme" not in await shell("env")


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("names", ["GITHUB_TOKEN", "NPM_TOKEN, GITHUB_TOKEN", " A\nGITHUB_TOKEN "])
async def test_the_environment_names_it_for_tools_that_are_told_nothing(
    names: str, monkeypatch: pytest.MonkeyPatch, inside: Callable[[object], None]
) -> None:
    monkeypatch.setenv("AXIO_PASS_VARIABLES", names)
    result = await shell("echo $GITHUB_TOKEN $ACME_API_KEY")
    assert result == "[stdout] ghp-acme"
    inside(LocalWorkspace(pass_variables=["ACME_API_KEY"]))
    assert await shell("echo $GITHUB_TOKEN $ACME_API_KEY") == "[stdout] sk-acme"


def test_one_text_is_no_list_of_names() -> None:
    with pytest.raises(TypeError, match="list of names, got the text 'GITHUB_TOKEN'"):
        LocalWorkspace(pass_variables="GITHUB_TOKEN")


async def test_nothing_of_ours_is_added(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a command which shows its environment gives the same result each time."""
    for name in ("LANG", "LC_ALL", "LC_CTYPE"):
        monkeypatch.delenv(name, raising=False)
    shown = (await shell("env -0 | tr '\\0\\n' '\\n '")).removeprefix("[stdout] ").split("\n")
    added = {line.split("=")[0] for line in shown} - os.environ.keys()
    assert added <= set(for_command({}, ())) | {"PWD", "OLDPWD", "SHLVL", "_"}
    assert await shell("env") == await shell("env")


# ── no one there ──────────────────────────────────────────────────────────────────────────────

ANOTHER = {"EDITOR": "vi", "GIT_EDITOR": "vi", "VISUAL": "vi", "PAGER": "less", "GIT_PAGER": "less"}


def git(folder: Path, *arguments: str) -> None:
    settings = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(["git", *settings, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.mark.parametrize("environment", [{}, ANOTHER])
async def test_git_opens_no_editor_and_no_pager(
    environment: Mapping[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    git(folder, "init", "-q")
    git(folder, "config", "user.name", "a")
    git(folder, "config", "user.email", "a@example.org")
    git(folder, "commit", "-q", "--allow-empty", "-m", "first")
    assert "empty commit message" in await shell("git commit --allow-empty", timeout=20)
    assert await shell("git commit -q --amend --allow-empty", timeout=20) == "(no output)"
    assert "first" in await shell("git rebase -i --root && git -p log", timeout=20)
    assert "\x1b" not in await shell("git -p log --color=never", timeout=20)


async def test_a_question_for_a_password_fails_at_once(folder: Path) -> None:
    askpass = folder / "askpass"
    askpass.write_text("#!/bin/sh\necho asked >&2; echo secret\n")
    askpass.chmod(0o755)
    result = await shell(
        f"git -c core.askPass={askpass} credential fill", stdin="url=https://host.invalid\n"
    )
    assert "terminal prompts disabled" in result and "asked" not in result


ON_A_TERMINAL = """
import asyncio, os
os.close(os.open(os.ttyname(0), os.O_RDWR))  # becomes the terminal of this session
os.close(os.open("/dev/tty", os.O_RDWR))
from axio_tools_local.shell import shell
print(asyncio.run(shell("cat </dev/tty; echo x >/dev/tty; tty; ps -o tty= -p $$")))
"""


def test_a_command_has_no_terminal_when_its_program_has_one() -> None:
    """A question of the command would wait at the terminal of the program."""
    ours, theirs = pty.openpty()
    try:
        command = [sys.executable, "-c", ON_A_TERMINAL]
        done = subprocess.run(
            command, stdin=theirs, capture_output=True, start_new_session=True, timeout=30
        )
    finally:
        os.close(ours)
        os.close(theirs)
    shown = done.stdout.decode()
    assert done.returncode == 0, done.stderr
    assert shown.count("cannot open /dev/tty") + shown.count("cannot create /dev/tty") == 2
    assert "not a tty" in shown and "?" in shown


async def test_no_variable_leads_to_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GPG_TTY", "SSH_TTY", "SSH_ASKPASS"):
        monkeypatch.setenv(name, "/dev/pts/0")
    assert await shell("env | grep -c pts/0") == "[stdout] 0\n[stderr] [exit code: 1]"


async def test_what_installs_packages_asks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEBIAN_FRONTEND", raising=False)
    assert await shell("echo $DEBIAN_FRONTEND") == "[stdout] noninteractive"
    monkeypatch.setenv("DEBIAN_FRONTEND", "text")
    assert await shell("echo $DEBIAN_FRONTEND") == "[stdout] text"


@pytest.mark.parametrize(
    "name", "HGEDITOR SVN_EDITOR KUBE_EDITOR SUDO_EDITOR BAT_PAGER PSQL_PAGER ACME_EDITOR".split()
)
async def test_the_editor_of_any_program_is_none(
    name: str, monkeypatch: pytest.MonkeyPatch, inside: Callable[[object], None]
) -> None:
    monkeypatch.setenv(name, "vi")
    stand_in = "true" if name.endswith("EDITOR") else "cat"
    assert await shell(f"echo ${name}") == f"[stdout] {stand_in}"
    inside(LocalWorkspace(pass_variables=[name]))
    assert await shell(f"echo ${name}") == "[stdout] vi"


async def test_who_wants_an_editor_passes_its_name(
    folder: Path, inside: Callable[[object], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDITOR", "ed")
    inside(LocalWorkspace(pass_variables=["EDITOR"]))
    assert await shell("echo $EDITOR $VISUAL $TERM") == "[stdout] ed true dumb"
