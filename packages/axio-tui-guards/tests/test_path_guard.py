"""`PathGuard`: what the person answers, what is remembered, which arguments are looked at."""

from __future__ import annotations

import asyncio
import enum
import os
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from axio.exceptions import GuardError
from axio.tool import Tool
from axio_tui_guards import PathGuard


class Person:
    """Answers each question with the next of `answers`; any further question is a failure."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.questions: list[str] = []

    async def __call__(self, question: str) -> str:
        self.questions.append(question)
        return self.answers.pop(0)


async def handler(**kwargs: Any) -> str:
    return "ran"


TOOL: Tool[Any] = Tool(name="write_file", handler=handler)


async def test_yes_allows_and_remembers_the_directory() -> None:
    person = Person("y")
    guard = PathGuard(prompt_fn=person)
    assert await guard.check(TOOL, file_path="/tmp/project/a.py") == {
        "file_path": "/tmp/project/a.py"
    }
    assert "/tmp/project" in guard.allowed
    assert await guard(TOOL, file_path="/tmp/project/sub/b.py")
    assert len(person.questions) == 1


async def test_the_question_names_field_path_and_directory() -> None:
    person = Person("n")
    with pytest.raises(GuardError):
        await PathGuard(person).check(TOOL, filename="/tmp/project/a.py")
    (question,) = person.questions
    assert "filename = '/tmp/project/a.py'" in question
    assert "in directory '/tmp/project'" in question


@pytest.mark.parametrize("answer", ["", "n", "N", "no", "  "])
async def test_no_and_nothing_refuse_once(answer: str) -> None:
    guard = PathGuard(Person(answer, "y"))
    with pytest.raises(GuardError, match="denied"):
        await guard.check(TOOL, path="/tmp/x.txt")
    assert not guard.allowed
    assert not guard.denied
    assert await guard.check(TOOL, path="/tmp/x.txt")


async def test_deny_is_remembered() -> None:
    person = Person("deny")
    guard = PathGuard(person)
    for _ in range(2):
        with pytest.raises(GuardError, match="denied"):
            await guard.check(TOOL, file_path="/etc/passwd")
    assert "/etc/passwd" in guard.denied
    assert len(person.questions) == 1


@pytest.mark.parametrize("answer", ["no way", "yes but elsewhere", "allow", "always", "yy", "1"])
async def test_any_other_text_refuses_and_is_the_reason(answer: str) -> None:
    guard = PathGuard(Person(answer))
    with pytest.raises(GuardError, match=f"denied: {answer}"):
        await guard.check(TOOL, path="/tmp/x.txt")
    assert not guard.allowed


@pytest.mark.parametrize("answer", ["y", "Y", "yes", " YES\n"])
async def test_an_explicit_yes_allows(answer: str) -> None:
    assert await PathGuard(Person(answer)).check(TOOL, path="/tmp/x.txt")


async def test_a_cwd_is_the_directory_itself() -> None:
    guard = PathGuard(Person("y"))
    await guard.check(TOOL, command="ls", cwd="/tmp/project")
    assert "/tmp/project" in guard.allowed
    assert "/tmp" not in guard.allowed


async def test_a_call_without_paths_passes_unasked() -> None:
    assert await PathGuard(Person()).check(TOOL, command="ls", count=3, path=None) == {
        "command": "ls",
        "count": 3,
        "path": None,
    }


async def test_every_path_of_a_call_is_looked_at_and_asked_for_at_once() -> None:
    person = Person("y")
    guard = PathGuard(person)
    guard.allowed.add("/srv/a")
    await guard.check(TOOL, file_path="/srv/a/x", path="/srv/b/y.txt", cwd="/srv/c")
    (question,) = person.questions
    assert "/srv/a/x" not in question
    assert {"/srv/b", "/srv/c"} <= set(guard.allowed)


async def test_a_denied_path_is_refused_inside_an_allowed_directory(tmp_path: Path) -> None:
    guard = PathGuard(Person())
    guard.allowed.add(tmp_path)
    guard.denied.add(tmp_path / "keys")
    with pytest.raises(GuardError, match="denied"):
        await guard.check(TOOL, path=str(tmp_path / "keys" / "id_rsa"))
    assert await guard.check(TOOL, path=str(tmp_path / "other.txt"))


async def test_a_denied_file_is_refused_under_its_other_names(tmp_path: Path) -> None:
    (tmp_path / "key.txt").write_text("secret")
    os.link(tmp_path / "key.txt", tmp_path / "hard.txt")
    guard = PathGuard(Person())
    guard.allowed.add(tmp_path)
    guard.denied.add(tmp_path / "key.txt")
    with pytest.raises(GuardError, match="denied"):
        await guard.check(TOOL, path=str(tmp_path / "hard.txt"))


async def test_a_directory_that_holds_a_denied_path_is_asked_about_each_time(
    tmp_path: Path,
) -> None:
    person = Person("y", "n")
    guard = PathGuard(person)
    guard.allowed.add(tmp_path)
    guard.denied.add(tmp_path / "keys")
    await guard.check(TOOL, directory=str(tmp_path))
    with pytest.raises(GuardError, match="denied"):
        await guard.check(TOOL, directory=str(tmp_path))
    assert len(person.questions) == 2


async def test_the_directory_of_what_exists_is_known_and_of_what_does_not_is_judged_by_its_name(
    tmp_path: Path,
) -> None:
    (tmp_path / "Makefile").write_text("all:")
    (tmp_path / "dir.d").mkdir()
    cases = {
        tmp_path / "Makefile": tmp_path,  # a file without a suffix
        tmp_path / "dir.d": tmp_path / "dir.d",  # a directory with one
        tmp_path / "new.txt": tmp_path,
        tmp_path / "new": tmp_path / "new",
    }
    for path, directory in cases.items():
        guard = PathGuard(Person("y"))
        await guard.check(TOOL, path=str(path))
        assert set(guard.allowed) == {str(directory)}
    guard = PathGuard(Person("y"))
    await guard.check(TOOL, directory=str(tmp_path / "new.d"))
    assert set(guard.allowed) == {str(tmp_path / "new.d")}


class Kind(enum.Enum):
    place = "/srv/secret"


class TextKind(str, enum.Enum):  # noqa: UP042 - its str() is not its text
    place = "/srv/secret"


@dataclass(slots=True)
class Edit:
    file_path: str


class OneSlot:
    __slots__ = "path"

    def __init__(self) -> None:
        self.path = "/srv/secret"

    def __repr__(self) -> str:
        return "OneSlot()"


HIDDEN: list[dict[str, Any]] = [
    {"output_path": "/srv/secret"},
    {"sourceFile": "/srv/secret"},
    {"HTMLFile": "/srv/secret"},
    {"target-dir": "/srv/secret"},
    {"paths": ["a", "/srv/secret"]},
    {"paths": ("a", {"/srv/secret"})},
    {"edits": [{"file_path": "/srv/secret"}]},
    {"edits": [Edit("/srv/secret")]},
    {"edit": SimpleNamespace(path="/srv/secret")},
    {"edit": OneSlot()},
    {"path": {"value": "/srv/secret"}},
    {"files": {"/srv/secret": "text"}},
    {"files": "/srv/secret"},
    {"files": "../secret"},
    {"path": Kind.place},
    {"path": TextKind.place},
    {"anything": Path("/srv/secret")},
    {"path": b"/srv/secret"},
    {"source": "/srv/secret", "destination": "a"},
    {"destination": "/srv/secret", "source": "a"},
    {"file": "/srv/secret"},
    {"tool": "x", "self": "y", "path": "/srv/secret"},
]


@pytest.mark.parametrize("kwargs", HIDDEN, ids=str)
async def test_a_path_is_found_under_other_names_and_inside_of_values(
    kwargs: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    guard = PathGuard(Person("n"))
    guard.allowed.add(tmp_path)
    with pytest.raises(GuardError, match="denied"):
        await guard(TOOL, **kwargs)


async def test_a_pattern_called_files_that_stays_below_is_no_path() -> None:
    assert await PathGuard(Person()).check(TOOL, files="src/**/*.ts", pattern="x/y")


async def test_a_field_of_a_subclass_is_a_path() -> None:
    class Wider(PathGuard):
        PATH_FIELDS = (*PathGuard.PATH_FIELDS, "where")

    with pytest.raises(GuardError):
        await Wider(Person("n")).check(TOOL, where="/srv/secret")


@pytest.mark.parametrize("path", ["a\0b", 3, 1.5, object(), "x" * 5000])
async def test_what_cannot_be_a_path_is_refused(path: object) -> None:
    with pytest.raises(GuardError, match="denied"):
        await PathGuard(Person()).check(TOOL, path=path)


async def test_a_loop_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    guard = PathGuard(Person())
    guard.allowed.add(tmp_path)
    with pytest.raises(GuardError, match="too many symbolic links"):
        await guard.check(TOOL, path=str(tmp_path / "loop"))


async def test_relative_paths_start_at_the_workspace_of_the_tool(tmp_path: Path) -> None:
    tool = Tool(name="t", handler=handler, context=SimpleNamespace(root=str(tmp_path / "there")))
    guard = PathGuard(Person("n"))
    guard.allowed.add(tmp_path / "there")
    assert await guard.check(tool, path="x.txt")
    with pytest.raises(GuardError):
        await guard.check(TOOL, path="x.txt")  # this one starts at the current directory


async def test_relative_paths_may_start_at_a_directory_that_the_call_names(tmp_path: Path) -> None:
    guard = PathGuard(Person("n"))
    guard.allowed.update([tmp_path, Path.cwd()])
    assert await guard.check(TOOL, path="x.txt", cwd=str(tmp_path))
    (tmp_path / "sub").mkdir()
    with pytest.raises(GuardError):
        await guard.check(TOOL, path="../../x.txt", cwd=str(tmp_path / "sub"))


async def test_a_path_that_changes_while_the_person_thinks_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    link = tmp_path / "link"
    link.symlink_to("a")

    async def slow(question: str) -> str:
        link.unlink()
        link.symlink_to("b")
        return "y"

    guard = PathGuard(slow)
    with pytest.raises(GuardError, match="somewhere else"):
        await guard.check(TOOL, path=str(link / "x.txt"))
    assert not guard.allowed


async def test_an_allowed_directory_that_became_a_link_is_not_allowed_any_more(
    tmp_path: Path,
) -> None:
    (tmp_path / "room").mkdir()
    guard = PathGuard(Person("n"))
    guard.allowed.add(tmp_path / "room")
    (tmp_path / "room").rmdir()
    (tmp_path / "room").symlink_to("/etc")
    with pytest.raises(GuardError):
        await guard.check(TOOL, path=str(tmp_path / "room" / "passwd"))


async def test_a_question_nobody_can_put_refuses() -> None:
    async def broken(question: str) -> str:
        raise RuntimeError("no terminal")

    async def wrong(question: str) -> Any:
        return True

    for prompt_fn in (broken, wrong):
        with pytest.raises(GuardError, match="denied"):
            await PathGuard(prompt_fn).check(TOOL, path="/srv/x")
    with pytest.raises(GuardError, match="nobody could read"):
        await PathGuard(Person()).check(TOOL, paths=[f"/srv/{i}.txt" for i in range(300)])
    with pytest.raises(GuardError, match="more paths than can be looked at"):
        await PathGuard(Person()).check(TOOL, paths=[f"/srv/{i}.txt" for i in range(3000)])


async def test_control_characters_cannot_rewrite_the_question() -> None:
    person = Person("n")
    with pytest.raises(GuardError):
        await PathGuard(person).check(TOOL, path="/srv/\x1b[2J\n  path = '/safe'")
    assert "\x1b" not in person.questions[0]
    assert "\n  path = '/safe'" not in person.questions[0]


async def test_calls_at_the_same_time_ask_one_question() -> None:
    person = Person("y")
    guard = PathGuard(person)
    await asyncio.gather(*(guard(TOOL, path=f"/srv/a/{i}.txt") for i in range(10)))
    assert len(person.questions) == 1


async def test_the_sets_resolve_what_is_put_in_and_looked_for(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    guard = PathGuard()
    guard.allowed.add(tmp_path / "link")
    assert set(guard.allowed) == {str(tmp_path / "real")}
    members: Container[Any] = guard.allowed
    assert tmp_path / "link" in members
    assert 3 not in members
    assert str(tmp_path / "real") in repr(guard.allowed)
    guard.allowed.discard(str(tmp_path / "link"))
    assert len(guard.allowed) == 0
