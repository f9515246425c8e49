"""The workspace as data: where it lies, its packages, its files."""

from __future__ import annotations

import re
import subprocess
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Package:
    """One distribution under packages/."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def source(self) -> Path:
        """The folder that is imported."""
        return self.folder / "src" / self.name.replace("-", "_")

    @cached_property
    def pyproject(self) -> dict[str, Any]:
        return tomllib.loads((self.folder / "pyproject.toml").read_text("utf-8"))

    @property
    def project(self) -> dict[str, Any]:
        table: dict[str, Any] = self.pyproject["project"]
        return table

    @property
    def version(self) -> str:
        """The version that the source says; pyproject.toml takes it from there."""
        text = (self.source / "__init__.py").read_text("utf-8")
        (found,) = re.findall(r'^__version__ = "(.+)"$', text, re.MULTILINE)
        return str(found)


PACKAGES = [Package(file.parent) for file in sorted(ROOT.glob("packages/*/pyproject.toml"))]


def files() -> list[Path]:
    """Every file that belongs to the project: committed or about to be, never what it built."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = (ROOT / name for name in listed.stdout.split("\0") if name)
    return [path for path in paths if path.is_file()]
