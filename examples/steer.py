"""Speak to a run while it works."""

from __future__ import annotations

import asyncio

from axio import Agent, MemoryContextStore, ToolResult
from axio.testing import (
    StubTransport,
    make_echo_tool,
    make_text_response,
    make_tool_use_response,
)


async def main() -> None:
    model = StubTransport([make_tool_use_response(), make_text_response("Right away.")])
    agent = Agent(system="", transport=model, tools=[make_echo_tool()])
    context = MemoryContextStore()
    stream = agent.run_stream("Take your time.", context)
    async for event in stream:
        if isinstance(event, ToolResult):
            stream.steer("Be quick now.")
    for message in await context.get_history():
        print(message.role, message.content[0])


if __name__ == "__main__":
    asyncio.run(main())

# Prints:
# user TextBlock(text='Take your time.')
# assistant ToolUseBlock(id='call_1', name='echo', input={'msg': 'hi'})
# user ToolResultBlock(tool_use_id='call_1', content='{"msg": "hi"}', is_error=False)
# user TextBlock(text='Be quick now.')
# assistant TextBlock(text='Right away.')
