"""How full the window is, what fills it, and what a session has cost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from axio import Agent, Tool
from axio.blocks import ImageBlock, TextBlock, ToolResultBlock, ToolUseBlock
from axio.compaction import Summarize
from axio.events import IterationEnd, StreamEvent, TextDelta, ToolInputDelta, ToolUseStart
from axio.messages import Message
from axio.models import Capability, ModelSpec
from axio.run.budget import Budget
from axio.subagents import make_agent_tools
from axio.types import StopReason, Usage
from axio_context_sqlite import SQLiteContextStore
from axio_tui.chat.filling import estimated, filling, within
from axio_tui.chat.meter import Meter, Spent, Window, in_all, money
from axio_tui.chat.session import ChatSession
from support.drawing import png

ABLE = frozenset({Capability.text, Capability.tool_use})
PRICED = ModelSpec("priced", ABLE, context_window=1_000, input_cost=2.0, output_cost=10.0)
CACHING = ModelSpec("caching", ABLE, input_cost=2.0, output_cost=10.0, cache_read_cost=0.5)
UNPRICED = ModelSpec("unpriced", ABLE, context_window=500)


class Model:
    """Answers with the calls that it is given, and then with a word; counts as it is told."""

    def __init__(self, spec: ModelSpec, usage: Usage, *calls: dict[str, str]) -> None:
        self.model = spec
        self.usage = usage
        self.calls: Iterator[tuple[str, str]] = iter([one for c in calls for one in c.items()])

    async def stream(self, messages: Any, tools: Any, system: str) -> AsyncIterator[StreamEvent]:
        call = next(self.calls, None)
        if call is None:
            yield TextDelta(0, "done")
            yield IterationEnd(0, StopReason.end_turn, self.usage)
            return
        id = f"call_{len(messages)}"
        yield ToolUseStart(0, id, call[0])
        yield ToolInputDelta(0, id, call[1])
        yield IterationEnd(0, StopReason.tool_use, self.usage)


async def play(session: ChatSession, budget: Budget | None = None) -> None:
    async for _ in session.send("go on", budget=budget):
        pass


# ── the window ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("tokens", "level", "told"),
    [
        (0, "fine", "0 of 1,000 tokens, 0%"),
        (699, "fine", "699 of 1,000 tokens, 70%"),
        (700, "high", "700 of 1,000 tokens, 70%, filling up"),
        (899, "high", "899 of 1,000 tokens, 90%, filling up"),
        (900, "full", "900 of 1,000 tokens, 90%, almost full"),
        (1_100, "full", "1,100 of 1,000 tokens, 110%, almost full"),
    ],
)
def test_a_window_has_words_for_how_full_it_is(tokens: int, level: str, told: str) -> None:
    window = Window(tokens, 1_000, True)
    assert (window.level, str(window)) == (level, told)
    assert str(Window(tokens, 1_000, False)) == f"about {told}"


def test_a_window_of_unknown_size_is_told_in_tokens_alone() -> None:
    window = Window(1_234, None, False)
    assert (window.share, window.level, str(window)) == (None, "fine", "about 1,234 tokens")


def test_cached_tokens_fill_the_window_too() -> None:
    meter = Meter()
    meter.changed(estimate=10)
    assert meter.window(PRICED) == Window(10, 1_000, False)
    meter.filled([Usage(1, 1), Usage(800, 50, cache_read_tokens=790)])
    assert meter.window(PRICED) == Window(850, 1_000, True)
    assert meter.window(UNPRICED).size == 500


# ── money ─────────────────────────────────────────────────────────────────────────────────────


def test_an_unknown_price_is_told_and_makes_the_sum_unknown() -> None:
    meter = Meter()
    meter.count(Usage(1_000, 100), PRICED)
    assert str(meter.spent["priced"]) == "1,000 tokens in, 100 out, $0.0030"
    meter.count(Usage(10, 1), UNPRICED)
    assert str(meter.spent["unpriced"]) == "10 tokens in, 1 out, price unknown"
    assert in_all(meter.spent) == Spent(2, Usage(1_010, 101), None)


def test_a_model_that_is_known_to_be_free_costs_nothing() -> None:
    meter = Meter(free={"unpriced"})
    meter.count(Usage(10, 1), UNPRICED)
    assert str(in_all(meter.spent)) == "10 tokens in, 1 out, $0.00"
    meter.count(Usage(10, 1), None)
    assert meter.spent["unknown model"].cost is None


def test_cached_tokens_have_their_own_price() -> None:
    meter = Meter()
    meter.count(Usage(1_000_000, 0, cache_read_tokens=1_000_000), CACHING)
    assert str(meter.spent["caching"]) == "1,000,000 tokens in (1,000,000 cached), 0 out, $0.5000"


@pytest.mark.parametrize(
    ("usd", "told"),
    [
        (0.0, "$0.00"),
        (0.00001, "under $0.0001"),
        (0.01234, "$0.0123"),
        (0.999, "$1.00"),
        (1234.5, "$1,234.50"),
    ],
)
def test_money_is_told_as_people_write_it(usd: float, told: str) -> None:
    assert money(usd) == told


# ── a session ─────────────────────────────────────────────────────────────────────────────────


async def test_a_session_counts_sub_agents_by_their_model(tmp_path: Path) -> None:
    helper = Agent("", Model(UNPRICED, Usage(7, 3)))
    tools = make_agent_tools({"helper": ("helps", helper)}, helper.transport)
    model = Model(PRICED, Usage(100, 20, cache_read_tokens=60), {"helper": '{"task": "look"}'})
    async with SQLiteContextStore.open(tmp_path / "axio.db", "s", "p") as store:
        session = ChatSession(Agent("", model, tools), store)
        budget = Budget(tokens=10_000)
        await play(session, budget)
        await play(session)
        assert session.meter.run == {"priced": session.meter.run["priced"]}
        spent = session.meter.spent
        assert {id: (one.requests, one.usage) for id, one in spent.items()} == {
            "priced": (3, Usage(300, 60, cache_read_tokens=180)),
            "unpriced": (1, Usage(7, 3)),
        }
        assert budget.used == Usage(207, 43, cache_read_tokens=120), "its limits hold, too"
        assert session.window == Window(120, 1_000, True)
        await session.close()

        again = ChatSession(session.agent, store.beside("s"))
        await again.load()
        assert (again.meter.spent, again.window) == (spent, session.window)
        assert (await again.fork()).meter.spent == {}, "what was spent is not spent twice"


async def test_a_changed_history_is_estimated_until_it_is_counted_again() -> None:
    session = ChatSession(Agent("", Model(PRICED, Usage(500, 20))))
    for _ in range(4):
        await play(session)
    assert session.window == Window(520, 1_000, True)
    [*_, point] = await session.points()
    await session.rewind(point)
    assert session.window == Window(6, 1_000, False)
    await play(session)
    assert session.window.tokens == 520


async def test_a_summary_is_paid_for_by_its_session() -> None:
    session = ChatSession(Agent("", Model(PRICED, Usage(500, 20))))
    for _ in range(5):
        await play(session)
    assert await session.compact(Summarize(keep_recent=2))
    assert session.meter.spent["priced"].requests == 6
    assert not session.window.is_counted and session.window.tokens < 520


# ── what fills the window ─────────────────────────────────────────────────────────────────────


async def search(query: str) -> str:
    """Find pages."""
    return query


TOOLS = [Tool(name="search", handler=search), Tool(name="wiki__search", handler=search)]
HISTORY = [
    Message("user", [TextBlock("how are\nyou?"), ImageBlock("image/png", b"x" * 100_000)]),
    Message("assistant", [ToolUseBlock("a", "search", {"query": "x"})]),
    Message("user", [ToolResultBlock("a", "y" * 400)]),
    Message("assistant", [TextBlock("z" * 100)]),
]


def test_the_parts_of_a_request_are_told_by_name() -> None:
    parts = filling({"axio": "s" * 40, "AGENTS.md": "f" * 400, "empty": ""}, TOOLS, HISTORY)
    assert [(part.kind, part.name, part.server) for part in parts] == [
        ("system", "axio", ""),
        ("system", "AGENTS.md", ""),
        ("tool", "search", ""),
        ("tool", "wiki__search", "wiki"),
        ("message", "you: how are you?", ""),
        ("message", "axio: search", ""),
        ("message", "results: 1 of tools", ""),
        ("message", f"axio: {'z' * 60}...", ""),
    ]
    tokens = {part.name: part.tokens for part in parts}
    assert tokens["AGENTS.md"] == 100
    assert 1_000 < tokens["you: how are you?"] < 2_000, "not by the bytes of the picture"
    assert list(within(parts)) == ["axio", "AGENTS.md", "tools", "tools of wiki", "messages"]


@given(st.lists(st.text(max_size=30), max_size=8), st.integers(0, 100_000))
def test_the_parts_are_together_what_the_provider_has_counted(
    texts: list[str], counted: int
) -> None:
    history = [Message("user", [TextBlock(text)]) for text in texts]
    parts = filling("system", TOOLS, history, counted)
    assert sum(part.tokens for part in parts) == counted
    assert sum(within(parts).values()) == counted


@pytest.mark.parametrize(
    ("data", "tokens"),
    [(png(16, 16), 1), (png(750, 100), 101), (png(8000, 6000), 1_600), (b"no picture", 1_500)],
)
def test_a_picture_fills_as_much_as_its_pixels(data: bytes, tokens: int) -> None:
    message = Message("user", [ImageBlock("image/png", data)])
    assert sum(part.tokens for part in filling("", [], [message])) == tokens
    result = ToolResultBlock("c", [ImageBlock("image/png", data)])
    assert estimated([Message("user", [result])]) == tokens


def test_nothing_fills_nothing() -> None:
    assert filling("", [], [], 10) == []


async def test_a_session_tells_what_fills_its_window() -> None:
    session = ChatSession(Agent("be brief", Model(PRICED, Usage(480, 20)), TOOLS))
    await play(session)
    parts = await session.filling()
    assert [part.kind for part in parts] == ["system", "tool", "tool", "message", "message"]
    assert sum(part.tokens for part in parts) == 500
