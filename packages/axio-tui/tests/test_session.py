"""A conversation without a terminal."""

from __future__ import annotations

from typing import Any

import pytest

from axio.events import SessionEndEvent, TextDelta, ToolResult
from axio.history import check
from axio.testing import StubTransport, make_text_response, make_tool_use_response
from axio.tool import Tool
from axio_tui.chat.session import ChatSession
from axio_tui.prompt import LAST_ITERATION_MESSAGE
from axio_tui.session import make_agent


async def look(path: str) -> str:
    return f"looked at {path}"


async def change(tool: str, self: str = "x") -> str:
    return f"changed {tool}"


TOOLS = [
    Tool(name="look", handler=look, read_only=True),
    Tool(name="change", handler=change),
]


def calling(name: str, **arguments: object) -> StubTransport:
    return StubTransport(
        [make_tool_use_response(name, tool_input=arguments), make_text_response("Done")]
    )


async def results(session: ChatSession, prompt: str = "go") -> list[ToolResult]:
    events = [event async for event in session.send(prompt)]
    assert isinstance(events[-1], SessionEndEvent)
    assert not check(await session.store.get_history())
    return [event for event in events if isinstance(event, ToolResult)]


def session(transport: StubTransport) -> ChatSession:
    return ChatSession(make_agent(transport, TOOLS, system="", max_iterations=5))


async def test_each_run_sees_what_was_said_before() -> None:
    chat = session(StubTransport([make_text_response("one"), make_text_response("two")]))
    for prompt in ("first", "second"):
        assert [e async for e in chat.send(prompt) if isinstance(e, TextDelta)]
    texts = [message.content[0].text for message in await chat.store.get_history()]  # type: ignore[attr-defined]
    assert texts == ["first", "one", "second", "two"]


@pytest.mark.parametrize("iterations", [1, 3])
async def test_the_last_request_tells_the_model_to_answer(iterations: int) -> None:
    seen = []

    class Recording(StubTransport):
        def stream(self, messages: Any, tools: Any, system: str) -> Any:
            seen.append(messages[-1] is LAST_ITERATION_MESSAGE)
            return super().stream(messages, tools, system)

    transport = Recording([make_tool_use_response("look", tool_input={"path": "x"})])
    chat = ChatSession(make_agent(transport, TOOLS, system="", max_iterations=iterations))
    [e async for e in chat.send("go")]
    assert seen == [False] * (iterations - 1) + [True]
