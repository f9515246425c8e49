"""Names that providers accept."""

from __future__ import annotations

import re

from hypothesis import given, strategies as st

from axio.wire.names import accepted


def test_a_good_name_stays_as_it_is() -> None:
    assert accepted("list_files-2") == "list_files-2"
    assert accepted("x" * 64) == "x" * 64


def test_others_become_readable_and_stay_different() -> None:
    assert accepted("my.tool").startswith("my_tool_")
    assert len({accepted(name) for name in ("my.tool", "my tool", "my_tool", "mytool", "")}) == 5


@given(st.text(), st.integers(10, 64))
def test_every_name_is_accepted_afterwards(name: str, length: int) -> None:
    made = accepted(name, length)
    assert re.fullmatch(f"[a-zA-Z0-9_-]{{1,{length}}}", made)
    assert made == accepted(name, length)
