"""A conversation without a terminal."""

from __future__ import annotations

from typing import Annotated, Any

import pytest

from axio.events import SessionEndEvent, TextDelta, ToolResult
from axio.field import Field
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


def session(transport: StubTransport, **options: Any) -> ChatSession:
    return ChatSession(make_agent(transport, TOOLS, system="", max_iterations=5, **options))


async def test_each_run_sees_what_was_said_before() -> None:
    chat = session(StubTransport([make_text_response("one"), make_text_response("two")]))
    for prompt in ("first", "second"):
        assert [e async for e in chat.send(prompt) if isinstance(e, TextDelta)]
    texts = [message.content[0].text for message in await chat.store.get_history()]  # type: ignore[attr-defined]
    assert texts == ["first", "one", "second", "two"]


async def test_a_call_that_changes_something_is_asked_about_with_its_arguments() -> None:
    asked: list[object] = []

    async def ask(name: str, arguments: dict[str, Any]) -> None:
        asked.append((name, arguments))

    [result] = await results(session(calling("change", tool="x"), ask=ask))
    assert result.content == "changed x" and not result.is_error
    assert asked == [("change", {"tool": "x", "self": "x"})]


async def test_a_refusal_goes_to_the_model_with_its_reason() -> None:
    async def ask(name: str, arguments: dict[str, Any]) -> str:
        return "the person refused"

    [result] = await results(session(calling("change", tool="x"), ask=ask))
    assert result.is_error and "the person refused" in result.content


async def test_an_ask_that_fails_refuses() -> None:
    async def ask(name: str, arguments: dict[str, Any]) -> None:
        raise RuntimeError("no screen")

    [result] = await results(session(calling("change", tool="x"), ask=ask))
    assert result.is_error and "no screen" in result.content


async def test_reading_is_not_asked_about() -> None:
    async def ask(name: str, arguments: dict[str, Any]) -> str:
        raise AssertionError("asked")

    [result] = await results(session(calling("look", path="x"), ask=ask))
    assert result.content == "looked at x"


async def test_without_anybody_to_ask_everything_runs() -> None:
    [result] = await results(session(calling("change", tool="x")))
    assert result.content == "changed x"


async def test_guards_and_limits_of_a_tool_stay_under_the_question() -> None:
    asked: list[object] = []

    async def ask(name: str, arguments: dict[str, Any]) -> None:
        asked.append(arguments)

    async def bounded(n: Annotated[int, Field(le=5)]) -> str:
        return str(n)

    tool = Tool(name="bounded", handler=bounded)
    agent = make_agent(calling("bounded", n=7), [tool], system="", max_iterations=5, ask=ask)
    chat = ChatSession(agent)
    [result] = await results(chat)
    assert result.is_error and "must be <= 5" in result.content and not asked


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
