"""The full screen and others over the same stream, in tmux: CPU and memory of all their processes.

    python -m benchmarks.peers_screen [--rounds 3] [--codex COMMAND] [--vibe COMMAND] [NAME ...]

2,000 deltas of 5 characters at 200 a second, on 110x34. The programs take turns; of each the least
of the rounds counts, since a busy machine only adds. Those that are not here are named with the
place where they come from: codex is `@openai/codex` of npm, vibe is `mistral-vibe` of PyPI (for
Python 3.12 and later).
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.paced_server import PacedServer
from benchmarks.screen_model import answer

COUNT, RATE, SIZE = 2_000, 200, 5
PATIENCE = 60.0
_LAST = "\n\nThe end of all.\n"
_TICK = os.sysconf("SC_CLK_TCK")
_CODEX = """
model = "fake"
model_provider = "loopback"
check_for_update_on_startup = false
[model_providers.loopback]
name = "loopback"
base_url = "{url}"
wire_api = "responses"
env_key = "OPENAI_API_KEY"
[projects."{folder}"]
trust_level = "trusted"
"""
_VIBE = """
active_model = "fake"
enable_update_checks = false
enable_auto_update = false
enable_telemetry = false
[[providers]]
name = "loopback"
api_base = "{url}"
api_key_env_var = "OPENAI_API_KEY"
[[models]]
name = "fake"
provider = "loopback"
alias = "fake"
"""


@dataclass(frozen=True)
class Peer:
    """A program: how it is started, what is on its screen when it takes keys, its configuration."""

    command: list[str]
    ready: str
    configure: Callable[[Path, str], None] = lambda home, url: None


def _configure_codex(home: Path, url: str) -> None:
    (home / ".codex").mkdir()
    (home / ".codex/config.toml").write_text(_CODEX.format(url=url, folder=home / "project"))


def _configure_vibe(home: Path, url: str) -> None:
    (home / ".vibe").mkdir()
    (home / ".vibe/config.toml").write_text(_VIBE.format(url=url))


@contextmanager
def _window(home: Path, peer: Peer, url: str) -> Iterator[Callable[..., str]]:
    """A tmux of its own in which the program runs."""
    environment = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "TERM": "screen-256color",
        "LC_ALL": "C.UTF-8",
        "OPENAI_API_KEY": "sk-none",
        "OPENAI_BASE_URL": url,
    }

    def tmux(*args: str) -> str:
        command = ["tmux", "-u", "-f", "/dev/null", "-S", f"{home}/tmux", *args]
        return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout

    set_it = [f"{name}={value}" for name, value in environment.items()]
    line = shlex.join(["env", "-i", *set_it, *peer.command])
    where = shlex.quote(str(home / "project"))
    try:
        tmux("new-session", "-d", "-s", "a", "-x", "110", "-y", "34", f"cd {where} && {line}; cat")
        yield tmux
    finally:
        started = _tree(int(tmux("display", "-p", "-t", "a", "#{pane_pid}")))
        tmux("kill-server")
        for pid in started:  # some have servers that stay
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _tree(pid: int) -> list[int]:
    """A process and all that it has started."""
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        found.append(one)
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            waiting += map(int, task.read_text().split())
    return found


def _cpu(pids: list[int]) -> float:
    used = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        used += int(fields[11]) + int(fields[12])
    return used / _TICK


def _memory(pids: list[int]) -> float:
    """In MB."""
    pages = (int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return sum(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6


def measured(peer: Peer) -> tuple[float, float]:
    """CPU seconds for the stream, and MB at its end."""
    text = "".join(answer(number) for number in range(COUNT * SIZE // 400 + 2))
    text = text[: COUNT * SIZE - len(_LAST)] + _LAST
    deltas = [text[start : start + SIZE] for start in range(0, COUNT * SIZE, SIZE)]
    with (
        tempfile.TemporaryDirectory(prefix="axio-", ignore_cleanup_errors=True) as folder,
        PacedServer(deltas, RATE) as server,
    ):
        home = Path(folder)
        (home / "project").mkdir()
        peer.configure(home, f"{server.url}/v1")
        with _window(home, peer, f"{server.url}/v1") as tmux:
            deadline = time.monotonic() + PATIENCE
            while peer.ready not in (shown := tmux("capture-pane", "-p", "-t", "a")):
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{peer.command[0]} never said {peer.ready!r}:\n{shown}")
                time.sleep(0.2)
            time.sleep(2)  # until what it does at its start is over
            tmux("send-keys", "-t", "a", "-l", "STREAM")
            time.sleep(0.5)
            tmux("send-keys", "-t", "a", "Enter")
            if not server.begun.wait(PATIENCE):
                raise RuntimeError(
                    f"{peer.command[0]} asked nothing:\n{tmux('capture-pane', '-p', '-t', 'a')}"
                )
            pane = int(tmux("display", "-p", "-t", "a", "#{pane_pid}"))
            before = _cpu(_tree(pane))
            server.ended.wait(COUNT / RATE + PATIENCE)
            deadline = time.monotonic() + PATIENCE
            while _LAST.strip() not in (shown := tmux("capture-pane", "-p", "-t", "a")):
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{peer.command[0]} does not show the end:\n{shown}")
                time.sleep(0.1)
            pids = _tree(pane)
            return _cpu(pids) - before, _memory(pids)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers_screen", description=__doc__)
    parser.add_argument("names", nargs="*", help="axio, codex, vibe; all of them")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--codex", default="codex", help="its command")
    parser.add_argument("--vibe", default="vibe", help="its command")
    options = parser.parse_args()
    axio = str(Path(sys.executable).with_name("axio"))
    ours = [axio, "--transport", "openai-custom", "--model", "fake"]
    peers = {
        "axio": Peer(ours, "F1 help"),
        "codex": Peer(shlex.split(options.codex), "fake", _configure_codex),
        "vibe": Peer(shlex.split(options.vibe), "fake", _configure_vibe),
    }
    origins = {"codex": "@openai/codex of npm", "vibe": "mistral-vibe of PyPI"}
    for name in list(peers):
        if shutil.which(peers[name].command[0]) is None or name not in (options.names or peers):
            if name in (options.names or peers):
                print(f"{name} is not here: it is {origins[name]}; --{name} names its command")
            del peers[name]
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in peers}
    print("| program | CPU s | of all rounds | MB |\n|---|---|---|---|")
    for _ in range(options.rounds):
        for name, peer in peers.items():
            found[name].append(measured(peer))
    for name, rounds in found.items():
        times = ", ".join(f"{cpu:.2f}" for cpu, _ in rounds)
        least = min(rounds)[0], min(memory for _, memory in rounds)
        print(f"| {name} | {least[0]:.2f} | {times} | {least[1]:.0f} |", flush=True)


if __name__ == "__main__":
    main()
