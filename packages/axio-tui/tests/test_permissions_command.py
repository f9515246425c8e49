"""`axio permissions`: decisions of a person are listed and taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from axio_tui_guards import Decisions, Rule

CALL = ["acme_change", {"path": "made"}]


@pytest.fixture
def file(axio: Any) -> Path:
    """Where the command keeps decisions."""
    folder = Path(f"{axio.home}-data", "axio-tui")
    folder.mkdir(parents=True)
    return folder / "permissions.jsonl"


def test_without_decisions_it_says_so_and_makes_no_file(axio: Any) -> None:
    done = axio("permissions")
    assert (done.code, done.out) == (0, "")
    assert "nothing was decided" in done.line
    assert not Path(f"{axio.home}-data").exists()


def test_decisions_of_this_project_are_listed_with_their_call_and_file(
    axio: Any, file: Path
) -> None:
    decisions, here = Decisions(file), str(axio.home)
    first = decisions.remember(
        Rule("allow", command="git status"), "project", here, "shell git status", uses=3
    )
    decisions.remember(Rule("allow", tool="elsewhere"), "project", f"{here}/other")
    decisions.remember(Rule("allow", tool="session"), "session", "some session")
    last = decisions.remember(Rule("deny", host="acme.test"), "project", here, "fetch acme")
    done = axio("permissions")
    assert done.code == 0
    assert done.out.splitlines() == [
        f"1  allow command 'git status' in this project, 3 more times, since {first.created}, "
        "asked for shell git status",
        f"2  deny host 'acme.test' in this project, since {last.created}, asked for fetch acme",
    ]
    assert str(file) in done.line
    assert axio("permissions", "list") == done


def test_decisions_that_are_over_are_not_listed(axio: Any, file: Path) -> None:
    Decisions(file).remember(
        Rule("allow"), "project", str(axio.home), until=datetime.now(UTC) - timedelta(hours=1)
    )
    assert axio("permissions").out == ""


def test_what_a_terminal_would_obey_is_written_out(axio: Any, file: Path) -> None:
    Decisions(file).remember(Rule("allow"), "project", str(axio.home), "a\x1b[2J\u202eb\n9  c")
    done = axio("permissions")
    assert done.out.endswith("a\\x1b[2J\\u202eb\\n9  c\n") and done.out.count("\n") == 1


def test_revoked_decisions_are_gone_and_the_others_stay(axio: Any, file: Path) -> None:
    decisions = Decisions(file)
    for tool in ("a", "b", "c"):
        decisions.remember(Rule("allow", tool=tool), "project", str(axio.home))
    done = axio("permissions", "revoke", "3", "1", "3")
    assert done.code == 0 and not done.out
    assert [line.split(" in this")[0] for line in done.err.splitlines()] == [
        "axio: revoked: allow tool 'c'",
        "axio: revoked: allow tool 'a'",
    ]
    assert [decision.rule.tool for decision in decisions.list()] == ["b"]


@pytest.mark.parametrize("numbers", [("2",), ("1", "7"), ("0",), ("1", "-1")])
def test_a_number_that_is_not_listed_revokes_nothing(
    axio: Any, file: Path, numbers: tuple[str, ...]
) -> None:
    decisions = Decisions(file)
    kept = decisions.remember(Rule("allow", tool="a"), "project", str(axio.home))
    done = axio("permissions", "revoke", *numbers)
    assert (done.code, done.out) == (2, "")
    assert "there is: 1 to 1" in done.line
    assert decisions.list() == [kept]


@pytest.mark.parametrize("words", [("revoke",), ("revoke", "x"), ("forget",)])
def test_wrong_use_is_told(axio: Any, words: tuple[str, ...]) -> None:
    done = axio("permissions", *words)
    assert done.code == 2 and done.err.startswith("usage: axio permissions")


def test_a_file_that_cannot_be_read_is_an_error(axio: Any, file: Path) -> None:
    file.write_text("{}\n")
    done = axio("permissions")
    assert (done.code, done.out) == (1, "")
    assert "line 1 is no decision" in done.line and "mend or remove" in done.line


def test_an_answer_on_the_terminal_is_listed_and_revoking_it_asks_again(
    axio: Any, terminal: Any
) -> None:
    def ask(prompt: str) -> Any:
        script = [[CALL], ["Done."]]
        return terminal("run", "--transport", "scripted", prompt, script=script)

    first = ask("one")
    first.until("Run it? [", 60)
    first.send("p\n")
    first.until("Done.", 60)
    assert first.end(60)[0] == 0
    listed = axio("permissions")
    assert listed.out.startswith("1  allow ") and "acme_change" in listed.out
    assert axio("permissions", "revoke", "1").code == 0
    assert axio("permissions").out == ""
    again = ask("two")
    again.until("Run it? [", 60)
    again.send("n\n")
    again.until("Done.", 60)
    assert again.end(60)[0] == 0


def test_the_help_names_it(axio: Any) -> None:
    assert "permissions" in axio("--help").out
    assert "revoke" in axio("permissions", "--help").out
