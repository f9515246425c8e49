"""From nothing to an answer, as on a new machine: a clone, no environment, `make run`.

Heavy: it installs everything from the registry.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from support.workspace import ROOT

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fresh")
    subprocess.run(["git", "clone", "--quiet", ROOT, folder / "axio"], check=True)
    (folder / "home").mkdir()
    return folder


def make(clone: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments],
        cwd=clone / "axio",
        env={"HOME": str(clone / "home"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


def test_make_run_sets_everything_up_and_answers(clone: Path) -> None:
    for _ in range(2):  # from nothing, and with everything there
        done = make(clone, "run", "PROMPT=List the files in examples")
        assert done.returncode == 0, done.stderr
        assert "first_agent.py" in done.stdout + done.stderr


def test_nothing_is_written_outside_the_clone_and_the_users_folders(clone: Path) -> None:
    done = make(clone, "run", "PROMPT=List the files in examples")
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (clone / "home").iterdir()} <= {".cache", ".config", ".local"}
    changed = subprocess.run(
        ["git", "status", "--porcelain"], cwd=clone / "axio", capture_output=True, text=True
    )
    assert changed.stdout == ""
