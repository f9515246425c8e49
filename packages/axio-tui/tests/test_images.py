"""Pictures on the wire: what a server of OpenAI's or Anthropic's protocol gets, and what is refused
before it."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from support.drawing import gif, jpeg, png, webp
from support.threaded import Handler, ThreadedServer
from support.tmux import Window

SHOT = png(640, 480)


class Provider(ThreadedServer):
    """Keeps each request, and answers it with a text in the protocol of its address."""

    call: dict[str, Any] | None = None
    """The arguments with which the tool `vision` is called by the first answer."""

    def __init__(self) -> None:
        super().__init__(Answering)
        self.requests: list[dict[str, Any]] = []

    def images(self) -> list[Any]:
        """The parts of the last message of the last request that are pictures."""
        content = self.requests[-1]["messages"][-1]["content"]
        return [part for part in content if "image" in part["type"]]


OPENAI: list[dict[str, Any]] = [
    {"id": "1", "choices": [{"index": 0, "delta": {"content": "Seen."}, "finish_reason": None}]},
    {"id": "1", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
]
ANTHROPIC: list[dict[str, Any]] = [
    {"type": "message_start", "message": {"usage": {"input_tokens": 5, "output_tokens": 0}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Seen."}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
    {"type": "message_stop"},
]


def _calling(arguments: dict[str, Any]) -> list[dict[str, Any]]:
    function = {"name": "vision", "arguments": json.dumps(arguments)}
    calls = [{"index": 0, "id": "c1", "type": "function", "function": function}]
    return [
        {"id": "1", "choices": [{"index": 0, "delta": {"tool_calls": calls}}]},
        {"id": "1", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
    ]


class Answering(Handler):
    server: Provider

    def do_POST(self) -> None:
        self.server.requests.append(json.loads(self.body()))
        events = ANTHROPIC if self.path.endswith("/messages") else OPENAI
        if self.server.call is not None:
            events, self.server.call = _calling(self.server.call), None
        self.head("text/event-stream")
        for event in events:
            self.event(event, named="type" in event)
        if not self.path.endswith("/messages"):
            self.wfile.write(b"data: [DONE]\n\n")


@pytest.fixture
def provider(axio: Any) -> Iterator[Provider]:
    (axio.home / "shot.png").write_bytes(SHOT)
    with Provider() as server:
        axio.environment |= {
            "OPENAI_API_KEY": "sk-test-0123456789",
            "OPENAI_BASE_URL": f"{server.url}/v1",
            "ANTHROPIC_API_KEY": "sk-ant-0123456789",
            "ANTHROPIC_BASE_URL": server.url,
        }
        yield server


RUN = ("run", "--tools", "none")


def data_url(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("image/png", SHOT),
        ("image/gif", gif(3, 2)),
        ("image/jpeg", jpeg(3, 2)),
        ("image/webp", webp(3, 2)),
    ],
    ids=["png", "gif", "jpeg", "webp"],
)
def test_openai_gets_the_picture_by_its_content(
    axio: Any, provider: Provider, kind: str, data: bytes
) -> None:
    (axio.home / "picture").write_bytes(data)
    done = axio(*RUN, "-t", "openai", "--image", "picture", "What is it?")
    assert done.code == 0 and "Seen." in done.out, done.err
    [image] = provider.images()
    assert image["type"] == "image_url" and image["image_url"]["url"] == data_url(kind, data)
    words = [p["text"] for p in provider.requests[-1]["messages"][-1]["content"] if "text" in p]
    assert words[0] == "What is it?" and "[image 1: picture, " in "".join(words)


def test_anthropic_gets_several_in_their_order(axio: Any, provider: Provider) -> None:
    (axio.home / "b.gif").write_bytes(gif(3, 2))
    args = ("-t", "anthropic", "--image", "shot.png", "--image", "b.gif")
    done = axio(*RUN, *args, "Compare them.")
    assert done.code == 0 and "Seen." in done.out, done.err
    sources = [image["source"] for image in provider.images()]
    assert [(one["type"], one["media_type"]) for one in sources] == [
        ("base64", "image/png"),
        ("base64", "image/gif"),
    ]
    assert [base64.b64decode(one["data"]) for one in sources] == [SHOT, gif(3, 2)]


def test_a_conversation_that_is_resumed_still_has_it_and_so_has_its_export(
    axio: Any, provider: Provider
) -> None:
    assert axio(*RUN, "-t", "openai", "--image", "shot.png", "Look.").code == 0
    assert axio(*RUN, "-t", "anthropic", "-c", "And now?").code == 0
    first = provider.requests[-1]["messages"][0]["content"]
    assert [p["source"]["media_type"] for p in first if p["type"] == "image"] == ["image/png"]
    session = axio("sessions").out.split()[0]
    exported = axio("sessions", "export", session)
    assert "[image 1: shot.png, 640x480" in exported.out


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("missing.png", None, "cannot be read"),
        ("text.png", b"words", "no png, jpeg, gif or webp"),
        ("cut.png", SHOT[:18], "broken"),
        ("big.png", png(more=6 << 20), "at most 5,242,880"),
        ("bomb.png", png(50_000, 50_000), "at most 100,000,000"),
    ],
)
def test_what_is_no_picture_is_wrong_use(
    axio: Any, provider: Provider, name: str, data: bytes | None, words: str
) -> None:
    if data is not None:
        (axio.home / name).write_bytes(data)
    done = axio(*RUN, "-t", "openai", "--image", name, "Look.")
    assert done.code == 2 and words in done.line and provider.requests == []


def test_a_model_that_sees_none_is_wrong_use_and_those_that_see_are_named(
    axio: Any, provider: Provider
) -> None:
    done = axio(*RUN, "-t", "scripted", "--image", "shot.png", "Look.", script=[["no"]])
    assert done.code == 2 and "sees none" in done.line and "anthropic:claude" in done.line
    assert "--model NAME" in done.line and provider.requests == []


def test_a_picture_needs_a_prompt(axio: Any, provider: Provider) -> None:
    done = axio(*RUN, "--image", "shot.png", stdin=None)
    assert done.code == 2 and "prompt" in done.line


# ── the tool that looks ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("offered", [(), ("--tools", "vision")], ids=["by role", "by name"])
def test_the_model_of_the_role_looks_at_a_file_for_the_other(
    axio: Any, provider: Provider, offered: tuple[str, ...]
) -> None:
    axio.environment["AXIO_MODELS_VISION"] = "anthropic:claude-sonnet-4-5"
    provider.call = {"path": "shot.png", "prompt": "Which colour is it?"}
    done = axio("run", "-t", "openai", "--yes", *offered, "What is in shot.png?")
    assert done.code == 0 and "-> vision(" in done.out, done.err
    first, looking, last = provider.requests
    assert "vision" in [tool["function"]["name"] for tool in first["tools"]]
    assert looking["model"] == "claude-sonnet-4-5" and "tools" not in looking
    words, image = looking["messages"][-1]["content"]
    assert words["text"] == "Which colour is it?"
    assert base64.b64decode(image["source"]["data"]) == SHOT
    assert last["messages"][-1]["role"] == "tool" and last["messages"][-1]["content"] == "Seen."


def test_without_the_role_it_is_not_offered_and_a_file_that_is_too_large_is_an_error(
    axio: Any, provider: Provider
) -> None:
    assert axio("run", "-t", "openai", "Hello.").code == 0
    names = [tool["function"]["name"] for tool in provider.requests[-1]["tools"]]
    assert "vision" not in names and "read_file" in names
    (axio.home / "big.png").write_bytes(png(more=6 << 20))
    provider.call = {"path": "big.png"}
    done = axio(*RUN[:1], "-t", "openai", "--tools", "vision", "--yes", "Look at big.png")
    assert done.code == 0 and len(provider.requests) == 3, done.err
    assert "at most 5,242,880" in provider.requests[-1]["messages"][-1]["content"]


# ── conversations ─────────────────────────────────────────────────────────────────────────────


def test_in_lines_a_mention_and_a_dropped_path_send_it(
    axio: Any, provider: Provider, terminal: Any
) -> None:
    window = terminal("--plain", "-t", "openai", "--tools", "none")
    window.until("you: ")
    window.send("what is @shot.png\n")
    window.until(f"[image shot.png, 640x480, {len(SHOT)} bytes]")
    window.until("Seen.")
    assert provider.images()[0]["image_url"]["url"] == data_url("image/png", SHOT)
    window.until("you: ")
    window.send(f"'{axio.home}/shot.png' and this?\n")
    window.until("Seen.")
    assert len(provider.images()) == 1 and len(provider.requests) == 2
    window.until("you: ")
    window.send("/rewind 2 conversation\n")
    window.until("back before that prompt")


def test_in_lines_paste_takes_the_image_of_the_clipboard(
    axio: Any, provider: Provider, terminal: Any
) -> None:
    programs = axio.home / "programs"
    programs.mkdir()
    listing = f'case "$*" in *TARGETS*) echo image/png;; *) cat "{axio.home}/shot.png";; esac'
    (programs / "xclip").write_text(f"#!/bin/sh\n{listing}\n")
    (programs / "xclip").chmod(0o755)
    axio.environment |= {"PATH": f"{programs}:{os.environ['PATH']}", "DISPLAY": ":99"}
    window = terminal("--plain", "-t", "openai", "--tools", "none")
    window.until("you: ")
    window.send("/paste\n")
    window.until(f"[image 1: clipboard, 640x480, {len(SHOT)} bytes] ")
    window.send("what is it\n")
    window.until("Seen.")
    assert provider.images()[0]["image_url"]["url"] == data_url("image/png", SHOT)


def test_in_lines_it_is_refused_before_it_is_sent(
    axio: Any, provider: Provider, terminal: Any
) -> None:
    window = terminal("--plain", "-t", "scripted", "--tools", "none", script=[["No."]])
    window.until("you: ")
    window.send("what is @shot.png\n")
    window.until("sees none")
    window.until("anthropic:claude")
    window.until("what is @shot.png")  # it stands at the prompt again
    assert provider.requests == []


@pytest.fixture
def window(axio: Any) -> Iterator[Window]:
    window = Window(axio, ("-m", "axio_tui", "-t", "openai", "--tools", "none"))
    try:
        yield window
    finally:
        window.close()


def test_in_a_real_terminal_a_path_that_is_dropped_is_a_picture(
    axio: Any, provider: Provider, window: Window
) -> None:
    window.start(script=[], size="100x30", TERM="screen-256color")
    window.until("Ask.")
    window.paste(f"{axio.home}/shot.png\r")  # as terminals end a line of a paste
    window.until("[image 1: shot.png, 640x480")
    window.type(" what is it")
    window.until("Seen.")
    assert provider.images()[0]["image_url"]["url"] == data_url("image/png", SHOT)
    window.keys("C-q")
    window.until("END=")
