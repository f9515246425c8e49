"""Servers from npm at exact versions, and a Node.js that is new enough for them.

They are installed into a cache folder (``AXIO_TEST_CACHE``, else the user's) when a test first
wants them, which takes some seconds and a package registry. ``python -m support.npm`` does it
beforehand.
"""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import NoReturn

import pytest

from support.parts import in_ci, requires

__all__ = (
    "CONFORMANCE",
    "CONFORMANCE_NEXT",
    "INSPECTOR",
    "MCP_SERVERS",
    "OIDC_PROVIDER",
    "installed",
    "node",
)

OIDC_PROVIDER = ("oidc-provider@9.13.3",)
CONFORMANCE = ("@modelcontextprotocol/conformance@0.1.16",)
CONFORMANCE_NEXT = ("@modelcontextprotocol/conformance@0.2.0-alpha.12",)
INSPECTOR = ("@modelcontextprotocol/inspector@2.12.0",)
MCP_SERVERS = tuple(
    f"@modelcontextprotocol/server-{name}@2026.8.31"
    for name in ("everything", "filesystem", "memory")
)

_NODE = f"node-linux-{'arm64' if platform.machine() == 'aarch64' else 'x64'}@22.20.0"
_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")


@cache
def node(oldest: int = 20) -> Path:
    """A Node.js of this version or a newer one.

    Debian 12 has one that is too old for the servers and new enough to install another one.
    """
    found = requires("node")
    version = subprocess.run([found, "--version"], capture_output=True, text=True).stdout
    if int(version.lstrip("v").partition(".")[0] or 0) >= oldest:
        return found
    return installed(_NODE) / "node_modules" / _NODE.partition("@")[0] / "bin" / "node"


@cache
def installed(*packages: str) -> Path:
    """The folder whose `node_modules` has these packages, each as `name@version`.

    What is missing is installed once for all processes.
    """
    cache_root = os.environ.get("AXIO_TEST_CACHE") or os.environ.get("XDG_CACHE_HOME")
    name = "+".join(packages).replace("/", "_")
    folder = Path(cache_root or Path.home() / ".cache", "axio-tests", name)
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "installed").exists():
            _install(packages, folder)
            (folder / "installed").touch()
    return folder


def _install(packages: tuple[str, ...], folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        _missing("npm is missing (Debian: npm)")
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(folder)]
    environment = dict(os.environ)
    if _AUTHORITIES.exists():  # Node.js does not look there by itself
        environment.setdefault("NODE_EXTRA_CA_CERTS", str(_AUTHORITIES))
    done = subprocess.run(
        [npm, "install", *options, *packages],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
    )
    if done.returncode:
        _missing(f"{', '.join(packages)} cannot be installed: {done.stderr[-500:]}")


def _missing(reason: str) -> NoReturn:
    if in_ci():
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


if __name__ == "__main__":
    node(22)
    for wanted in (OIDC_PROVIDER, MCP_SERVERS, CONFORMANCE, CONFORMANCE_NEXT, INSPECTOR):
        installed(*wanted)
