"""A person sees all of a call, and nothing in it that the eye would pass over."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, strategies as st

from axio.agent import Agent
from axio.context import MemoryContextStore
from axio.exceptions import GuardError
from axio.permission import PermissionGuard
from axio.testing import StubTransport
from axio.tool import Tool
from axio_tui_guards import LLMGuard, PathGuard, RuleGuard
from axio_tui_guards.showing import visible, whole


async def handler(**kwargs: Any) -> str:
    return "ran"


class Screen:
    """Keeps what a person is shown; the answer is yes."""

    def __init__(self) -> None:
        self.questions: list[str] = []

    async def __call__(self, question: str) -> str:
        self.questions.append(question)
        return "y"


async def shown(guard_type: Any, **kwargs: Any) -> str | None:
    """The question about a call; None if it was refused unseen."""
    screen = Screen()
    guards: dict[Any, PermissionGuard] = {
        RuleGuard: RuleGuard(prompt_fn=screen),
        PathGuard: PathGuard(screen),
        LLMGuard: LLMGuard(
            Agent(system="", transport=StubTransport()), MemoryContextStore(), screen
        ),
    }
    try:
        await guards[guard_type](Tool(name="shell", handler=handler), **kwargs)
    except GuardError as error:
        assert "denied" in str(error)
        return None
    (question,) = screen.questions
    return question


BEHIND_BLANKS = "rm -rf ~/important #" + " " * 4000 + "\nls -la"
IN_THE_MIDDLE = (
    "".join(f"# note {i}\n" for i in range(130))
    + "rm -rf ~/important\n"
    + "".join(f"# done {i}\n" for i in range(130))
)


@pytest.mark.parametrize("guard_type", [RuleGuard, LLMGuard])
async def test_the_whole_call_is_on_the_screen(guard_type: Any) -> None:
    question = await shown(guard_type, timeout=5, command=BEHIND_BLANKS)
    assert question is not None
    assert 'command = "rm -rf ~/important #⟨4001 blanks⟩ls -la"' in question
    assert len(question) < 600
    middle = await shown(guard_type, command=IN_THE_MIDDLE)
    assert middle is not None
    assert "rm -rf ~/important" in middle


@pytest.mark.parametrize("guard_type", [RuleGuard, LLMGuard])
@pytest.mark.parametrize("size", [6_000, 50_000, 5_000_000])
async def test_what_cannot_be_shown_whole_is_refused(guard_type: Any, size: int) -> None:
    filler = "".join(f"# {i}\n" for i in range(size // 7))
    assert await shown(guard_type, command=f"{filler}rm -rf ~/important\n{filler}") is None
    assert await shown(guard_type, items=[filler, "rm -rf ~/important"]) is None


async def test_command_and_path_stand_beside_the_answer() -> None:
    content = "".join(f"line {i}\n" for i in range(300))
    question = await shown(RuleGuard, file_path="/srv/x.txt", content=content)
    assert question is not None
    assert question.splitlines()[-1].startswith("Allow 'shell' \"/srv/x.txt\"? [y")
    assert question.splitlines()[-4].startswith('  file_path = "/srv/x.txt"')
    long = await shown(RuleGuard, command="ls " + " ".join(f"a{i}" for i in range(100)))
    assert long is not None
    assert re.search(r'Allow \'shell\' "ls a0 a1.*⟨\d+ characters more, see above⟩\? ', long)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a\u3164b\u2800c\u200bd", "a⟨U+3164⟩b⟨U+2800⟩c⟨U+200B⟩d"),
        ("a\u202eb\u2066c", "a⟨U+202E⟩b⟨U+2066⟩c"),
        ("a\xa0b\x1b[2Jc\ufe0fd\U000e0041e", "a⟨U+00A0⟩b⟨U+001B⟩[2Jc⟨U+FE0F⟩d⟨U+E0041⟩e"),
        ("a" + " " * 40 + "b", "a⟨40 blanks⟩b"),
        ("a" + "\\n \\t" * 10 + "b", "a⟨30 blanks⟩b"),
        ("a" + "\u3164" * 400, "a⟨U+3164⟩⟨400 times⟩"),
        ("#" * 100, "#⟨100 times⟩"),
        ("⟨4 blanks⟩", "⟨U+27E8⟩4 blanks⟩"),
        ("    indented, gr\u00fcn, \u65e5\u672c", "    indented, gr\u00fcn, \u65e5\u672c"),
    ],
)
def test_what_the_eye_would_pass_over_is_told(text: str, told: str) -> None:
    assert visible(text) == told


@given(st.text(max_size=60))
def test_nothing_invisible_is_left_and_nothing_visible_is_lost(text: str) -> None:
    told = visible(text)
    assert told.isprintable()
    assert visible(f"{text}|") != visible(f"{text} |") != visible(f"{text}\u3164|")
    plain = [char for char in text if char.isascii() and char.isalnum()]
    assert [char for char in plain if char not in told] == []


@dataclass
class Held:
    secret: str

    def __repr__(self) -> str:
        return "Held"


def test_an_object_is_shown_by_what_it_holds() -> None:
    assert 'x = {"Held": {"secret": "rm x"}}' in whole({"x": Held("rm x")})
    assert "'rm x'" in whole({"x": {("a",): "rm x"}})
    assert "{1, 'rm x'}" in whole({"x": {1}}).replace("{1}", "{1, 'rm x'}")
    ring: list[Any] = []
    ring.append(ring)
    assert "[[...]]" in whole({"x": ring})


@given(st.lists(st.text(max_size=5), max_size=5))
def test_every_argument_has_a_line(values: list[str]) -> None:
    lines = whole({f"n{i}": value for i, value in enumerate(values)}).splitlines()
    assert len(lines) == len(values)
    for i, value in enumerate(values):
        assert f"  n{i} = {visible(json.dumps(value, ensure_ascii=False))}" in lines


async def test_paths_in_a_question_are_visible_too() -> None:
    question = await shown(PathGuard, path="/srv/a\u3164" + " " * 60 + "b\u2800")
    assert question is not None
    assert "⟨U+3164⟩⟨60 blanks⟩b⟨U+2800⟩" in question
    assert "\u3164" not in question
