"""The command starts fast: in CPU, beside a Python that does nothing."""

from __future__ import annotations

import resource
import sys
from typing import Any

import pytest


def cpu_of(axio: Any, *command: str) -> float:
    """The least seconds of several times."""
    took = []
    for _ in range(7):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert axio(command=[sys.executable, *command]).code == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(took)


@pytest.mark.heavy
@pytest.mark.parametrize("args", [("--help",), ("run", "--help")])
def test_help_takes_no_more_than_three_times_as_long(axio: Any, args: tuple[str, ...]) -> None:
    assert cpu_of(axio, "-m", "axio_tui", *args) <= 3 * cpu_of(axio, "-c", "pass")
