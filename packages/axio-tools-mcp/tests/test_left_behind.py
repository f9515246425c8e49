"""Nothing of a server outlives the program that started it, whatever ends the program."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.mcp_servers import odd, real

pytestmark = pytest.mark.timeout(180)

PROGRAM = """
import asyncio, json, sys
from axio_tools_mcp import MCPServerConfig, MCPSession

async def main():
    configs = [MCPServerConfig(name, **fields) for name, fields in json.load(sys.stdin)]
    sessions = [MCPSession(config) for config in configs]
    await asyncio.gather(*(session.connect() for session in sessions))
    print("READY", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""

# A server with children that leave its group and its session, one of them as a daemon.
BREEDER = """
(setsid sleep 600 &)
sleep 600 &
trap "" TERM
exec 3<&0
"$@" <&3 &
wait
"""


def descendants(pid: int) -> set[int]:
    """All processes below this one."""
    parents = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = Path("/proc", name, "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        parents[int(name)] = int(fields[1])
    found: set[int] = set()
    while new := {p for p, parent in parents.items() if parent in {pid, *found}} - found:
        found |= new
    return found


def alive(pid: int) -> bool:
    try:
        state = Path("/proc", str(pid), "stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGKILL,
        *(pytest.param(n, marks=pytest.mark.heavy) for n in (signal.SIGTERM, signal.SIGINT)),
    ],
)
def test_a_program_that_is_killed_takes_its_servers_with_it(number: signal.Signals) -> None:
    ours, theirs = odd(), real("everything")
    breeder = ["-c", BREEDER, "breeder", str(ours.command), *ours.args]
    servers = [
        ("breeder", {"command": "sh", "args": breeder, "timeout": 90}),
        ("theirs", {"command": theirs.command, "args": theirs.args, "timeout": 90}),
    ]
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert program.stdin is not None and program.stdout is not None
    started: set[int] = set()
    try:
        program.stdin.write(json.dumps(servers).encode())
        program.stdin.close()
        assert program.stdout.readline() == b"READY\n"
        end = time.monotonic() + 40
        while len(started) < 7 and time.monotonic() < end:
            started = descendants(program.pid)
        assert len(started) >= 7  # two keepers, the shell, two that sleep, two servers
        os.kill(program.pid, number)
        program.wait(60)
        end = time.monotonic() + 40
        while any(map(alive, started)) and time.monotonic() < end:
            time.sleep(0.05)
        assert [pid for pid in started if alive(pid)] == []
    finally:
        program.kill()
        program.wait(20)
        program.stdout.close()
        for pid in filter(alive, started):
            os.kill(pid, signal.SIGKILL)
