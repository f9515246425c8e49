"""Histories on the Responses wire."""

from __future__ import annotations

import json
import re
from types import MappingProxyType
from typing import Any

import pytest

from axio import Tool
from axio.blocks import (
    AudioBlock,
    ContentBlock,
    ImageBlock,
    ReasoningBlock,
    TextBlock,
    ToolResultBlock,
    ToolUseBlock,
)
from axio.messages import Message
from axio.run.turn import Turn
from axio_transport_openai.responses import ResponsesDecoder, encode_input, encode_tools
from support.parts import requires
from support.recordings import Recording, recordings

OURS = "openai-responses"


def encode(*messages: Message) -> list[dict[str, Any]]:
    items = encode_input(messages, OURS)
    json.dumps(items)
    return items


def user(*content: ContentBlock) -> Message:
    return Message("user", list(content))


def assistant(*content: ContentBlock) -> Message:
    return Message("assistant", list(content))


def reasoning(**item: Any) -> ReasoningBlock:
    return ReasoningBlock("", OURS, item)


CALL = ToolUseBlock("c1", "f", {"a": 1})
DONE = ToolResultBlock("c1", "ok")
THOUGHT = reasoning(type="reasoning", id="rs_1", encrypted_content="gAAA", summary=[])


def test_text_images_and_system_messages() -> None:
    items = encode(
        Message("system", [TextBlock("be kind")]),
        user(TextBlock("what is this?"), ImageBlock("image/png", b"x")),
        assistant(TextBlock("a "), TextBlock("cat")),
        Message("system", []),
        user(),
    )
    assert items == [
        {"role": "developer", "content": [{"type": "input_text", "text": "be kind"}]},
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "what is this?"},
                {"type": "input_image", "image_url": "data:image/png;base64,eA=="},
            ],
        },
        {
            "type": "message",
            "role": "assistant",
            "content": [
                {"type": "output_text", "text": "a "},
                {"type": "output_text", "text": "cat"},
            ],
        },
    ]


def test_an_answer_of_which_nothing_can_go_back_is_left_out() -> None:
    assert encode(assistant(ReasoningBlock("hm", "anthropic", {})), assistant()) == []


def test_calls_follow_the_text_and_results_come_before_what_else_the_user_says() -> None:
    items = encode(assistant(CALL, TextBlock("let me see")), user(TextBlock("and?"), DONE))
    assert items == [
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "let me see"}],
        },
        {
            "type": "function_call",
            "call_id": "c1",
            "name": "f",
            "arguments": '{"a": 1}',
            "status": "completed",
        },
        {"type": "function_call_output", "call_id": "c1", "output": "ok"},
        {"role": "user", "content": [{"type": "input_text", "text": "and?"}]},
    ]


def test_a_call_without_a_result_gets_one_right_behind_it() -> None:
    items = encode(assistant(CALL), user(TextBlock("go on")))
    assert [item.get("type", item.get("role")) for item in items] == [
        *("function_call", "function_call_output", "user")
    ]
    assert "not executed" in items[1]["output"]


def test_images_of_results_are_sent_and_other_media_are_mentioned() -> None:
    result = ToolResultBlock(
        "c1", [TextBlock("see"), ImageBlock("image/png", b"x"), AudioBlock("audio/wav", b"abc")]
    )
    output = encode(assistant(CALL), user(result))[-1]["output"]
    assert output[0]["text"] == "see\n[audio/wav, 3 bytes, not shown]"
    assert output[1]["type"] == "input_image"
    plain = ToolResultBlock("c1", [TextBlock("a"), TextBlock("b")])
    assert encode(assistant(CALL), user(plain))[-1]["output"] == "a\nb"


def test_reasoning_goes_back_in_its_place_as_it_came() -> None:
    items = encode(assistant(THOUGHT, TextBlock("hm"), CALL), user(DONE))
    assert items[0] is THOUGHT.data
    assert [item.get("type", item.get("role")) for item in items] == [
        *("reasoning", "message", "function_call", "function_call_output")
    ]


@pytest.mark.parametrize("content", [[THOUGHT], [TextBlock("x"), THOUGHT, THOUGHT]])
def test_reasoning_without_what_it_led_to_stays_behind(content: list[ContentBlock]) -> None:
    assert not any(item.get("type") == "reasoning" for item in encode(assistant(*content)))


