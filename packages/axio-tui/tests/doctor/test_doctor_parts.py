"""Plug-ins, MCP servers, sandboxes and engines that are broken, hang, or are not there."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from select import select
from socketserver import ThreadingUnixStreamServer
from typing import Any

import pytest

import support
from axio_tools_local import sandbox
from axio_tools_local.sandbox import means
from axio_tui.doctor.findings import Finding
from axio_tui.doctor.parts import look_at_plugins
from axio_tui.doctor.sandboxes import look_at_engine, look_at_sandbox
from axio_tui.doctor.servers import look_at_servers
from support.mcp_servers import assert_nothing_left, forget_children, odd
from support.plugs import put
from support.threaded import Handler

LONG = 50.0

MODULES = {
    "raising": "raise RuntimeError('fell over')",
    "leaving": "import sys\nsys.exit(3)",
    "ending": "import os\nos._exit(4)",
    "killed": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    "printing": 'print(\'["axio.tools", "fooled"]\', flush=True)\nasync def part(): ...',
    "number": "part = 7",
    "aaa_fine": "async def part(): ...",
    "zzz_fine": "async def part(): ...",
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable, name in (("XDG_DATA_HOME", "data"), ("XDG_CONFIG_HOME", "config")):
        monkeypatch.setenv(variable, str(tmp_path / name))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


def plugins(folder: Path, monkeypatch: pytest.MonkeyPatch, modules: dict[str, str]) -> None:
    tools = {name: f"plug_{name}:part" for name in modules}
    sources = {f"plug_{name}": source for name, source in modules.items()}
    put(folder, "plugs", {"axio.tools": tools}, sources)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.syspath_prepend(str(folder))


def named(findings: Iterator[Finding]) -> dict[str, Finding]:
    return {one.name: one for one in findings}


# ── plug-ins ──────────────────────────────────────────────────────────────────────────────────


def test_each_plug_in_that_fails_is_named_and_the_others_are_loaded(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugins(home, monkeypatch, MODULES)
    findings = named(look_at_plugins(LONG))
    broken = {name.removeprefix("plug-in ") for name, one in findings.items() if one.advice}
    assert broken == {"raising", "leaving", "ending", "killed", "number"}
    assert "fell over" in findings["plug-in raising"].found
    assert "ends the program" in findings["plug-in ending"].found
    assert findings["plug-ins"].state == "ok", "all others were loaded"


STARTS = """
import os, subprocess
file = os.open({fifo!r}, os.O_WRONLY)
subprocess.Popen(["sh", "-c", "echo $$; exec sleep 300"], stdout=file, stderr=subprocess.DEVNULL)
os._exit(4)
"""


def test_what_a_plug_in_has_started_is_ended_with_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(home / "alive")
    plugins(home, monkeypatch, {"starting": STARTS.format(fifo=str(home / "alive"))})
    alive, said = os.open(home / "alive", os.O_RDONLY | os.O_NONBLOCK), b""
    try:
        assert "ends the program" in named(look_at_plugins(LONG))["plug-in starting"].found
        while select([alive], [], [], 20)[0]:
            if not (more := os.read(alive, 100)):
                break  # none is left that could write
            said += more
        else:
            os.kill(int(said), signal.SIGKILL)
            pytest.fail("it goes on")
    finally:
        os.close(alive)


@pytest.mark.heavy  # it waits for the limit
def test_one_that_hangs_is_named_and_what_comes_after_it_is_loaded(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = {"aaa_hangs": "import time\ntime.sleep(300)", "zzz_bad": "raise ValueError('bad')"}
    plugins(home, monkeypatch, hanging)
    findings = named(look_at_plugins(40))
    assert "it took more than 10 s" in findings["plug-in aaa_hangs"].found
    assert "bad" in findings["plug-in zzz_bad"].found


def test_one_that_is_switched_off_is_not_loaded(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugins(home, monkeypatch, {"acme_off": "raise RuntimeError('loaded')"})
    monkeypatch.setenv("AXIO_PLUGINS_DISABLED", "acme_off")
    assert "loaded" not in str([*look_at_plugins(LONG)])


def test_a_name_of_ours_is_told_and_not_taken(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugins(home, monkeypatch, {"shell": "async def part(): ..."})
    told = [one.found for one in look_at_plugins(LONG) if one.state == "warning"]
    assert any("more than one 'shell'" in words and "plugs" in words for words in told)


# ── MCP servers ───────────────────────────────────────────────────────────────────────────────


def servers(file: Path, **entries: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"mcpServers": entries}))


def test_servers_are_named_and_not_started(home: Path) -> None:
    touch = f"open({str(home / 'started')!r}, 'w')"
    local = {"command": sys.executable, "args": ["-c", touch]}
    web = {"url": "https://user:hunter2hunter2@host/mcp?token=hunter2"}
    servers(home / "config/axio/mcp.json", local=local, web=web)
    findings = named(look_at_servers(LONG, online=False))
    assert "not tried" in findings["MCP local"].found
    assert findings["MCP web"].found == "global, http, https://host/mcp: not tried"
    assert not (home / "started").exists()


def test_servers_of_a_folder_without_trust_are_left_out_also_online(home: Path) -> None:
    touch = f"open({str(home / 'started')!r}, 'w')"
    servers(Path.cwd() / ".mcp.json", bad={"command": sys.executable, "args": ["-c", touch]})
    findings = named(look_at_servers(LONG, online=True))
    assert findings["MCP servers"].state == "warning" and "not trusted" in str(findings)
    assert not (home / "started").exists()


def test_online_each_is_tried(home: Path) -> None:
    forget_children()
    good = odd("good")
    entries = {
        "good": {"command": good.command, "args": good.args},
        "missing": {"command": "no-such-program-here"},
        "off": {"command": "sleep", "args": ["301"], "enabled": False},
    }
    servers(home / "config/axio/mcp.json", **entries)
    findings = named(look_at_servers(LONG, online=True))
    assert "answers" in findings["MCP good"].found, findings
    assert findings["MCP missing"].state == "warning" and findings["MCP missing"].advice
    assert "switched off" in findings["MCP off"].found
    assert_nothing_left()


def test_a_tool_that_is_left_out_is_named_and_not_counted(home: Path) -> None:
    tools = json.dumps([{"name": "t", "inputSchema": {"type": "object"}}] * 2)
    program = str(Path(support.__file__).with_name("mcp_broken_server.py"))
    entry = {"command": sys.executable, "args": [program, "", tools]}
    servers(home / "config/axio/mcp.json", twice=entry)
    finding = named(look_at_servers(LONG, online=True))["MCP twice"]
    told = "answers, 1 tools; 1 left out: MCP server 'twice', tool 't', is listed twice"
    assert (finding.state, told in finding.found) == ("ok", True), finding


def test_a_server_that_hangs_is_told_and_ended(home: Path) -> None:
    forget_children()
    servers(home / "config/axio/mcp.json", hanging={"command": "sleep", "args": ["300"]})
    finding = named(look_at_servers(2, online=True))["MCP hanging"]
    assert finding.state == "warning" and "no answer within 1.4 s" in finding.found
    assert_nothing_left()


def test_a_file_that_is_no_json_is_told(home: Path) -> None:
    (home / "config/axio").mkdir(parents=True)
    (home / "config/axio/mcp.json").write_text("{]")
    assert named(look_at_servers(LONG, online=False))["MCP servers"].state == "warning"


# ── sandboxes ─────────────────────────────────────────────────────────────────────────────────


def test_what_the_machine_cannot_give_is_told_with_the_reason(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "bin").mkdir()
    monkeypatch.setenv("PATH", str(home / "bin"))
    assert means()["bubblewrap"] == "bwrap is not installed"
    (home / "bin" / "bwrap").write_text("#!/bin/sh\necho no namespaces for you >&2; exit 1\n")
    (home / "bin" / "bwrap").chmod(0o755)
    assert "no namespaces for you" in str(means()["bubblewrap"])


@pytest.mark.parametrize(
    ("wanted", "found", "states"),
    [
        ("none", (None, None), ["ok", "ok"]),
        ("none", ("gone", "old"), ["warning", "warning"]),
        ("read-only", ("gone", None), ["warning", "ok"]),
        ("read-only", ("gone", "old"), ["broken", "broken"]),
    ],
)
def test_a_sandbox_is_needed_only_where_the_settings_name_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, wanted: str, found: Any, states: list[str]
) -> None:
    monkeypatch.setattr(
        sandbox, "means", lambda: dict(zip(("bubblewrap", "the kernel alone"), found, strict=True))
    )
    monkeypatch.setenv("AXIO_SANDBOX", wanted)
    assert [one.state for one in look_at_sandbox()] == states


# ── engines ───────────────────────────────────────────────────────────────────────────────────


class Engine(Handler):
    """Speaks as an engine does about itself."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        facts: dict[str, Any] = {"ApiVersion": "1.45", "ServerVersion": "28.1"}
        if self.path.endswith("/info"):
            facts |= {"Runtimes": {"runc": {}, "runsc": {}}, "SecurityOptions": ["name=rootless"]}
        self.reply(facts)

    def address_string(self) -> str:
        return "a socket"


