"""After a crash: results that were noted are used, and only what may be run again is."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from axio import Agent, GuardError, MemoryContextStore, PermissionGuard, Tool
from axio.blocks import TextBlock, ToolResultBlock, ToolUseBlock
from axio.history import NOT_BEGUN, UNKNOWN_OUTCOME, check
from axio.journal import Outcome
from axio.messages import Message
from axio.run import RUN
from axio.run.inner import inner_id
from axio.store_wrapper import StoreWrapper
from axio.testing import StubTransport, make_text_response, make_tool_use_response
from axio.tool import options_of, tool_options


class Notes:
    """A journal in memory, that also keeps the order of what it was told."""

    def __init__(self) -> None:
        self.results: dict[str, ToolResultBlock | None] = {}
        self.told: list[str] = []

    async def begin(self, call: ToolUseBlock) -> None:
        self.results[call.id] = None
        self.told.append(f"begin {call.id}")

    async def finish(self, call: ToolUseBlock, result: ToolResultBlock) -> None:
        await asyncio.sleep(0)
        self.results[call.id] = result
        self.told.append(f"finish {call.id}")

    async def outcome(self, call: ToolUseBlock) -> ToolResultBlock | Outcome:
        if call.id not in self.results:
            return Outcome.NOT_BEGUN
        return self.results[call.id] or Outcome.UNKNOWN


class Noted(MemoryContextStore):
    def __init__(self, history: list[Message] | None = None) -> None:
        super().__init__(history)
        self.notes = Notes()

    @property
    def journal(self) -> Notes:
        return self.notes


class Work:
    """Tools that note in the journal when their handlers run."""

    def __init__(self, notes: Notes) -> None:
        self.notes = notes

    async def change(self, key: str) -> str:
        self.notes.told.append(f"run {RUN.get().call_id}")
        return f"changed {key}"

    async def fail(self, key: str) -> str:
        raise ValueError(key)

    def tools(self, *guards: PermissionGuard) -> list[Tool[Any]]:
        return [
            Tool("change", self.change, guards=guards),
            Tool("read", self.change, read_only=True),
            Tool("again", self.change, idempotent=True),
            Tool("fail", self.fail),
            Tool("queued", self.change, concurrency=1),
        ]


def crashed(*calls: tuple[str, str]) -> list[Message]:
    """The history of a run that died while its calls, each an id and a tool, were running."""
    blocks = [ToolUseBlock(id, name, {"key": id}) for id, name in calls]
    return [Message("user", [TextBlock("go")]), Message("assistant", [*blocks])]


def agent_with(tools: list[Tool[Any]], *turns: Any) -> Agent:
    return Agent("", StubTransport([*turns, make_text_response("done")]), tools)


@pytest.mark.parametrize("tool", ["change", "queued", "fail"])
async def test_a_call_is_noted_before_its_handler_and_its_result_before_it_is_told(
    tool: str,
) -> None:
    store = Noted()
    agent = agent_with(Work(store.notes).tools(), make_tool_use_response(tool, "a", {"key": "k"}))
    async for event in agent.run_stream("go", store):
        if type(event).__name__ == "ToolResult":
            store.notes.told.append("told")
    assert [word for word in store.notes.told if word != "run a"] == ["begin a", "finish a", "told"]
    assert store.notes.told.index("begin a") == 0
    assert store.notes.results["a"] in (await store.get_history())[2].content


async def test_only_what_is_needed_is_noted() -> None:
    store = Noted()
    turns = [
        make_tool_use_response(name, name, {"key": "k"}) for name in ("read", "again", "absent")
    ]
    assert await agent_with(Work(store.notes).tools(), *turns).run("go", store) == "done"
    assert store.notes.told == ["run read", "begin again", "run again", "finish again"]


class Refuse(PermissionGuard):
    async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
        raise GuardError("no")


class Allow(PermissionGuard):
    def __init__(self, notes: Notes) -> None:
        self.notes = notes

    async def check(self, tool: Tool[Any], **kwargs: Any) -> dict[str, Any]:
        self.notes.told.append("asked")
        return kwargs


async def test_a_call_counts_as_begun_once_its_guards_have_agreed() -> None:
    store = Noted()
    agent = agent_with(
        Work(store.notes).tools(Allow(store.notes)),
        make_tool_use_response("change", "a", {"key": "k"}),
    )
    await agent.run("go", store)
    assert store.notes.told == ["asked", "begin a", "run a", "finish a"]


async def test_a_refused_call_was_not_begun() -> None:
    store = Noted()
    tools = Work(store.notes).tools(Refuse())
    await agent_with(tools, make_tool_use_response("change", "a", {"key": "k"})).run("go", store)
    assert store.notes.told == []


async def test_a_call_that_cannot_be_noted_is_not_run() -> None:
    class Full(Notes):
        async def begin(self, call: ToolUseBlock) -> None:
            raise OSError("the disk is full")

    store = Noted()
    store.notes = Full()
    tools = Work(store.notes).tools()
    await agent_with(tools, make_tool_use_response("change", "a", {"key": "k"})).run("go", store)
    assert store.notes.told == []
    assert (await store.get_history())[2].tool_results == [
        ToolResultBlock("a", "OSError: the disk is full", True)
    ]


async def test_a_result_that_cannot_be_noted_is_used_all_the_same() -> None:
    class Full(Notes):
        async def finish(self, call: ToolUseBlock, result: ToolResultBlock) -> None:
            raise OSError("the disk is full")

    store = Noted()
    store.notes = Full()
    tools = Work(store.notes).tools()
    await agent_with(tools, make_tool_use_response("change", "a", {"key": "k"})).run("go", store)
    assert (await store.get_history())[2].tool_results == [ToolResultBlock("a", "changed k")]


async def test_a_result_stays_that_is_being_noted_when_the_run_is_cancelled() -> None:
    entered, store = asyncio.Event(), Noted()

    class Slow(Notes):
        async def finish(self, call: ToolUseBlock, result: ToolResultBlock) -> None:
            entered.set()
            await asyncio.sleep(60)

    store.notes = Slow()
    tools = Work(store.notes).tools()
    agent = agent_with(tools, make_tool_use_response("change", "a", {"key": "k"}))
    run = asyncio.create_task(agent.run("go", store))
    await entered.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert (await store.get_history())[2].tool_results == [ToolResultBlock("a", "changed k")]


async def test_resuming_uses_what_is_known_runs_what_may_be_run_and_says_what_is_not_known() -> (
    None
):
    store = Noted(
        crashed(
            *(("known", "change"), ("begun", "change"), ("fresh", "change")),
            *(("seen", "read"), ("key", "again"), ("gone", "renamed")),
        )
    )
    known = ToolResultBlock("known", [TextBlock("from before")])
    store.notes.results = {"known": known, "begun": None, "key": None}
    agent = agent_with(Work(store.notes).tools())
    assert await agent.resume(store).get_final_text() == "done"
    history = await store.get_history()
    assert check(history) == []
    results = history[2].tool_results
    assert results[:5] == [
        known,
        ToolResultBlock("begun", UNKNOWN_OUTCOME, True),
        ToolResultBlock("fresh", "changed fresh"),
        ToolResultBlock("seen", "changed seen"),
        ToolResultBlock("key", "changed key"),
    ]
    assert results[5].is_error
    assert "Unknown tool: renamed" in results[5].content
    ran = {word for word in store.notes.told if word.startswith("run")}
    assert ran == {"run fresh", "run seen", "run key"}


async def test_without_a_journal_only_what_changes_nothing_or_may_be_repeated_runs_again() -> None:
    notes = Notes()
    store = MemoryContextStore(crashed(("a", "change"), ("b", "read"), ("c", "again")))
    assert await agent_with(Work(notes).tools()).resume(store).get_final_text() == "done"
    assert notes.told == ["run b", "run c"]
    first, *rest = (await store.get_history())[2].tool_results
    assert first == ToolResultBlock("a", UNKNOWN_OUTCOME, True)
    assert rest == [ToolResultBlock("b", "changed b"), ToolResultBlock("c", "changed c")]


async def test_the_result_of_an_approved_call_is_used_when_the_run_died_before_storing_it() -> None:
    history = [
        *crashed(("known", "change"), ("begun", "change")),
        Message(
            "user",
            [ToolResultBlock(id, UNKNOWN_OUTCOME, True) for id in ("known", "begun")],
        ),
    ]
    store = Noted(history)
    known = ToolResultBlock("known", "changed")
    store.notes.results = {"known": known, "begun": None}
    await agent_with(Work(store.notes).tools()).resume(store).get_final_text()
    assert (await store.get_history())[2].tool_results == [
        known,
        ToolResultBlock("begun", UNKNOWN_OUTCOME, True),
    ]
    assert store.notes.told == []


async def test_calls_inside_one_that_runs_again_are_not_made_twice() -> None:
    store = Noted(crashed(("a", "outer")))
    work = Work(store.notes)

    async def outer(key: str) -> str:
        run = RUN.get()
        names = ("change", "change", "change", "read", "again")
        results = [await run.call(name, {"key": f"{key} {name}"}) for name in names]
        return "; ".join(str(result.content) for result in results)

    change = inner_id("a", "change", {"key": "a change"})
    read = inner_id("a", "read", {"key": "a read"})
    again = inner_id("a", "again", {"key": "a again"})
    store.notes.results = {
        change: ToolResultBlock(change, "changed before"),
        f"{change}_2": None,
        read: None,
        again: None,
    }
    tools = [*work.tools(), Tool("outer", outer, idempotent=True)]
    assert await agent_with(tools).resume(store).get_final_text() == "done"
    (result,) = (await store.get_history())[2].tool_results
    assert result.content == "; ".join(
        [
            "changed before",
            UNKNOWN_OUTCOME,
            "changed a change",
            "changed a read",
            "changed a again",
        ]
    )
    ran = [word for word in store.notes.told if word.startswith("run")]
    assert ran == [f"run {change}_3", f"run {read}", f"run {again}"]


async def test_a_new_prompt_uses_what_is_known_and_runs_nothing() -> None:
    store = Noted(crashed(("known", "change"), ("begun", "change"), ("fresh", "change")))
    store.notes.results = {"known": ToolResultBlock("known", "from before"), "begun": None}
    agent = agent_with(Work(store.notes).tools())
    await agent.run("and now?", store)
    assert (await store.get_history())[2].tool_results == [
        ToolResultBlock("known", "from before"),
        ToolResultBlock("begun", UNKNOWN_OUTCOME, True),
        ToolResultBlock("fresh", NOT_BEGUN, True),
    ]
    assert store.notes.told == []


async def test_a_guard_is_asked_for_a_call_that_is_taken_up_again() -> None:
    store = Noted(crashed(("fresh", "change")))
    agent = agent_with(Work(store.notes).tools(Refuse()))
    await agent.resume(store).get_final_text()
    assert (await store.get_history())[2].tool_results == [
        ToolResultBlock("fresh", "GuardError: no", True)
    ]


async def test_a_turn_with_broken_arguments_is_mended_and_not_run() -> None:
    history = crashed(("a", "read"))
    history[1].content.append(ToolUseBlock("b", "read", [1]))  # type: ignore[arg-type]
    store = MemoryContextStore(history)
    notes = Notes()
    await agent_with(Work(notes).tools()).resume(store).get_final_text()
    assert notes.told == []
    assert check(await store.get_history()) == []


async def test_a_wrapper_hands_on_the_journal() -> None:
    store = Noted()
    assert StoreWrapper(store).journal is store.notes
    assert MemoryContextStore().journal is None


# ── ids ─────────────────────────────────────────────────────────────────────────────────────────


def ids_of(history: list[Message]) -> list[str]:
    return [b.id for message in history for b in message.content if isinstance(b, ToolUseBlock)]


@pytest.mark.parametrize("reopened", [False, True])
async def test_no_two_calls_of_a_session_have_one_id(reopened: bool) -> None:
    notes = Notes()
    store = MemoryContextStore()
    for _ in range(3):
        turns = [make_tool_use_response("read", "call_0", {"key": "k"})] * 2
        if reopened:
            store = MemoryContextStore(await store.get_history())
        await agent_with(Work(notes).tools(), *turns).run("go", store)
    history = await store.get_history()
    assert ids_of(history) == ["call_0", *(f"call_0_{n}" for n in range(2, 7))]
    assert notes.told == [f"run {id}" for id in ids_of(history)]
    assert check(history) == []


async def test_ids_that_another_writer_has_used_are_not_given_again() -> None:
    store = MemoryContextStore()
    tools = Work(Notes()).tools()
    await agent_with(tools).run("go", store)
    await store.extend(crashed(("a", "read")))
    await store.append(Message("user", [ToolResultBlock("a", "ok")]))
    await agent_with(tools, make_tool_use_response("read", "a", {"key": "k"})).run("go", store)
    assert ids_of(await store.get_history()) == ["a", "a_2"]


def test_a_handler_can_say_that_it_may_be_repeated() -> None:
    @tool_options(idempotent=True)
    async def put(key: str) -> str:
        return key

    assert Tool("put", put, **options_of(put)).idempotent
    assert not Tool("put", tool_options()(put)).idempotent