def test_reasoning_of_another_provider_stays_behind() -> None:
    foreign = ReasoningBlock("hm", "anthropic", {"type": "thinking", "signature": "x"})
    assert encode(assistant(foreign, CALL, TextBlock("t")), user(DONE)) == encode(
        assistant(CALL, TextBlock("t")), user(DONE)
    )


def test_a_message_keeps_its_phase() -> None:
    items = encode(
        assistant(
            TextBlock("I will look"),
            reasoning(type="message", role="assistant", phase="commentary"),
            TextBlock("found it"),
            reasoning(type="message", role="assistant", phase="final_answer"),
        )
    )
    assert [(i["phase"], i["content"][0]["text"]) for i in items] == [
        ("commentary", "I will look"),
        ("final_answer", "found it"),
    ]


def test_a_custom_call_goes_back_as_text() -> None:
    call = ToolUseBlock("c1", "sql", {"input": "select 1"})
    frame = reasoning(type="custom_tool_call", call_id="c1", name="sql")
    assert encode(assistant(call, frame), user(DONE)) == [
        {
            "type": "custom_tool_call",
            "call_id": "c1",
            "name": "sql",
            "input": "select 1",
            "status": "completed",
        },
        {"type": "custom_tool_call_output", "call_id": "c1", "output": "ok"},
    ]


@pytest.mark.parametrize(
    ("kind", "field", "output"),
    [
        ("apply_patch_call", "operation", {"call_id": "c1", "status": "completed", "output": "ok"}),
        ("local_shell_call", "action", {"id": "c1", "output": "ok"}),
        (
            "shell_call",
            "action",
            {
                "call_id": "c1",
                "output": [
                    {"stdout": "ok", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}
                ],
            },
        ),
    ],
)
def test_calls_of_built_in_tools_and_their_results_have_forms_of_their_own(
    kind: str, field: str, output: dict[str, Any]
) -> None:
    call = ToolUseBlock("c1", kind, {"type": "x"})
    frame = reasoning(type=kind, id="i1", call_id="c1", status="completed")
    [item, result] = encode(assistant(call, frame), user(DONE))
    assert item[field] == {"type": "x"} and item["type"] == kind and item["id"] == "i1"
    assert result == {"type": f"{kind}_output", **output}


def test_a_screenshot_answers_a_computer_call_and_without_one_it_is_an_ordinary_call() -> None:
    call = ToolUseBlock("c1", "computer_call", {"type": "screenshot"})
    frame = reasoning(type="computer_call", id="cu_1", call_id="c1")
    seen = ToolResultBlock("c1", [ImageBlock("image/png", b"x")])
    [item, result] = encode(assistant(call, frame), user(seen))
    assert item["action"] == {"type": "screenshot"}
    assert result["output"]["image_url"] == "data:image/png;base64,eA=="
    [item, result] = encode(assistant(call, frame), user(DONE))
    assert (item["type"], result["type"]) == ("function_call", "function_call_output")


def test_an_image_of_the_model_goes_back_with_its_frame_and_else_as_a_note() -> None:
    image = ImageBlock("image/png", b"x")
    frame = reasoning(type="image_generation_call", id="ig_1", status="completed")
    assert encode(assistant(image, frame)) == [
        {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "eA=="}
    ]
    [item] = encode(assistant(image))
    assert "image/png" in item["content"][0]["text"]


def test_a_caller_is_told_with_the_result() -> None:
    caller = {"type": "program", "caller_id": "c0"}
    frame = reasoning(type="function_call", call_id="c1", name="f", caller=caller)
    [item, result] = encode(assistant(CALL, frame), user(DONE))
    assert item["caller"] == result["caller"] == caller


def test_an_id_that_comes_again_for_another_kind_of_call_means_that_one() -> None:
    custom = ToolUseBlock("c1", "sql", {"input": "select 1"})
    frame = reasoning(type="custom_tool_call", call_id="c1", name="sql")
    items = encode(assistant(custom, frame), user(DONE), assistant(CALL), user(DONE))
    assert [item["type"] for item in items] == [
        *("custom_tool_call", "custom_tool_call_output"),
        *("function_call", "function_call_output"),
    ]


