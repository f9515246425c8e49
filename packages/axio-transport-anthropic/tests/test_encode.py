"""Requests, compared with bodies that the API accepted, and rule by rule."""

from __future__ import annotations

import json
import logging
from base64 import b64decode, b64encode
from string import ascii_letters, digits
from types import MappingProxyType
from typing import Any, Literal

import pytest
from hypothesis import given, strategies as st

from axio.blocks import (
    AudioBlock,
    ContentBlock,
    ImageBlock,
    ReasoningBlock,
    TextBlock,
    ToolResultBlock,
    ToolUseBlock,
    VideoBlock,
)
from axio.exceptions import UnsupportedContent
from axio.messages import Message
from axio.models import ModelSpec
from axio.tool import Tool
from axio.wire.memory import Memory
from axio.wire.payload import dumps
from axio_transport_anthropic import AnthropicTransport
from axio_transport_anthropic.history import Encoder
from support.parts import requires
from support.recordings import Recording, recordings

MARK = {"type": "ephemeral"}
PNG = b"\x89PNG\r\n"


def user(*blocks: ContentBlock | str) -> Message:
    return Message("user", [TextBlock(b) if isinstance(b, str) else b for b in blocks])


def assistant(*blocks: ContentBlock | str) -> Message:
    return Message("assistant", [TextBlock(b) if isinstance(b, str) else b for b in blocks])


def call(id: str = "toolu_1", name: str = "read", **input: Any) -> ToolUseBlock:
    return ToolUseBlock(id, name, input)


def result(id: str = "toolu_1", content: Any = "done", is_error: bool = False) -> ToolResultBlock:
    return ToolResultBlock(id, content, is_error)


def thinking(text: str = "Hm.", signature: str = "sig==") -> ReasoningBlock:
    data = {"type": "thinking", "thinking": text, "signature": signature}
    return ReasoningBlock(text, "anthropic", data)


def tool(name: str = "read", **schema: Any) -> Tool[Any]:
    async def handler(**_: Any) -> str:
        return ""

    given = schema or {"type": "object", "properties": {}}
    return Tool(name, handler, f"{name} it", schema=MappingProxyType(given))


def payload(
    messages: list[Message], tools: list[Tool[Any]] | None = None, system: str = "", **options: Any
) -> dict[str, Any]:
    return AnthropicTransport(**options).build_payload(messages, tools or [], system)


def sent(*messages: Message) -> list[dict[str, Any]]:
    """The messages as they are sent, without the marks for the cache."""
    return unmarked(payload(list(messages))["messages"])  # type: ignore[no-any-return]


def unmarked(value: Any) -> Any:
    if isinstance(value, list):
        return [unmarked(item) for item in value]
    if isinstance(value, dict):
        return {key: unmarked(item) for key, item in value.items() if key != "cache_control"}
    return value


# ── recorded requests ─────────────────────────────────────────────────────────────────────────

SENDABLE = {"text", "image", "tool_use", "tool_result", "thinking", "redacted_thinking"}


def history_of(request: dict[str, Any]) -> list[Message] | None:
    """The messages of a recorded request as axio's; `None` when it holds what axio never sends."""
    messages = []
    for message in request["messages"]:
        blocks = [block_of(part) for part in parts_of(message["content"])]
        if None in blocks:
            return None
        messages.append(Message(message["role"], [block for block in blocks if block]))
    return messages


def parts_of(content: Any) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def block_of(part: dict[str, Any]) -> ContentBlock | None:
    match part:
        case {"type": "text", "text": text}:
            return TextBlock(text)
        case {"type": "image", "source": {"type": "base64", "media_type": kind, "data": data}}:
            return ImageBlock(kind, b64decode(data))
        case {"type": "tool_use", "id": id, "name": name, "input": input}:
            return ToolUseBlock(id, name, input)
        case {"type": "tool_result", "tool_use_id": id, "content": content}:
            if not isinstance(content, str):
                content = [block_of(item) for item in content]
            return ToolResultBlock(id, content, bool(part.get("is_error")))
        case {"type": "thinking" | "redacted_thinking"}:
            data = unmarked(part)
            return ReasoningBlock(data.get("thinking", ""), "anthropic", data)
    return None


