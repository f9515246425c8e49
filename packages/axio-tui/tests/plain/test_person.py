"""A question in lines: who asks, and what a typed answer means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from axio.exceptions import GuardError
from axio.tool import Tool
from axio_tui.chat.permissions import Asked
from axio_tui.plain.person import question_text, reply_to
from axio_tui_guards import Question, Reply, RuleGuard


async def question(tmp_path: Path) -> Question:
    """The question about a call of a tool that writes a file."""
    asked: list[Question] = []

    async def person(text: str) -> str:
        assert isinstance(text, Question)
        asked.append(text)
        return "no"

    async def write(file_path: str) -> str:
        return ""

    tool: Tool[Any] = Tool(name="write_file", handler=write)
    with pytest.raises(GuardError):
        await RuleGuard(prompt_fn=person).check(tool, file_path=str(tmp_path / "f"))
    return asked[0]


async def test_a_question_of_a_sub_agent_names_it_and_its_task(tmp_path: Path) -> None:
    asked = await question(tmp_path)
    assert "asks" not in question_text(Asked(asked)).splitlines()[0]
    of_another = Asked(asked, agent="subagent", task="find\nall \x1b[31mred things")
    first = question_text(of_another).splitlines()[0]
    assert first == "subagent asks, whose task is: find all red things"


@pytest.mark.parametrize("answer", ["yes", "session", "p", "never", "no", ""])
def test_a_word_is_a_choice(answer: str) -> None:
    assert reply_to(f" {answer} ").strip() == answer


def test_conditions_may_follow_the_word() -> None:
    reply = reply_to("session 3 times")
    assert isinstance(reply, Reply) and (str(reply), reply.uses) == ("session", 3)
    assert reply_to("session, please") == "the person refused and said: session, please"


@pytest.mark.parametrize("answer", ["no it is wrong", "n it is wrong", "it is wrong"])
def test_all_else_refuses_with_that_reason(answer: str) -> None:
    assert reply_to(answer) == "the person refused and said: it is wrong"
