"""A user's program against the core, as type checkers must accept it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal, assert_type

from axio import (
    CONTEXT,
    Agent,
    AgentStream,
    CompletionTransport,
    ContextStore,
    Field,
    GuardError,
    MemoryContextStore,
    Message,
    PermissionGuard,
    StopReason,
    StreamEvent,
    TextBlock,
    TextDelta,
    Tool,
    ToolResult,
    Usage,
)
from axio.events import Error, IterationEnd, SessionEndEvent
from axio.testing import StubTransport, make_echo_tool, make_text_response


class OneAnswer:
    """A transport is a class with this method; it inherits nothing."""

    async def stream(
        self, messages: list[Message], tools: list[Tool[Any]], system: str
    ) -> AsyncIterator[StreamEvent]:
        yield TextDelta(0, f"{len(messages)} messages, {len(tools)} tools, {system}")
        yield IterationEnd(1, StopReason.end_turn, Usage(1, 1))


class ListStore(ContextStore):
    """A store needs two methods."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def append(self, message: Message) -> None:
        self.messages.append(message)

    async def get_history(self) -> list[Message]:
        return list(self.messages)


class NoNegatives(PermissionGuard):
    async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
        if kwargs.get("number", 0) < 0:
            raise GuardError(f"{tool.name} takes no negative numbers")
        return kwargs


async def double(
    number: Annotated[int, Field(description="what to double", ge=0)],
    unit: Literal["m", "s"] = "m",
) -> str:
    """Twice the number."""
    return f"{2 * number} {unit}"


async def use() -> None:
    transport: CompletionTransport = OneAnswer()
    tool = Tool(name="double", handler=double, guards=(NoNegatives(),), concurrency=2)
    agent = Agent(system="", transport=transport, tools=[tool, make_echo_tool()])
    context: ContextStore = ListStore()

    assert_type(await agent.run("hello", context), str)
    stream = agent.run_stream("hello", context)
    assert_type(stream, AgentStream)
    async for event in stream:
        match event:
            case TextDelta(_, delta):
                assert_type(delta, str)
            case ToolResult(tool_use_id, name, is_error):
                assert_type((tool_use_id, name, is_error), tuple[str, str, bool])
            case Error(exception):
                assert_type(exception, BaseException)
            case SessionEndEvent(stop_reason, total_usage):
                assert_type(stop_reason, StopReason)
                assert_type(total_usage, Usage)
            case _:
                pass

    assert_type(await agent.run_stream("hello", context).get_final_text(), str)
    assert_type(await agent.run_stream("hello", context).get_session_end(), SessionEndEvent)
    assert_type(agent.copy(system="other"), Agent)
    assert_type(await MemoryContextStore().get_history(), list[Message])
    assert_type(Usage(1, 2) + Usage(3, 4), Usage)
    assert_type(tool.input_schema, dict[str, Any])
    Message("user", [TextBlock("hello")])
    StubTransport([make_text_response("Done")])
    CONTEXT.get()


async def what_a_history_says(context: ContextStore) -> None:
    for message in await context.get_history():
        assert_type(message.text, str)
        for result in message.tool_results:
            assert_type(result.is_error, bool)
        for block in message.content:
            if isinstance(block, TextBlock):
                assert_type(block.text, str)
        assert_type(message.to_dict(), dict[str, Any])
