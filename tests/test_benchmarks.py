"""The benchmarks run; what they measure is never asserted."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks.__main__ import MODULES
from support.workspace import ROOT


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.heavy
@pytest.mark.timeout(600)
@pytest.mark.parametrize("item", MODULES)
def test_an_item_compares_axio_with_the_floor(item: str) -> None:
    done = run(item, "--rounds", "1")
    assert done.stderr == ""
    assert f"| {item} " in done.stdout
    assert "| axio |" in done.stdout
    assert "| floor |" in done.stdout


def test_a_short_item_makes_a_table() -> None:
    lines = run("d", "--rounds", "1").stdout.splitlines()
    assert [line.split(" | ")[1] for line in lines[-2:]] == ["axio", "floor"]


def test_an_unknown_item_is_refused_with_those_there_are() -> None:
    done = run("zz")
    assert done.returncode == 2
    assert "no item zz; there are: a, b, c" in done.stderr
