"""Requests: what each block becomes, provider by provider."""

from __future__ import annotations

import gc
import json
import logging
from typing import Any

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
from axio.tool import Tool
from axio_transport_openai.encode import (
    encode_message,
    encode_messages,
    encode_tools,
    mark_prefix,
    response_format,
)
from axio_transport_openai.encoded import EncodedMessages, RequestEncoder
from axio_transport_openai.providers import OPENAI, OPENROUTER, Provider, provider_for

PNG = ImageBlock("image/png", b"\x89PNG")
GIF = ImageBlock("image/gif", b"GIF89a\1\0\1\0" + bytes(20))
PNG_URL = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}}
MP4 = VideoBlock("video/mp4", b"1234")
DEEPSEEK = provider_for("https://api.deepseek.com")
MISTRAL = provider_for("https://api.mistral.ai/v1")


def user(*blocks: ContentBlock) -> Message:
    return Message("user", list(blocks))


def assistant(*blocks: ContentBlock) -> Message:
    return Message("assistant", list(blocks))


def call(call_id: str = "c1", name: str = "f", **arguments: Any) -> ToolUseBlock:
    return ToolUseBlock(call_id, name, arguments)


# ── messages ──────────────────────────────────────────────────────────────────────────────────


def test_the_system_prompt_comes_first_and_system_messages_stay_in_place() -> None:
    messages = [user(TextBlock("a")), Message("system", [TextBlock("b"), TextBlock("c")])]
    assert encode_messages(messages, "s") == [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "a"},
        {"role": "system", "content": "bc"},
    ]
    assert encode_messages(messages)[0]["role"] == "user"


def test_text_is_a_string_and_with_images_a_list_in_order() -> None:
    assert encode_message(user(TextBlock("a"), TextBlock("b"))) == [
        {"role": "user", "content": "ab"}
    ]
    assert encode_message(user(TextBlock("a"), PNG, TextBlock("b"))) == [
        {
            "role": "user",
            "content": [{"type": "text", "text": "a"}, PNG_URL, {"type": "text", "text": "b"}],
        }
    ]


def test_audio_is_sent_in_the_two_forms_there_are() -> None:
    for media_type, form in (("audio/wav", "wav"), ("audio/mpeg", "mp3")):
        [message] = encode_message(user(AudioBlock(media_type, b"abc")))  # type: ignore[arg-type]
        part = {"type": "input_audio", "input_audio": {"data": "YWJj", "format": form}}
        assert message == {"role": "user", "content": [part]}


@pytest.mark.parametrize(
    ("block", "word"),
    [
        (MP4, "video/mp4"),
        (AudioBlock("audio/flac", b""), "audio/flac"),
        (call(), "ToolUseBlock"),
        (ContentBlock(), "ContentBlock"),
    ],
)
def test_what_a_user_cannot_send_is_an_error_that_names_it(block: ContentBlock, word: str) -> None:
    with pytest.raises(UnsupportedContent, match=word):
        encode_message(user(TextBlock("a"), block))


def test_results_become_messages_of_their_own() -> None:
    results = user(
        ToolResultBlock("c1", "one"),
        ToolResultBlock("c2", [TextBlock("two"), TextBlock("lines")], is_error=True),
        ToolResultBlock("c3", []),
    )
    assert encode_message(results) == [
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
        {"role": "tool", "tool_call_id": "c2", "content": "two\nlines"},
        {"role": "tool", "tool_call_id": "c3", "content": ""},
    ]


def test_images_of_results_follow_in_one_message_of_the_user() -> None:
    results = user(
        ToolResultBlock("c1", [TextBlock("one"), PNG]),
        ToolResultBlock("c2", "two"),
        ToolResultBlock("c3", [PNG, PNG]),
    )
    *tools, last = encode_message(results)
    assert [message["role"] for message in tools] == ["tool"] * 3
    assert last["role"] == "user"
    kinds = [part["type"] for part in last["content"]]
    assert kinds == ["text", "image_url", "text", "image_url", "image_url"]
    assert "c1" in last["content"][0]["text"]
    assert "c3" in last["content"][2]["text"]


