"""Prompts that are kept from one program to the next."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from axio_tui.chat import prompt_history
from axio_tui.chat.prompt_history import MAX_PROMPT, PromptHistory


def test_prompts_come_back_in_their_project_alone(tmp_path: Path) -> None:
    for prompt in ("one", "two\nlines", "one"):
        PromptHistory(tmp_path / "data", tmp_path / "a").add(prompt)
    assert PromptHistory(tmp_path / "data", tmp_path / "a").read() == ["two\nlines", "one"]
    assert PromptHistory(tmp_path / "data", tmp_path / "b").read() == []


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    history = PromptHistory(tmp_path / "data", tmp_path)
    history.add("a")
    assert stat.S_IMODE(history.path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_programs_that_add_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; "
        "from axio_tui.chat.prompt_history import PromptHistory; "
        "history = PromptHistory(Path(sys.argv[1]), sys.argv[1]); "
        "[history.add(f'{sys.argv[2]} {n}') for n in range(100)]"
    )
    programs = [
        subprocess.Popen([sys.executable, "-c", program, tmp_path, str(n)]) for n in range(3)
    ]
    try:
        assert [one.wait(60) for one in programs] == [0, 0, 0]
    finally:
        for one in programs:
            one.kill()
    expected = {f"{name} {n}" for name in range(3) for n in range(100)}
    assert set(PromptHistory(tmp_path, tmp_path).read()) == expected


def test_a_long_history_forgets_the_oldest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompt_history, "MAX_BYTES", 2_000)
    history = PromptHistory(tmp_path, tmp_path)
    for number in range(500):
        history.add(f"prompt {number}")
    assert history.path.stat().st_size < 2_100
    prompts = history.read()
    assert prompts[-1] == "prompt 499" and 20 < len(prompts) < 100
    assert [int(prompt.split()[1]) for prompt in prompts] == list(range(500 - len(prompts), 500))


def test_of_a_long_prompt_the_pastes_are_not_kept(tmp_path: Path) -> None:
    history = PromptHistory(tmp_path, tmp_path)
    history.add(f"see \x02{'x' * MAX_PROMPT}\x03 and \x02small\x03")
    history.add("y" * (MAX_PROMPT + 1))
    history.add("  ")
    assert history.read() == ["see [a paste that is not kept] and [a paste that is not kept]"]


@settings(max_examples=50)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.binary(max_size=40))
def test_a_broken_file_costs_no_prompt_that_is_added(prompt: str, broken: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        history = PromptHistory(Path(name), name)
        history.path.write_bytes(broken)
        history.add(prompt)
        assert (prompt in history.read()) == bool(prompt.strip())