def plain(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Recorded messages in the one form of the several that axio writes."""
    plain = []
    for message in messages:
        parts = [dict(part) for part in unmarked(parts_of(message["content"]))]
        for part in parts:
            if not part.get("is_error", True):
                del part["is_error"]
        plain.append({"role": message["role"], "content": parts})
    return plain


REQUESTS = [
    (recording, history)
    for recording in recordings("anthropic-messages")
    if "messages" in recording.request
    and recording.expected["complete"]
    and (history := history_of(recording.request))
]


def test_there_are_recorded_requests() -> None:
    requires("streams")
    assert len(REQUESTS) > 80


@pytest.mark.parametrize(
    ("recording", "history"), REQUESTS, ids=[recording.name for recording, _ in REQUESTS]
)
def test_a_history_is_sent_as_the_api_accepted_it(
    recording: Recording, history: list[Message]
) -> None:
    request = recording.request
    tools = [
        tool(t["name"], **t["input_schema"])
        for t in request.get("tools", ())
        if "name" in t and "input_schema" in t
    ]
    ours = payload(history, tools, model=ModelSpec(request["model"]))
    assert unmarked(ours["messages"]) == plain(request["messages"])
    assert ours["model"] == request["model"]
    assert [t["name"] for t in ours.get("tools", ())] == [t.name for t in tools]


# ── body ──────────────────────────────────────────────────────────────────────────────────────


def test_a_request_holds_what_the_api_asks_for() -> None:
    body = payload([user("Hi")], [tool("a"), tool("b")], "Be kind.", model="claude-haiku-4-5")
    assert body == {
        "model": "claude-haiku-4-5",
        "max_tokens": 64_000,
        "stream": True,
        "system": [{"type": "text", "text": "Be kind.", "cache_control": MARK}],
        "tools": [
            {
                "name": "a",
                "description": "a it",
                "input_schema": {"type": "object", "properties": {}},
                "eager_input_streaming": True,
            },
            {
                "name": "b",
                "description": "b it",
                "input_schema": {"type": "object", "properties": {}},
                "eager_input_streaming": True,
                "cache_control": MARK,
            },
        ],
        "messages": [
            {
                "role": "user",
                "content": [{"type": "text", "text": "Hi", "cache_control": MARK}],
            }
        ],
    }


def test_nothing_is_sent_that_was_not_given() -> None:
    assert set(payload([user("Hi")])) == {"model", "max_tokens", "stream", "messages"}


def test_sampling_is_sent_when_set() -> None:
    body = payload([user("Hi")], temperature=0.0, top_p=0.9, top_k=5, thinking_budget=2048)
    assert (body["temperature"], body["top_p"], body["top_k"]) == (0.0, 0.9, 5)
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 2048}


def test_the_body_for_vertex_names_the_version_and_not_the_model() -> None:
    body = payload([user("Hi")], vertexai=True, project="p")
    assert body["anthropic_version"] == "vertex-2023-10-16"
    assert "model" not in body


def test_system_messages_of_the_history_follow_the_prompt() -> None:
    history = [Message("system", [TextBlock("One "), TextBlock("note.")]), user("Hi")]
    assert payload(history, system="Prompt.")["system"] == [
        {"type": "text", "text": "Prompt.", "cache_control": MARK},
        {"type": "text", "text": "One note."},
    ]
    assert payload(history)["system"] == [{"type": "text", "text": "One note."}]


def test_a_payload_is_the_callers_own() -> None:
    transport = AnthropicTransport()
    history = [user("Hi")]
    first = transport.build_payload(history, [], "")
    first["messages"][0]["content"].append("spoilt")
    assert len(transport.build_payload(history, [], "")["messages"][0]["content"]) == 1


# ── messages ──────────────────────────────────────────────────────────────────────────────────


def test_every_block_has_its_part() -> None:
    image = {"type": "base64", "media_type": "image/png", "data": b64encode(PNG).decode()}
    assert sent(
        user("Look", ImageBlock("image/png", PNG)),
        assistant(thinking(), "Reading", call(path="x")),
        user(result(content=[TextBlock("a"), ImageBlock("image/png", PNG)], is_error=True)),
    ) == [
        {
            "role": "user",
            "content": [{"type": "text", "text": "Look"}, {"type": "image", "source": image}],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "sig=="},
                {"type": "text", "text": "Reading"},
                {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {"path": "x"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_1",
                    "content": [{"type": "text", "text": "a"}, {"type": "image", "source": image}],
                    "is_error": True,
                }
            ],
        },
    ]


def test_neighbours_of_one_role_become_one_message() -> None:
    messages = sent(user("a"), user("b"), assistant("c"), assistant("d"), user("e"))
    assert [(m["role"], [p["text"] for p in m["content"]]) for m in messages] == [
        ("user", ["a", "b"]),
        ("assistant", ["c", "d"]),
        ("user", ["e"]),
    ]


def test_what_is_empty_is_left_out() -> None:
    history = [user("a"), assistant(), assistant("", " \n"), user("", "b"), Message("system")]
    assert sent(*history) == [
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}
    ]
    assert payload([]).get("messages") == []


def test_results_stand_before_everything_else_in_their_message() -> None:
    (*_, last) = sent(assistant(call()), user("and", result(), "then"))
    assert [part["type"] for part in last["content"]] == ["tool_result", "text", "text"]


# ── the cache ─────────────────────────────────────────────────────────────────────────────────


def marks(body: dict[str, Any]) -> list[tuple[int, int]]:
    """Where the conversation is marked: message and part."""
    return [
        (i, k)
        for i, message in enumerate(body["messages"])
        for k, part in enumerate(message["content"])
        if "cache_control" in part
    ]


def test_the_end_of_the_conversation_is_marked() -> None:
    history = [user("a"), assistant("b"), user("c", "d")]
    assert marks(payload(history)) == [(2, 1)]
    assert marks(payload([*history, assistant("prefill")])) == [(2, 1)]
    assert marks(payload([*history, assistant(call()), user(result())])) == [(4, 0)]


def test_a_turn_too_long_to_look_back_over_keeps_the_mark_before_it() -> None:
    calls = [call(f"t{i}") for i in range(12)]
    results = [result(f"t{i}") for i in range(12)]
    history = [user("go"), assistant(*calls), user(*results)]
    assert marks(payload(history)) == [(0, 0), (2, 11)]
    body = payload(history, [tool()], "Prompt.")
    assert json.dumps(body).count("cache_control") == 4


@given(st.lists(st.lists(st.sampled_from("uatr"), max_size=30), max_size=8))
def test_there_are_never_more_marks_than_the_api_allows(turns: list[list[str]]) -> None:
    made = {
        "u": lambda i: user(f"{i}"),
        "a": lambda i: assistant(f"{i}"),
        "t": lambda i: assistant(*[call(f"t{i}-{k}") for k in range(i)]),
        "r": lambda i: user(*[result(f"t{i}-{k}") for k in range(i)]),
    }
    history = [made[kind](i) for turn in turns for i, kind in enumerate(turn)]
    body = payload(history, [tool()], "Prompt.")
    assert json.dumps(body).count("cache_control") <= 4


def test_a_growing_conversation_keeps_the_beginning_it_had() -> None:
    transport = AnthropicTransport()
    history = [user("a")]
    before = unmarked(transport.build_payload(history, [], ""))["messages"]
    for message in (assistant(thinking(), call()), user(result()), assistant("b"), user("c")):
        history.append(message)
        now = unmarked(transport.build_payload(history, [], ""))["messages"]
        assert now[: len(before)] == before
        before = now


# ── reasoning ─────────────────────────────────────────────────────────────────────────────────


def test_thinking_goes_back_byte_for_byte(caplog: pytest.LogCaptureFixture) -> None:
    data = {"signature": "Ab/+==", "type": "thinking", "thinking": "é\n\t\u2028 👋 \\", "x": [1.5]}
    history = [user("a"), assistant(ReasoningBlock("shown", "anthropic", data), "b")]
    body = AnthropicTransport()._body(history, [], "")
    assert json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode() in body
    assert not caplog.records


def test_reasoning_of_another_provider_is_dropped_whole_and_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    foreign = ReasoningBlock("secret thought", "openai", {"encrypted_content": "xyz"})
    with caplog.at_level(logging.WARNING, "axio_transport_anthropic"):
        messages = sent(user("a"), assistant(foreign, "b"))
    assert messages[1] == {"role": "assistant", "content": [{"type": "text", "text": "b"}]}
    assert "openai" in caplog.text
    assert "secret" not in caplog.text


def test_a_message_never_ends_in_thinking() -> None:
    assert [part["type"] for part in sent(user("a"), assistant("b", thinking()))[1]["content"]] == [
        "text"
    ]
    assert len(sent(user("a"), assistant(thinking()), user("b"))) == 1


TURN = [user("go"), assistant(thinking(), call("t1")), user(result("t1"))]
PLAIN_TURN = [user("go"), assistant(call("t1")), user(result("t1"))]


@pytest.mark.parametrize(
    ("history", "thinks"),
    [
        ([user("go")], True),
        (TURN, True),
        ([*TURN, assistant(call("t2")), user(result("t2"))], True),
        ([*TURN, assistant("done"), user("next")], True),
        (PLAIN_TURN, False),
        ([*PLAIN_TURN, assistant(call("t2")), user(result("t2"))], False),
        ([*PLAIN_TURN, assistant("done"), user("next")], True),
        (
            [*TURN, assistant("done"), user("next"), assistant(call("t3")), user(result("t3"))],
            False,
        ),
        ([user("go"), assistant(ReasoningBlock("", "x", {}), call()), user(result())], False),
    ],
)
def test_thinking_is_not_asked_for_in_a_turn_that_began_without(
    history: list[Message], thinks: bool
) -> None:
    assert ("thinking" in payload(history, thinking_budget=1024)) is thinks


# ── media ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "block",
    [
        AudioBlock("audio/wav", b"x"),
        VideoBlock("video/mp4", b"x"),
        ImageBlock("image/tiff", b"x"),  # type: ignore[arg-type]
    ],
)
def test_media_that_claude_cannot_take_is_an_error_that_says_what_to_do(block: Any) -> None:
    with pytest.raises(UnsupportedContent, match=f"{block.media_type}.*send text instead"):
        payload([user("Listen", block)])


def test_media_in_a_result_is_replaced_by_words_about_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    audio = result(content=[TextBlock("Here"), AudioBlock("audio/wav", b"12345")])
    (part,) = sent(assistant(call()), user(audio))[1]["content"]
    assert part["content"] == [
        {"type": "text", "text": "Here"},
        {"type": "text", "text": "[audio/wav, 5 bytes, not shown: this model cannot take it]"},
    ]
    assert "audio/wav" in caplog.text


def test_media_by_another_model_is_dropped_and_reported(caplog: pytest.LogCaptureFixture) -> None:
    messages = sent(user("Draw"), assistant("Here", ImageBlock("image/png", PNG)))
    assert messages[1]["content"] == [{"type": "text", "text": "Here"}]
    assert "image/png" in caplog.text


# ── ids and names ─────────────────────────────────────────────────────────────────────────────


def test_ids_of_other_providers_become_acceptable_and_stay_paired() -> None:
    history = [user("a"), assistant(call("call|fc:1"), call("ü")), user(result("ü"))]
    history[-1].content.append(result("call|fc:1"))
    for _ in range(2):
        _, calls, results = sent(*history)
        ids = [part["id"] for part in calls["content"]]
        assert all(id.replace("_", "").replace("-", "").isalnum() and id.isascii() for id in ids)
        assert [part["tool_use_id"] for part in results["content"]] == ids[::-1]
        assert len(set(ids)) == 2


def test_an_id_that_comes_again_is_made_unique_with_its_result() -> None:
    turn = [assistant(call("call_1")), user(result("call_1"))]
    messages = sent(user("a"), *turn, *turn, assistant(call("call_1_2")), user(result("call_1_2")))
    ids = [part["id"] for m in messages[1::2] for part in m["content"]]
    assert ids == ["call_1", "call_1_2", "call_1_2_2"]
    assert [part["tool_use_id"] for m in messages[2::2] for part in m["content"]] == ids


def test_a_tool_and_its_calls_are_sent_under_one_name() -> None:
    body = payload([user("a"), assistant(call(name="fs.read"))], [tool("fs.read")])
    (part,) = body["messages"][1]["content"]
    name = part["name"]
    assert name == body["tools"][0]["name"]
    assert set(name) <= {*ascii_letters, *digits, "_", "-"}


# ── tools ─────────────────────────────────────────────────────────────────────────────────────


def schema_sent(**schema: Any) -> dict[str, Any]:
    (definition,) = payload([user("a")], [tool("t", **schema)])["tools"]
    return definition["input_schema"]  # type: ignore[no-any-return]


def test_titles_are_stripped_but_not_properties_called_title() -> None:
    book = {"type": "object", "title": "Book", "properties": {"title": {"title": "Title"}}}
    assert schema_sent(
        type="object",
        title="Args",
        properties={"title": {"type": "string", "title": "T", "default": {"title": "kept"}}},
        required=["title"],
        **{"$defs": {"title": book}},
    ) == {
        "type": "object",
        "properties": {"title": {"type": "string", "default": {"title": "kept"}}},
        "required": ["title"],
        "$defs": {"title": {"type": "object", "properties": {"title": {}}}},
    }
    assert schema_sent(properties={"a": {"anyOf": [{"title": "A", "type": "string"}]}}) == {
        "type": "object",
        "properties": {"a": {"anyOf": [{"type": "string"}]}},
    }


# ── memory ────────────────────────────────────────────────────────────────────────────────────


def test_a_stored_message_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from axio_transport_anthropic import encode

    encoded: list[Any] = []

    def counted(value: Any) -> bytes:
        encoded.append(value)
        return dumps(value)

    monkeypatch.setattr(encode, "dumps", counted)
    encoder = Encoder()
    history = [user("a"), assistant(call("t")), user(result("t"))]
    first = encoder.history(history).messages()
    assert len(encoded) == 3
    assert encoder.history([Message(m.role, list(m.content)) for m in history]).messages() == first
    encoder.history([*history, assistant("b")]).messages()
    assert len(encoded) == 4


def test_a_changed_message_is_encoded_anew() -> None:
    transport = AnthropicTransport()
    message = user("a")
    transport.build_payload([message], [], "")
    message.content.append(TextBlock("b"))
    (sent,) = transport.build_payload([message], [], "")["messages"]
    assert [part["text"] for part in sent["content"]] == ["a", "b"]
    message.content[:] = [TextBlock("c")]
    (sent,) = transport.build_payload([message], [], "")["messages"]
    assert [part["text"] for part in sent["content"]] == ["c"]


def test_one_block_in_two_roles_is_sent_as_each() -> None:
    transport = AnthropicTransport()
    image = ImageBlock("image/png", PNG)
    for _ in range(2):
        body = transport.build_payload([user(image), assistant(image)], [], "")
        assert [m["role"] for m in body["messages"]] == ["user"]


def test_forgetting_changes_nothing() -> None:
    encoder = Encoder()
    encoder._messages = Memory(10_000)
    history = [user(f"{i}") if i % 2 == 0 else assistant(f"{i}") for i in range(200)]
    expected = Encoder().history(history).messages()
    for _ in range(3):
        assert encoder.history(history).messages() == expected
        assert len(encoder._messages.young) < 50


Role = Literal["user", "assistant"]


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant"]), st.text(max_size=5)), max_size=9))
def test_what_is_remembered_is_what_would_be_encoded(turns: list[tuple[Role, str]]) -> None:
    encoder = Encoder()
    history: list[Message] = []
    for role, text in turns:
        history.append(Message(role, [TextBlock(text)]))
        assert encoder.history(history).messages() == Encoder().history(history).messages()


# ── JSON ──────────────────────────────────────────────────────────────────────────────────────


def test_odd_values_are_sent_as_json_all_the_same() -> None:
    class Odd:
        def __str__(self) -> str:
            return "odd"

    (part,) = sent(assistant(call(big=2**70, half="a\ud83d", odd=Odd())))[0]["content"]
    assert part["input"] == {"big": 2**70, "half": "a\ufffd", "odd": "odd"}
