"""The exact limits of what guards look at, and the small print of calls and paths."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest

from axio.tool import Tool
from axio_tui_guards import Rule
from axio_tui_guards.calls import Call, read_call
from axio_tui_guards.judging import judge
from axio_tui_guards.paths import (
    Finder,
    Identities,
    PathSet,
    Unresolvable,
    is_within,
    leads_anywhere,
    leads_to,
    resolve,
)


async def _handler(**kwargs: Any) -> str:
    return "ran"


TOOL: Tool[Any] = Tool(name="any", handler=_handler)


def call(**kwargs: Any) -> Call:
    return read_call(TOOL, kwargs)


def effect(denied: dict[str, Any], **kwargs: Any) -> str:
    return judge(call(**kwargs), [Rule("allow"), Rule("deny", **denied)]).effect


@pytest.fixture(autouse=True)
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "private").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


# ── calls ─────────────────────────────────────────────────────────────────────────────────────


def test_a_call_stays_as_it_was_read() -> None:
    with pytest.raises(FrozenInstanceError):
        call().tool = "x"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        Rule("allow").effect = "deny"  # type: ignore[misc]
    assert Rule("deny", command="rm").may_touch(call(), []) == ""


def test_relative_paths_of_a_command_start_where_it_says() -> None:
    for name in ("cwd", "workdir", "start_cwd", "the_own_workdir"):
        assert effect({"path": "private/key"}, command="cat key", **{name: "private"}) == "deny"
    assert effect({"path": "private/key"}, command="cat key", home="private") == "allow"


def test_a_directory_is_gone_through_unless_a_command_works_in_it() -> None:
    assert effect({"path": "private"}, path=".") == "ask"
    assert effect({"path": "private"}, command="true", cwd=".") == "allow"
    assert effect({"path": "private"}, command="true", cwd=".", target="..") == "ask"


def test_a_call_that_cannot_be_known_again_has_no_fingerprint() -> None:
    assert call(items=list(range(5001))).fingerprint == ""
    assert call().fingerprint != ""
    assert call(items=list(range(5000))).fingerprint != ""


def test_so_many_arguments_of_a_command_are_read() -> None:
    assert effect({"command": "rm"}, argv=["echo"] + ["x"] * 1999) == "allow"
    assert effect({"command": "rm"}, argv=["echo"] + ["x"] * 2000) == "ask"
    assert "2000 arguments" in call(argv=["x"] * 2001).unparsable


def test_texts_for_a_command_to_print_are_no_hosts() -> None:
    assert effect({"host": "evil.example"}, command="echo http://evil.example/x") == "allow"
    assert effect({"host": "evil.example"}, text="see http://evil.example/x") == "deny"
    assert effect({"host": "evil.example"}, to="evil.example") in ("ask", "deny")
    assert effect({"host": "evil.example"}, to="evil.example.txt") == "allow"


def test_a_text_of_some_length_may_be_a_command() -> None:
    assert effect({"command": "rm"}, note="rm " + "x" * 3997) == "ask"
    assert effect({"command": "rm"}, note="rm " + "x" * 3998) == "allow"
    assert effect({"command": "rm"}, note="rm x\n") == "ask"
    assert effect({"command": "rm"}, note="rm 'x") == "ask"
    assert effect({"command": "rm"}, note="alarm 'x") == "allow"


def test_values_that_are_no_commands_are_not_looked_through_for_ever() -> None:
    few, many = ["x" * 150] * 100, ["x" * 150] * 99 + ["x" * 151]
    assert effect({"command": "rm"}, notes=few) == "allow"
    assert effect({"command": "rm"}, notes=many) == "ask"


def test_arguments_beside_a_command_belong_to_it() -> None:
    assert effect({"command": "git push"}, command="git", args=["push"]) == "deny"
    assert effect({"command": "git push"}, cmd="git", arguments=["push"]) == "deny"
    assert effect({"command": "rm"}, command="echo", args=["rm"]) == "allow"
    assert effect({"command": "git push"}, argv=["git"], args=["push"]) == "deny"
    assert effect({"command": "git push"}, steps=["git", "push"]) == "ask"
    assert effect({"command": "git push"}, steps=["git", "log"]) == "allow"
    assert "no list of texts" in call(command="git", args={"a": "push"}).unparsable
    assert "not text" in call(command=5).unparsable
    assert call(command=None).unparsable == ""
    assert call(command="git", args=["log"]).subjects == ("git log",)
    assert call(commands=["ls", "rm x"]).subjects == ("ls", "rm x")
    assert call(argv=["ls", "x y"]).subjects == ("ls x y",)
    assert "holds a command" in call(step={"command": "ls"}).unparsable


def test_a_program_in_an_argument_may_do_anything() -> None:
    assert effect({"command": "rm"}, code="print(1)") == "ask"
    assert effect({"path": "/srv"}, code="print(1)") == "ask"
    assert effect({"host": "evil.example"}, code="print(1)") == "ask"
    assert effect({"command": "rm"}, code="") == "allow"


# ── paths ─────────────────────────────────────────────────────────────────────────────────────


def test_as_many_links_are_followed_as_the_system_follows(room: Path) -> None:
    (room / "link0").symlink_to("private")
    for i in range(1, 41):
        (room / f"link{i}").symlink_to(f"link{i - 1}")
    assert resolve("link39") == resolve("private")
    with pytest.raises(Unresolvable, match="too many"):
        resolve("link40")


def test_a_path_is_as_long_as_the_system_takes() -> None:
    assert leads_to("./" * 2048, ["/"])
    with pytest.raises(Unresolvable, match="longer"):
        leads_to("./" * 2048 + "a", ["/"])


def test_only_so_many_steps_are_taken_for_one_call() -> None:
    finder = Finder()
    for i in range(624):
        finder.leads_to(f"p{i}", ["/"])
    finder.leads_to("p0", ["/"])  # known
    with pytest.raises(Unresolvable, match="more paths"):
        finder.leads_to("a/b", ["/"])
    finder = Finder()
    for i in range(312):
        finder.leads_to(f"p{i}", ["/", "/x"])
    finder.leads_to("pp", ["/"])
    with pytest.raises(Unresolvable, match="more paths"):
        finder.leads_to("q", ["/"])


def test_what_cannot_be_looked_at_leads_nowhere() -> None:
    with pytest.raises(Unresolvable, match="too long"):
        resolve("a" * 300)
    with pytest.raises(Unresolvable, match="surrogates"):
        resolve("a\ud800")
    with pytest.raises(Unresolvable, match="NUL"):
        resolve("a\0b")


def test_links_of_proc_stay_what_they_are() -> None:
    assert resolve("/proc/self/../meminfo") == "/proc/meminfo"
    assert resolve("/proc/self/cwd/../x") == "/proc/self/cwd/../x"
    assert resolve("/proc/self/status") == "/proc/self/status"
    for place in ("/proc/self/root", "/proc/1/cwd/x", "/proc/1/task/2/fd/3", "/proc/thread-self"):
        assert leads_anywhere(place), place
    for place in ("/proc/self/status", "/srv/proc/self/root", "/proc", "/procs/1/root"):
        assert not leads_anywhere(place), place


def test_within_is_the_place_itself_and_all_below() -> None:
    assert is_within("/a", "/a")
    assert is_within("/a/b", "/a")
    assert is_within("/a", "/")
    assert not is_within("/ab", "/a")
    assert not is_within("/", "/a")


def test_other_names_of_one_place_are_known(room: Path) -> None:
    (room / "key").write_text("x")
    (room / "other").hardlink_to(room / "key")
    same = Identities()
    assert same.is_within(str(room / "other"), str(room / "key"))
    assert not same.is_within(str(room / "private"), str(room / "key"))
    assert not same.is_within(str(room / "private"), str(room / "missing"))
    assert same.of("/a\0b") is None
    paths = PathSet([room / "key"])
    assert paths.covers_by_identity(str(room / "other"), same)
    assert not paths.covers_by_identity(str(room / "private"), same)
    assert not PathSet().covers_by_identity(str(room / "other"), same)
    assert paths.parents() >= {str(room / "key"), str(room), "/"}


def test_every_reading_of_a_path_counts(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(room))
    base = [str(room)]
    assert leads_to("~/x", base) == {f"{room}/x", f"{room}/~/x"}
    assert leads_to("$HOME/x", base) == {f"{room}/x", f"{room}/$HOME/x"}
    assert leads_to(" x", base) == {f"{room}/x", f"{room}/ x"}
    assert f"{room}/x" in leads_to(f"FILE://{room}/%78", base)
    (room / "down").symlink_to("/usr/lib")
    assert leads_to("down/../x", base) == {"/usr/x", f"{room}/x"}
