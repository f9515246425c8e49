"""An answer of a given type instead of text.

The model gets one more tool, whose arguments are the answer. Where the transport has
`stream_structured(messages, tools, system, schema)`, or the model has no use for tools, the answer
is its text. A wrong answer goes back to it with what is wrong, a bounded number of times.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from copy import deepcopy
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from axio.blocks import TextBlock
from axio.events import SessionEndEvent, StreamEvent, TextDelta
from axio.exceptions import HandlerError, OutputError
from axio.history import unique_id
from axio.messages import Message
from axio.run.call import Call
from axio.run.run import AgentRun
from axio.run.stream import AgentStream
from axio.run.turn import Turn
from axio.schema import Validator, converter, value_schema
from axio.schema.nodes import any_node
from axio.schema.streaming import parse_partial
from axio.tool import AnyTool
from axio.transport import (
    CompletionTransport,
    StructuredTransport,
    closing,
    takes_schema,
    takes_tools,
)
from axio.wrapper import Structured

if TYPE_CHECKING:
    from axio.agent import Agent
    from axio.context import ContextStore
    from axio.run.budget import Budget

__all__ = ("AnswerText", "OutputRun", "OutputStream", "OutputWanted", "StructuredTransport")

T = TypeVar("T")

_TOOL = "final_answer"
_WRAPPED = "value"
_FENCE = re.compile(r"\A\s*```\w*\s*|\s*```\s*\Z")


class OutputWanted(Generic[T]):
    """The answer that a run shall end in: its type, or JSON Schema, its value as soon as there is
    one, its tries.

    `error` is set when the tries are used up. A value that is not a JSON object travels as the
    member "value" of one.
    """

    def __init__(self, type: Any, tools: list[AnyTool], tries: int) -> None:
        if tries < 1:
            raise ValueError(f"output_tries must be at least 1, got {tries}")
        schema = deepcopy(dict(type)) if isinstance(type, Mapping) else value_schema(type)
        self._convert = _checker(type) if isinstance(type, Mapping) else converter(type, "answer")
        self._is_object = "properties" in schema
        if not self._is_object:
            definitions = schema.pop("$defs", None)
            schema = {"type": "object", "properties": {_WRAPPED: schema}, "required": [_WRAPPED]}
            if definitions:
                schema["$defs"] = definitions
        self.schema = schema
        self._left = tries
        self._found = False
        self._value: Any = None
        self._text = ""
        self.error: OutputError | None = None
        self.name = unique_id(_TOOL, {tool.name for tool in tools})

    def tool(self) -> AnyTool:
        """The tool that takes the answer."""

        async def take(**answer: Any) -> str:
            if (problem := self._accept(answer)) is not None:
                raise HandlerError(problem)
            return "Accepted."

        return _AnswerTool(
            name=self.name,
            description="Give the final answer. Call this once, when everything else is done.",
            handler=take,
            schema=MappingProxyType(self.schema),
        )

    def arguments_in(self, turn: Turn | None) -> str:
        """The argument text, so far, of the last call of the answer tool: in this turn, or else in
        one before."""
        if turn is not None:
            self._look_at(turn.calls)
        return self._text

    def _look_at(self, calls: Iterable[Call]) -> None:
        for call in calls:
            if call.name == self.name and call.fragments:
                self._text = "".join(call.fragments)

    def count(self, calls: list[Call]) -> bool:
        """Count the tries among `calls` that never reached the tool, most often because their
        arguments could not be read. True if the run is over."""
        self._look_at(calls)
        for call in calls:
            if call.name == self.name and call.problem is not None:
                self._fail(call.problem)
        return self._is_over()

    def take_text(self, text: str) -> Message | None:
        """Take the text of a response that has ended; return a reply if it is not the answer."""
        if self._is_over():
            return None
        try:
            answer = json.loads(_FENCE.sub("", text))
        except (ValueError, RecursionError) as exc:
            problem = self._fail(f"the answer is not valid JSON: {exc}")
        else:
            accepted = self._accept(answer)
            if accepted is None:
                return None
            problem = accepted
        return (
            None
            if self._is_over()
            else _user(f"That answer is not valid: {problem}. Give it again.")
        )

    def remind(self) -> Message | None:
        """Return a reply for a model that has ended its turn without an answer."""
        if self._is_over():
            return None
        self._fail("the model ended its turn without one")
        return None if self._is_over() else _user(f"Give the answer by calling {self.name}.")

    def _is_over(self) -> bool:
        return self._found or self.error is not None

    def _accept(self, answer: object) -> str | None:
        """Take an answer; return the problem if it is not valid."""
        if not self._is_object:
            if not isinstance(answer, dict) or _WRAPPED not in answer:
                return self._fail(f"the answer must be an object with the member {_WRAPPED!r}")
            answer = answer[_WRAPPED]
        try:
            self._value = self._convert(answer)
        except ValueError as exc:
            return self._fail(str(exc))
        self._found = True
        return None

    def _fail(self, problem: str) -> str:
        self._left -= 1
        if self._left <= 0:
            text = f"no answer of the wanted type: {problem}"
            self.error = OutputError(text, reason="output_tries")
        return problem

    def unwrapped(self, answer: Any) -> Any:
        if self._is_object or not isinstance(answer, dict):
            return answer
        return answer.get(_WRAPPED)

    def result(self, reason: str) -> T:
        """The answer; `OutputError` if there is none, as the run ended for this reason."""
        if self._found:
            return cast(T, self._value)
        if self.error is not None:
            raise self.error
        why = f" ({reason})" if reason else ""
        raise OutputError(f"the run ended before an answer was given{why}", reason=reason)


def _checker(schema: Mapping[str, Any]) -> Callable[[Any], Any]:
    from axio.schema.given import checker  # For answers by a schema only.

    return checker(schema, "answer")


class _AnswerTool(AnyTool):
    """Arguments reach the handler as they are: it converts them itself, and counts the tries."""

    __slots__ = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "_validator", Validator([], others=any_node()))


def _user(text: str) -> Message:
    return Message("user", [TextBlock(text)])


class AnswerText(Structured):
    """`inner`, which gives the answer as JSON text; `text` is what its last response said so far.

    A provider that can is held to the schema, any other model is told it.
    """

    def __init__(self, inner: CompletionTransport, schema: Mapping[str, Any]) -> None:
        super().__init__(inner, schema)
        self._parts: list[str] = []

    @property
    def text(self) -> str:
        return "".join(self._parts)

    async def stream(
        self, messages: list[Message], tools: list[AnyTool], system: str
    ) -> AsyncGenerator[StreamEvent, None]:
        self._parts = parts = []
        async with closing(super().stream(messages, tools, system)) as source:
            async for event in source:
                if isinstance(event, TextDelta):
                    parts.append(event.delta)
                yield event


class OutputRun(AgentRun, Generic[T]):
    """A run that ends in the answer that is wanted."""

    __slots__ = ("_written", "wanted")

    def __init__(
        self, wanted: OutputWanted[T], agent: Agent, store: ContextStore, budget: Budget | None
    ) -> None:
        self.wanted = wanted
        self._written: AnswerText | None = None
        """The model, where its text is the answer."""
        if takes_schema(agent.transport) or not takes_tools(agent.transport):
            self._written = AnswerText(agent.transport, wanted.schema)
            agent = agent.copy(transport=self._written)
        else:
            agent = agent.copy(tools=[*agent.tools, wanted.tool()])
        super().__init__(agent, store, budget)

    def start(self, prompt: Message | None) -> OutputStream[T]:
        return OutputStream(self.events(prompt), self)

    def _reply(self) -> Message | None:
        if self._written is None:
            return self.wanted.remind()
        return self.wanted.take_text(self._written.text)

    def _is_enough(self, calls: list[Call]) -> bool:
        return self.wanted.count(calls)

    def answer_so_far(self) -> Any:
        text = self.wanted.arguments_in(self.turn)
        if self._written is not None:
            text = self._written.text
        return self.wanted.unwrapped(parse_partial(text))


class OutputStream(AgentStream, Generic[T]):
    """The events of a run that ends in an answer of type `T`."""

    __slots__ = ()

    _run: OutputRun[T]

    @property
    def partial(self) -> Any:
        """The answer as far as it has come: plain JSON values, unchecked, a growing text as its
        beginning. None before it begins; at the end it stays. Each look reads all of it."""
        return self._run.answer_so_far()

    async def get_output(self) -> T:
        """The answer. `StreamError` if the run failed, `OutputError` if it gave none."""
        ends = [e async for e in self._to_the_end() if isinstance(e, SessionEndEvent)]
        return self._run.wanted.result(ends[-1].reason if ends else "")
