"""The real model, asked as a front end asks it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from axio import Agent, MemoryContextStore, Tool
from axio.blocks import TextBlock
from axio.events import IterationEnd, StreamEvent, TextDelta, ToolInputDelta, ToolUseStart
from axio.messages import Message
from axio.types import StopReason
from axio_transport_local import LocalTransport
from support.parts import requires


@pytest.fixture(scope="module", autouse=True)
def _weights() -> None:
    requires("weights")


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


async def set_timer(minutes: int, label: str = "") -> str:
    """Start a timer."""
    return f"{minutes} minutes {label}".strip()


async def switch_light(room: str, state: Literal["on", "off"]) -> str:
    """Switch the light of a room."""
    return f"{room} is {state}"


TOOLS: list[Tool[Any]] = [
    Tool(
        "set_timer",
        set_timer,
        examples=(
            ("set a timer for 10 minutes", {"minutes": 10}),
            ("remind me in 25 minutes", {"minutes": 25}),
            ("start a 3 minute timer", {"minutes": 3}),
            ("wake me up in 90 minutes", {"minutes": 90}),
        ),
    ),
    Tool(
        "switch_light",
        switch_light,
        examples=(
            ("turn on the light in the kitchen", {"room": "kitchen", "state": "on"}),
            ("switch off the bedroom light", {"room": "bedroom", "state": "off"}),
            ("lights on in the garage", {"room": "garage", "state": "on"}),
            ("make it dark in the office", {"room": "office", "state": "off"}),
        ),
    ),
]


def user(text: str) -> Message:
    return Message("user", [TextBlock(text)])


async def ask(text: str, tools: list[Tool[Any]]) -> list[StreamEvent]:
    return [event async for event in LocalTransport().stream([user(text)], tools, "")]


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("request_text", "name", "arguments"),
    [
        ("please set a timer for 12 minutes", "set_timer", {"minutes": 12}),
        (
            "turn on the light in the hallway",
            "switch_light",
            {"room": "hallway", "state": "on"},
        ),
    ],
)
async def test_a_request_becomes_a_call_of_the_fitting_tool(
    request_text: str, name: str, arguments: dict[str, Any]
) -> None:
    start, delta, end = await ask(request_text, TOOLS)
    assert isinstance(start, ToolUseStart)
    assert start.name == name
    assert isinstance(delta, ToolInputDelta)
    assert json.loads(delta.partial_json) == arguments
    assert isinstance(end, IterationEnd)
    assert end.stop_reason is StopReason.tool_use
    assert end.usage.input_tokens > 0


@pytest.mark.timeout(120)
@pytest.mark.parametrize("text", ["", "   ", "tell me a joke about cats"])
async def test_what_no_tool_can_do_is_declined_with_what_the_tools_can(text: str) -> None:
    delta, end = await ask(text, TOOLS)
    assert isinstance(delta, TextDelta)
    assert "set_timer" in delta.delta
    assert isinstance(end, IterationEnd)
    assert end.stop_reason is StopReason.end_turn


async def test_without_tools_it_says_that_it_has_none() -> None:
    delta, _ = await ask("set a timer for 5 minutes", [])
    assert isinstance(delta, TextDelta)
    assert delta.delta


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "text",
    [
        'set a timer for 7 minutes called "a \\" b\\nc"',
        "timer 5 minutes " + "really " * 3000,
        "minutes: ∞ 🥊 {}[]()\"'`$HOME; rm -rf /",
        'set_timer(minutes=3)\n\n# wake me\nswitch_light(room="x")',
    ],
)
async def test_arguments_always_fit_the_schema(text: str) -> None:
    events = await ask(text, TOOLS)
    assert isinstance(events[-1], IterationEnd)
    for event in events:
        if isinstance(event, ToolInputDelta):
            assert isinstance(events[0], ToolUseStart)
            tool = next(tool for tool in TOOLS if tool.name == events[0].name)
            await tool(**json.loads(event.partial_json))


@pytest.mark.timeout(120)
async def test_an_agent_runs_the_call_and_ends_with_its_result() -> None:
    agent = Agent("", LocalTransport(), TOOLS)
    answer = await agent.run("set a timer for 15 minutes", MemoryContextStore())
    assert "15 minutes" in answer


@pytest.mark.timeout(120)
async def test_the_event_loop_goes_on_and_a_cancel_returns_at_once() -> None:
    await ask("set a timer for 5 minutes", TOOLS)
    start = time.monotonic()
    await ask("set a timer for 15 minutes", TOOLS)
    at_once = max(0.5, (time.monotonic() - start) / 2)  # on a busy machine all takes longer
    gaps: list[float] = []

    async def beat() -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            gaps.append(time.monotonic() - before)

    heart = asyncio.ensure_future(beat())
    await asyncio.gather(*(ask(f"set a timer for {n} minutes", TOOLS) for n in (2, 4)))
    task = asyncio.ensure_future(ask("switch off the light in the attic", TOOLS))
    await asyncio.sleep(0.02)
    start = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - start < at_once
    heart.cancel()
    assert max(gaps) < at_once
    assert isinstance((await ask("set a timer for 6 minutes", TOOLS))[0], ToolUseStart)


@pytest.mark.timeout(120)
def test_one_model_serves_one_event_loop_after_another() -> None:
    for n in (8, 9):
        events = asyncio.run(ask(f"set a timer for {n} minutes", TOOLS))
        assert isinstance(events[0], ToolUseStart)


def damaged(folder: Path) -> int:
    """Spoil every file; how many there were."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    for path in files:
        path.write_bytes(b"damaged")
    return len(files)


@pytest.mark.timeout(120)
async def test_a_damaged_cache_is_made_anew(_cache: Path) -> None:
    await ask("set a timer for 5 minutes", TOOLS)
    assert damaged(_cache)
    other = [*TOOLS, Tool("stop", set_timer, "Stop everything.")]
    assert isinstance((await ask("set a timer for 5 minutes", other))[0], ToolUseStart)


async def test_many_tools_whose_examples_are_full_of_ids_fit_into_its_window() -> None:
    async def handle(order_id: str) -> str:
        """Handle a step of an order."""
        return order_id

    def step(number: int) -> Tool[Any]:
        ids = [str(10**15 + (8 * number + n) * 76_543_210_987_654) for n in range(8)]
        examples = [(f"do step {number} for order {id}", {"order_id": id}) for id in ids]
        return Tool(f"step_{number}", handle, examples=examples)

    request = [Message("user", [TextBlock("do step 4 for order 1234567890123456")])]
    tools = [step(number) for number in range(13)]
    events = [event async for event in LocalTransport().stream(request, tools, "")]
    assert [event.name for event in events if isinstance(event, ToolUseStart)] == ["step_4"]