def test_what_else_a_result_holds_is_told_to_the_model() -> None:
    [message] = encode_message(user(ToolResultBlock("c1", [TextBlock("see"), MP4])))
    assert message["content"] == "see\n[video/mp4, 4 bytes, not shown]"


def test_results_go_before_all_else_in_the_message() -> None:
    mixed = user(TextBlock("and"), ToolResultBlock("c1", "one"), PNG, TextBlock("this"))
    roles = [(message["role"], message["content"]) for message in encode_message(mixed)]
    assert roles[0] == ("tool", "one")
    assert roles[1][0] == "user"
    assert [part["type"] for part in roles[1][1]] == ["text", "image_url", "text"]
    assert len(roles) == 2


def test_an_assistant_s_text_and_calls_share_a_message() -> None:
    message = assistant(TextBlock("a"), call(x="ä"), TextBlock("b"), call("c2", "g"))
    assert encode_message(message) == [
        {
            "role": "assistant",
            "content": "ab",
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "f", "arguments": '{"x": "ä"}'},
                },
                {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
            ],
        }
    ]
    assert "content" not in encode_message(assistant(call()))[0]


def test_media_that_the_model_made_are_told_as_a_note() -> None:
    [message] = encode_message(assistant(TextBlock("here: "), PNG))
    assert message["content"] == "here: [image/png, 4 bytes, not shown]"


@pytest.mark.parametrize(
    "message",
    [
        user(),
        assistant(),
        Message("system", []),
        user(TextBlock("")),
        assistant(TextBlock("")),
        assistant(ReasoningBlock("a", "deepseek", {"reasoning_content": "a"})),
    ],
)
def test_empty_messages_are_left_out(message: Message) -> None:
    assert encode_message(message) == []
    assert encode_message(message, DEEPSEEK) == []


# ── reasoning ─────────────────────────────────────────────────────────────────────────────────

THOUGHT = ReasoningBlock("a", "deepseek", {"reasoning_content": "a"})
DETAILS = [{"type": "reasoning.text", "text": "b", "signature": "sig=="}]
SIGNED = ReasoningBlock("b", "openrouter", {"reasoning_details": DETAILS})
CLAUDE = ReasoningBlock("c", "anthropic", {"type": "thinking", "signature": "x"})


def test_reasoning_goes_back_to_its_provider_as_it_came() -> None:
    message = assistant(THOUGHT, SIGNED, CLAUDE, TextBlock("t"))
    assert encode_message(message, OPENROUTER) == [
        {"role": "assistant", "content": "t", "reasoning_details": DETAILS}
    ]
    assert encode_message(message, DEEPSEEK) == [
        {"role": "assistant", "content": "t", "reasoning_content": "a"}
    ]
    assert encode_message(message, OPENAI) == [{"role": "assistant", "content": "t"}]


def test_calls_without_reasoning_get_the_empty_one_that_is_asked_for() -> None:
    [message] = encode_message(assistant(call()), DEEPSEEK)
    assert message["reasoning_content"] == ""
    assert message["content"] is None


def test_what_stays_behind_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    messages = [assistant(CLAUDE, TextBlock("a")), assistant(CLAUDE, SIGNED, TextBlock("b"))]
    with caplog.at_level(logging.WARNING):
        encoder = EncodedMessages(OPENAI)
        encoder.encode(messages)
        encoder.encode(messages)
    assert sorted(record.getMessage() for record in caplog.records) == [
        "reasoning by anthropic is not sent to openai",
        "reasoning by openrouter is not sent to openai",
    ]


# ── ids and names ─────────────────────────────────────────────────────────────────────────────


