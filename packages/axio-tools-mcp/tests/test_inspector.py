"""The protocol's own inspector, by its command line, against `axio mcp serve`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.mcp_servers import free_port, wait_for_port
from support.npm import INSPECTOR, installed, node

pytestmark = pytest.mark.timeout(180)

SERVE = [sys.executable, "-m", "axio_tui", "mcp", "serve", "--tools", "read_file,write_file"]
TOKEN = "the-token"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "note.txt").write_text("hello\n")
    return tmp_path


def inspect(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    package = installed(*INSPECTOR) / "node_modules/@modelcontextprotocol/inspector"
    program = package / "clients/launcher/build/index.js"
    return subprocess.run(
        [str(node(22)), str(program), "--cli", *arguments, "--connect-timeout", "60000"],
        cwd=folder,
        env={**os.environ, "HOME": str(folder / "home")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
    )


def answer(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def read(file: str) -> list[str]:
    return ["--method", "tools/call", "--tool-name", "read_file", "--tool-arg", f"filename={file}"]


@pytest.fixture
def address(folder: Path) -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen(
        [*SERVE, "--http", str(port)],
        cwd=folder,
        env={**os.environ, "AXIO_MCP_TOKEN": TOKEN},
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for_port(port, process)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.kill()
        process.wait(20)


def test_the_inspector_lists_and_calls_tools_over_pipes(folder: Path) -> None:
    # --strict fails for a schema that some client cannot take.
    listed = answer(inspect(folder, *SERVE, "--method", "tools/list", "--strict"))
    assert [tool["name"] for tool in listed["tools"]] == ["read_file", "write_file"]
    assert listed["tools"][0]["annotations"] == {"readOnlyHint": True}
    assert answer(inspect(folder, *SERVE, *read("note.txt"))) == {
        "content": [{"type": "text", "text": "hello\n"}],
        "isError": False,
    }
    failed = inspect(folder, *SERVE, *read("none.txt"))
    assert failed.returncode == 5 and "No such file" in failed.stdout  # 5: the tool has failed


def test_the_inspector_calls_tools_over_http_with_the_token(folder: Path, address: str) -> None:
    token = ["--header", f"Authorization: Bearer {TOKEN}"]
    assert answer(inspect(folder, address, *token, *read("note.txt")))["isError"] is False
    refused = inspect(folder, address, "--stored-auth-only", "--method", "tools/list")
    assert refused.returncode == 3 and "auth" in refused.stderr  # 3: it has to sign in
