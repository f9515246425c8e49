"""Made-up conversations: runs with text, reasoning, pictures, calls, sub-agents, questions, errors
and stops, as hypothesis draws them."""

from __future__ import annotations

import json
from asyncio import sleep
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from hypothesis import strategies as st

from axio import Agent
from axio.blocks import ImageBlock, ReasoningBlock, TextBlock
from axio.context import ContextStore
from axio.events import (
    ImageOutput,
    IterationEnd,
    NestedEvent,
    ReasoningDelta,
    ReasoningEnd,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    ToolOutputDelta,
    ToolUseStart,
)
from axio.exceptions import Deferred, GuardError
from axio.permission import PermissionGuard
from axio.run import RUN
from axio.tool import AnyTool, Tool
from axio.types import StopReason, Usage
from axio_tui.chat.entries import DECISION

PNG = b"\x89PNG\r\n\x1a\n" + bytes(9)


@dataclass(frozen=True)
class Turn:
    """One response of the model: its events, and its end."""

    events: Sequence[StreamEvent]
    end: Literal["well", "max_tokens", "error", "raise", "nothing"] = "well"


@dataclass(frozen=True)
class Run:
    """One run: its turns, and after which events it is stopped, left, or spoken to."""

    turns: Sequence[Turn]
    cancel_at: int | None = None
    leave_at: int | None = None
    steer_at: int | None = None
    nested: Sequence[Turn] = ()
    """The turns of its sub-agents."""
    approve: bool = True
    """The answer to what waits from the run before."""


@dataclass
class Model:
    """Plays turns, then answers."""

    turns: list[Turn] = field(default_factory=list)
    nudge_on_media_tool_result: bool = False

    async def stream(
        self, messages: list[Any], tools: list[AnyTool], system: str
    ) -> AsyncIterator[StreamEvent]:
        turn = self.turns.pop(0) if self.turns else Turn([TextDelta(0, "That is all.")])
        calls = False
        for event in turn.events:
            calls = calls or isinstance(event, ToolUseStart)
            yield event
        if turn.end == "raise":
            raise RuntimeError("the line broke")
        if turn.end != "nothing":
            stop = {"well": "tool_use" if calls else "end_turn"}.get(turn.end, turn.end)
            yield IterationEnd(0, StopReason(stop), Usage(10, 5))


class Later(PermissionGuard):
    """Leaves every call to a person."""

    async def check(self, tool: AnyTool, **kwargs: Any) -> dict[str, Any]:
        raise Deferred("ask a person")


class Asks(PermissionGuard):
    """Asks a person, who allows a call with an "a" in it, and says so."""

    async def check(self, tool: AnyTool, text: str = "", **kwargs: Any) -> dict[str, Any]:
        run = RUN.get()
        assert run.current is not None
        answer = "allowed once" if "a" in text else "refused"
        run.emit(ToolOutputDelta(run.current.id, tool.name, DECISION, answer))
        await sleep(0)
        if answer == "refused":
            raise GuardError("denied: the person refused this call")
        return {"text": text, **kwargs}


async def look(text: str = "") -> str:
    return f"saw {text}"


async def breaks(text: str = "") -> str:
    raise ValueError("it broke")


async def picture(text: str = "") -> list[Any]:
    return [TextBlock("a picture"), ImageBlock("image/png", PNG)]


async def counts(text: str = "") -> AsyncIterator[str]:
    for number in range(3):
        yield f"{number}\n"


async def inner(text: str = "") -> str:
    run = RUN.get()
    result = await run.call("picture", {"text": text})
    return f"inside: {result.is_error}"


TOOLS: dict[str, Callable[..., Any]] = {
    f.__name__: f for f in (look, breaks, picture, counts, inner)
}


ASKED: AnyTool = Tool(name="ask", handler=look, guards=(Asks(),))


def tools(delegate: Callable[..., Any]) -> list[AnyTool]:
    made: list[AnyTool] = [Tool(name=name, handler=f) for name, f in TOOLS.items()]
    made.append(Tool(name="later", handler=look, guards=(Later(),)))
    made.append(ASKED)
    made.append(Tool(name="delegate", handler=delegate))
    return made


def delegating(store_for: Callable[[str], ContextStore], turns: list[Turn]) -> Callable[..., Any]:
    """A tool that gives its task to a sub-agent, whose session `store_for` makes for the call."""

    async def delegate(task: str = "a task") -> str:
        run = RUN.get()
        assert run.call_id is not None
        agent = Agent("", Model(turns), [Tool(name="look", handler=look), ASKED])
        stream = agent.run_stream(task, store_for(run.call_id))
        try:
            async for event in stream:
                run.emit(NestedEvent(run.call_id, "helper", event))
        finally:
            await stream.aclose()
        return "delegated"

    return delegate


# ── what hypothesis draws ─────────────────────────────────────────────────────────────────────

_TEXT = st.text("ab \n😀", min_size=1, max_size=8)
_ARGUMENTS = st.one_of(
    _TEXT.map(lambda text: json.dumps({"text": text})),
    st.sampled_from(["", "{}", '{"text": ', "[1]", '{"text": 3}']),
)


@st.composite
def _call(draw: st.DrawFn, names: Sequence[str]) -> list[StreamEvent]:
    id = draw(st.sampled_from(["a", "b", "c", "d/1"]))
    name = draw(st.sampled_from(names))
    text = draw(_ARGUMENTS)
    if name == "delegate":
        text = json.dumps({"task": draw(_TEXT)})
    cut = draw(st.integers(0, len(text)))
    pieces = [text[:cut], text[cut:]]
    return [ToolUseStart(0, id, name), *(ToolInputDelta(0, id, p) for p in pieces if p)]


def _pieces(names: Sequence[str]) -> st.SearchStrategy[list[StreamEvent]]:
    thought = ReasoningBlock("a thought", "made-up", {"signature": "x"})
    return st.one_of(
        _TEXT.map(lambda text: [TextDelta(0, text)]),
        _TEXT.map(lambda text: [ReasoningDelta(0, text), ReasoningDelta(0, text)]),
        st.just([ReasoningDelta(1, "a thought"), ReasoningEnd(1, thought)]),
        st.just([ImageOutput(0, PNG, "image/png")]),
        _call(names),
        _call(names),
    )


def turns(names: Sequence[str], most: int) -> st.SearchStrategy[list[Turn]]:
    turn = st.builds(
        Turn,
        st.lists(_pieces(names), max_size=4).map(lambda pieces: [e for p in pieces for e in p]),
        st.sampled_from(["well"] * 8 + ["max_tokens", "error", "raise", "nothing"]),
    )
    return st.lists(turn, max_size=most)


_AT = st.one_of(st.none(), st.none(), st.integers(0, 25))

RUNS = st.lists(
    st.builds(
        Run,
        turns([*TOOLS, "later", "ask", "delegate", "gone"], 3),
        cancel_at=_AT,
        leave_at=st.one_of(st.none(), _AT),
        steer_at=_AT,
        nested=turns(["look", "ask", "gone"], 4),
        approve=st.booleans(),
    ),
    min_size=1,
    max_size=4,
)
