"""Every example runs as it stands and prints what its last lines say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.parts import requires
from support.workspace import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def promised(example: Path) -> str:
    """The comment at the end of the file, after `# Prints:`."""
    _, _, lines = example.read_text("utf-8").partition("\n# Prints:\n")
    return re.sub(r"^# ?", "", lines, flags=re.MULTILINE)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_prints_what_it_says(example: Path, tmp_path: Path) -> None:
    if "axio_transport_local" in example.read_text("utf-8"):
        requires("weights")
    command = [sys.executable, "-W", "error", str(example)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=50)
    assert done.stderr == ""
    assert done.returncode == 0
    assert promised(example), "it says nothing"
    assert done.stdout == promised(example)


def test_the_table_of_examples_is_complete() -> None:
    table = (ROOT / "examples" / "README.md").read_text("utf-8")
    named = re.findall(r"^\| `(\w+\.py)`", table, re.MULTILINE)
    assert sorted(named) == [path.name for path in EXAMPLES]
