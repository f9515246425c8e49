"""The system prompt of the command."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import pytest

from axio_tui.prompt import (
    GUARD_SYSTEM_PROMPT,
    LAST_ITERATION_MESSAGE,
    SYSTEM_PROMPT,
    build_system_prompt,
)


def test_the_facts_are_those_of_the_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = build_system_prompt()
    monkeypatch.chdir(tmp_path)
    prompt = build_system_prompt()
    assert prompt.startswith(SYSTEM_PROMPT)
    assert str(tmp_path) in prompt and str(tmp_path) not in before
    assert datetime.date.today().isoformat() in prompt


def test_the_prompt_holds_for_a_day_so_that_a_cache_does() -> None:
    assert not re.search(r"\d:\d", build_system_prompt())


def test_the_last_request_is_a_message_from_the_system() -> None:
    assert LAST_ITERATION_MESSAGE.role == "system"
    assert "tools" in LAST_ITERATION_MESSAGE.content[0].text  # type: ignore[attr-defined]


def test_the_guard_knows_the_verdicts() -> None:
    assert all(verdict in GUARD_SYSTEM_PROMPT for verdict in ("SAFE", "RISKY", "DENY", "confirm"))
