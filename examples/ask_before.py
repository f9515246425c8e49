"""A guard is asked before every call. It denies one here, and the model hears why."""

import asyncio
from typing import Any

from axio import Agent, GuardError, MemoryContextStore, PermissionGuard, Tool, ToolResult
from axio.testing import StubTransport, make_text_response, make_tool_use_response


class NotOnFridays(PermissionGuard):
    async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
        if kwargs["day"] == "Friday":
            raise GuardError("nobody deploys on a Friday; propose Monday")
        return kwargs


async def deploy(day: str) -> str:
    """Deploy on a day of the week."""
    return f"deployed on {day}"


async def main() -> None:
    transport = StubTransport(
        [
            make_tool_use_response("deploy", "call_1", {"day": "Friday"}),
            make_tool_use_response("deploy", "call_2", {"day": "Monday"}),
            make_text_response("Done, on Monday."),
        ]
    )
    tool = Tool(name="deploy", handler=deploy, guards=(NotOnFridays(),))
    agent = Agent(system="", transport=transport, tools=[tool])
    async for event in agent.run_stream("Deploy!", MemoryContextStore()):
        if isinstance(event, ToolResult):
            print("denied:" if event.is_error else "allowed:", event.content)


if __name__ == "__main__":
    asyncio.run(main())

# Prints:
# denied: GuardError: nobody deploys on a Friday; propose Monday
# allowed: deployed on Monday
