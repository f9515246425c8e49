"""Commands that the person runs from the composer."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from axio_tui.chat.shell_escape import Ran, run_command


@pytest.fixture(autouse=True)
def plain_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/bin/sh")


async def test_a_command_runs_in_the_folder_with_the_environment_of_the_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_API_KEY", "mine")
    lines: list[str] = []
    ran = await run_command('pwd; echo "$MY_API_KEY" >&2', tmp_path, lines.append)
    assert sorted(ran.output.split()) == sorted([str(tmp_path), "mine"])
    assert "".join(lines) == ran.output and ran.status == 0


async def test_a_failure_is_told_to_the_person_and_to_the_model(tmp_path: Path) -> None:
    ran = await run_command("echo '```'; exit 3", tmp_path)
    assert ran == Ran("echo '```'; exit 3", "```\n", 3)
    assert ran.for_person() == "$ echo '```'; exit 3\n```\nexit code 3"
    assert ran.for_model().startswith("I ran this command:\n````\n$ echo")
    assert ran.for_model().endswith("\n````\nexit code 3")


async def test_a_command_that_is_stopped_leaves_no_process(tmp_path: Path) -> None:
    pid = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(
        run_command("(sleep 600 & echo $!; wait)", tmp_path, lambda text: pid.set_result(int(text)))
    )
    number = await asyncio.wait_for(pid, 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(_wait_until_gone, number)


def _wait_until_gone(pid: int) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            if ") Z " in Path(f"/proc/{pid}/stat").read_text():
                return
        except (FileNotFoundError, ProcessLookupError):
            return
        time.sleep(0.02)
    raise AssertionError(f"process {pid} is alive")


async def test_of_endless_output_beginning_and_end_are_kept(tmp_path: Path) -> None:
    ran = await run_command("seq 1 400000", tmp_path)
    assert ran.output.startswith("1\n2\n") and ran.output.endswith("\n400000\n")
    assert len(ran.output) < 200_000
