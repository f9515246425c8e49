"""Answers that cannot be read fail their call at once, and what can be made readable is."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

import support
from axio.exceptions import HandlerError
from axio_tools_mcp import MCPServerConfig, load_mcp_tools
from axio_tools_mcp.broken import answered, without_lone_surrogates

pytestmark = pytest.mark.timeout(120)

SERVER = Path(support.__file__).with_name("mcp_broken_server.py")
UNREADABLE = "its answer is not what the protocol allows"
TEXT = '{"jsonrpc":"2.0","id":{id},"result":{"content":[{"type":"text","text":"%s"}]}}'
IMAGE = '{"type":"image","mimeType":"image/png","data":"%s"}'


async def call(way: str, *more: str) -> Any:
    """The result of the tool of a server that answers so. An hour would be its limit of silence."""
    words = [str(SERVER), way, *more]
    config = MCPServerConfig("b", command=sys.executable, args=words, timeout=3600)
    tools, sessions = await load_mcp_tools([config])
    try:
        return await tools[0]()
    finally:
        for session in sessions:
            await session.close()


@pytest.mark.parametrize(
    "way",
    [
        '{"jsonrpc":"2.0","id":{id},"result":null}',
        '{"jsonrpc":"2.0","id":{id},"error":{"code":"x","message":5}}',
        '{"result":{"content":[]},"jsonrpc":"2.0","id":{id},}',
        '[{"jsonrpc":"2.0","id":{id},"result":{"content":[]}}]',
        '{"jsonrpc":"2.0","id":{id},"result":{"content":[],"structuredContent":%s}}' % ("9" * 6000),
        '{"jsonrpc":"2.0","id":{id},"result":{"content":[],"a":%s}}' % ("[" * 5000 + "]" * 5000),
    ],
)
async def test_an_answer_that_cannot_be_read_fails_its_call_at_once(way: str) -> None:
    with pytest.raises(HandlerError, match=f"MCP server 'b', tool 't': {UNREADABLE}$"):
        await call(way)


@pytest.mark.parametrize("generation", ["older", "modern"])
async def test_a_result_without_a_type_is_complete(generation: str) -> None:
    assert await call(TEXT % "ok", generation) == "ok"


async def test_what_does_not_fit_is_named_by_its_first_place() -> None:
    with pytest.raises(HandlerError) as raised:
        await call('{"jsonrpc":"2.0","id":{id},"result":{"content":null}}')
    assert str(raised.value).endswith(f"{UNREADABLE}: content: Input should be a valid list")


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (r"cut \ud83d", "cut \ufffd"),
        (r"\ude00 cut", "\ufffd cut"),
        (r"\ud83d\ude00 \ud83d\ud83d\ude00", "\U0001f600 \ufffd\U0001f600"),
        (r"\\ud83d \ud83d", "\\ud83d \ufffd"),
    ],
)
async def test_halves_of_characters_are_replaced(text: str, read: str) -> None:
    assert await call(TEXT % text) == read


@pytest.mark.parametrize(
    ("data", "told"), [("%%%", "its data is not base64"), ("", "it is empty"), ("iVBO\\nRw==", "")]
)
async def test_an_image_that_is_none_is_told(data: str, told: str) -> None:
    way = TEXT.replace('{"type":"text","text":"%s"}', IMAGE % data)
    result = await call(way)
    assert result == f"[image: {told}]" if told else result[0].data == b"\x89PNG"


async def test_a_server_without_the_lists_that_it_promises_keeps_its_tools(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert await call(TEXT % "ok", "lists") == "ok"
    (record,) = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert record.getMessage() == "MCP server 'b', its prompts: oh no"


async def test_what_the_library_reports_is_no_line_of_its_own(
    caplog: pytest.LogCaptureFixture,
) -> None:
    strange = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progress": "x"}}
    assert await call(f"{json.dumps(strange)}\n{TEXT % 'ok'}") == "ok"
    assert [r.name for r in caplog.records if r.levelno >= logging.WARNING] == []
    logging.getLogger("client").warning("somebody's own")
    assert [r.getMessage() for r in caplog.records if r.name == "client"] == ["somebody's own"]


VALUES = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.integers(0, 10**15), VALUES, st.permutations(["jsonrpc", "id", "result"]), st.data())
def test_the_request_of_a_broken_answer_is_found(
    number: int, value: Any, order: list[str], data: st.DataObject
) -> None:
    fields = {"jsonrpc": "2.0", "id": number, "result": {"content": value}}
    line = json.dumps({key: fields[key] for key in order})
    assert answered(line) == number or '"id"' in json.dumps(value)
    assert answered(line.replace('"result"', '"params"')) is None or "result" in json.dumps(value)


@given(st.text())
def test_a_line_that_is_no_answer_is_none(text: str) -> None:
    assert answered(f"starting {text}") is None
    assert answered(json.dumps({"level": "info", "id": 5, "message": text})) is None


@given(st.text(st.characters(), max_size=20))
def test_what_can_be_read_stays_as_it_is(text: str) -> None:
    line = json.dumps(text)  # with pairs of escapes, and a lone one where there is one
    repaired = json.loads(without_lone_surrogates(line))
    whole = "".join("\ufffd" if "\ud800" <= letter <= "\udfff" else letter for letter in text)
    assert repaired == whole or "\ufffd" not in repaired  # two halves beside each other are a pair
    assert repaired.isascii() or repaired.encode()
