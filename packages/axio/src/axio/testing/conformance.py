"""Checks of the promises that every transport and every store has to keep, for tests of your own.

Each raises AssertionError with a sentence that says which promise is broken.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from inspect import isawaitable
from typing import Any, cast

from axio.blocks import (
    ContentBlock,
    ImageBlock,
    ReasoningBlock,
    TextBlock,
    ToolResultBlock,
    ToolUseBlock,
)
from axio.context import ContextStore, SessionInfo
from axio.events import (
    IterationEnd,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    ToolUseStart,
)
from axio.messages import Message
from axio.testing.stub import make_echo_tool
from axio.tool import AnyTool
from axio.transport import CompletionTransport

__all__ = ("check_store", "check_transport")


def _require(condition: object, promise: str) -> None:
    if not condition:
        raise AssertionError(promise)


# ── stores ────────────────────────────────────────────────────────────────────────────────────


async def check_store(
    make: Callable[[], ContextStore | Awaitable[ContextStore]],
) -> None:
    """Check the stores that `make` returns: new, empty ones, each of another session.

    `clear`, `replace` and token counts are only checked of stores that have them.
    """

    async def new() -> ContextStore:
        made = make()
        store = await made if isawaitable(made) else made
        _require(isinstance(store, ContextStore), "a store is a ContextStore")
        return store

    for check in (
        _check_round_trip,
        _check_independence,
        _check_several_at_once,
        _check_session,
        _check_tokens,
        _check_replacing,
        _check_fork,
        _check_ownership,
    ):
        store = await new()
        try:
            await check(store)
        finally:
            await store.close()


def _every_kind() -> list[Message]:
    blocks: list[ContentBlock] = [TextBlock("zwölf Boxkämpfer \U0001f94a\0\u2028"), TextBlock("")]
    image = ImageBlock("image/png", bytes(range(256)))
    call = ToolUseBlock("id-1", "tool", {"nested": {"list": [1, 2.5, None, True, "ü"]}})
    thought = ReasoningBlock("hm", "provider", {"signature": "c2ln", "n": [1]})
    return [
        Message("user", [*blocks, image]),
        Message("assistant", [thought, TextBlock("x" * 100_000), call]),
        Message("user", [ToolResultBlock("id-1", [TextBlock("see"), image], True)]),
        Message("system", [TextBlock("note")]),
    ]


async def _check_round_trip(store: ContextStore) -> None:
    _require(await store.get_history() == [], "a new store is empty")
    messages = _every_kind()
    for count, message in enumerate(messages, 1):
        await store.append(message)
        history = await store.get_history()
        _require(history == messages[:count], "get_history returns what was appended, in order")


async def _check_independence(store: ContextStore) -> None:
    await store.append(Message("user", [TextBlock("one")]))
    history = await store.get_history()
    history.clear()
    _require(len(await store.get_history()) == 1, "changing the returned list changes nothing")


async def _check_several_at_once(store: ContextStore) -> None:
    messages = _every_kind()
    await store.extend(messages)
    _require(await store.get_history() == messages, "extend appends all messages in order")
    await store.extend([])
    _require(await store.get_history() == messages, "extending by nothing changes nothing")
    more = [Message("user", [TextBlock(str(n))]) for n in range(20)]
    await asyncio.gather(*(store.append(message) for message in more))
    tail = (await store.get_history())[len(messages) :]
    _require(
        sorted(m.content[0].text for m in tail if isinstance(m.content[0], TextBlock))
        == sorted(str(n) for n in range(20)),
        "concurrent appends all arrive, once",
    )


async def _check_session(store: ContextStore) -> None:
    _require(store.session_id, "a store has a session_id")
    _require(store.session_id == store.session_id, "the session_id stays the same")
    await store.append(Message("user", [TextBlock("first words")]))
    sessions = await store.list_sessions()
    _require(all(isinstance(s, SessionInfo) for s in sessions), "list_sessions gives SessionInfo")
    mine = [s for s in sessions if s.session_id == store.session_id]
    _require(len(mine) == 1, "list_sessions includes the session itself, once")
    _require(mine[0].message_count == 1, "message_count counts messages")
    _require(mine[0].preview == "first words", "the preview is the beginning of the first text")


async def _check_tokens(store: ContextStore) -> None:
    await store.set_context_tokens(3, 4)
    if await store.get_context_tokens() == (0, 0):
        return
    _require(await store.get_context_tokens() == (3, 4), "set_context_tokens sets both counts")
    await store.add_context_tokens(10, 20)
    _require(await store.get_context_tokens() == (13, 24), "add_context_tokens adds both counts")
    await asyncio.gather(*(store.add_context_tokens(1, 1) for _ in range(20)))
    _require(await store.get_context_tokens() == (33, 44), "concurrent additions are all counted")


async def _check_replacing(store: ContextStore) -> None:
    messages = _every_kind()
    await store.extend(messages)
    await store.set_context_tokens(5, 6)
    tokens = await store.get_context_tokens()
    try:
        await store.replace(messages[3:])
    except NotImplementedError:
        _require(await store.get_history() == messages, "a refused replace changes nothing")
        return
    _require(await store.get_history() == messages[3:], "replace puts the new history in place")
    _require(await store.get_context_tokens() == tokens, "replace leaves the token counts")
    await store.append(messages[0])
    _require(
        await store.get_history() == [messages[3], messages[0]], "appending after replace works"
    )
    await store.clear()
    _require(await store.get_history() == [], "clear forgets all messages")
    _require(await store.get_context_tokens() == (0, 0), "clear forgets the token counts")


async def _check_fork(store: ContextStore) -> None:
    user = Message("user", [TextBlock("go")])
    calling = Message("assistant", [ToolUseBlock("a", "tool", {})])
    await store.extend([user, calling])
    await store.set_context_tokens(5, 6)
    tokens = await store.get_context_tokens()
    fork = await store.fork()
    _require(await fork.get_history() == [user], "a fork ends before a turn whose tools still run")
    _require(fork.session_id != store.session_id, "a fork is another session")
    _require(await fork.get_context_tokens() == tokens, "a fork has the token counts")
    await fork.append(Message("user", [TextBlock("only here")]))
    _require(len(await store.get_history()) == 2, "what a fork appends is not in the original")
    await store.append(Message("user", [ToolResultBlock("a", "ok")]))
    _require(len(await fork.get_history()) == 2, "what the original appends is not in a fork")
    await fork.close()


async def _check_ownership(store: ContextStore) -> None:
    order: list[str] = []

    async def hold(name: str) -> None:
        async with store.own():
            order.append(name)
            await asyncio.sleep(0.01)
            order.append(name)

    await asyncio.wait_for(asyncio.gather(hold("a"), hold("b")), 30)
    _require(order in (["a", "a", "b", "b"], ["b", "b", "a", "a"]), "one run owns a session")
    task = asyncio.ensure_future(hold("c"))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    await asyncio.wait_for(hold("d"), 30)


# ── transports ────────────────────────────────────────────────────────────────────────────────


async def check_transport(
    make: Callable[[], CompletionTransport | Awaitable[CompletionTransport]],
    *,
    prompt: str = "Say hello in one word.",
    tool: AnyTool | None = None,
    tool_prompt: str | None = None,
) -> None:
    """Check the transports that `make` returns against a real, recorded or scripted model.

    With `tool_prompt` the model has to call `tool` (by default `echo`) when asked so.
    """

    async def new() -> CompletionTransport:
        made = make()
        transport = await made if isawaitable(made) else made
        _require(
            isinstance(transport, CompletionTransport), "a transport has stream(messages, ...)"
        )
        return transport

    tool = tool or make_echo_tool()
    await _check_text(await new(), prompt, tool)
    await _check_leaving(await new(), prompt)
    await _check_cancelling(await new(), prompt)
    await _check_side_by_side(await new(), prompt)
    await _check_histories(await new(), prompt, tool)
    _check_secrets(await new())
    if tool_prompt is not None:
        await _check_calling(await new(), tool_prompt, tool)


def _ask(text: str) -> list[Message]:
    return [Message("user", [TextBlock(text)])]


async def _collect(source: AsyncIterator[StreamEvent]) -> list[StreamEvent]:
    _require(hasattr(source, "__aiter__"), "stream returns an async iterator, not a coroutine")
    return [event async for event in source]


def _check_events(events: list[StreamEvent]) -> IterationEnd:
    ends = [event for event in events if isinstance(event, IterationEnd)]
    _require(len(ends) == 1 and events[-1] is ends[0], "a response ends with one IterationEnd")
    usage = ends[0].usage
    counts = (usage.input_tokens, usage.output_tokens)
    _require(all(type(n) is int and n >= 0 for n in counts), "usage counts are integers from 0 on")
    started: set[str] = set()
    for event in events:
        if isinstance(event, ToolUseStart):
            _require(event.tool_use_id and event.name, "a call has an id and a name")
            started.add(event.tool_use_id)
        elif isinstance(event, ToolInputDelta):
            _require(event.tool_use_id in started, "arguments come after the start of their call")
    return ends[0]


async def _check_text(transport: CompletionTransport, prompt: str, tool: AnyTool) -> None:
    messages, tools = _ask(prompt), [tool]
    events = await _collect(transport.stream(messages, tools, "Be brief."))
    _check_events(events)
    _require(messages == _ask(prompt) and tools == [tool], "the arguments are not changed")
    if not any(isinstance(event, ToolUseStart) for event in events):
        text = "".join(event.delta for event in events if isinstance(event, TextDelta))
        _require(text, "an answer has text")


async def _check_leaving(transport: CompletionTransport, prompt: str) -> None:
    before = asyncio.all_tasks()
    source = transport.stream(_ask(prompt), [], "")
    async for _ in source:
        break
    _require(hasattr(source, "aclose"), "a stream can be closed early with aclose()")
    await cast(Any, source).aclose()
    await asyncio.sleep(0.05)
    _require(asyncio.all_tasks() <= before, "a closed stream leaves no task behind")
    _check_events(await _collect(transport.stream(_ask(prompt), [], "")))


async def _check_cancelling(transport: CompletionTransport, prompt: str) -> None:
    before = asyncio.all_tasks()
    task = asyncio.ensure_future(_collect(transport.stream(_ask(prompt), [], "")))
    await asyncio.sleep(0.005)
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=10)
    _require(done, "a cancelled stream ends at once")
    _require(task.cancelled() or task.exception() is None, "cancellation is passed on as it is")
    await asyncio.sleep(0.05)
    _require(asyncio.all_tasks() <= before, "a cancelled stream leaves no task behind")
    _check_events(await _collect(transport.stream(_ask(prompt), [], "")))


async def _check_side_by_side(transport: CompletionTransport, prompt: str) -> None:
    both = (_collect(transport.stream(_ask(prompt), [], "")) for _ in range(2))
    for events in await asyncio.gather(*both):
        _check_events(events)


async def _check_histories(transport: CompletionTransport, prompt: str, tool: AnyTool) -> None:
    """Histories that agents really have: two user turns in a row, failed and empty results, calls
    with other providers' ids, opaque reasoning of another provider, system notes."""
    foreign = ReasoningBlock("hm", "another", {"signature": "x"})
    call = ToolUseBlock("functions.f:0|x", tool.name, {"msg": "hi"})
    history = [
        *_ask("first"),
        *_ask("second"),
        Message("assistant", [foreign, TextBlock("Let me see."), call]),
        Message("user", [ToolResultBlock(call.id, "it broke", True)]),
        Message("assistant", [TextBlock("Again."), ToolUseBlock("b", tool.name, {"msg": ""})]),
        Message("user", [ToolResultBlock("b", ""), TextBlock("and go on")]),
        Message("assistant", []),
        Message("system", [TextBlock("a note")]),
        *_ask(prompt),
    ]
    before = json.dumps([message.to_dict() for message in history])
    _check_events(await _collect(transport.stream(history, [tool], "Be brief.")))
    after = json.dumps([message.to_dict() for message in history])
    _require(before == after, "the history is not changed")


def _check_secrets(transport: CompletionTransport) -> None:
    secret = getattr(transport, "api_key", "")
    if isinstance(secret, str) and len(secret) > 3:
        _require(secret not in repr(transport), "repr shows no key")


async def _check_calling(transport: CompletionTransport, prompt: str, tool: AnyTool) -> None:
    events = await _collect(transport.stream(_ask(prompt), [tool], ""))
    end = _check_events(events)
    starts = [event for event in events if isinstance(event, ToolUseStart)]
    _require(starts and starts[0].name == tool.name, "the model calls the tool")
    _require(end.stop_reason == "tool_use", "a turn with calls stops with tool_use")
    for start in starts:
        raw = "".join(
            event.partial_json
            for event in events
            if isinstance(event, ToolInputDelta) and event.tool_use_id == start.tool_use_id
        )
        _require(isinstance(json.loads(raw or "{}"), dict), "arguments are one JSON object")
