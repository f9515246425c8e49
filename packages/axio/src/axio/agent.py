"""The agent: a model, a system prompt and tools, ready to run on any conversation."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import cache
from types import NoneType
from typing import TYPE_CHECKING, Any, TypeVar, overload

from axio.blocks import ToolResultBlock, ToolUseBlock
from axio.context import ContextStore, MemoryContextStore, require_store
from axio.exceptions import wrong_kind
from axio.messages import Message, Prompt, as_message
from axio.selector import ToolSelector
from axio.tool import AnyTool, require_tools
from axio.transport import CompletionTransport, require_transport

if TYPE_CHECKING:
    from axio.output import OutputStream
    from axio.run.budget import Budget
    from axio.run.run import AgentRun
    from axio.run.stream import AgentStream

__all__ = ("Agent", "Prompt")

T = TypeVar("T")


@cache
def _run() -> type[AgentRun]:
    """The run, loaded with the first one: it needs asyncio, which is more to import than all the
    rest, and a program that only defines or lists agents does without."""
    from axio.run.run import AgentRun

    return AgentRun


_KINDS: tuple[tuple[str, Any, str], ...] = (
    ("system", str, "a str"),
    ("max_iterations", int, "an int"),
    ("selector", (NoneType, ToolSelector), "an object with a method select"),
    ("last_iteration_message", (NoneType, Message), "a Message"),
)


@dataclass(slots=True)
class Agent:
    """May be shared between concurrent runs: all that changes is in the `ContextStore`.

    The fields are read afresh before every model call, so a change takes effect at the next one.
    `last_iteration_message` is shown to the model, and not stored, when `max_iterations` allows no
    further call after this one.
    """

    system: str
    transport: CompletionTransport
    tools: list[AnyTool] = field(default_factory=list)
    selector: ToolSelector | None = None
    max_iterations: int = 50
    last_iteration_message: Message | None = None

    def __post_init__(self) -> None:
        require_transport(self.transport)
        require_tools(self.tools)
        for name, kind, wanted in _KINDS:
            value = getattr(self, name)
            if not isinstance(value, kind) or isinstance(value, bool):
                raise wrong_kind(name, wanted, value)

    def copy(self, **overrides: Any) -> Agent:
        """A shallow copy with some fields changed."""
        return dataclasses.replace(self, **overrides)

    @overload
    def run_stream(
        self, user_message: Prompt, context: ContextStore, *, budget: Budget | None = None
    ) -> AgentStream: ...
    @overload
    def run_stream(
        self,
        user_message: Prompt,
        context: ContextStore,
        *,
        output: type[T],
        output_tries: int = 3,
        budget: Budget | None = None,
    ) -> OutputStream[T]: ...
    @overload
    def run_stream(  # unions and other annotations, which are types but not classes
        self,
        user_message: Prompt,
        context: ContextStore,
        *,
        output: object,
        output_tries: int = 3,
        budget: Budget | None = None,
    ) -> OutputStream[Any]: ...
    def run_stream(
        self,
        user_message: Prompt,
        context: ContextStore,
        *,
        output: Any = None,
        output_tries: int = 3,
        budget: Budget | None = None,
    ) -> AgentStream:
        """The events of one run, which begins when the first one is asked for.

        With `output`, a type or a JSON Schema, the run ends in such an answer, for which the model
        has `output_tries`.
        """
        message = as_message(user_message)
        require_store(context)
        if output is None:
            return _run()(self, context, budget).start(message)
        from axio.output import OutputRun, OutputWanted

        wanted: OutputWanted[Any] = OutputWanted(output, self.tools, output_tries)
        return OutputRun(wanted, self, context, budget).start(message)

    @overload
    async def run(
        self, user_message: Prompt, context: ContextStore, *, budget: Budget | None = None
    ) -> str: ...
    @overload
    async def run(
        self,
        user_message: Prompt,
        context: ContextStore,
        *,
        output: type[T],
        output_tries: int = 3,
        budget: Budget | None = None,
    ) -> T: ...
    @overload
    async def run(
        self,
        user_message: Prompt,
        context: ContextStore,
        *,
        output: object,
        output_tries: int = 3,
        budget: Budget | None = None,
    ) -> Any: ...
    async def run(
        self,
        user_message: Prompt,
        context: ContextStore,
        *,
        output: Any = None,
        output_tries: int = 3,
        budget: Budget | None = None,
    ) -> Any:
        """One run; the text the model wrote in it, or the answer of type `output`.

        `StreamError` when the run fails, `OutputError` when it ends without an answer.
        """
        # A budget is named only where there is one: `run_stream` of a subclass may know of none.
        limits = {} if budget is None else {"budget": budget}
        if output is None:
            return await self.run_stream(user_message, context, **limits).get_final_text()
        stream = self.run_stream(
            user_message, context, output=output, output_tries=output_tries, **limits
        )
        return await stream.get_output()

    def resume(self, context: ContextStore, *, budget: Budget | None = None) -> AgentStream:
        """Go on from wherever the history stands, without a new message.

        Calls that a crash left unanswered get the result that the store's journal has of them. They
        are run if they had not begun, and run again if their tool is `read_only` or `idempotent`;
        else they get an error result that says so. Where the model had the last word the run ends
        at once.
        """
        require_store(context)
        return _run()(self, context, budget).start(None)

    async def dispatch_tools(
        self, blocks: list[ToolUseBlock], iteration: int
    ) -> list[ToolResultBlock]:
        """Run calls side by side, outside of any run; results in the order of `blocks`."""
        from axio.history import is_object
        from axio.run import Run
        from axio.run.call import Call
        from axio.run.dispatch import ToolDispatch

        require_tools(self.tools)
        calls = [Call(block.id, block.name, index) for index, block in enumerate(blocks)]
        for call, block in zip(calls, blocks, strict=True):
            if is_object(block.input):
                call.input = block.input
            else:
                call.problem = "The arguments of this call are not a JSON object: it was not run."
        dispatch = ToolDispatch(Run(MemoryContextStore(), self))
        try:
            dispatch.start(calls)
            while await dispatch.more():
                dispatch.events.clear()
        finally:
            await dispatch.close()
        return [call.result for call in calls if call.result is not None]
