"""Environments without a network: pip finds what others wrote in a folder, and builds ours."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path


def third_parties(folder: Path) -> Path:
    """Fill a folder with all that is installed here and is not part of this workspace."""
    folder.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        ours = entry.name.startswith(("axio", "_axio", "__editable__"))
        if not ours and entry.suffix != ".pth":
            (folder / entry.name).symlink_to(entry)
    return folder


def empty_environment(folder: Path) -> Path:
    """Make an environment with pip alone, and return its folder of programs."""
    venv.create(folder, with_pip=True, symlinks=True)
    return folder / "bin"


def run(
    command: list[str] | str, programs: Path, cwd: Path, others: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command, or a line for the shell, in an environment and without an index.

    With `others`, the packages in that folder count as installed.
    """
    environment = {
        "PATH": f"{programs}:/usr/bin:/bin",
        "HOME": str(programs.parent),
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads 0 as: build with what is installed
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        **({"PYTHONPATH": str(others)} if others else {}),
        "LD_LIBRARY_PATH": str(Path(sys.prefix) / "lib"),  # where `make install` puts OpenMP
    }
    return subprocess.run(
        command,
        shell=isinstance(command, str),
        env=environment,
        cwd=cwd,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


def build(package: Path, folder: Path, *kinds: str) -> list[Path]:
    """Build the wheel, the sdist or both of a package, as an installer would."""
    arguments = [f"--target={kind}" for kind in kinds]
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder), *arguments]
    subprocess.run(command, cwd=package, check=True, capture_output=True)
    return sorted(folder.iterdir())