@pytest.fixture
def at(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    return lambda path: monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")


def test_an_engine_that_answers_is_told_with_its_runtimes(
    home: Path, at: Callable[[Path], None]
) -> None:
    with ThreadingUnixStreamServer(str(home / "engine"), Engine) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            at(home / "engine")
            findings = named(look_at_engine(LONG))
        finally:
            server.shutdown()
            thread.join()
    told = findings["container engine"].found
    assert told == f"Docker 28.1 at unix://{home}/engine, rootless"
    assert "runsc" in findings["gVisor"].found


def test_an_engine_that_hangs_is_a_warning_or_broken_where_it_is_needed(
    home: Path, at: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(home / "engine"))
        silent.listen()
        at(home / "engine")
        finding = named(look_at_engine(1.0))["container engine"]
        assert finding.state == "warning" and "does not answer within 0.8 s" in finding.found
        monkeypatch.setenv("AXIO_SANDBOX", "docker")
        assert named(look_at_engine(1.0))["container engine"].state == "broken"


def test_no_engine_is_told_with_what_to_do(home: Path, at: Callable[[Path], None]) -> None:
    with suppress(FileNotFoundError):
        (home / "engine").unlink()
    at(home / "engine")
    finding = named(look_at_engine(LONG))["container engine"]
    assert finding.state == "warning" and "no engine answers" in finding.found
    assert "only --sandbox docker needs it" in finding.found
