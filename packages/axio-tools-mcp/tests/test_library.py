"""A user's own file with the name of the library is told, and not run in its place."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import axio_tools_mcp

README = Path(axio_tools_mcp.__file__).parents[2] / "README.md"
EXAMPLE = next(
    text
    for text in re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    if "load_mcp_tools" in text
)


def run(folder: Path, name: str, program: str) -> subprocess.CompletedProcess[str]:
    (folder / name).write_text(program)
    return subprocess.run(
        [sys.executable, name],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("name", ["mcp.py", "mcp_types.py"])
def test_a_file_that_hides_the_library_is_named(name: str, tmp_path: Path) -> None:
    if name != "mcp.py":
        (tmp_path / name).write_text("raise SystemExit('it was run')\n")
    done = run(tmp_path, "mcp.py" if name == "mcp.py" else "program.py", EXAMPLE)
    module = name.removesuffix(".py")
    told = f"the file {tmp_path / name} hides the library {module!r}: give it another name"
    assert done.returncode == 1 and told in done.stderr and "it was run" not in done.stderr
    assert done.stderr.count("MCP server 'sums'") == 1


def test_a_file_that_hides_the_library_from_a_server_is_named(tmp_path: Path) -> None:
    (tmp_path / "mcp.py").write_text("raise SystemExit('it was run')\n")
    done = run(tmp_path, "program.py", "import axio_tools_mcp.server\n")
    told = f"ImportError: the file {tmp_path / 'mcp.py'} hides the library 'mcp'"
    assert told in done.stderr and "it was run" not in done.stderr


def test_what_hides_nothing_is_let_be(tmp_path: Path) -> None:
    (tmp_path / "mcp").mkdir()  # with no __init__.py, the library is found before it
    (tmp_path / "mcp" / "notes.txt").touch()
    assert run(tmp_path, "program.py", "import axio_tools_mcp.server\n").returncode == 0