def test_frames_whose_content_is_gone_say_nothing() -> None:
    """As when the text, or the call, was trimmed out of a stored message."""
    phase = reasoning(type="message", role="assistant", phase="commentary")
    caller = reasoning(type="function_call", call_id="c0", caller={"type": "program"})
    image = reasoning(type="image_generation_call", id="ig_1")
    items = encode(assistant(caller, CALL, phase, image), user(DONE))
    assert items == encode(assistant(CALL), user(DONE))


@pytest.mark.parametrize("id", ["x" * 100, "functions.f:0|x", ""])
def test_ids_and_names_that_the_api_refuses_are_changed_alike_everywhere(id: str) -> None:
    items = encode(assistant(ToolUseBlock(id, "my tool", {})), user(ToolResultBlock(id, "ok")))
    assert items[0]["call_id"] == items[1]["call_id"] != id
    assert re.fullmatch("[a-zA-Z0-9_-]{1,64}", items[0]["call_id"])
    tool = Tool("my tool", handler=_nothing)
    assert items[0]["name"] == encode_tools([tool])[0]["name"] != "my tool"


async def _nothing() -> str:
    """Do nothing."""
    return ""


def test_titles_are_stripped_from_schemas_but_not_from_properties() -> None:
    schema = {"title": "T", "type": "object", "properties": {"title": {"title": "Title"}}}
    tool = Tool("f", handler=_nothing, schema=MappingProxyType(schema))
    [definition] = encode_tools([tool], strict=None)
    assert definition == {
        "type": "function",
        "name": "f",
        "description": "Do nothing.",
        "parameters": {"type": "object", "properties": {"title": {}}},
    }


ANSWERS = [
    r
    for r in recordings("openai-responses")
    if r.status == 200 and r.expected["stop_reason"] in ("end", "tool_use")
]


@pytest.mark.parametrize("recording", ANSWERS, ids=lambda recording: recording.name)
def test_a_recorded_answer_goes_back_as_the_items_that_came(recording: Recording) -> None:
    """An answer that was stored and read again is sent as its own items, less ids."""
    requires("streams")
    decoder, turn = ResponsesDecoder(OURS), Turn()
    for event in [*decoder.feed(recording.body), *decoder.close()]:
        turn.feed(event)
    turn.close()
    stored = Message.from_dict(json.loads(json.dumps(assistant(*turn.content).to_dict())))
    results = [ToolResultBlock(call.id, "ok") for call in turn.calls]
    sent = encode(stored, user(*results))[: -len(results) or None]
    came = [
        json.loads(line[6:])["item"]
        for line in recording.body.decode().splitlines()
        if line.startswith("data: {") and '"response.output_item.done"' in line
    ]
    kept = [item for item in came if item["type"] != "reasoning" or item.get("encrypted_content")]
    while kept and kept[-1]["type"] == "reasoning":
        kept.pop()
    assert [same(item) for item in sent] == [same(item) for item in merged(kept)]


def merged(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Texts that follow one another and say nothing else of themselves are stored as one; calls
    of an answer without anything to be kept follow its text."""
    if not any(_says_more(item) for item in items):
        items = sorted(items, key=lambda item: item["type"] != "message")
    joined: list[dict[str, Any]] = []
    for item in items:
        last = joined[-1] if joined else {}
        if item["type"] == last.get("type") == "message" and not last.get("phase"):
            last = joined.pop()
            item = {**item, "content": last["content"] + item["content"]}
        joined.append(item)
    return [item for item in joined if same(item).get("text") != ""]


def _says_more(item: dict[str, Any]) -> bool:
    if item["type"] == "function_call":
        return bool(item.get("caller") or item.get("namespace"))
    return item["type"] != "message" or item.get("phase") is not None


def same(item: dict[str, Any]) -> dict[str, Any]:
    """The part that an item that came and the one sent for it have in common."""
    kind = item.get("type", "message")
    if kind == "message":
        text = "".join(p.get("text") or p.get("refusal") or "" for p in item["content"])
        return {"text": text, "phase": item.get("phase")}
    if kind == "function_call":
        names = ("call_id", "name", "caller", "namespace")
        known = {name: item.get(name) for name in names}
        return {"type": kind, "arguments": json.loads(item["arguments"] or "{}"), **known}
    return item
