"""Answers of a type: typed, checked, asked for again, and visible while they grow."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, TypedDict

import pytest

from axio.agent import Agent
from axio.blocks import TextBlock, ToolResultBlock
from axio.budget import Budget
from axio.context import MemoryContextStore
from axio.events import (
    IterationEnd,
    SessionEndEvent,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    ToolUseStart,
)
from axio.exceptions import ConnectionFailed, OutputError, StreamError
from axio.history import check
from axio.messages import Message
from axio.models import Capability, ModelSpec
from axio.output import OutputStream
from axio.run import RUN
from axio.schema.streaming import parse_partial
from axio.testing import StubTransport, make_echo_tool, make_text_response, make_tool_use_response
from axio.tool import Tool
from axio.types import StopReason, Usage
from support.plain import PlainIterator
from support.watching import Watching


class Colour(Enum):
    red = "red"
    blue = "blue"


@dataclass
class Item:
    name: str
    price: float
    colour: Colour = Colour.red


@dataclass
class Order:
    items: list[Item]
    note: str | None = None


class Point(TypedDict):
    x: int
    y: int


ORDER = {"items": [{"name": "cup", "price": 2.5, "colour": "blue"}], "note": "quick"}


def answering(*answers: Any, tool: str = "final_answer") -> Watching:
    return Watching(
        [
            make_tool_use_response(tool, f"c{n}", answer, usage=Usage(1, 1))
            for n, answer in enumerate(answers)
        ]
    )


@pytest.mark.parametrize(
    ("type", "sent", "wanted"),
    [
        (Order, ORDER, Order([Item("cup", 2.5, Colour.blue)], "quick")),
        (Point, {"x": 1, "y": 2}, {"x": 1, "y": 2}),
        (int, {"value": 7}, 7),
        (list[Item], {"value": [{"name": "a", "price": 1}]}, [Item("a", 1)]),
        (int | str, {"value": "x"}, "x"),
        (Literal["yes", "no"], {"value": "no"}, "no"),
        (Colour, {"value": "red"}, Colour.red),
        (dict[str, int], {"value": {"a": 1}}, {"a": 1}),
    ],
)
async def test_an_answer_has_the_type_that_was_asked_for(type: Any, sent: Any, wanted: Any) -> None:
    transport = answering(sent)
    store = MemoryContextStore()
    assert await Agent("", transport).run("go", store, output=type) == wanted
    assert len(transport.requests) == 1, "the answer ends the run"
    history = await store.get_history()
    assert check(history) == []
    assert [m.role for m in history] == ["user", "assistant", "user"]


async def test_the_schema_of_the_answer_is_what_the_model_sees() -> None:
    seen: list[Tool[Any]] = []

    class Looking(StubTransport):
        def stream(
            self, messages: list[Message], tools: list[Tool[Any]], system: str
        ) -> AsyncIterator[StreamEvent]:
            seen.extend(tools)
            return super().stream(messages, tools, system)

    own = Tool("final_answer", make_echo_tool().handler)
    transport = Looking([make_tool_use_response("final_answer_2", tool_input={"x": 1, "y": 2})])
    answer = await Agent("", transport, [own]).run("go", MemoryContextStore(), output=Point)
    assert answer == {"x": 1, "y": 2}
    assert [tool.name for tool in seen] == ["final_answer", "final_answer_2"]
    assert set(seen[1].input_schema["properties"]) == {"x", "y"}


async def test_the_call_that_gave_the_answer_is_answered_in_the_history() -> None:
    store = MemoryContextStore()
    transport = StubTransport([make_tool_use_response("final_answer", tool_input={"value": 7})])
    assert await Agent("", transport).run("?", store, output=int) == 7
    assert (await store.get_history())[-1] == Message(
        "user", [ToolResultBlock("call_1", "Accepted.")]
    )


async def test_a_wrong_answer_goes_back_with_what_is_wrong() -> None:
    bad = {"items": [{"name": "cup", "price": "cheap"}]}
    transport = answering(bad, ORDER)
    store = MemoryContextStore()
    order = await Agent("", transport).run("go", store, output=Order)
    assert order.items[0].name == "cup"
    result = (await store.get_history())[2].content[0]
    assert isinstance(result, ToolResultBlock)
    assert result.is_error
    assert "items[0].price" in str(result.content)


@pytest.mark.parametrize("tries", [1, 2, 3])
async def test_after_so_many_wrong_answers_the_run_ends(tries: int) -> None:
    transport = answering({"x": "no", "y": 1})
    store = MemoryContextStore()
    with pytest.raises(OutputError, match=r"no answer of the wanted type.*x"):
        await Agent("", transport).run("go", store, output=Point, output_tries=tries)
    assert len(transport.requests) == tries
    assert check(await store.get_history()) == []


@pytest.mark.parametrize("broken", ['{"x": 1,', "[1, 2]", "null"])
async def test_answers_that_cannot_be_read_count_as_tries(broken: str) -> None:
    events: list[StreamEvent] = [
        ToolUseStart(0, "a", "final_answer"),
        ToolInputDelta(0, "a", broken),
        IterationEnd(1, StopReason.tool_use, Usage(1, 1)),
    ]
    transport, store = Watching([events]), MemoryContextStore()
    with pytest.raises(OutputError, match=r"no answer of the wanted type.*arguments"):
        await Agent("", transport).run("go", store, output=Point)
    assert len(transport.requests) == 3
    assert check(await store.get_history()) == []


async def test_only_the_calls_of_the_answer_are_tries() -> None:
    broken: list[StreamEvent] = [
        ToolUseStart(0, "a", "echo"),
        ToolInputDelta(0, "a", '{"msg": '),
        IterationEnd(1, StopReason.tool_use, Usage(1, 1)),
    ]
    answer = make_tool_use_response("final_answer", "b", {"value": 3})
    agent = Agent("", StubTransport([broken, answer]), [make_echo_tool()])
    assert await agent.run("go", MemoryContextStore(), output=int, output_tries=1) == 3


@pytest.mark.parametrize("tries", [0, -1])
async def test_an_answer_needs_at_least_one_try(tries: int) -> None:
    agent = Agent("", StubTransport([make_text_response()]))
    with pytest.raises(ValueError, match=f"at least 1, got {tries}"):
        agent.run_stream("go", MemoryContextStore(), output=int, output_tries=tries)


class WithoutTools(Watching):
    model = ModelSpec("small", frozenset({Capability.text}))


@pytest.mark.parametrize("bare", ["7", '"7"', "[7]", "null", '{"answer": 7}'])
async def test_a_bare_value_is_sent_back_with_the_member_it_must_stand_in(bare: str) -> None:
    transport = WithoutTools([make_text_response(bare), make_text_response('{"value": 7}')])
    assert await Agent("", transport).run("go", MemoryContextStore(), output=int) == 7
    said = transport.requests[1].messages[-1].content[0]
    assert isinstance(said, TextBlock)
    assert "must be an object with the member 'value'" in said.text


async def test_an_answer_that_is_no_object_does_not_pass_for_one() -> None:
    transport = WithoutTools([make_text_response("[1, 2]"), make_text_response('{"x": 1, "y": 2}')])
    point = await Agent("", transport).run("go", MemoryContextStore(), output=Point)
    assert point == {"x": 1, "y": 2}


async def test_an_answer_that_was_cut_off_is_one_of_the_tries() -> None:
    cut: list[StreamEvent] = [
        ToolUseStart(0, "a", "final_answer"),
        IterationEnd(1, StopReason.max_tokens, Usage(1, 1)),
    ]
    good = make_tool_use_response("final_answer", tool_input={"x": 1, "y": 2})
    agent = Agent("", StubTransport([cut, good]))
    assert await agent.run("go", MemoryContextStore(), output=Point) == {"x": 1, "y": 2}
    with pytest.raises(OutputError, match="cut off"):
        await agent.copy(transport=StubTransport([cut, good])).run(
            "go", MemoryContextStore(), output=Point, output_tries=1
        )


async def test_a_text_instead_of_an_answer_is_answered_with_a_request_for_one() -> None:
    transport = StubTransport(
        [
            make_text_response("It is at 1, 2."),
            make_tool_use_response("final_answer", tool_input={"x": 1, "y": 2}),
        ]
    )
    store = MemoryContextStore()
    assert await Agent("", transport).run("go", store, output=Point) == {"x": 1, "y": 2}
    reminder = (await store.get_history())[2]
    assert isinstance(reminder.content[0], TextBlock)
    assert "final_answer" in reminder.content[0].text


async def test_a_model_that_only_talks_gives_an_error() -> None:
    transport = Watching([make_text_response("hm")])
    with pytest.raises(
        OutputError, match="no answer of the wanted type: the model ended its turn without one"
    ):
        await Agent("", transport).run("go", MemoryContextStore(), output=int)
    assert len(transport.requests) == 3


async def test_tools_run_before_the_answer() -> None:
    transport = StubTransport(
        [
            make_tool_use_response(tool_id="a"),
            make_tool_use_response("final_answer", "b", {"value": 3}),
        ]
    )
    assert (
        await Agent("", transport, [make_echo_tool()]).run("go", MemoryContextStore(), output=int)
        == 3
    )


@pytest.mark.parametrize("tries", [1, 2])
async def test_words_from_outside_come_before_a_reminder(tries: int) -> None:
    """A model that has ended its turn is asked again for them, which is no try."""
    answer = make_tool_use_response("final_answer", tool_input={"value": 3})
    transport = Watching([make_text_response("Which one?"), answer])
    store = MemoryContextStore()
    stream = Agent("", transport).run_stream("go", store, output=int, output_tries=tries)
    async for event in stream:
        if isinstance(event, IterationEnd) and len(transport.requests) == 1:
            stream.steer("the third")
    assert await stream.get_output() == 3
    assert len(transport.requests) == 2
    assert transport.requests[1].messages[1:] == [
        Message("assistant", [TextBlock("Which one?")]),
        Message("user", [TextBlock("the third")]),
    ]


async def test_a_failed_run_is_a_stream_error_not_an_output_error() -> None:
    with pytest.raises(StreamError):
        await Agent("", StubTransport()).run("go", MemoryContextStore(), output=int)


async def test_the_answer_can_be_watched_while_it_grows() -> None:
    text = json.dumps(ORDER)
    events: list[StreamEvent] = [
        ToolUseStart(0, "a", "final_answer"),
        *(ToolInputDelta(0, "a", text[n : n + 9]) for n in range(0, len(text), 9)),
        IterationEnd(1, StopReason.tool_use, Usage(1, 1)),
    ]
    stream = Agent("", StubTransport([events])).run_stream("x", MemoryContextStore(), output=Order)
    assert isinstance(stream, OutputStream)
    before = stream.partial
    assert before is None
    seen = [stream.partial async for event in stream if isinstance(event, ToolInputDelta)]
    assert {} in seen
    assert {"items": [{"name": "cup", "price": 2.5}]} in seen
    assert seen[-1] == ORDER
    assert await stream.get_output() == Order([Item("cup", 2.5, Colour.blue)], "quick")


@pytest.mark.parametrize(
    ("output", "given"), [(Order, ORDER), (list[int], {"value": [1, 2]}), (int, {"value": 7})]
)
async def test_the_answer_stays_to_be_seen_when_the_run_has_ended(output: Any, given: Any) -> None:
    call = make_tool_use_response("final_answer", tool_input=given)
    stream = Agent("", StubTransport([call])).run_stream("x", MemoryContextStore(), output=output)
    seen = [stream.partial async for _ in stream]
    assert [*seen, stream.partial] == [None] + [given.get("value", given)] * 5


async def test_what_was_seen_of_an_answer_stays_when_the_run_is_cut_short() -> None:
    text = json.dumps(ORDER)

    class Breaking(StubTransport):
        async def stream(
            self, messages: list[Message], tools: list[Tool[Any]], system: str
        ) -> AsyncIterator[StreamEvent]:
            yield ToolUseStart(0, "a", "final_answer")
            yield ToolInputDelta(0, "a", text[:40])
            raise ConnectionFailed("gone")

    stream = Agent("", Breaking()).run_stream("x", MemoryContextStore(), output=Order)
    seen = [stream.partial async for _ in stream]
    assert seen[1] is not None
    assert seen[1:] == [seen[1]] * (len(seen) - 1)


async def test_an_answer_that_was_not_watched_is_there_at_the_end() -> None:
    stream = Agent("", answering({"x": 1, "y": 2})).run_stream(
        "x", MemoryContextStore(), output=Point
    )
    async for _ in stream:
        pass
    assert stream.partial == {"x": 1, "y": 2}


async def test_arguments_of_other_tools_are_no_answer() -> None:
    calls = [
        make_tool_use_response("echo", tool_input={"msg": "not it"}),
        make_tool_use_response("final_answer", tool_input={"x": 1, "y": 2}),
    ]
    agent = Agent("", StubTransport(calls), [make_echo_tool()])
    stream = agent.run_stream("x", MemoryContextStore(), output=Point)
    seen = [stream.partial async for _ in stream]
    assert [value for value in seen if value not in (None, {"x": 1, "y": 2})] == []


async def test_a_failed_run_is_over_when_its_answer_was_asked_for() -> None:
    stream = Agent("", StubTransport()).run_stream("go", MemoryContextStore(), output=int)
    with pytest.raises(StreamError):
        await stream.get_output()
    assert [event async for event in stream] == []


async def test_a_rejected_answer_makes_room_for_the_next() -> None:
    transport = answering({"x": "no", "y": 1}, {"x": 1, "y": 2})
    stream = Agent("", transport).run_stream("x", MemoryContextStore(), output=Point)
    seen = [stream.partial async for _ in stream]
    assert (seen[1], seen[-1]) == ({"x": "no", "y": 1}, {"x": 1, "y": 2})


async def test_a_rejected_answer_is_shown_until_the_next_one_begins() -> None:
    transport = answering({"x": "no", "y": 1}, {"x": 1, "y": 2})
    stream = Agent("", transport).run_stream("x", MemoryContextStore(), output=Point)
    seen = [stream.partial async for event in stream if isinstance(event, ToolUseStart)]
    assert seen == [None, {"x": "no", "y": 1}]


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_model_has_three_tries_unless_told_otherwise(streamed: bool) -> None:
    transport = answering(*[{"x": "no", "y": n} for n in range(9)])
    agent = Agent("", transport)
    with pytest.raises(OutputError):
        if streamed:
            await agent.run_stream("x", MemoryContextStore(), output=Point).get_output()
        else:
            await agent.run("x", MemoryContextStore(), output=Point)
    assert len(transport.requests) == 3


@pytest.mark.parametrize("budget", [None, Budget()])
async def test_an_error_says_which_limit_ended_the_run_before_the_answer(
    budget: Budget | None,
) -> None:
    calls = StubTransport([make_tool_use_response("echo")])
    agent = Agent("", calls, [make_echo_tool()], max_iterations=2)
    with pytest.raises(
        OutputError, match=r"before an answer was given \(max_iterations\)"
    ) as caught:
        await agent.run("go", MemoryContextStore(), output=int, budget=budget)
    assert caught.value.reason == "max_iterations"


async def test_an_error_says_that_the_run_was_stopped_before_the_answer() -> None:
    async def enough() -> str:
        RUN.get().stop("tired")
        return ""

    agent = Agent("", StubTransport([make_tool_use_response("enough")]), [Tool("enough", enough)])
    with pytest.raises(OutputError, match="tired") as caught:
        await agent.run("go", MemoryContextStore(), output=int)
    assert caught.value.reason == "tired"


async def test_an_error_says_that_the_tries_are_used_up() -> None:
    with pytest.raises(OutputError, match="no answer of the wanted type") as caught:
        await Agent("", answering({"x": "no"})).run("go", MemoryContextStore(), output=Point)
    assert caught.value.reason == "output_tries"


@dataclass
class Tree:
    name: str
    children: list[Tree]


async def test_the_schema_of_a_type_that_holds_itself_is_an_object_at_the_top() -> None:
    leaf = {"name": "leaf", "children": []}
    transport = answering({"name": "root", "children": [leaf]})
    tree = await Agent("", transport).run("go", MemoryContextStore(), output=Tree)
    assert tree == Tree("root", [Tree("leaf", [])])
    schema = transport.requests[0].tools[-1].input_schema
    assert (schema["type"], schema["required"]) == ("object", ["name", "children"])
    assert schema["properties"]["children"]["items"] == {"$ref": "#/$defs/Tree"}
    assert "Tree" in schema["$defs"]


async def test_the_model_is_told_what_the_dicts_of_an_answer_hold() -> None:
    transport = answering({"value": {"a": "1"}}, {"value": {"a": 1.0}})
    answer = await Agent("", transport).run("go", MemoryContextStore(), output=dict[str, int])
    value = transport.requests[0].tools[-1].input_schema["properties"]["value"]
    assert value == {"type": "object", "additionalProperties": {"type": "integer"}}
    assert answer == {"a": 1}


@pytest.mark.parametrize(("output", "defined"), [(list[Tree], ["Tree"]), (list[int], [])])
async def test_the_definitions_of_a_schema_stand_at_its_top(
    output: Any, defined: list[str]
) -> None:
    transport = answering({"value": []})
    assert await Agent("", transport).run("go", MemoryContextStore(), output=output) == []
    schema = transport.requests[0].tools[-1].input_schema
    assert (schema["type"], schema["required"]) == ("object", ["value"])
    assert list(schema.get("$defs", {})) == defined
    assert "$defs" not in schema["properties"]["value"]


# ── as text ───────────────────────────────────────────────────────────────────────────────────


class Native(StubTransport):
    """Holds the model to the schema by itself."""

    def __init__(self, *texts: str) -> None:
        super().__init__([make_text_response(text) for text in texts])
        self.schemas: list[Mapping[str, Any]] = []

    def stream_structured(
        self,
        messages: list[Message],
        tools: list[Tool[Any]],
        system: str,
        schema: Mapping[str, Any],
    ) -> AsyncIterator[StreamEvent]:
        self.schemas.append(schema)
        return self.stream(messages, tools, system)


async def test_a_transport_that_can_is_asked_for_the_structure_itself() -> None:
    transport = Native('{"x": 1, "y": 2}')
    stream = Agent("", transport).run_stream("go", MemoryContextStore(), output=Point)
    partial = [stream.partial async for event in stream if isinstance(event, TextDelta)]
    assert partial == [{"x": 1, "y": 2}]
    assert await stream.get_output() == {"x": 1, "y": 2}
    assert set(transport.schemas[0]["properties"]) == {"x", "y"}


async def test_a_wrong_structure_is_asked_for_again() -> None:
    transport = Native('{"x": 1}', "nonsense", '{"x": 1, "y": 2}')
    store = MemoryContextStore()
    assert await Agent("", transport).run("go", store, output=Point) == {"x": 1, "y": 2}
    assert len(transport.schemas) == 3
    with pytest.raises(OutputError):
        await Agent("", Native("no")).run("go", MemoryContextStore(), output=Point)


async def test_a_model_without_tools_is_told_the_schema() -> None:
    systems: list[str] = []

    class Plain(StubTransport):
        model = ModelSpec("plain", frozenset({Capability.text}))

        def stream(
            self, messages: list[Message], tools: list[Tool[Any]], system: str
        ) -> AsyncIterator[StreamEvent]:
            systems.append(system)
            return super().stream(messages, tools, system)

    transport = Plain([make_text_response('```json\n{"value": 5}\n```')])
    assert await Agent("Be exact.", transport).run("go", MemoryContextStore(), output=int) == 5
    assert systems[0].startswith("Be exact.\n\n")
    assert '"integer"' in systems[0]


async def test_an_answer_in_text_may_come_from_an_iterator_without_a_close() -> None:
    class Textual(PlainIterator):
        model = ModelSpec("textual", frozenset({Capability.text}))

    transport = Textual(make_text_response('{"value": 5}'))
    assert await Agent("", transport).run("go", MemoryContextStore(), output=int) == 5


async def test_a_cancelled_output_run_ends_as_any_other() -> None:
    stream = Agent("", answering({"value": 1})).run_stream("x", MemoryContextStore(), output=int)
    events: list[StreamEvent] = []
    async for event in stream:
        events.append(event)
        stream.cancel()
    assert isinstance(events[-1], SessionEndEvent)
    assert events[-1].reason == "cancelled"
    with pytest.raises(OutputError, match="ended before"):
        await stream.get_output()


# ── partial JSON ──────────────────────────────────────────────────────────────────────────────

ODD = {"a": 'x"y\\z\u00e9\U0001f600', "b": [1, 2.5, {"c": None}], "e": {}, "f": "", "g": [["q"]]}


def test_every_beginning_of_a_text_has_a_value_that_only_grows() -> None:
    text = json.dumps(ODD)
    assert parse_partial(text) == ODD
    before: dict[str, Any] = {}
    for end in range(1, len(text) + 1):
        value = parse_partial(text[:end])
        assert isinstance(value, dict)
        for key, old in before.items():
            new = value[key]
            assert new == old or isinstance(old, (str, list, dict))
            if isinstance(old, str):
                assert new.startswith(old)
        before = value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("}", None),
        ("nonsense", None),
        ("[1, 2", [1]),
        ("[1, 2,", [1, 2]),
        ('"ab', "ab"),
        ('{"a": "b\\', {"a": "b"}),
        ('{"a": "b\\u00', {"a": "b"}),
        ('{"a": "\\ud83d', {"a": ""}),
        ('{"a": tru', {}),
        ('{"a"', {}),
        ("5", 5),
    ],
)
def test_odd_beginnings(text: str, value: Any) -> None:
    assert parse_partial(text) == value


async def test_an_answer_may_be_given_by_a_json_schema() -> None:
    schema = {
        "type": "object",
        "properties": {"count": {"type": "integer", "minimum": 1}},
        "required": ["count"],
    }
    transport = StubTransport(
        [
            make_tool_use_response("final_answer", "a", {"count": 0}),
            make_tool_use_response("final_answer", "b", {"count": 3.0}),
        ]
    )
    store = MemoryContextStore()
    assert await Agent("", transport).run("Count.", store, output=schema) == {"count": 3}
    assert "count" in str((await store.get_history())[2].tool_results[0].content)


@pytest.mark.parametrize("schema", [{"type": "array", "items": {"type": "string"}}, {}])
async def test_an_answer_that_is_no_object_is_wrapped_whatever_says_so(
    schema: dict[str, Any],
) -> None:
    answer = make_tool_use_response("final_answer", "a", {"value": ["x"]})
    agent = Agent("", StubTransport([answer]))
    assert await agent.run("List.", MemoryContextStore(), output=schema) == ["x"]
