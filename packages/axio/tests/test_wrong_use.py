"""Wrong use is refused where it is written down, by the name of the argument."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, strategies as st

from axio import Agent, MemoryContextStore, Message, RealtimeAgent, Tool
from axio.budget import Budget
from axio.compaction import AutoCompactStore
from axio.exceptions import wrong_kind
from axio.resilience import Retry
from axio.store_wrapper import StoreWrapper
from axio.subagents import make_agent_tools
from axio.testing import StubTransport, make_text_response


async def greet(name: str) -> str:
    return f"hello {name}"


class Session:
    async def connect(self, **options: Any) -> Any: ...


def agent(**fields: Any) -> Agent:
    return Agent(**{"system": "", "transport": StubTransport([make_text_response("hi")]), **fields})


def tool(**fields: Any) -> Tool:
    return Tool("greet", greet, **fields)


odd: Any = object()
no_store: Any = SimpleNamespace(append=greet, get_history=greet)
store = MemoryContextStore()

WRONG: list[tuple[Callable[[], object], str]] = [
    (lambda: agent(transport="gpt-4"), "transport must be a transport, .*, got 'gpt-4'"),
    (lambda: agent(transport=StubTransport), "transport must be .*, got the class StubTransport"),
    (lambda: agent(transport=None), "transport must be .*, got None"),
    (lambda: agent(system=None), "system must be a str, got None"),
    (lambda: agent(tools="greet"), "tools must be a list of tools, got 'greet'"),
    (lambda: agent(tools={"greet": tool()}), "tools must be a list of tools, got {'greet'"),
    (lambda: agent(tools=(t for t in [tool()])), "tools must be a list of tools, got <generator"),
    (lambda: agent(tools=tool()), "tools must be a list of tools"),
    (lambda: agent(tools=[Tool]), "tools must be a list of tools"),
    (lambda: agent(tools=[greet]), "greet is a function, not a tool"),
    (lambda: agent(selector="all"), "selector must be an object with a method select"),
    (lambda: agent(max_iterations="5"), "max_iterations must be an int, got '5'"),
    (lambda: agent(max_iterations=True), "max_iterations must be an int, got True"),
    (lambda: agent(last_iteration_message="stop"), "last_iteration_message must be a Message"),
    (lambda: agent().run_stream("hi", odd), "context must be a ContextStore"),
    (lambda: agent().run_stream("hi", no_store), "context must be a ContextStore"),
    (lambda: agent().run_stream("hi", MemoryContextStore), "got the class MemoryContextStore"),  # type: ignore[call-overload]
    (lambda: agent().run_stream(123, store), "a prompt must be text, .* got 123"),  # type: ignore[call-overload]
    (lambda: agent().run_stream("hi", store, budget=5), "budget must be a Budget, got 5"),  # type: ignore[call-overload]
    (lambda: agent().resume(odd), "context must be a ContextStore"),
    (lambda: agent().resume(store, budget=odd), "budget must be a Budget"),
    (lambda: tool(concurrency="1"), "concurrency of tool 'greet' must be an int, got '1'"),
    (lambda: tool(timeout="1"), "timeout of tool 'greet' must be a number of seconds, got '1'"),
    (lambda: tool(guards=5), "guards of tool 'greet' must be a tuple of guards, got 5"),
    (lambda: tool(description=5), "description of tool 'greet' must be a str, got 5"),
    (lambda: tool(schema=[]), "schema of tool 'greet' must be a JSON Schema as a dict"),
    (lambda: RealtimeAgent("", odd), "transport must be a realtime one"),
    (lambda: RealtimeAgent("", Session(), [greet]), "greet is a function, not a tool"),  # type: ignore[list-item]
    (lambda: Retry(odd), "the transport inside must be a transport"),
    (lambda: StoreWrapper(odd), "the store inside must be a ContextStore"),
    (lambda: AutoCompactStore(store, odd), "transport must be a transport"),
    (lambda: make_agent_tools({"a": odd}, StubTransport()), r"agents\['a'\] must be a pair"),
    (lambda: make_agent_tools({}, odd), "transport must be a transport"),
    (lambda: Budget(tokens="5"), "must be a number, got '5'"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("use", "words"), WRONG, ids=[words for _, words in WRONG])
def test_the_wrong_kind_is_refused_by_the_name_of_the_argument(
    use: Callable[[], object], words: str
) -> None:
    with pytest.raises(TypeError, match=words):
        use()


async def test_a_run_refuses_what_a_stream_refuses() -> None:
    with pytest.raises(TypeError, match="a prompt must be"):
        await agent().run(None, store)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="context must be"):
        await agent().run("hi", [])  # type: ignore[call-overload]


def test_an_agent_has_no_other_fields_than_its_own() -> None:
    with pytest.raises(AttributeError):
        agent().sytem = "You are a poet."  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        Budget().request_limit = 5  # type: ignore[attr-defined]


def test_an_agent_stops_after_fifty_iterations_unless_told_otherwise() -> None:
    assert agent().max_iterations == 50


def test_what_is_right_is_taken() -> None:
    last = Message("user", [])
    made = agent(tools=[tool(concurrency=1, timeout=0.5)], last_iteration_message=last)
    assert made.copy(max_iterations=0).max_iterations == 0
    assert agent(tools={"greet": tool()}.values()).tools
    RealtimeAgent("", Session())


@given(st.text() | st.integers() | st.binary() | st.lists(st.text()) | st.just(Tool))
def test_the_error_names_what_came_in_a_short_line(value: object) -> None:
    words = str(wrong_kind("thing", "a cat", value))
    assert words.startswith("thing must be a cat, got ")
    assert len(words) < 120


def twins() -> list[Tool]:
    async def other(city: str) -> str:
        return city

    return [Tool("first", greet), Tool("search", greet), Tool("search", other)]


TWICE = "two tools have the name 'search'"


def test_an_agent_is_not_made_with_two_tools_of_one_name() -> None:
    with pytest.raises(ValueError, match=TWICE):
        agent(tools=twins())
    with pytest.raises(ValueError, match=TWICE):
        agent().copy(tools=twins())
    with pytest.raises(ValueError, match=TWICE):
        RealtimeAgent("", Session(), twins())


@pytest.mark.parametrize("by", ["changing the list", "selecting"])
async def test_no_request_is_made_with_two_tools_of_one_name(by: str) -> None:
    class Twice:
        async def select(self, messages: Any, tools: Any) -> Any:
            return [*tools, *tools]

    class Counting(StubTransport):
        requests = 0

        def stream(self, *args: Any) -> Any:
            self.requests += 1
            return super().stream(*args)

    transport = Counting([make_text_response("hi")])
    made = agent(transport=transport, tools=[Tool("search", greet)])
    if by == "selecting":
        made.selector = Twice()
    else:
        made.tools.append(twins()[2])
    with pytest.raises(Exception, match=TWICE):
        await made.run("hi", MemoryContextStore())
    assert transport.requests == 0
    if by != "selecting":
        with pytest.raises(ValueError, match=TWICE):
            await made.dispatch_tools([], 1)
