"""The application's own tools, with and without the application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from axio.agent import Agent
from axio.blocks import ImageBlock, TextBlock
from axio.context import MemoryContextStore
from axio.events import Error, StreamEvent, TextDelta, ToolResult
from axio.exceptions import HandlerError, StreamError
from axio.plugins import Installed
from axio.testing import StubTransport, make_text_response, make_tool_use_response
from axio_tui import tools
from axio_tui.tools import confirm, status_line, subagent, vision_analyze

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(autouse=True)
def no_host() -> Iterator[None]:
    yield
    tools.status_line_callback = tools.subagent_factory = tools.vision_transport = None


class Eyes:
    """A model that sees: keeps what it was shown and says what it was told to say."""

    def __init__(self, *events: StreamEvent) -> None:
        self.events = events
        self.seen: list[Any] = []

    async def stream(self, messages: Any, tools: Any, system: str) -> AsyncIterator[StreamEvent]:
        self.seen.append((messages, tools))
        for event in self.events:
            yield event


async def test_a_status_reaches_what_shows_it() -> None:
    shown: list[str] = []
    assert await status_line("Reading") == "ok"
    tools.status_line_callback = shown.append
    assert await status_line("Writing") == "ok"
    assert shown == ["Writing"]


async def test_a_verdict_is_one_of_three() -> None:
    assert await confirm("RISKY", "it deletes", "delete files") == "RISKY"
    tool = Installed().load_tool("confirm")
    assert tool.input_schema["required"] == ["verdict", "reason", "category"]
    with pytest.raises(HandlerError, match="must be one of"):
        await tool(verdict="MAYBE", reason="", category="")


async def test_a_sub_agent_answers_or_says_that_there_is_none() -> None:
    assert await subagent("count") == "SubAgent is not configured"

    async def factory() -> tuple[Agent, MemoryContextStore]:
        agent = Agent(system="", transport=StubTransport([make_text_response("three")]))
        return agent, MemoryContextStore()

    tools.subagent_factory = factory
    assert await subagent("count") == "three"


async def test_a_factory_that_fails_is_heard() -> None:
    async def factory() -> Any:
        raise RuntimeError("no model")

    tools.subagent_factory = factory
    with pytest.raises(RuntimeError, match="no model"):
        await subagent("count")


async def test_no_more_than_three_sub_agents_work_at_once() -> None:
    assert subagent._tool_concurrency == 3  # type: ignore[attr-defined]
    assert Installed().load_tool("subagent").concurrency == 3


async def test_vision_without_a_model_says_so(tmp_path: Path) -> None:
    assert "not configured" in await vision_analyze(str(tmp_path / "a.png"))


@pytest.mark.parametrize(
    ("name", "arguments"), [("subagent", {"task": "count"}), ("vision", {"path": "a.png"})]
)
async def test_a_model_is_told_as_an_error_that_a_tool_has_no_host(
    name: str, arguments: dict[str, str]
) -> None:
    calls = [make_tool_use_response(name, tool_input=arguments), make_text_response()]
    agent = Agent("", StubTransport(calls), [Installed().load_tool(name)])
    events = [event async for event in agent.run_stream("go", MemoryContextStore())]
    [result] = [event for event in events if isinstance(event, ToolResult)]
    assert result.is_error and "not configured" in str(result.content)


async def test_what_is_no_image_is_named_and_not_sent(tmp_path: Path) -> None:
    tools.vision_transport = eyes = Eyes()
    (tmp_path / "a.txt").write_text("x")
    assert "File not found: nowhere.png" in await vision_analyze("nowhere.png")
    assert "File not found" in await vision_analyze(str(tmp_path))
    assert "Unsupported image format" in await vision_analyze(str(tmp_path / "a.txt"))
    assert not eyes.seen


@pytest.mark.parametrize(
    ("name", "media_type"),
    [("a.jpg", "image/jpeg"), ("a.JPEG", "image/jpeg"), ("a.png", "image/png"),
     ("a.gif", "image/gif"), ("a.webp", "image/webp")],
)  # fmt: skip
async def test_an_image_goes_to_the_model_with_the_question(
    tmp_path: Path, name: str, media_type: str
) -> None:
    (tmp_path / name).write_bytes(PNG)
    tools.vision_transport = eyes = Eyes(TextDelta(0, "A "), TextDelta(0, "cat."))
    assert await vision_analyze(str(tmp_path / name), "What is it?") == "A cat."
    [([message], given)] = eyes.seen
    assert message.role == "user" and given == []
    assert message.content == [TextBlock("What is it?"), ImageBlock(media_type, PNG)]  # type: ignore[arg-type]


async def test_a_model_that_says_nothing_or_fails_is_no_description(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    tools.vision_transport = Eyes()
    assert await vision_analyze(str(tmp_path / "a.png")) == "(no response)"
    tools.vision_transport = Eyes(Error(RuntimeError("blind")))
    with pytest.raises(StreamError, match="blind"):
        await vision_analyze(str(tmp_path / "a.png"))


def test_they_are_offered_as_tools_that_change_nothing() -> None:
    parts = Installed()
    found = {
        name: parts.load_tool(name) for name in ("status_line", "confirm", "subagent", "vision")
    }
    assert found["vision"].handler is vision_analyze
    assert all(tool.read_only and tool.description for tool in found.values())
