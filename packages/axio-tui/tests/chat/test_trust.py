"""Folders, what they bring, who trusts them, and what an unfriendly folder may try."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from axio_tui.chat.trust import Trust, look_at, project_folders
from axio_tui.project import Project, open_project

HOOKS = "[[hooks]]\nevent = 'turn_end'\ncommand = ['./check.sh', 'x']\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    return home


@pytest.fixture
def folder(home: Path) -> Path:
    """A folder that is a project of its own."""
    folder = home / "src" / "project"
    (folder / ".git").mkdir(parents=True)
    return folder


def put(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


class Desk:
    """Opens a project, and answers the question about it."""

    def __init__(self, answer: bool | None = None) -> None:
        self.answer = answer
        self.questions: list[str] = []
        self.said: list[str] = []

    def ask(self, question: str) -> bool | None:
        self.questions.append(question)
        return self.answer

    def open(self, folder: Path, *, trust_all: bool = False, silent: bool = False) -> Project:
        ask = None if silent else self.ask
        return open_project(folder, self.said.append, trust_all=trust_all, ask=ask)


def folders(project: Project) -> list[str]:
    return [str(one.folder) for one in project.trusted]


# ── the folders of a project ──────────────────────────────────────────────────────────────────


def test_a_project_begins_at_its_git_root(home: Path, folder: Path) -> None:
    inner = folder / "a" / "b"
    inner.mkdir(parents=True)
    assert project_folders(inner) == [folder, folder / "a", inner]
    (folder / "a" / ".git").write_text("gitdir: elsewhere")  # a worktree, or a submodule
    assert project_folders(inner) == [folder / "a", inner]


def test_without_git_it_begins_below_home_and_never_at_it(home: Path, tmp_path: Path) -> None:
    deep = home / "x" / "y"
    deep.mkdir(parents=True)
    assert project_folders(deep) == [home / "x", deep]
    (home / ".git").mkdir()  # the person's own files are kept by git
    assert project_folders(deep) == [home / "x", deep]
    assert project_folders(home) == [home]
    outside = tmp_path / "outside" / "z"
    outside.mkdir(parents=True)
    assert project_folders(outside) == [outside]


def test_a_git_folder_of_another_user_makes_no_root(
    home: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4242)
    monkeypatch.setattr(Path, "home", lambda: Path("/nowhere"))
    if os.geteuid():  # a folder of root is as good as one's own
        assert project_folders(folder / "a") == [folder / "a"]
    assert project_folders(Path("/")) == [Path("/")]


# ── asking ────────────────────────────────────────────────────────────────────────────────────


def test_a_folder_that_brings_nothing_is_not_asked_about(folder: Path) -> None:
    (folder / ".axio").mkdir()
    (folder / ".agents" / "skills").mkdir(parents=True)
    desk = Desk()
    assert desk.open(folder) == Project() and not desk.questions
    assert desk.open(folder, silent=True) == Project() and not desk.said


@pytest.mark.parametrize(
    "name",
    ["AGENTS.md", ".axio/config.toml", ".axio/mcp.json", ".mcp.json", ".agents/skills/a/SKILL.md"],
)
def test_a_folder_is_asked_about_once_and_the_answer_is_kept(folder: Path, name: str) -> None:
    put(folder / name)
    for answer in (True, False):
        desk = Desk(answer)
        for _ in range(2):
            assert folders(desk.open(folder)) == [str(folder)] * answer
            assert folders(desk.open(folder, silent=True)) == [str(folder)] * answer
        assert len(desk.questions) == 1 and not desk.said
        assert str(folder) in desk.questions[0] and name[:14] in desk.questions[0]
        assert Trust().forget(folder)


def test_no_answer_is_no_and_is_asked_again(folder: Path) -> None:
    put(folder / "AGENTS.md")
    desk = Desk(None)
    assert desk.open(folder) == desk.open(folder) == Project()
    assert len(desk.questions) == 2 and not Trust().list()


def test_where_nobody_is_asked_nothing_is_used_and_one_line_says_so(folder: Path) -> None:
    put(folder / "AGENTS.md")
    put(folder / ".mcp.json", "{}")
    desk = Desk()
    assert desk.open(folder, silent=True) == Project()
    (line,) = desk.said
    assert line.startswith(f"left out: AGENTS.md, .mcp.json in {folder}; --trust ")
    assert folders(desk.open(folder, trust_all=True)) == [str(folder)]
    assert desk.open(folder, silent=True) == Project()  # that was for once


def test_a_home_that_cannot_be_written_holds_the_answer_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder / "AGENTS.md")
    monkeypatch.setenv("XDG_DATA_HOME", str(put(folder / "file")))
    desk = Desk(True)
    assert folders(desk.open(folder)) == [str(folder)]
    assert desk.said == ["the answer holds this once, it cannot be kept: Not a directory"]


def test_a_damaged_file_of_answers_trusts_nothing(folder: Path) -> None:
    put(folder / "AGENTS.md")
    Desk(True).open(folder)
    path = Trust().path
    assert path.stat().st_mode & 0o777 == 0o600
    for text in ("", "[]", '{"a": 1}', "{" * 100_000, path.read_text()[:-9]):
        path.write_text(text)
        desk = Desk()
        assert desk.open(folder, silent=True) == Project()
        assert desk.said[0] == f"{path} cannot be read, so that no folder is trusted: remove it"


# ── which folder ──────────────────────────────────────────────────────────────────────────────


def test_a_link_to_a_folder_is_that_folder(folder: Path, home: Path) -> None:
    put(folder / "AGENTS.md")
    (home / "link").symlink_to(folder)
    Desk(True).open(home / "link")
    assert folders(Desk().open(folder, silent=True)) == [str(folder)]
    other = put(home / "other" / "AGENTS.md").parent
    (home / "link").unlink()
    (home / "link").symlink_to(other)
    assert Desk().open(home / "link", silent=True) == Project()


@pytest.mark.parametrize("git", [True, False])
def test_what_is_put_below_a_trusted_folder_later_is_asked_about(folder: Path, git: bool) -> None:
    put(folder / "AGENTS.md")
    Desk(True).open(folder)
    below = put(folder / "vendor" / "evil" / "AGENTS.md").parent
    if git:
        (below / ".git").mkdir()
    desk = Desk()
    expected = [] if git else [str(folder)]
    assert folders(desk.open(below, silent=True)) == expected
    assert f"left out: AGENTS.md in {below}" in desk.said[0]
    asked = Desk(True)
    assert folders(asked.open(below)) == [*expected, str(below)]
    assert f"{folder}:" not in asked.questions[0]


def test_a_folder_of_another_owner_is_another_folder(folder: Path) -> None:
    put(folder / "AGENTS.md")
    Desk(True).open(folder)
    path = Trust().path
    path.write_text(path.read_text().replace(f'"owner": {os.getuid()}', '"owner": 4242'))
    assert Desk().open(folder, silent=True) == Project()


# ── what starts programs ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", [".axio/config.toml", ".axio/mcp.json", ".mcp.json", "check.sh"])
def test_a_change_of_what_starts_programs_is_asked_about(folder: Path, name: str) -> None:
    put(folder / ".axio/config.toml", HOOKS)
    for other in (".axio/mcp.json", ".mcp.json", "check.sh"):
        put(folder / other, "{}")
    put(folder / "AGENTS.md")
    first = Desk(True)
    assert folders(first.open(folder)) == [str(folder)]
    assert "they start programs on this machine" in first.questions[0]
    put(folder / "AGENTS.md", "more words")
    assert folders(Desk().open(folder, silent=True)) == [str(folder)]
    put(folder / name, (folder / name).read_text() + "\n")
    desk = Desk(True)
    assert desk.open(folder, silent=True) == Project()
    assert "which has changed since it was trusted" in desk.said[0]
    assert folders(desk.open(folder)) == [str(folder)]
    assert "what is started has changed" in desk.questions[0]
    assert folders(Desk().open(folder, silent=True)) == [str(folder)]


def test_a_hook_that_comes_after_the_answer_is_asked_about(folder: Path) -> None:
    put(folder / "AGENTS.md")
    Desk(True).open(folder)
    put(folder / ".axio/config.toml", HOOKS)
    assert Desk().open(folder, silent=True) == Project()


def test_a_refused_folder_is_left_in_peace(folder: Path) -> None:
    put(folder / "AGENTS.md")
    Desk(False).open(folder)
    put(folder / ".axio/config.toml", HOOKS)
    desk = Desk(True)
    assert desk.open(folder) == Project() and not desk.questions


# ── unfriendly files ──────────────────────────────────────────────────────────────────────────


def test_what_leads_out_of_the_folder_is_left_out(folder: Path, home: Path) -> None:
    put(home / "elsewhere" / "config.toml", "mode = 'plan'")
    put(home / "elsewhere" / "mcp.json", "{}")
    put(home / "id_rsa", "secret")
    put(home / "skills" / "a" / "SKILL.md", "secret")
    (folder / ".axio").symlink_to(home / "elsewhere")
    (folder / "AGENTS.md").symlink_to("../../id_rsa")
    (folder / ".agents").mkdir()
    (folder / ".agents/skills").symlink_to(home / "skills")
    desk = Desk(True)
    project = desk.open(folder, trust_all=True)
    assert [line.split(" is left out: ")[1] for line in desk.said] == [
        "a link that leads out of the folder"
    ] * 4
    assert project.configs == [] and not project.covers(folder)
    assert desk.open(folder) == Project() and not desk.questions


def test_a_link_inside_of_the_folder_is_followed(folder: Path) -> None:
    put(folder / "docs" / "agents.md", "words")
    (folder / "AGENTS.md").symlink_to("docs/agents.md")
    assert folders(Desk(True).open(folder)) == [str(folder)]


@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "loop", "dangling", "huge"])
def test_what_is_no_file_is_neither_read_nor_waited_for(folder: Path, kind: str) -> None:
    for name in ("AGENTS.md", ".axio/config.toml", ".mcp.json"):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "folder":
            path.mkdir()
        elif kind == "device":
            path.symlink_to("/dev/zero")
        elif kind == "huge":
            with path.open("wb") as file:
                file.truncate(1 << 40 if name == "AGENTS.md" else 5 << 20)
        else:
            path.symlink_to(path.name if kind == "loop" else "nowhere")
    brought = look_at(folder)
    assert brought is not None
    if kind == "huge":
        assert brought.names == ("AGENTS.md",) and len(brought.problems) == 2
    else:
        assert brought.names == () and len(brought.problems) == 3


names = st.text(st.sampled_from("ab\n\x1b[31m\u202e' é"), min_size=1, max_size=6)


@given(names)
def test_the_question_shows_a_name_without_controls(name: str) -> None:
    from axio_tui.chat.trust import Brought
    from axio_tui.project import trust_question

    text = trust_question([(Brought(Path("/x", name), ("AGENTS.md",)), "unknown")])
    assert all(character.isprintable() or character == "\n" for character in text)
    assert text.count("\n") == 2


ANSWERER = """
import sys
from pathlib import Path
from axio_tui.chat.trust import Brought, Trust
for number in range(20):
    Trust().keep(Brought(Path(f"/{sys.argv[1]}/{number}"), ()), True)
