"""Programs that users have written, run word for word from where they lie (`requires("programs")`).

None of their text is in this project; here is only what they must do.
"""

from __future__ import annotations

import asyncio
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from axio import Agent, MemoryContextStore, Tool
from axio.exceptions import GuardError
from axio.testing import StubTransport, make_echo_tool, make_text_response, make_tool_use_response
from support.llama import Llama
from support.parts import requires


@pytest.fixture(scope="module")
def programs() -> Path:
    return requires("programs")


def run_python(
    *arguments: str, cwd: Path, environment: Mapping[str, str] | None = None, timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """Python with every warning an error, as a user's strictest set-up would run it."""
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
    )


@pytest.mark.timeout(120)
def test_the_quick_start_prints_typed_events_from_a_real_server(
    programs: Path, llama_forced: Llama, tmp_path: Path
) -> None:
    done = run_python(
        str(programs / "quick_start.py"),
        cwd=tmp_path,
        environment={"OPENAI_BASE_URL": f"{llama_forced.url}/v1"},
        timeout=100,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    kinds = [line.partition("(")[0] for line in done.stdout.splitlines()]
    assert kinds.count("SessionEndEvent") == 1
    assert kinds[-1] == "SessionEndEvent"
    assert "IterationEnd" in kinds
    assert "ToolResult" in kinds, done.stdout
    assert kinds.index("ToolUseStart") < kinds.index("ToolInputDelta") < kinds.index("ToolResult")
    assert "content='Hello, " in done.stdout


def test_the_test_with_the_stub_transport_passes_under_pytest(
    programs: Path, tmp_path: Path
) -> None:
    done = run_python(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto",
        "-o", "asyncio_default_fixture_loop_scope=function",
        "--rootdir", str(tmp_path), str(programs / "testing_agent.py"),
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


async def test_a_store_with_two_methods_serves_a_run(programs: Path) -> None:
    store = runpy.run_path(str(programs / "context_store.py"))["MyContextStore"]()
    transport = StubTransport([make_tool_use_response("echo"), make_text_response("Done")])
    agent = Agent(system="", tools=[make_echo_tool()], transport=transport)
    assert await agent.run("say hi", store) == "Done"
    roles = [message.role for message in await store.get_history()]
    assert roles == ["user", "assistant", "user", "assistant"]
    # The methods that its author was promised.
    fork = await store.fork()
    assert fork.session_id != store.session_id
    assert await fork.get_history() == await store.get_history()
    await store.set_context_tokens(1, 2)
    await store.add_context_tokens(1, 2)
    assert await store.get_context_tokens() == (0, 0)
    assert [info.message_count for info in await store.list_sessions()] == [4]
    with pytest.raises(NotImplementedError, match="MyContextStore"):
        await store.clear()
    await store.close()


async def test_a_guard_lets_a_call_pass_and_can_deny_it(programs: Path) -> None:
    guard_class = runpy.run_path(str(programs / "permission_guard.py"))["MyGuard"]

    async def double(number: int) -> int:
        """Twice the number."""
        return 2 * number

    assert await Tool(name="double", handler=double, guards=(guard_class(),))(number=21) == 42

    class Denying(guard_class):  # type: ignore[misc, valid-type]
        async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
            raise GuardError("not today")

    with pytest.raises(GuardError, match="not today"):
        await Tool(name="double", handler=double, guards=(Denying(),))(number=21)


async def test_a_tool_gets_its_schema_from_its_signature(programs: Path) -> None:
    tool = runpy.run_path(str(programs / "tool.py"))["tool"]
    assert isinstance(tool, Tool)
    assert (tool.name, tool.description, tool.concurrency) == ("summarise", "Summarise text", 4)
    assert tool.input_schema == {
        "type": "object",
        "properties": {
            "text": {"type": "string"},
            "max_words": {"type": "integer", "default": 20},
        },
        "required": ["text"],
    }
    assert await tool(text="a long text") == "..."


def test_a_transport_is_recognised_by_its_shape(programs: Path) -> None:
    protocol = runpy.run_path(str(programs / "transport_protocol.py"))["CompletionTransport"]
    assert isinstance(StubTransport([make_text_response()]), protocol)
    assert not isinstance(MemoryContextStore(), protocol)


def test_the_quick_starts_agent_survives_a_second_event_loop(programs: Path) -> None:
    tool = runpy.run_path(str(programs / "tool.py"))["tool"]
    for _ in range(2):
        assert asyncio.run(tool(text="x")) == "..."


# ── entry points ──────────────────────────────────────────────────────────────────────────────

# What a distribution behind the declared names looks like: a tool that is a class, as the
# declaration's name suggests, a transport class and a guard class.
MODULE = '''
from axio.events import IterationEnd, TextDelta
from axio.permission import PermissionGuard
from axio.types import StopReason, Usage


class MyHandler:
    """Say how long a text is."""

    async def __call__(self, text: str) -> str:
        return str(len(text))


class MyTransport:
    name = "mine"

    async def stream(self, messages, tools, system):
        yield TextDelta(0, "from my backend: " + ", ".join(tool.name for tool in tools))
        yield IterationEnd(1, StopReason.end_turn, Usage(1, 1))


class MyGuard(PermissionGuard):
    async def check(self, tool, **kwargs):
        return kwargs
'''

METADATA = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "my-package"
version = "1.0"

[tool.hatch.build.targets.wheel]
include = ["my_package.py"]

"""


@pytest.fixture(scope="module")
def installed(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """An environment in which a distribution with the users' declarations is installed."""
    project = tmp_path_factory.mktemp("my-package")
    (project / "my_package.py").write_text(MODULE, "utf-8")
    declared = (programs / "entry_points.toml").read_text("utf-8")
    (project / "pyproject.toml").write_text(METADATA + declared, "utf-8")
    target = tmp_path_factory.mktemp("site")
    subprocess.run(
        [
            sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps",
            "--no-build-isolation", "--disable-pip-version-check", "--target", target, project,
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return {"PYTHONPATH": str(target)}


DISCOVER = """
import asyncio
from axio import plugins
from axio_tui import plugin

tools = {tool.name: tool for tool in plugins.discover_tools()}
assert asyncio.run(tools["my_tool"](text="four")) == "4"
assert tools["my_tool"].description == "Say how long a text is."
assert plugins.discover_transports()["my_backend"].__name__ == "MyTransport"
assert plugins.discover_guards()["my_guard"].__name__ == "MyGuard"
assert plugin.discover_tools is plugins.discover_tools
print("found")
"""


def test_declared_entry_points_are_discovered(installed: Mapping[str, str], tmp_path: Path) -> None:
    done = run_python("-c", DISCOVER, cwd=tmp_path, environment=installed)
    assert (done.stdout, done.stderr) == ("found\n", "")


def test_the_command_uses_a_declared_transport_and_tool(
    installed: Mapping[str, str], tmp_path: Path
) -> None:
    done = run_python(
        "-m", "axio_tui", "run", "--transport", "my_backend", "--tools", "my_tool", "hello",
        cwd=tmp_path, environment=installed,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "from my backend: my_tool" in done.stdout
