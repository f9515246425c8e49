"""Commands of any type: only texts and lists of texts are read as commands, and no rule allows
a call with another value."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from axio.exceptions import GuardError
from axio.tool import Tool
from axio_tui_guards import Rule, RuleGuard

NAMES = ("command", "commands", "cmd", "shell", "bash")
LS = [Rule("allow", command="ls"), Rule("allow", command="ls *")]

words = st.sampled_from(["ls", "rm x", "ls -l", ""])
texts = words | st.lists(words, max_size=3) | st.tuples(words)
anything = st.recursive(
    words | st.none() | st.booleans() | st.integers() | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)


async def verdict(rules: list[Rule], **kwargs: Any) -> str:
    """`allow`, `deny`, or `ask` with what was asked left unanswered."""

    async def handler(**kwargs: Any) -> str:
        return "ran"

    async def says_no(question: str) -> str:
        asked.append(question)
        return "no"

    asked: list[str] = []
    guard = RuleGuard(rules, prompt_fn=says_no)
    try:
        await guard.check(Tool(name="t", handler=handler), **kwargs)
    except GuardError:
        return "ask" if asked else "deny"
    return "allow"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "value",
    [
        *({"ls": "rm x"}, {"ls": ""}, {"ls"}, 5, True, b"ls"),
        *(["ls", 5], ["ls", None], [["ls"], ["rm", "x"]], ("ls", b"-l"), [{"ls": "rm x"}]),
    ],
    ids=repr,
)
async def test_what_is_no_text_is_never_allowed_for_the_text_in_it(name: str, value: Any) -> None:
    assert await verdict(LS, **{name: value}) == "ask"
    assert await verdict([Rule("deny", command="rm *"), *LS], **{name: value}) in ("ask", "deny")


@pytest.mark.parametrize(
    ("kwargs", "expected"),
    [
        ({"command": "ls"}, "allow"),
        ({"command": ["ls", "-l"]}, "allow"),
        ({"command": ["ls -l"]}, "ask"),
        ({"commands": ["ls", "ls -l"]}, "allow"),
        ({"commands": ["ls", "rm x"]}, "ask"),
        ({"commands": ("ls", "-l")}, "ask"),
        ({"command": "ls", "args": ["-l"]}, "allow"),
        ({"command": "ls", "args": []}, "allow"),
        ({"command": "ls", "args": None}, "allow"),
        ({"command": "ls", "args": {"-l": 1}}, "ask"),
        ({"command": "ls", "args": "; rm x"}, "ask"),
        ({"command": "ls", "args": ["-l", 1]}, "ask"),
        ({"command": "ls", "cmd": {"rm": "x"}}, "ask"),
    ],
)
async def test_texts_are_read_as_what_their_name_says(
    kwargs: dict[str, Any], expected: str
) -> None:
    assert await verdict(LS, **kwargs) == expected


@given(name=st.sampled_from(NAMES), value=anything)
async def test_no_value_makes_a_deny_an_allow(name: str, value: Any) -> None:
    allowed = await verdict(LS, **{name: value}) == "allow"
    told = str(value)
    if allowed:
        assert isinstance(value, str | list)
        assert "rm" not in told
    everything_else = [Rule("allow"), Rule("deny", command="rm *")]
    if "rm x" in told and isinstance(value, str | list | dict):
        assert await verdict(everything_else, **{name: value}) != "allow"
