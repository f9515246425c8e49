"""The words around results of tools."""

from __future__ import annotations

import re

from hypothesis import given, strategies as st

from axio.blocks import ToolResultBlock
from axio_transport_local.answers import results


def answer(content: str) -> str:
    return results([ToolResultBlock("1", content)], {"1": "look"})


def test_one_line_is_said_and_several_stay_lines_in_markdown() -> None:
    assert answer("391\n") == "look gave:\n391"
    assert answer("a\nb\n") == "look gave:\n```\na\nb\n```"
    assert answer("```\na\n```") == "look gave:\n````\n```\na\n```\n````"
    assert answer("\n") == "look is done; it gave no output."


@given(st.text("ab` \n", max_size=40))
def test_no_line_of_a_result_ends_the_fence_that_it_stands_in(text: str) -> None:
    said = answer(f"first\n{text}\nlast")
    found = re.fullmatch(r"look gave:\n(`{3,})\n(.*)\n\1", said, re.DOTALL)
    assert found is not None and found[1] not in found[2]
