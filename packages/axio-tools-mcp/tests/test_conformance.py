"""The official conformance suite, against our client and our server.

`conformance-baseline.yml` has what is not held, and why.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import support
from support.mcp_servers import free_port, wait_for_port
from support.npm import CONFORMANCE, installed, node

pytestmark = pytest.mark.timeout(300)

BASELINE = Path(__file__).with_name("conformance-baseline.yml")
PROGRAMS = Path(support.__file__).parent

FEW = ["initialize", "tools_call", "auth/metadata-default"]
OTHERS = [
    "elicitation-sep1034-client-defaults",
    "auth/scope-step-up",
    "sse-retry",
    *(f"auth/metadata-var{number}" for number in (1, 2, 3)),
    "auth/basic-cimd",
    "auth/scope-from-www-authenticate",
    "auth/scope-from-scopes-supported",
    "auth/scope-omitted-when-undefined",
    "auth/scope-retry-limit",
    *(f"auth/token-endpoint-auth-{kind}" for kind in ("basic", "post", "none")),
    "auth/pre-registration",
    "auth/2025-03-26-oauth-metadata-backcompat",
    "auth/2025-03-26-oauth-endpoint-fallback",
    "auth/resource-mismatch",
    "auth/offline-access-scope",
    "auth/offline-access-not-supported",
    "auth/client-credentials-jwt",
    "auth/client-credentials-basic",
    "auth/cross-app-access-complete-flow",
]


def suite(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = installed(*CONFORMANCE) / "node_modules/@modelcontextprotocol/conformance"
    command = [str(node(22)), str(program / "dist/index.js"), *arguments]
    command += ["--expected-failures", str(BASELINE)]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=240)


@pytest.mark.parametrize(
    "scenario", [*FEW, *(pytest.param(name, marks=pytest.mark.heavy) for name in OTHERS)]
)
def test_our_client(scenario: str, tmp_path: Path) -> None:
    client = f"{sys.executable} {PROGRAMS / 'mcp_conformance_client.py'}"
    done = suite(
        tmp_path, "client", "--command", client, "--scenario", scenario, "--timeout", "120000"
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def port() -> Iterator[int]:
    number = free_port()
    program = PROGRAMS / "mcp_conformance_server.py"
    process = subprocess.Popen(
        [sys.executable, str(program), str(number)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for_port(number, process)
        yield number
    finally:
        process.kill()
        process.wait(20)


def test_our_server(port: int, tmp_path: Path) -> None:
    done = suite(tmp_path, "server", "--url", f"http://127.0.0.1:{port}/mcp", "--suite", "active")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    held = set(re.findall(r"✓ ([\w-]+): [1-9]", done.stdout))
    assert {"server-initialize", "ping", "tools-list", "tools-call-simple-text"} <= held