def ids(messages: list[Message], provider: Provider) -> list[str]:
    encoded = encode_messages(messages, "", provider)
    calls = [call["id"] for message in encoded for call in message.get("tool_calls", ())]
    results = [m["tool_call_id"] for m in encoded if m["role"] == "tool"]
    assert calls == results
    return calls


@pytest.mark.parametrize("provider", [OPENAI, MISTRAL])
def test_ids_of_other_providers_are_made_to_fit_and_stay_in_pairs(provider: Provider) -> None:
    given = ["gSIMJiOkT", "toolu_01L9pX1Wp4FAEq9TT2Z6UAe7", "x" * 64, "x" * 65, "a-b"]
    messages = [
        assistant(*[call(call_id) for call_id in given]),
        user(*[ToolResultBlock(call_id, "") for call_id in given]),
    ]
    made = ids(messages, provider)
    assert made[0] == given[0]
    assert len(set(made)) == len(given)
    if provider is MISTRAL:
        assert all(len(call_id) == 9 and call_id.isalnum() for call_id in made)
    else:
        assert all(len(call_id) <= 40 for call_id in made)
        assert made[1] == given[1]


async def handler() -> str:
    return ""


def test_names_that_no_provider_takes_are_changed_the_same_everywhere() -> None:
    tool = Tool(name="my.tool", description="d", handler=handler)
    [encoded] = encode_tools([tool])
    name = encoded["function"]["name"]
    assert name != "my.tool"
    [message] = encode_message(assistant(call(name="my.tool")))
    assert message["tool_calls"][0]["function"]["name"] == name


# ── whole bodies ──────────────────────────────────────────────────────────────────────────────


def test_a_history_with_broken_text_can_be_sent() -> None:
    broken = "name-\udcff"
    messages = [assistant(call(broken, broken, x=broken)), user(ToolResultBlock(broken, broken))]
    body = RequestEncoder(MISTRAL).body({"messages": []}, messages, [])
    assert len(json.loads(body)["messages"]) == 2


def test_strict_is_asked_for_where_the_schema_allows_it() -> None:
    closed = {
        "title": "The answer",
        "type": "object",
        "properties": {"a": {"type": "array", "items": {"type": "string"}}},
        "required": ["a"],
        "additionalProperties": False,
    }
    form = response_format(closed)
    assert form["type"] == "json_schema"
    assert form["json_schema"]["schema"] == closed
    assert form["json_schema"]["strict"] is True
    assert " " not in form["json_schema"]["name"]
    changes: list[dict[str, Any]] = [
        {"required": []},
        {"additionalProperties": True},
        {"$defs": {"x": {"type": "object"}}},
    ]
    for change in changes:
        assert response_format(closed | change)["json_schema"]["strict"] is False


# ── encoded once ──────────────────────────────────────────────────────────────────────────────


def test_a_message_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from axio_transport_openai import encoded

    seen: list[Message] = []

    def counted(message: Message, provider: Provider) -> list[dict[str, Any]]:
        seen.append(message)
        return encode_message(message, provider)

    monkeypatch.setattr(encoded, "encode_message", counted)
    messages = [user(TextBlock(str(n))) for n in range(10)]
    cache = EncodedMessages(OPENAI)
    first = cache.encode(messages)
    messages += [assistant(TextBlock("new")), user()]
    assert cache.encode(messages)[:10] == first
    assert len(seen) == 12


def test_a_changed_message_is_encoded_anew() -> None:
    message = user(TextBlock("a"))
    cache = EncodedMessages(OPENAI)
    cache.encode([message])
    message.content.append(TextBlock("b"))
    assert cache.encode([message]) == [b'{"role":"user","content":"ab"}']
    message.role = "system"
    assert cache.encode([message]) == [b'{"role":"system","content":"ab"}']


