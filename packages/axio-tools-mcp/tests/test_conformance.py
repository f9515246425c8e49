"""The official conformance suite, in two versions, against our client and our server.

The baselines have what is not held, and why.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import support
from support.mcp_servers import free_port, wait_for_port
from support.npm import CONFORMANCE, CONFORMANCE_NEXT, installed, node

pytestmark = pytest.mark.timeout(300)

PROGRAMS = Path(support.__file__).parent


@dataclass(frozen=True)
class Suite:
    """A version of the suite, and what of it is not held."""

    package: tuple[str, ...]
    baseline: str
    server_suite: str
    few: list[str]
    others: list[str]

    def run(self, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        program = installed(*self.package) / "node_modules/@modelcontextprotocol/conformance"
        command = [str(node(22)), str(program / "dist/index.js"), *arguments]
        command += ["--expected-failures", str(Path(__file__).with_name(self.baseline))]
        return subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=240)


AUTH = [
    "auth/scope-step-up",
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
]
SUITES = {
    "0.1.16": Suite(
        CONFORMANCE,
        "conformance-baseline.yml",
        "active",
        ["initialize", "tools_call", "auth/metadata-default"],
        [
            "elicitation-sep1034-client-defaults",
            "sse-retry",
            *AUTH,
            "auth/cross-app-access-complete-flow",
        ],
    ),
    "0.2.0-alpha.12": Suite(
        CONFORMANCE_NEXT,
        "conformance-next-baseline.yml",
        "all",
        ["initialize", "tools_call", "request-metadata", "sep-2640-client-verify-digest"],
        [
            "elicitation-sep1034-client-defaults",
            "sse-retry",
            "auth/metadata-default",
            *AUTH,
            "auth/authorization-server-migration",
            *(f"auth/iss-{kind}" for kind in ("supported", "not-advertised", "supported-missing")),
            *(f"auth/iss-{kind}" for kind in ("wrong-issuer", "unexpected", "normalized")),
            "auth/metadata-issuer-mismatch",
            "auth/enterprise-managed-authorization",
            "auth/dpop",
            "auth/dpop-nonce",
            "auth/wif-jwt-bearer",
            "sep-2322-client-request-state",
            *(f"http-{kind}-headers" for kind in ("standard", "custom", "invalid-tool")),
            "json-schema-ref-no-deref",
            "json-schema-2020-12-preservation",
            *(f"sep-2640-client-{kind}" for kind in ("no-prefetch", "verify-size")),
            "sep-2640-client-verify-frontmatter",
        ],
    ),
}


@pytest.mark.parametrize(
    ("version", "scenario"),
    [
        pytest.param(version, name, marks=[pytest.mark.heavy] if name in suite.others else [])
        for version, suite in SUITES.items()
        for name in (*suite.few, *suite.others)
    ],
)
def test_our_client(version: str, scenario: str, tmp_path: Path) -> None:
    client = f"{sys.executable} {PROGRAMS / 'mcp_conformance_client.py'}"
    done = SUITES[version].run(
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


@pytest.mark.parametrize("version", SUITES)
def test_our_server(version: str, port: int, tmp_path: Path) -> None:
    suite = SUITES[version]
    address = f"http://127.0.0.1:{port}/mcp"
    done = suite.run(tmp_path, "server", "--url", address, "--suite", suite.server_suite)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    held = set(re.findall(r"✓ ([\w-]+): [1-9]", done.stdout))
    assert {"server-initialize", "ping", "tools-list", "tools-call-simple-text"} <= held
