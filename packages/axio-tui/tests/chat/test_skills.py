"""Skills of a project and of the person: read, listed, and called by name."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, strategies as st

from axio_tui.chat.commands import Host, Send
from axio_tui.chat.skills import find_skills, parse_skill, skill_commands, skill_prompt

PATH = Path("/p/.agents/skills/tidy-up/SKILL.md")
TIDY = "---\nname: tidy-up\ndescription: Sorts the shelf.\n---\n\n# Tidy up\n\nSort by size.\n"


def put(folder: Path, name: str, text: str | bytes | None = None) -> Path:
    path = folder / ".agents/skills" / name / "SKILL.md"
    path.parent.mkdir(parents=True)
    text = TIDY.replace("tidy-up", name) if text is None else text
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("description: Sorts the shelf.", "Sorts the shelf."),
        ("description: Sorts: the shelf # and more", "Sorts: the shelf"),
        ('description: "Sorts \\"it\\": \\u00e9 # all"  # why', 'Sorts "it": é # all'),
        ("description: 'It''s sorted'", "It's sorted"),
        ("description: >\n  Sorts\n  the shelf.\n", "Sorts the shelf."),
        ("description: |-\n  Sorts\n  the shelf.", "Sorts the shelf."),
        ("description: Sorts\n  the shelf.", "Sorts the shelf."),
        ("description:\n  Sorts.", "Sorts."),
        ("metadata:\n  description: inner\ndescription: outer", "outer"),
        ("description: a\x1b[31mb\u202ec", "abc"),
    ],
)
def test_a_description_is_read_as_it_is_meant(written: str, meant: str) -> None:
    skill = parse_skill(f"---\r\nlicense: MIT\nname: tidy-up\n{written}\n---\nBody", PATH)
    assert (skill.name, skill.description, skill.body) == ("tidy-up", meant, "Body")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("# Tidy up", "between two lines ---"),
        ("---\nname: tidy-up\ndescription: x\n", "between two lines ---"),
        ("---\ndescription: x\n---\n", "its name '' is not made of"),
        ("---\nname: Tidy Up\ndescription: x\n---\n", "is not made of small letters"),
        ("---\nname: ../x\ndescription: x\n---\n", "is not made of small letters"),
        ("---\nname: other\ndescription: x\n---\n", "is not that of its folder"),
        ("---\nname: tidy-up\n---\n", "its description has not"),
        (f"---\nname: tidy-up\ndescription: {'x' * 1025}\n---\n", "its description has not"),
    ],
)
def test_a_file_that_is_no_skill_says_what_it_lacks(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_skill(text, PATH)


@given(st.text(st.sampled_from("---\n name:descriptio'\"|>#x\t"), max_size=80))
def test_any_text_is_a_skill_or_not(text: str) -> None:
    for whole in (text, f"---\n{text}\n---\n", f"---\nname: tidy-up\ndescription: {text}\n---\n"):
        try:
            skill = parse_skill(whole, PATH)
        except ValueError:
            continue
        assert skill.name == "tidy-up" and 0 < len(skill.description) <= 1024


@pytest.mark.heavy
def test_reading_takes_linear_time() -> None:
    def seconds(size: int) -> float:
        begin = time.process_time()
        for piece in ("'x ", " ", "''", "a: b\n", " # ", "\n\n", '"\\', "---\n"):
            try:
                parse_skill(f"---\nname: tidy-up\ndescription: {piece * size}\n---\n", PATH)
            except ValueError:
                continue
        return time.process_time() - begin

    assert seconds(40_000) < 100 * max(seconds(4_000), 0.01)


def test_the_nearest_of_one_name_is_used_and_that_is_said(tmp_path: Path) -> None:
    home, root, inner = tmp_path / "home", tmp_path / "p", tmp_path / "p/in"
    for folder in (home, root, inner):
        put(folder, "tidy-up")
    put(home, "mine")
    found = find_skills([root, inner], home)
    assert list(found.by_name) == ["mine", "tidy-up"]
    assert found.by_name["tidy-up"].path == inner / ".agents/skills/tidy-up/SKILL.md"
    assert len(found.problems) == 2
    assert found.problems[0].startswith(f"the skill tidy-up is that in {root}")


def test_what_cannot_be_used_is_named_and_the_rest_is_there(tmp_path: Path) -> None:
    home, project = tmp_path / "home", tmp_path / "p"
    put(project, "good")
    put(project, "bad", "no")
    put(project, "binary", b"\xff\xfe")
    put(project, "huge", TIDY.replace("tidy-up", "huge") + "x" * (1 << 20))
    put(home, "secret")
    os.mkfifo(put(project, "pipe").parent / "x")
    (project / ".agents/skills/pipe/SKILL.md").unlink()
    os.rename(project / ".agents/skills/pipe/x", project / ".agents/skills/pipe/SKILL.md")
    (project / ".agents/skills/secret").symlink_to(home / ".agents/skills/secret")
    (project / ".agents/skills/file").write_text("x")
    found = find_skills([project], tmp_path / "nowhere")
    assert list(found.by_name) == ["good"]
    assert [line.split(": ", 1)[1] for line in found.problems] == [
        "it does not begin with a block between two lines ---",
        "it is not UTF-8",
        "it is larger than 256 KiB",
        "no regular file",
        "a link that leads out of the folder",
    ]


def test_the_model_is_told_names_descriptions_and_files_but_not_without_end(tmp_path: Path) -> None:
    for number in range(60):
        put(tmp_path, f"s-{number}", f"---\nname: s-{number}\ndescription: {'x' * 900}\n---\n")
    found = find_skills([], tmp_path)
    assert f"- s-0 ({tmp_path}/.agents/skills/s-0/SKILL.md): xxx" in found.text
    assert len(found.text) < 20_000 and " more, which the person may call" in found.text
    assert find_skills([], tmp_path / "s").text == ""


async def test_a_person_calls_a_skill_by_its_name_unless_that_is_built_in() -> None:
    skill = parse_skill(TIDY, PATH)
    commands = skill_commands({"tidy-up": skill, "help": skill}, taken=("help",))
    assert list(commands) == ["tidy-up"] and commands["tidy-up"].help == "Sorts the shelf."
    outcome = await commands["tidy-up"].run(cast("Host", None), "the cellar")
    assert outcome == Send(skill_prompt(skill, "the cellar"))
    prompt = skill_prompt(skill, " the cellar ")
    assert prompt.startswith("Follow the skill tidy-up (paths in it are relative to /p/.agents/")
    assert prompt.endswith("# Tidy up\n\nSort by size.\n\nThe task: the cellar")
    assert skill_prompt(skill).endswith("Sort by size.")


def test_the_model_learns_of_a_folders_skills_once_it_is_trusted(axio: Any) -> None:
    project = axio.home / "project"
    (project / ".git").mkdir(parents=True)
    put(project, "tidy-up")
    put(axio.home, "mine")
    run = ("run", "--transport", "prompts", "--tools", "none", "hello")
    command = ["sh", "-c", 'cd project && exec "$@"', "sh"]

    def system(*args: str) -> str:
        import sys

        done = axio(command=[*command, sys.executable, "-m", "axio_tui", *args])
        assert done.code == 0
        return str(json.loads(done.out.splitlines()[0])[2])

    assert "- mine (" in system(*run) and "tidy-up" not in system(*run)
    assert "- tidy-up (" in system(*run, "--trust")


def test_a_slash_and_its_name_call_a_skill_in_a_conversation(axio: Any, terminal: Any) -> None:
    put(axio.home, "tidy-up")
    put(axio.home, "help")
    session = terminal("run", "--transport", "prompts", "--tools", "none")
    session.until("you: ")
    session.send("/help\n")
    assert "/tidy-up" in session.until("you: ")
    session.send("/tidy-up the cellar\n")
    assert "The task: the cellar" in session.until("tokens in")
    session.until("you: ")
    session.send("exit\n")
    assert session.end()[0] == 0
