"""`SubAgents`: the tool with which the agent of a conversation hands tasks to others like itself.

Each works in a session of its own, `PARENT/CALL`, which is kept beside that of the conversation. It
has the tools of its parent, guarded in the same way: what the parent may not do, it may not either,
and whom the parent asks is asked for it as well.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from axio.agent import Agent
from axio.context import ContextStore
from axio.permission import PermissionGuard
from axio.run import RUN
from axio.selector import ToolSelector
from axio.stream import AgentStream
from axio.subagents import AgentContext, agent_tool
from axio.tool import CONTEXT, AnyTool, Tool
from axio.transport import CompletionTransport
from axio_tui.chat.stores import beside
from axio_tui.tools import SUBAGENT_SYSTEM_PROMPT, Task, subagent

__all__ = ("NAME", "SubAgents")

NAME = "subagent"
_AT_ONCE = 3


class SubAgents:
    """Makes `tool`. `transport` gives the model they ask, `guards` are asked before each of them.

    The tool itself only starts them: it needs no rule, since all that they do is judged.
    """

    def __init__(
        self,
        transport: Callable[[], Awaitable[CompletionTransport]],
        *,
        system: str = SUBAGENT_SYSTEM_PROMPT,
        max_iterations: int = 50,
        guards: Iterable[PermissionGuard] = (),
    ) -> None:
        self._transport = transport
        self._system = system
        self._max_iterations = max_iterations
        self._streams: dict[str, AgentStream] = {}
        self.tool: AnyTool = Tool(
            name=NAME,
            description=subagent.__doc__ or "",
            handler=_subagent,
            context=self,
            concurrency=_AT_ONCE,
            guards=tuple(guards),
        )

    @property
    def running(self) -> list[str]:
        """The calls for which one works now."""
        return list(self._streams)

    def stop(self, call_id: str) -> bool:
        """End the one that works for the call; its parent goes on. False if there is none."""
        stream = self._streams.get(call_id)
        if stream is not None:
            stream.cancel()
        return stream is not None

    async def made(self, tools: Iterable[AnyTool], selector: ToolSelector | None) -> Agent:
        """An agent for one task, with these tools but without sub-agents of its own."""
        transport = await self._transport()
        own = [tool for tool in tools if tool.name != NAME]
        return Agent(self._system, transport, own, selector, self._max_iterations)

    async def _work(self, task: str) -> str:
        run = RUN.get()
        assert run.call_id is not None, "a tool is called inside of a run"
        call_id = run.call_id
        agent = await self.made(run.agent.tools, run.agent.selector)

        def store() -> ContextStore:
            return beside(run.store, f"{run.store.session_id}/{call_id}")

        def started(stream: AgentStream) -> None:
            self._streams[call_id] = stream

        CONTEXT.set(
            AgentContext(
                agent_name=NAME,
                proto=agent,
                transport=agent.transport,
                context_factory=store,
                on_event=None,
                on_start=started,
            )
        )
        try:
            return await agent_tool(task)
        finally:
            self._streams.pop(call_id, None)


async def _subagent(task: Task) -> str:
    subagents: SubAgents = CONTEXT.get()
    return await subagents._work(task)