"""


def test_processes_lose_no_answer_of_each_other(home: Path) -> None:
    answerers = [subprocess.Popen([sys.executable, "-c", ANSWERER, name]) for name in "abc"]
    try:
        assert [answerer.wait(60) for answerer in answerers] == [0] * 3
    finally:
        for answerer in answerers:
            answerer.kill()
            answerer.wait()
    assert len(Trust().list()) == 60


# ── the command ───────────────────────────────────────────────────────────────────────────────

CONVERSATION = ("run", "--transport", "prompts", "--tools", "none")


@pytest.mark.parametrize("answer", ["no\n", "N\n", "\x1b", "\x1b[A", "ye\x1b", "\x04"])
def test_without_a_plain_yes_nothing_of_the_folder_is_used(
    axio: Any, terminal: Any, answer: str
) -> None:
    put(axio.home / ".axio/config.toml", "mode = 'plan'\nsystem = 'x'\n")
    session = terminal(*CONVERSATION)
    session.until("Do you trust who wrote them? [yes / no] ")
    session.send(answer)
    session.until("you: ")
    session.send("hello\n")
    assert "is not for a folder to set" not in session.until("tokens in")
    session.until("you: ")
    session.send("\x04")
    assert session.end()[0] == 0


@pytest.mark.parametrize("no_answer", ["what\n", "\n", "yes please\n", "nope\n", "\xff\n"])
def test_an_answer_that_is_none_is_asked_about_again_and_not_kept(
    axio: Any, terminal: Any, no_answer: str
) -> None:
    put(axio.home / "AGENTS.md")
    session = terminal(*CONVERSATION)
    session.until("Do you trust who wrote them? [yes / no] ")
    session.send(no_answer)
    session.until("That is neither. Do you trust who wrote them? [yes / no] ")
    assert not axio("config", "trusted").out
    session.send(no_answer)
    session.until("That is neither. Do you trust who wrote them? [yes / no] ")
    session.send("yes\n")
    session.until("you: ")
    session.send("\x04")
    assert session.end()[0] == 0
    assert axio("config", "trusted").out.startswith("trusted")


def test_a_yes_is_asked_for_once(axio: Any, terminal: Any) -> None:
    put(axio.home / ".axio/config.toml", "max_iterations = 3\n")
    for first in (True, False):
        session = terminal(*CONVERSATION)
        if first:
            session.until("[yes / no] ")
            session.send("y\n")
        before = session.until("you: ")
        assert "trust" not in before or first
        session.send("\x04")
        assert session.end()[0] == 0
    done = axio("config")
    assert "max_iterations = 3" in done.out and "# project, " in done.out
    assert axio("config", "trusted").out.split()[::2] == ["trusted", str(axio.home)]
    assert axio("config", "untrust").code == 0
    assert axio("config", "trusted").line.startswith("axio: no folder was trusted or refused yet")
    assert axio("config", "untrust").code == 2
    done = axio("config")
    assert "max_iterations = 50" in done.out and "left out: .axio/config.toml in" in done.err


def test_a_single_prompt_asks_nobody(axio: Any, terminal: Any) -> None:
    put(axio.home / ".axio/config.toml", "max_iterations = 3\n")
    session = terminal(*CONVERSATION, "hello")
    text = session.until("tokens in")
    assert "left out: .axio/config.toml" in text and "[yes / no]" not in text
    assert session.end()[0] == 0


def test_what_was_typed_before_does_not_answer_and_is_kept(axio: Any, terminal: Any) -> None:
    put(axio.home / "AGENTS.md")
    session = terminal(*CONVERSATION)
    session.send("yes\nand mo")  # before it has even started
    session.until("[yes / no] ")
    session.send("no\n")
    session.until("you: yes\n")
    session.until('["yes"')
    session.until("and mo")
    session.send("re\n")
    session.until('"and more"')
    session.until("you: ")
    session.send("\x04")
    assert session.end()[0] == 0
    assert axio("config", "trusted").out.startswith("refused")


def test_trust_is_given_and_said_by_the_command(axio: Any) -> None:
    put(axio.home / ".mcp.json", "{}")
    done = axio("config", "trust")
    assert done.line == f"axio: trusted in {axio.home}: .mcp.json, which start programs"
    assert axio("config", "trust", "nowhere").code == 2
    (axio.home / "empty").mkdir()
    put(axio.home / "empty" / ".git")
    assert "needs trust" in axio("config", "trust", "empty").line


def test_looking_at_a_folder_does_not_take_long(folder: Path) -> None:
    words = [f"{'./' * number}big" for number in range(1, 102)]
    put(folder / "big", "x")
    put(folder / ".axio/config.toml", f"[[hooks]]\nevent = 'turn_end'\ncommand = {words}\n")
    brought = look_at(folder)
    assert brought is not None and brought.config is None
    assert brought.problems[0].endswith("is left out: its hooks have more than 100 words")
    for number in range(600):
        (folder / ".agents/skills" / str(number)).mkdir(parents=True)
    brought = look_at(folder)
    assert brought is not None and brought.names == (".agents/skills",)


def test_a_change_at_the_end_of_a_large_program_is_seen(folder: Path) -> None:
    put(folder / ".axio/config.toml", HOOKS)
    path = put(folder / "check.sh", "x" * (5 << 20))
    Desk(True).open(folder)
    assert folders(Desk().open(folder, silent=True)) == [str(folder)]
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"y")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert Desk().open(folder, silent=True) == Project()


def test_an_answer_that_a_full_disk_cannot_keep_holds_once(axio: Any) -> None:
    import resource

    put(axio.home / "AGENTS.md")
    done = axio(
        "config", "trust", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    )
    assert done.code == 1 and done.line.startswith("axio: error: ")
    assert not axio("config", "trusted").out
