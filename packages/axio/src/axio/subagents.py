"""Agents as tools of another agent.

The outer run sees what its sub-agents do as `NestedEvent`s, pays for it from its budget, and takes
them along when it is cancelled.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from inspect import isawaitable
from typing import Any, NotRequired, TypeAlias, TypedDict

from axio.agent import Agent
from axio.approval import pending, waiting
from axio.context import ContextStore, MemoryContextStore
from axio.events import Error, NestedEvent, SessionEndEvent, StreamEvent, TextDelta
from axio.exceptions import StreamError, message_of, wrong_kind
from axio.permission import PermissionGuard
from axio.results import words_of
from axio.run import RUN, Run
from axio.stream import AgentStream
from axio.tool import CONTEXT, Tool
from axio.transport import CompletionTransport, require_transport
from axio.types import StopReason

__all__ = (
    "AgentContext",
    "Agents",
    "Background",
    "BackgroundResult",
    "OnEvent",
    "agent_tool",
    "make_agent_tools",
)

logger = logging.getLogger(__name__)

Agents: TypeAlias = dict[str, tuple[str, Agent]]
"""Description and agent by name."""

OnEvent: TypeAlias = Callable[[str, StreamEvent], Awaitable[object] | object]
"""Gets every event of a sub-agent's runs together with its name."""


class AgentContext(TypedDict):
    """The `Tool.context` of a tool that stands for an agent."""

    agent_name: str
    proto: Agent
    transport: CompletionTransport
    context_factory: Callable[[], ContextStore]
    on_event: OnEvent | None
    background: NotRequired[Background | None]
    on_start: NotRequired[Callable[[AgentStream], object]]
    """Gets the stream of each run, which can be cancelled without the outer one."""


async def agent_tool(task: str) -> str:
    """Give a task to another agent and return its answer."""
    context: AgentContext = CONTEXT.get()
    background = context.get("background")
    if background is not None:
        return background.start(context, task)
    return await _work(context, task, RUN.get(None))


async def _work(context: AgentContext, task: str, outer: Run | None) -> str:
    """The final text of one run of the sub-agent; the outer run and `on_event` get its events."""
    name, on_event = context["agent_name"], context["on_event"]
    store = context["context_factory"]()
    stream = context["proto"].copy(transport=context["transport"]).run_stream(task, store)
    context.get("on_start", _ignore)(stream)
    parts: list[str] = []
    failure: BaseException | None = None
    problem = ""
    try:
        async for event in stream:
            if outer is not None and outer.call_id is not None:
                outer.emit(NestedEvent(outer.call_id, name, event))
            if on_event is not None:
                answer = on_event(name, event)
                if isawaitable(answer):
                    await answer
            if isinstance(event, TextDelta):
                parts.append(event.delta)
            elif isinstance(event, Error) and failure is None:
                failure = event.exception
                problem = message_of(failure)
            elif isinstance(event, SessionEndEvent) and failure is None:
                problem = await _unfinished(event, store)
    finally:
        await stream.aclose()
        await store.close()
    text = "".join(parts)
    if problem:
        raise StreamError(f"{problem}\nIts text so far: {text}" if text else problem) from failure
    return text


def _ignore(stream: AgentStream) -> None:
    """Leave the stream to its run."""


async def _unfinished(end: SessionEndEvent, store: ContextStore) -> str:
    """The reason why a run without an error has not done its task; empty if it has."""
    if end.stop_reason != StopReason.end_turn:
        return f"The agent's run ended before it was finished ({end.reason})."
    waits_for = {"approval": "the approval of a person", "waiting": "results that come later"}
    if end.reason in waits_for:
        history = await store.get_history()
        names = ", ".join(call.name for call in [*pending(history), *waiting(history)])
        return f"The agent's run stopped: calls of it wait for {waits_for[end.reason]} ({names})."
    return ""


def make_agent_tools(
    agents: Agents,
    transport: CompletionTransport,
    context_factory: Callable[[], ContextStore] = MemoryContextStore,
    on_event: OnEvent | None = None,
    agent_name_prefix: str = "",
    *,
    guards: Sequence[PermissionGuard] = (),
    background: Background | None = None,
) -> list[Tool[AgentContext]]:
    """A tool for each agent, which takes a `task` and returns the agent's final text.

    Each call runs on a fresh context from `context_factory`, which it closes. When the run fails,
    is cut short by a limit or stops for an approval, the tool raises, and the calling model is told
    why, with the text so far. `on_event` gets the unprefixed name. `guards` are asked before every
    tool call of the sub-agents, ahead of the guards their tools have. With `background` a call
    returns at once, and the text comes later.
    """
    entries: dict[str, object] = {**agents}
    for name, pair in entries.items():
        if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[1], Agent)):
            raise wrong_kind(f"agents[{name!r}]", "a pair of a description and an Agent", pair)
    require_transport(transport)
    return [
        Tool(
            name=agent_name_prefix + name,
            description=description,
            handler=agent_tool,
            context=AgentContext(
                agent_name=name,
                proto=_guarded(agent, guards),
                transport=transport,
                context_factory=context_factory,
                on_event=on_event,
                background=background,
            ),
        )
        for name, (description, agent) in agents.items()
    ]


def _guarded(agent: Agent, guards: Sequence[PermissionGuard]) -> Agent:
    if not guards:
        return agent
    return agent.copy(tools=[replace(t, guards=(*guards, *t.guards)) for t in agent.tools])


@dataclass(frozen=True, slots=True)
class BackgroundResult:
    """The outcome of a sub-agent in the background; `failed` if its run did."""

    number: int
    name: str
    text: str
    failed: bool

    def as_prompt(self) -> str:
        """The words in which the outer agent is told."""
        outcome = "failed" if self.failed else "has finished"
        return f"[Background task {self.number}, {self.name}, {outcome}]\n{self.text}"


class Background:
    """Owns sub-agents that go on while the run that started them does something else.

        async with Background() as background:
            agent.tools = make_agent_tools(agents, transport, background=background)

    A result reaches the run that started the task as a user message before its next model call;
    when that run has ended by then, it waits in `results` for the program. A run
    that is cancelled takes its tasks along, and so does the end of the block. A copy is a new one,
    for a block of its own.
    """

    def __init__(self) -> None:
        self.results: deque[BackgroundResult] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._count = 0
        self._open = False

    def __reduce__(self) -> Any:
        return type(self), ()

    async def __aenter__(self) -> Background:
        self._open = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self._open = False
        for task in self._tasks:
            task.cancel()
        await self.join()

    async def join(self) -> None:
        """Wait until no task is running."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def start(self, context: AgentContext, task: str) -> str:
        """Begin a task for the tool call that is going on; return the words for the model."""
        if not self._open:
            raise RuntimeError("background tasks need `async with Background()` around the run")
        self._count += 1
        outer = RUN.get(None)
        work = asyncio.create_task(self._run(self._count, context, task, outer))
        self._tasks.add(work)
        work.add_done_callback(self._tasks.discard)
        if outer is not None:
            outer.adopt(work)
        return f"Started as background task {self._count}. Its result will come as a message."

    async def _run(self, number: int, context: AgentContext, task: str, outer: Run | None) -> None:
        try:
            text, failed = await _work(context, task, outer), False
        except Exception as exc:
            logger.warning("background task %d failed: %s", number, exc)
            text, failed = words_of(exc), True
        result = BackgroundResult(number, context["agent_name"], text, failed)
        if outer is None or not outer.steer(result.as_prompt()):
            self.results.append(result)
