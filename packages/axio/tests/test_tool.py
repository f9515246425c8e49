"""A call passes its stations in order, and nothing leaks from one call into another."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import datetime
import functools
import pickle
import threading
from collections.abc import AsyncIterator, Callable
from types import MappingProxyType, SimpleNamespace
from typing import Annotated, Any, Literal

import pytest

from axio.agent import Agent
from axio.context import MemoryContextStore
from axio.exceptions import GuardError, HandlerError
from axio.field import Field, StrictStr
from axio.permission import AllowAllGuard, ConcurrentGuard, DenyAllGuard, PermissionGuard
from axio.testing import make_stub_transport
from axio.tool import CONTEXT, Tool, in_thread, options_of, tool_options


async def greet(name: str, times: int = 1) -> str:
    """Greet a person."""
    return ", ".join(["hello " + name] * times)


class Recording(PermissionGuard):
    def __init__(self, log: list[Any], **changes: Any) -> None:
        self.log, self.changes = log, changes

    async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
        self.log.append((tool.name, dict(kwargs)))
        return {**kwargs, **self.changes}


# ── what a tool is ────────────────────────────────────────────────────────────────────────────


def test_the_description_is_the_docstring_unless_given() -> None:
    async def silent() -> None: ...

    assert Tool("greet", greet).description == "Greet a person."
    assert Tool("greet", greet, "Say hello").description == "Say hello"
    assert Tool("silent", silent).description == ""


def test_the_schema_is_built_from_the_signature_and_is_the_caller_s_own_copy() -> None:
    tool = Tool("greet", greet)
    schema = tool.input_schema
    assert schema == {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "times": {"type": "integer", "default": 1},
        },
        "required": ["name"],
    }
    schema["properties"].clear()
    assert tool.input_schema["properties"]


def test_an_explicit_schema_is_used_as_it_is() -> None:
    schema = {"type": "object", "properties": {"x": {"type": "string"}}}
    assert Tool("t", greet, schema=schema).input_schema == schema  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "handler", [lambda: None, print, int, functools.partial(print, "x"), object(), None, "greet"]
)
def test_only_async_functions_are_handlers(handler: Any) -> None:
    with pytest.raises(TypeError, match="async"):
        Tool("t", handler)


class Desk:
    """Has an async method, and can be called itself."""

    async def call(self, name: str, loud: bool = False) -> str:
        """Call a person."""
        return name.upper() if loud else name

    async def __call__(self) -> str:
        return ""


def test_an_object_that_can_be_called_is_refused_and_its_method_taken() -> None:
    with pytest.raises(TypeError, match="must be an async function, got <"):
        Tool("desk", Desk())
    assert Tool("desk", Desk().__call__).input_schema["properties"] == {}


@pytest.mark.parametrize(
    "handler",
    [
        functools.partial(Desk().call, loud=True),
        functools.partial(functools.partial(Desk.call, Desk()), loud=True),
    ],
)
async def test_a_partial_hides_from_the_model_the_arguments_that_it_has(handler: Any) -> None:
    tool = Tool("call", handler)
    assert tool.description == "Call a person."
    assert tool.input_schema == {
        "type": "object",
        "properties": {"name": {"type": "string"}},
        "required": ["name"],
    }
    assert await tool(name="ann", loud=False) == "ANN"


async def test_a_partial_of_an_ordinary_function_runs_in_a_thread() -> None:
    def shout(name: str, mark: str) -> str:
        """Shout a name."""
        return name + mark

    tool = Tool("shout", in_thread(functools.partial(shout, mark="!")))
    assert tool.description == "Shout a name."
    assert tool.input_schema["properties"].keys() == {"name"}
    assert await tool(name="Ann") == "Ann!"
    with pytest.raises(TypeError, match="is async: it needs no thread"):
        in_thread(greet)


def test_bound_methods_and_wrapped_functions_are_handlers() -> None:
    class Thing:
        async def act(self, x: int) -> str:
            return str(x)

    @functools.wraps(greet)
    async def wrapped(*args: Any, **kwargs: Any) -> str:
        return await greet(*args, **kwargs)

    assert set(Tool("act", Thing().act).input_schema["properties"]) == {"x"}
    assert set(Tool("greet", wrapped).input_schema["properties"]) == {"name", "times"}


def test_a_tool_cannot_be_changed_and_tells_no_secret() -> None:
    tool = Tool("greet", greet, context={"key": "secret"})
    with pytest.raises(AttributeError):
        tool.name = "x"  # type: ignore[misc]
    assert "secret" not in repr(tool)
    assert "schema" not in repr(tool)


def test_context_and_schema_do_not_count_for_equality() -> None:
    assert Tool("g", greet, context=1) == Tool("g", greet, context=2)
    assert hash(Tool("g", greet, context=[1])) == hash(Tool("g", greet))
    assert Tool("g", greet) != Tool("h", greet)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": ""}, "a tool needs a name"),
        ({"concurrency": 0}, "concurrency"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": -1}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
        ({"eager": True}, "tool 't' is eager.* needs read_only=True"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Tool(**{"name": "t", "handler": greet, **options})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": None}, "the name of a tool must be a str, got None"),
        ({"guards": (AllowAllGuard,)}, "must be an object to ask, got <class"),
        ({"guards": "no"}, "must be an object to ask, got 'n'"),
    ],
)
def test_options_of_the_wrong_kind_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        Tool(**{"name": "t", "handler": greet, **options})


async def test_a_replaced_tool_checks_as_before() -> None:
    async def pick(
        level: Annotated[int, Field(ge=1)], mode: Literal["a", "b"], s: StrictStr
    ) -> str:
        return "ok"

    tool = dataclasses.replace(Tool("pick", pick), guards=(AllowAllGuard(),))
    assert await tool(level=1, mode="a", s="x") == "ok"
    for bad in ({"level": 0}, {"mode": "c"}, {"s": 5}):
        with pytest.raises(HandlerError):
            await tool(**{"level": 1, "mode": "a", "s": "x", **bad})
    explicit = Tool("t", greet, schema={"type": "object", "properties": {}})  # type: ignore[arg-type]
    assert dataclasses.replace(explicit, name="u").input_schema["properties"] == {}


async def test_the_schema_of_one_tool_is_that_of_another_handler_too() -> None:
    inner = Tool("greet", greet)

    async def proxy(**kwargs: Any) -> Any:
        return kwargs

    for tool in (Tool("p", proxy, schema=inner.schema), dataclasses.replace(inner, handler=proxy)):
        assert tool.input_schema == inner.input_schema
        assert dataclasses.replace(tool, name="q").input_schema == inner.input_schema
        assert await tool(name="x", stray=1) == {"name": "x", "times": 1}
        with pytest.raises(HandlerError, match="requires str, got int"):
            await tool(name=5)


async def test_a_wrapped_handler_still_receives_what_its_annotations_say() -> None:
    async def weekday(day: datetime.date) -> int:
        return day.weekday()

    @functools.wraps(weekday)
    async def logged(*args: Any, **kwargs: Any) -> int:
        return await weekday(*args, **kwargs)

    tool = dataclasses.replace(Tool("weekday", weekday), handler=logged)
    assert await tool(day="2026-01-31") == 5


# ── a call ────────────────────────────────────────────────────────────────────────────────────


async def test_defaults_are_filled_in_and_strays_left_out_before_guards_see_them() -> None:
    log: list[Any] = []
    tool = Tool("greet", greet, guards=(Recording(log),))
    assert await tool(name="Alice", stray=1) == "hello Alice"
    assert log == [("greet", {"name": "Alice", "times": 1})]


async def test_guards_run_in_order_and_may_change_the_arguments() -> None:
    log: list[Any] = []
    tool = Tool("greet", greet, guards=(Recording(log, times=2, stray=1), Recording(log)))
    assert await tool(name="Bob") == "hello Bob, hello Bob"
    assert log[1][1] == {"name": "Bob", "times": 2, "stray": 1}


async def test_what_a_guard_adds_reaches_a_handler_that_takes_anything() -> None:
    async def anything(**kwargs: Any) -> Any:
        return kwargs

    tool = Tool("anything", anything, guards=(Recording([], added=1),))
    assert await tool(given=2) == {"given": 2, "added": 1}


async def test_a_refusal_keeps_the_handler_from_running() -> None:
    with pytest.raises(GuardError, match="denied"):
        await Tool("greet", greet, guards=(DenyAllGuard(),))(name="x")


async def test_a_guard_that_breaks_refuses() -> None:
    class Broken(PermissionGuard):
        async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
            raise KeyError("oops")

    with pytest.raises(GuardError, match="oops") as caught:
        await Tool("greet", greet, guards=(Broken(),))(name="x")
    assert isinstance(caught.value.__cause__, KeyError)


async def test_missing_and_wrong_arguments_never_reach_guards_or_handler() -> None:
    log: list[Any] = []
    tool = Tool("greet", greet, guards=(Recording(log),))
    with pytest.raises(HandlerError, match=r"Missing required field\(s\): name"):
        await tool()
    with pytest.raises(HandlerError, match="requires str, got int"):
        await tool(name=5)
    assert log == []


async def test_what_a_handler_raises_is_a_handler_error_with_its_cause() -> None:
    async def fail(how: str) -> str:
        if how == "own":
            raise HandlerError("as it is")
        if how == "silent":
            raise RuntimeError
        raise ValueError("no good")

    tool = Tool("fail", fail)
    with pytest.raises(HandlerError, match="as it is") as own:
        await tool(how="own")
    assert own.value.__cause__ is None
    with pytest.raises(HandlerError, match="no good") as caught:
        await tool(how="other")
    assert isinstance(caught.value.__cause__, ValueError)
    with pytest.raises(HandlerError, match="RuntimeError"):
        await tool(how="silent")


async def test_an_argument_may_be_called_self_or_tool() -> None:
    async def odd(self: str, tool: str) -> str:
        return self + tool

    assert await Tool("odd", odd)(self="a", tool="b") == "ab"
    assert await Tool("odd", odd, guards=(AllowAllGuard(),))(self="a", tool="b") == "ab"


class AsksByName(PermissionGuard):
    async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
        return kwargs


class AsksByPosition(PermissionGuard):
    async def check(  # type: ignore[override]  # it is not asked by name here
        self, tool: Tool[Any], /, **kwargs: Any
    ) -> dict[str, Any]:
        return kwargs


async def plain_guard(it: Tool[Any], **kwargs: Any) -> dict[str, Any]:
    return kwargs


@pytest.mark.parametrize(
    ("name", "guard", "clashes"),
    [
        ("tool", AsksByName(), True),
        ("self", AsksByName(), True),
        ("kwargs", AsksByName(), False),
        ("it", AsksByName(), False),
        ("tool", AsksByPosition(), False),
        ("self", AsksByPosition(), False),
        ("it", plain_guard, True),
        ("tool", plain_guard, False),
        ("tool", AllowAllGuard(), False),
    ],
)
async def test_a_guard_that_no_call_could_ask_is_refused_when_the_tool_is_made(
    name: str, guard: Any, clashes: bool
) -> None:
    async def echo(**kwargs: Any) -> Any:
        return kwargs

    schema: Any = {"type": "object", "properties": {name: {"type": "string"}}}
    tool = Tool("echo", echo, schema=schema)
    assert await tool(**{name: "x"}) == {name: "x"}
    if clashes:
        with pytest.raises(TypeError, match=f"cannot guard tool 'echo'.* parameter '{name}'"):
            dataclasses.replace(tool, guards=(guard,))
    else:
        assert await dataclasses.replace(tool, guards=(guard,))(**{name: "x"}) == {name: "x"}


async def test_a_guard_may_be_asked_about_a_tool_by_name() -> None:
    class Once(ConcurrentGuard):
        async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
            return {**kwargs, "name": tool.name}

    tool, log = Tool("greet", greet), list[Any]()
    assert await Recording(log)(tool=tool, a=1) == {"a": 1}
    assert log == [("greet", {"a": 1})]
    assert await Once()(tool=tool, a=1) == {"a": 1, "name": "greet"}
    assert await AllowAllGuard()(tool=tool, a=1) == {"a": 1}
    assert await AllowAllGuard().check(tool=tool, a=1) == {"a": 1}
    with pytest.raises(GuardError, match="denied"):
        await DenyAllGuard().check(tool=tool, a=1)


def test_an_agent_says_how_a_function_becomes_a_tool() -> None:
    class Desk:
        async def call(self) -> str:
            return ""

    functions: list[Any] = [greet, Desk().call]
    for function in functions:
        name = function.__name__
        with pytest.raises(TypeError, match=rf"write Tool\(name='{name}', handler={name}\)"):
            Agent("", make_stub_transport(), [Tool("first", greet), function])
    with pytest.raises(TypeError, match="greet is a function, not a tool"):
        Agent("", make_stub_transport()).copy(tools=[greet])


def test_an_agent_takes_all_that_behaves_like_a_tool() -> None:
    like: Any = SimpleNamespace(name="greet", __call__=greet)
    assert Agent("", make_stub_transport(), [like]).tools == [like]


async def test_each_call_finds_its_own_context_and_leaves_none_behind() -> None:
    seen: list[Any] = []

    async def look(wait: float) -> None:
        await asyncio.sleep(wait)
        seen.append(CONTEXT.get())

    first, second = Tool("a", look, context="one"), Tool("b", look, context="two")
    before = CONTEXT.get()
    await asyncio.gather(first(wait=0.01), second(wait=0.0))
    assert seen == ["two", "one"]
    assert CONTEXT.get() is before
    assert dict(before) == {}


async def test_concurrency_caps_one_tool() -> None:
    most = now = 0

    async def count() -> None:
        nonlocal most, now
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.005)
        now -= 1

    tool = Tool("count", count, concurrency=2)
    await asyncio.gather(*(tool() for _ in range(6)))
    assert most == 2


def test_a_tool_with_a_cap_works_in_one_loop_after_another() -> None:
    async def nap() -> str:
        await asyncio.sleep(0)
        return "ok"

    tool = Tool("nap", nap, concurrency=1)

    async def all_at_once() -> Any:
        return await asyncio.gather(*(tool() for _ in range(3)))

    for _ in range(2):
        assert asyncio.run(all_at_once()) == ["ok"] * 3


async def test_a_call_that_takes_too_long_is_stopped() -> None:
    stopped = False

    async def slow() -> None:
        nonlocal stopped
        try:
            await asyncio.sleep(60)
        finally:
            stopped = True

    with pytest.raises(HandlerError, match=r"'slow' took longer than 0.01 s"):
        await Tool("slow", slow, timeout=0.01)()
    assert stopped


async def test_a_handler_s_own_timeout_keeps_its_words() -> None:
    async def slow() -> None:
        raise TimeoutError("the database is slow")

    with pytest.raises(HandlerError, match="the database is slow"):
        await Tool("slow", slow, timeout=5)()


async def test_a_timeout_inside_a_handler_is_not_taken_for_that_of_the_tool() -> None:
    async def slow() -> None:
        async with asyncio.timeout(0.001):
            await asyncio.sleep(60)

    async def drip() -> AsyncIterator[str]:
        yield "x"
        await slow()

    with pytest.raises(HandlerError, match=r"^TimeoutError$"):
        await Tool("slow", slow, timeout=60)()
    with pytest.raises(HandlerError, match=r"^TimeoutError$"):
        await Tool("drip", drip, timeout=60)()


async def test_a_guard_that_waits_for_a_person_is_not_timed() -> None:
    class Slow(PermissionGuard):
        async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
            await asyncio.sleep(0.05)
            return kwargs

    assert await Tool("greet", greet, guards=(Slow(),), timeout=0.02)(name="x") == "hello x"


async def test_cancellation_passes_through() -> None:
    async def forever() -> None:
        await asyncio.Event().wait()

    task = asyncio.ensure_future(Tool("forever", forever, timeout=60)())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_guard_for_one_at_a_time_checks_one_at_a_time() -> None:
    now = 0

    class Dialog(ConcurrentGuard):
        def __init__(self) -> None:
            pass  # that of the base class need not be called

        async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
            nonlocal now
            now += 1
            assert now == 1
            await asyncio.sleep(0.001)
            now -= 1
            if kwargs["name"] == "bad":
                raise GuardError("denied")
            return kwargs

    guard = Dialog()
    tools = [Tool("a", greet, guards=(guard,)), Tool("b", greet, guards=(guard,))]
    calls = (tool(name=name) for tool in tools for name in ("x", "bad"))
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [isinstance(result, GuardError) for result in results] == [False, True, False, True]


# ── output while running ──────────────────────────────────────────────────────────────────────


async def count_up(to: int) -> AsyncIterator[str]:
    """Count."""
    for n in range(to):
        yield f"{n} "


async def with_stream(x: str) -> str:
    """Has a streaming form."""
    return f"plain {x}"


async def _stream(x: str) -> AsyncIterator[tuple[str, str]]:
    yield "stdout", f"streamed {x}"
    yield "stderr", "!"


with_stream.stream = _stream  # type: ignore[attr-defined]
with_stream.format_stream_result = lambda chunks: "|".join(  # type: ignore[attr-defined]
    f"{key}:{text}" for _, key, text in chunks
)


async def test_a_generator_is_a_streaming_tool_as_it_is() -> None:
    tool = Tool("count", count_up)
    assert tool.supports_streaming
    assert tool.description == "Count."
    assert [pair async for pair in tool.call_streaming(to=2)] == [
        ("output", "0 "),
        ("output", "1 "),
    ]
    assert await tool(to=3) == "0 1 2 "


async def test_a_streaming_form_is_used_only_for_streaming() -> None:
    tool = Tool("t", with_stream)
    assert tool.supports_streaming
    assert await tool(x="1") == "plain 1"
    pairs = [pair async for pair in tool.call_streaming(x="1")]
    assert pairs == [("stdout", "streamed 1"), ("stderr", "!")]
    chunks = [(0.0, key, text) for key, text in pairs]
    assert tool.format_stream_result(chunks) == "stdout:streamed 1|stderr:!"


async def test_a_plain_tool_streams_its_result_in_one_piece() -> None:
    tool = Tool("greet", greet)
    assert not tool.supports_streaming
    assert [pair async for pair in tool.call_streaming(name="x")] == [("output", "hello x")]
    assert tool.format_stream_result([(0.0, "a", "1"), (0.1, "b", "2")]) == "12"


async def test_streaming_passes_the_same_stations() -> None:
    log: list[Any] = []
    tool = Tool("t", with_stream, guards=(Recording(log, x="changed"),), context="c")
    pairs = [pair async for pair in tool.call_streaming(x="1", stray=2)]
    assert pairs[0] == ("stdout", "streamed changed")
    assert log == [("t", {"x": "1"})]
    with pytest.raises(HandlerError, match="Missing"):
        async for _ in tool.call_streaming():
            pass


async def test_streaming_leaves_no_context_between_its_steps() -> None:
    inside: list[Any] = []

    async def look() -> AsyncIterator[str]:
        for _ in range(2):
            inside.append(CONTEXT.get())
            yield "x"

    before = CONTEXT.get()
    async for _ in Tool("look", look, context="mine").call_streaming():
        assert CONTEXT.get() is before
    assert inside == ["mine", "mine"]


async def test_leaving_a_streaming_call_closes_the_handler_and_frees_its_place() -> None:
    closed = 0

    async def endless() -> AsyncIterator[str]:
        nonlocal closed
        try:
            while True:
                yield "x"
        finally:
            closed += 1

    tool = Tool("endless", endless, concurrency=1)
    for _ in range(3):
        stream = tool.call_streaming()
        async for _ in stream:
            break
        await stream.aclose()
    assert closed == 3


async def test_a_streaming_call_has_a_deadline_too() -> None:
    async def drip() -> AsyncIterator[str]:
        while True:
            yield "x"
            await asyncio.sleep(0.005)

    with pytest.raises(HandlerError, match="took longer"):
        async for _ in Tool("drip", drip, timeout=0.03).call_streaming():
            pass


@pytest.mark.parametrize("item", [1, None, b"bytes", ("a",), ("a", "b", "c"), (1, "b"), ["a", 2]])
async def test_output_that_is_no_text_is_an_error_that_says_what_to_yield(item: Any) -> None:
    async def drip() -> AsyncIterator[Any]:
        yield "first"
        yield item

    tool = Tool("drip", drip)
    message = rf"tool 'drip' must yield text, or pairs .*; got {type(item).__name__}"
    with pytest.raises(HandlerError, match=message):
        await tool()
    got: list[Any] = []
    with pytest.raises(HandlerError, match=message):
        async for pair in tool.call_streaming():
            got.append(pair)  # noqa: PERF401 - what came before the error counts
    assert got == [("output", "first")]


async def test_the_output_of_a_tool_that_does_not_stream_is_the_text_of_its_result() -> None:
    async def look(at: str) -> Any:
        return {"text": at, "number": {"n": [1, None]}, "nothing": None}[at]

    tool = Tool("look", look)
    output = {at: [pair async for pair in tool.call_streaming(at=at)] for at in ("text", "number")}
    assert output == {"text": [("output", "text")], "number": [("output", '{"n": [1, null]}')]}


# ── copies ────────────────────────────────────────────────────────────────────────────────────


def pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


class Counting(ConcurrentGuard):
    async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
        return kwargs


@dataclasses.dataclass
class Parcel:
    weight: float


async def send(parcel: Parcel, day: datetime.date = datetime.date(2026, 1, 31)) -> str:
    return f"{parcel.weight} kg, {day:%d.%m.}"


async def anything(**kwargs: Any) -> dict[str, Any]:
    return kwargs


GIVEN: Any = {"type": "object", "properties": {"n": {"type": "integer"}}}
TOOLS = [
    Tool("send", send),
    Tool("send", send, "Send it.", (), 2, {"key": [1]}, examples=[("go", {"a": 1})], timeout=3),
    Tool("send", send, context=MappingProxyType({"k": 1}), eager=True, read_only=True),
    Tool("anything", anything, schema=GIVEN),
    Tool("anything", anything, schema=MappingProxyType(GIVEN)),
    Tool("anything", anything, schema=Tool("send", send).schema),
    Tool[int]("count", count_up, context=1),
]


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickled])
@pytest.mark.parametrize("tool", TOOLS)
async def test_a_copy_of_a_tool_is_equal_and_does_the_same(
    tool: Tool[Any], copied: Callable[[Any], Any]
) -> None:
    other = copied(tool)
    assert type(other) is Tool
    assert other is not tool
    for field in dataclasses.fields(tool):
        if field.init:
            assert getattr(other, field.name) == getattr(tool, field.name)
    assert type(other.context) is type(tool.context)
    assert other.input_schema == tool.input_schema
    assert dataclasses.replace(other, name="x") == dataclasses.replace(tool, name="x")
    for arguments in ({"parcel": {"weight": 1}}, {"n": 1}, {"to": 2}, {"n": "x"}):
        results = [await outcome(one, arguments) for one in (tool, other)]
        assert results[0] == results[1]


async def outcome(tool: Tool[Any], arguments: dict[str, Any]) -> Any:
    try:
        return await tool(**arguments)
    except HandlerError as error:
        return str(error)


@pytest.mark.parametrize("copied", [copy.deepcopy, pickled])
def test_a_copy_made_while_calls_wait_has_places_of_its_own(
    copied: Callable[[Any], Any],
) -> None:
    most = 0

    async def main() -> None:
        nonlocal most
        tool = Tool("nap", nap, guards=(Counting(),), concurrency=1)
        waiting = [asyncio.ensure_future(tool()) for _ in range(3)]
        await asyncio.sleep(0.01)
        async with asyncio.timeout(60):
            assert await copied(tool)(seconds=0) == "ok"
        most = sum(not task.done() for task in waiting)
        for task in waiting:
            task.cancel()

    asyncio.run(main())
    assert most == 3


async def nap(seconds: float = 30) -> str:
    await asyncio.sleep(seconds)
    return "ok"


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickled])
async def test_an_agent_is_copied_with_its_tools(copied: Callable[[Any], Any]) -> None:
    agent = Agent("", make_stub_transport(), TOOLS[:1])
    other = copied(agent)
    assert other.tools == agent.tools
    assert await other.run("hi", MemoryContextStore()) == await agent.run(
        "hi", MemoryContextStore()
    )


# ── options and helpers ───────────────────────────────────────────────────────────────────────


def test_options_noted_on_a_function_are_found_again() -> None:
    @tool_options(concurrency=2, timeout=3, read_only=True, examples=[("hi", {"name": "x"})])
    async def marked(name: str) -> str:
        return name

    tool = Tool("marked", marked, **options_of(marked))
    assert (tool.concurrency, tool.timeout, tool.read_only, tool.eager) == (2, 3, True, False)
    assert tool.examples == (("hi", {"name": "x"}),)
    assert options_of(greet) == {}


def test_the_old_way_to_note_a_cap_is_still_read() -> None:
    async def marked() -> None: ...

    marked._tool_concurrency = 3  # type: ignore[attr-defined]
    assert options_of(marked) == {"concurrency": 3}


async def test_an_ordinary_function_runs_in_a_thread_with_the_same_signature() -> None:
    def block(name: str, n: int = 2) -> str:
        """Work without await."""
        assert threading.current_thread() is not threading.main_thread()
        return f"{name * n} {CONTEXT.get()}"

    tool = Tool("block", in_thread(block), context="ctx")
    assert tool.description == "Work without await."
    assert set(tool.input_schema["properties"]) == {"name", "n"}
    assert await tool(name="ab") == "abab ctx"


@pytest.mark.parametrize("answer", [None, True, "yes"])
async def test_a_guard_that_forgets_to_return_the_arguments_refuses(answer: Any) -> None:
    class Forgetful(PermissionGuard):
        async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
            return answer  # type: ignore[no-any-return]

    tool = Tool("greet", greet, guards=(Forgetful(), AllowAllGuard()))
    with pytest.raises(GuardError, match="Forgetful must return the arguments"):
        await tool(name="Ann")


async def test_a_tool_may_be_made_with_its_type_of_context_in_brackets() -> None:
    tool = Tool[dict[str, str]](name="greet", handler=greet, context={"a": "b"})
    assert tool == Tool(name="greet", handler=greet)
    assert dataclasses.replace(tool, name="other").name == "other"
    assert copy.copy(tool) == tool
    assert await tool(name="Ann") == "hello Ann"


async def test_a_function_in_a_thread_may_raise_anything() -> None:
    def block(how: str) -> None:
        raise StopIteration if how == "stop" else StopAsyncIteration

    tool = Tool("block", in_thread(block))
    async with asyncio.timeout(60):
        with pytest.raises(HandlerError, match="function raised StopIteration"):
            await tool(how="stop")
        with pytest.raises(HandlerError, match="StopAsyncIteration"):
            await tool(how="other")
