"""Discovery by entry point, of distributions as they lie in a folder of installed packages."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from axio import plugins
from axio.plugins import Installed, PluginError
from support.plugs import put

Install = Callable[..., Path]

MODULE = '''
from axio.permission import PermissionGuard
from axio.tool import Tool, tool_options

async def plain(text: str, times: int = 2) -> str:
    """Repeat a text."""
    return text * times

async def limited(text: str) -> str:
    return text
limited._tool_concurrency = 3

@tool_options(concurrency=2, read_only=True, timeout=4.0, examples=[("say hi", {"text": "hi"})])
async def noted(text: str) -> str:
    return text

async def lines(count: int):
    """Count."""
    for number in range(count):
        yield f"{number}\\n"

async def _handler() -> str:
    return "from a Tool"

ready = Tool(name="another_name", description="Made by hand", handler=_handler, concurrency=5)

class Handler:
    """A handler with a state."""
    _tool_concurrency = 4
    def __init__(self) -> None:
        self.calls = 0
    async def __call__(self, text: str) -> str:
        self.calls += 1
        return f"{text} {self.calls}"

class Streaming(Handler):
    async def stream(self, text: str):
        yield "stdout", text
    def format_stream_result(self, chunks):
        return f"{len(chunks)} chunks"

instance = Handler()

class NeedsArguments:
    def __init__(self, path): ...
    async def __call__(self) -> str: ...

class NotAsync:
    def __call__(self) -> str: ...

def not_async() -> str: ...

number = 7

class Guard(PermissionGuard):
    async def check(self, tool, /, **kwargs):
        return kwargs

class Transport: ...

class Plugin:
    label = "Things"
    @property
    def all_tools(self): raise RuntimeError("not connected")
    async def init(self, config=None, global_config=None): ...
    def settings_screen(self): ...
    async def close(self): ...

class HalfPlugin:
    label = "Half"
'''


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Put a distribution where Python finds it: modules and entry points by group."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))

    yield partial(put, tmp_path)
    for module in set(sys.modules) - before:
        if getattr(sys.modules[module], "__file__", "").startswith(str(tmp_path)):
            del sys.modules[module]


@pytest.fixture
def parts(install: Install) -> None:
    tools = ("plain limited noted lines ready Handler Streaming instance NeedsArguments NotAsync "
             "not_async number missing").split()  # fmt: skip
    install(
        "acme-tools",
        {
            "axio.tools": {
                **{f"acme_{name.lower()}": f"acme_parts:{name}" for name in tools},
                "acme_broken": "acme_broken:tool",
                "acme_absent": "acme_absent:tool",
            },
            "axio.guards": {"acme": "acme_parts:Guard", "acme_wrong": "acme_parts:Handler"},
            "axio.transport": {"acme": "acme_parts:Transport", "acme_7": "acme_parts:number"},
            "axio.transport.settings": {"acme": "acme_parts:Handler"},
            "axio.tools.settings": {"acme": "acme_parts:Plugin", "half": "acme_parts:HalfPlugin"},
            "axio.selector": {"acme": "acme_parts:Handler"},
        },
        {"acme_parts": MODULE, "acme_broken": "raise RuntimeError('boom')"},
    )


def acme() -> dict[str, Any]:
    return {t.name: t for t in plugins.discover_tools() if t.name.startswith("acme_")}


@pytest.mark.usefixtures("parts")
def test_what_can_be_a_tool_is_one_and_the_rest_is_skipped_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, "axio.plugins"):
        found = acme()
    assert list(found) == sorted([
        "acme_plain", "acme_limited", "acme_noted", "acme_lines", "acme_ready", "acme_handler",
        "acme_streaming", "acme_instance",
    ])  # fmt: skip
    for skipped in ("needsarguments", "notasync", "not_async", "number", "missing", "broken"):
        assert f"acme_{skipped}" in caplog.text
    assert "RuntimeError: boom" in caplog.text
    assert "No module named 'acme_absent'" in caplog.text


@pytest.mark.usefixtures("parts")
async def test_a_coroutine_function_brings_name_description_schema_and_limit() -> None:
    found = acme()
    tool = found["acme_plain"]
    assert tool.description == "Repeat a text."
    assert tool.input_schema["required"] == ["text"]
    assert tool.concurrency is None
    assert await tool(text="ab") == "abab"
    assert found["acme_limited"].concurrency == 3


@pytest.mark.usefixtures("parts")
def test_options_noted_on_a_function_reach_the_tool() -> None:
    tool = acme()["acme_noted"]
    assert (tool.concurrency, tool.read_only, tool.timeout) == (2, True, 4.0)
    assert tool.examples == (("say hi", {"text": "hi"}),)


@pytest.mark.usefixtures("parts")
async def test_a_tool_object_is_taken_as_it_is_under_the_name_of_its_entry_point() -> None:
    tool = acme()["acme_ready"]
    assert (tool.name, tool.description, tool.concurrency) == ("acme_ready", "Made by hand", 5)
    assert await tool() == "from a Tool"


@pytest.mark.usefixtures("parts")
async def test_a_class_is_made_once_and_called() -> None:
    tool = acme()["acme_handler"]
    assert tool.description == "A handler with a state."
    assert list(tool.input_schema["properties"]) == ["text"]
    assert tool.concurrency == 4
    assert [await tool(text="a"), await tool(text="b")] == ["a 1", "b 2"]


@pytest.mark.usefixtures("parts")
async def test_a_class_may_stream() -> None:
    tool = acme()["acme_streaming"]
    assert tool.supports_streaming
    assert [chunk async for chunk in tool.call_streaming(text="hi")] == [("stdout", "hi")]
    assert tool.format_stream_result([(0.0, "stdout", "hi")]) == "1 chunks"
    assert acme()["acme_lines"].supports_streaming


@pytest.mark.usefixtures("parts")
async def test_one_tool_is_loaded_without_importing_the_others() -> None:
    assert await Installed().load_tool("acme_plain")(text="x") == "xx"
    assert "acme_parts" in sys.modules and "acme_broken" not in sys.modules


@pytest.mark.usefixtures("parts")
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("acme_broken", "RuntimeError: boom"),
        ("acme_absent", "No module named 'acme_absent'"),
        ("acme_missing", "missing"),
        ("acme_number", "not a coroutine function"),
        ("acme_needsarguments", "path"),
        ("acme_nowhere", "acme_handler, acme_instance"),
    ],
)
def test_a_tool_that_was_asked_for_and_cannot_be_had_says_why(name: str, reason: str) -> None:
    with pytest.raises(PluginError, match=reason):
        Installed().load_tool(name)


@pytest.mark.usefixtures("parts")
def test_tools_are_listed_by_the_distribution_they_come_from() -> None:
    packages = plugins.discover_tools_by_package()
    assert {tool.name for tool in packages["acme-tools"]} == set(acme())


@pytest.mark.usefixtures("parts")
def test_guards_are_classes_of_guards_only(caplog: pytest.LogCaptureFixture) -> None:
    guards = plugins.discover_guards()
    assert guards["acme"].__name__ == "Guard"
    assert "acme_wrong" not in guards and "acme_wrong" in caplog.text


@pytest.mark.usefixtures("parts")
def test_the_other_groups_give_classes_by_name() -> None:
    assert plugins.discover_transports()["acme"].__name__ == "Transport"
    assert "acme_7" not in plugins.discover_transports()
    assert plugins.discover_transport_settings()["acme"].__name__ == "Handler"
    assert plugins.discover_selectors()["acme"].__name__ == "Handler"
    assert Installed().load(plugins.TRANSPORT_GROUP, "acme").__name__ == "Transport"


@pytest.mark.usefixtures("parts")
def test_a_tools_plugin_is_made_but_neither_connected_nor_asked_for_its_tools() -> None:
    found = plugins.discover_tools_plugins()
    assert found["acme"].label == "Things"
    assert "half" not in found


def test_a_name_that_two_distributions_offer_is_taken_once(
    install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    source = "async def tool() -> str:\n    return __name__\n"
    install("acme-one", {"axio.tools": {"acme_twin": "acme_one:tool"}}, {"acme_one": source})
    install("acme-two", {"axio.tools": {"acme_twin": "acme_two:tool"}}, {"acme_two": source})
    assert list(acme()) == ["acme_twin"]
    assert "more than one 'acme_twin', using acme_one:tool of acme-one and not" in caplog.text


LEAVING = """
import sys
sys.exit("this machine is\\nnot supported")
"""

LEAVES_LATER = """
import sys
class Tool:
    def __init__(self) -> None:
        sys.exit(7)
    async def __call__(self) -> str: ...