@given(st.data())
def test_the_requests_before_make_no_difference_to_a_request(data: st.DataObject) -> None:
    contents: list[list[ContentBlock]] = [[TextBlock("a"), GIF], [ToolResultBlock("c1", "x")], []]
    known = [user(*content) for content in contents * 2] + [assistant(call(), TextBlock("b"))]
    cache = EncodedMessages(OPENAI)
    for _ in range(data.draw(st.integers(1, 5))):
        messages = data.draw(st.lists(st.sampled_from(known), max_size=6))
        changed = data.draw(st.sampled_from(known))
        changed.content.append(TextBlock("c"))
        fresh = EncodedMessages(OPENAI)
        assert cache.encode(messages) == fresh.encode(messages)
        assert cache.images == fresh.images


def test_a_new_message_in_an_old_one_s_place_is_not_mistaken_for_it() -> None:
    cache = EncodedMessages(OPENAI)
    assert cache.encode([assistant(call(x=1))]) != cache.encode([assistant(call(x=True))])
    for number in range(200):
        [encoded] = cache.encode([user(TextBlock(str(number)))])
        assert json.loads(encoded)["content"] == str(number)
        gc.collect(0)


def test_a_body_is_what_the_payload_would_be() -> None:
    tools = [Tool(name="f", description="d", handler=handler)]
    messages = [user(TextBlock("a")), assistant(call()), user(ToolResultBlock("c1", [PNG])), user()]
    encoder = RequestEncoder(OPENAI)
    for _ in range(2):
        start = {"model": "m", "messages": encode_messages([], "s"), "stream": True}
        body = json.loads(encoder.body(start, messages, tools))
        assert body == {
            "model": "m",
            "messages": encode_messages(messages, "s"),
            "stream": True,
            "tools": encode_tools(tools),
        }
    changed = [Tool(name="g", description="d", handler=handler)]
    assert json.loads(encoder.body({"messages": []}, [], changed))["tools"] == encode_tools(changed)
    assert "tools" not in json.loads(encoder.body({"messages": []}, [], []))


# ── cache marks ───────────────────────────────────────────────────────────────────────────────

MARK = {"cache_control": {"type": "ephemeral"}}


def test_the_system_prompt_and_the_last_message_end_a_cached_prefix() -> None:
    messages = encode_messages([user(TextBlock("a")), user(TextBlock("b"))], "s")
    mark_prefix(messages)
    assert messages[0]["content"] == [{"type": "text", "text": "s"} | MARK]
    assert messages[1]["content"] == "a"
    assert messages[2]["content"] == [{"type": "text", "text": "b"} | MARK]


def test_marks_leave_alone_what_is_not_text_of_the_user() -> None:
    messages = encode_messages([user(PNG), assistant(call()), user(ToolResultBlock("c1", "x"))])
    before = json.dumps(messages)
    mark_prefix(messages)
    assert json.dumps(messages) == before
    empty: list[dict[str, Any]] = []
    mark_prefix(empty)
    assert empty == []


def test_a_marked_body_is_the_payload_s_too() -> None:
    messages = [user(TextBlock("a")), assistant(TextBlock("b")), user(TextBlock("c"))]
    whole = encode_messages(messages)
    mark_prefix(whole)
    encoder = RequestEncoder(OPENROUTER)
    for _ in range(2):
        body = encoder.body({"messages": []}, messages, [], marks=True)
        assert json.loads(body)["messages"] == whole


# ── providers ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://api.openai.com/v1", "openai"),
        ("https://me.openai.azure.com/openai/v1", "openai"),
        ("https://API.DeepSeek.com", "deepseek"),
        ("https://user:key@api.mistral.ai:443/v1", "mistral"),
        ("http://localhost:11434/v1", "ollama"),
        ("http://127.0.0.1:8080/v1", "llama.cpp"),
        ("http://localhost:9999/v1", "openai"),
        ("https://deepseek.com.evil.example", "openai"),
        ("", "openai"),
    ],
)
def test_a_provider_is_known_by_its_host(url: str, name: str) -> None:
    assert provider_for(url).name == name
