"""The benchmarks run. Timings are never asserted; counts of instructions, which are steady, are."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks import instructions
from benchmarks.__main__ import MODULES
from support.parts import requires
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


@pytest.mark.heavy
@pytest.mark.timeout(600)
def test_the_cost_of_a_session_in_postgres_is_measured() -> None:
    requires("postgres")
    command = [sys.executable, "-m", "benchmarks.postgres"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert len(lines) == 7
    assert lines[0].startswith("commits a turn            4.0")
    assert "1,000 messages" in lines[4]


def test_a_short_item_makes_a_table() -> None:
    lines = run("d", "--rounds", "1").stdout.splitlines()
    assert [line.split(" | ")[1] for line in lines[-2:]] == ["axio", "floor"]


def test_an_unknown_item_is_refused_with_those_there_are() -> None:
    done = run("zz")
    assert done.returncode == 2
    assert "no item zz; there are: a, b, c" in done.stderr


@pytest.mark.timeout(600)
def test_no_case_takes_a_tenth_more_instructions_than_it_did() -> None:
    requires("valgrind")
    baseline = instructions.baseline()
    if baseline is None:
        pytest.skip(f"no counts for Python {instructions.VERSION}: make them with --write")
    assert instructions.grown(instructions.count(), baseline) == []


def test_a_case_has_grown_when_it_is_dearer_in_itself_and_against_the_floor() -> None:
    before = {"b": {"axio": 200, "floor": 100}}
    assert instructions.grown({"b": {"axio": 221, "floor": 100}}, before)
    assert not instructions.grown({"b": {"axio": 219, "floor": 100}}, before)
    assert not instructions.grown({"b": {"axio": 300, "floor": 150}}, before)  # another interpreter
    assert not instructions.grown({"b": {"axio": 150, "floor": 60}}, before)  # a cheaper floor


def test_bytecodes_are_counted_by_function() -> None:
    command = [sys.executable, "-m", "benchmarks.bytecodes", "b", "--most", "3"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 8
    assert "axio, all" in lines[0]
    assert "AgentRun.events" in done.stdout
    assert "floor, all" in lines[4]