"""


INTERRUPTED = "import signal\nsignal.raise_signal(signal.SIGINT)"


def test_a_part_that_ends_the_program_is_left_out_in_one_line(install: Install) -> None:
    install(
        "acme-leaving",
        {
            "axio.tools": {"acme_a": "acme_leaving:tool", "acme_b": "acme_later:Tool"},
            "axio.transport": {"acme_a": "acme_leaving:Transport"},
        },
        {"acme_leaving": LEAVING, "acme_later": LEAVES_LATER},
    )
    lines: list[str] = []
    parts = Installed(lines.append)
    found = [tool.name for _, tool in parts.each("axio.tools", plugins.as_tool)]
    assert not {"acme_a", "acme_b"} & set(found)
    mine = [line for line in lines if "acme_" in line]
    assert len(mine) == 2
    assert "'acme_a' (acme_leaving:tool of acme-leaving)" in mine[0]
    assert "SystemExit: this machine is not supported" in mine[0]
    assert "'acme_b'" in mine[1] and "SystemExit: 7" in mine[1]
    with pytest.raises(PluginError, match="not supported"):
        parts.load("axio.transport", "acme_a")
    with pytest.raises(PluginError, match="cannot be made: SystemExit: 7"):
        parts.load_tool("acme_b")


# Each ends the import of a module, or the making of a tool, in a way of its own.
ENDS = {
    "raise SystemExit": "SystemExit",
    "raise SystemExit('not on this machine')": "SystemExit: not on this machine",
    "import asyncio; raise asyncio.CancelledError('later')": "CancelledError: later",
    "raise GeneratorExit": "GeneratorExit",
    "class Skipped(BaseException): ...\nraise Skipped('not\\nnow')": "Skipped: not now",
    "raise BaseExceptionGroup('many', [SystemExit(1)])": "BaseExceptionGroup: many",
    "def again(): again()\nagain()": "RecursionError",
    "class Mute(Exception):\n    def __str__(self): raise SystemExit\nraise Mute": "Mute",
    "1 +": "SyntaxError: invalid syntax",
    "import acme_is_not_there": "ModuleNotFoundError",
    "tool: undefined": "NameError",
}


@pytest.mark.parametrize("code", ENDS)
def test_nothing_that_is_raised_while_a_part_is_loaded_ends_the_program(
    code: str, install: Install
) -> None:
    body = "".join(f"        {line}\n" for line in code.splitlines())
    install(
        "acme-odd",
        {
            "axio.tools": {
                "acme_a": "acme_at_import:tool",
                "acme_b": "acme_when_made:Tool",
                "acme_c": "acme_fine:tool",
            }
        },
        {
            "acme_at_import": code,
            "acme_when_made": f"class Tool:\n    def __init__(self):\n{body}",
            "acme_fine": "async def tool() -> str: ...",
        },
    )
    lines: list[str] = []
    parts = Installed(lines.append)
    found = [tool.name for _, tool in parts.each("axio.tools", plugins.as_tool)]
    assert [name for name in found if name.startswith("acme_")] == ["acme_c"]
    mine = [line for line in lines if "acme_" in line]
    assert ["'acme_a'" in mine[0], "'acme_b'" in mine[1], len(mine)] == [True, True, 2]
    assert ENDS[code] in mine[0] and "\n" not in "".join(mine)
    for name in ("acme_a", "acme_b"):
        with pytest.raises(PluginError, match=name):
            parts.load_tool(name)


def test_ctrl_c_while_a_part_is_loaded_ends_the_program(install: Install) -> None:
    install("acme-slow", {"axio.tools": {"acme_a": "acme_slow:tool"}}, {"acme_slow": INTERRUPTED})
    with pytest.raises(KeyboardInterrupt):
        Installed().load_tool("acme_a")


@pytest.mark.parametrize("stranger", ["aardvark", "zebra"])
def test_a_part_of_axio_is_not_replaced_by_a_stranger_of_its_name(
    install: Install, stranger: str
) -> None:
    source = "async def tool() -> str: ..."
    install(stranger, {"axio.tools": {"acme_read": f"{stranger}:tool"}}, {stranger: source})
    install("axio-acme", {"axio.tools": {"acme_read": "acme_own:tool"}}, {"acme_own": source})
    lines: list[str] = []
    parts = Installed(lines.append)
    for _ in range(2):
        assert parts.load_tool("acme_read").handler.__module__ == "acme_own"
    [line] = lines
    assert "using acme_own:tool of axio-acme" in line
    assert f"not {stranger}:tool of {stranger}" in line


@pytest.mark.usefixtures("parts")
def test_a_transport_that_is_no_class_is_named() -> None:
    parts = Installed()
    assert parts.load_class(plugins.TRANSPORT_GROUP, "acme").__name__ == "Transport"
    with pytest.raises(PluginError, match="'acme_7' is an object of int, not a class"):
        parts.load_class(plugins.TRANSPORT_GROUP, "acme_7")


def test_names_are_sorted_and_import_nothing(install: Install) -> None:
    install("acme", {"axio.tools": {"acme_z": "acme_absent:z", "acme_a": "acme_absent:a"}})
    names = [name for name in Installed().names(plugins.TOOLS_GROUP) if name.startswith("acme_")]
    assert names == ["acme_a", "acme_z"]


def test_a_distribution_that_is_only_called_like_axio_replaces_nothing(install: Install) -> None:
    install(
        "axio-aaa",
        {
            "axio.tools": {"read_file": "aaa_parts:tool"},
            "axio.transport": {"ollama": "aaa_parts:Transport"},
        },
        {"aaa_parts": "async def tool() -> str: ...\nclass Transport: ..."},
    )
    lines: list[str] = []
    parts = Installed(lines.append, reserved={plugins.TRANSPORT_GROUP: {"ollama"}})
    assert parts.load_tool("read_file").handler.__module__ == "axio_tools_local.read_file"
    assert "ollama" not in parts.names(plugins.TRANSPORT_GROUP)
    assert len(lines) == 2 and "not aaa_parts:tool of axio-aaa" in lines[0]
    assert lines[1] == (
        "axio.transport: skipping 'ollama' (aaa_parts:Transport of axio-aaa): the name is for a "
        "part of axio itself"
    )
    assert [one.value for one in parts.all_entries(plugins.TRANSPORT_GROUP) if "aaa" in one.value]


def test_a_part_that_is_off_is_left_out_without_a_word(install: Install) -> None:
    install(
        "acme",
        {"axio.tools": {"acme_a": "acme_ab:a", "acme_b": "acme_ab:b"}},
        {"acme_ab": "async def a() -> str: ...\nasync def b() -> str: ..."},
    )
    lines: list[str] = []
    parts = Installed(lines.append, off={plugins.TOOLS_GROUP: {"acme_a"}})
    assert [name for name in parts.names(plugins.TOOLS_GROUP) if "acme" in name] == ["acme_b"]
    assert lines == [] and parts.entry(plugins.TOOLS_GROUP, "acme_a") is None


def test_own_distributions_are_those_of_this_repository() -> None:
    packages = Path(__file__).parents[2]
    assert {folder.name for folder in packages.iterdir() if folder.is_dir()} == plugins.OWN
