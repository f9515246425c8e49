"""Images over the limits of a server are left out of a request, with a note, on both wires."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from axio.blocks import ContentBlock, ImageBlock, TextBlock, ToolResultBlock, ToolUseBlock
from axio.media import ImageLimits
from axio.messages import Message
from axio_transport_openai import OpenAITransport
from axio_transport_openai.encoded import RequestEncoder
from axio_transport_openai.providers import Provider
from support.pictures import png

WIRES = ("chat", "responses")


def transport(host: str, wire: str = "chat") -> OpenAITransport:
    return OpenAITransport(base_url=f"https://{host}/v1", api_key="k", model="m", wire=wire)


def images_sent(llm: OpenAITransport, *contents: Sequence[ContentBlock]) -> tuple[int, str]:
    """How many images a request holds, and the whole of it as text; both forms agree."""
    history = [Message("user", list(content)) for content in contents]
    bodies: list[Any] = [
        llm.build_payload(history, [], ""),
        *(json.loads(llm.make_request(history, [], "").body or b"") for _ in range(2)),
    ]
    kept = [{key: body.get(key) for key in ("messages", "input")} for body in bodies]
    assert kept[0] == kept[1] == kept[2]
    text = json.dumps(bodies[0])
    return text.count('"data:image/png;base64,'), text


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("data", [b"", b"<html>", b"[1]", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_image_is_a_note(wire: str, data: bytes) -> None:
    llm = transport("api.openai.com", wire)
    posing = ImageBlock("image/png", data)
    count, body = images_sent(llm, [TextBlock("see"), posing, png(1)])
    assert count == 1
    assert f"[image/png, {len(data)} bytes, not shown: " in body
    history = [
        Message("assistant", [ToolUseBlock("c", "shoot", {})]),
        Message("user", [ToolResultBlock("c", [posing, TextBlock("shot")])]),
    ]
    sent = json.dumps(llm.build_payload(history, [], ""))
    assert "base64" not in sent
    assert "not shown: " in sent and "shot" in sent


@pytest.mark.parametrize(
    ("host", "image", "why"),
    [
        ("api.mistral.ai", png(1, 1, 11 << 20), "bytes in base64, the limit is 14000000"),
        ("api.x.ai", png(1, 1, 22 << 20), "bytes in base64, the limit is 28000000"),
        ("api.groq.com", png(8000, 5000), "8000 x 5000 pixels"),
    ],
)
def test_each_server_has_its_own_limits(host: str, image: ImageBlock, why: str) -> None:
    count, body = images_sent(transport(host), [image], [png(1)])
    assert count == 1
    assert why in body
    assert images_sent(transport("llm.example"), [image], [png(1)])[0] == 2


@pytest.mark.parametrize("wire", WIRES)
def test_of_too_many_images_the_last_are_sent(wire: str) -> None:
    llm = transport("api.groq.com", wire)
    images = [png(n) for n in range(1, 8)]
    assert images_sent(llm, *([image] for image in images[:5]))[0] == 5
    count, body = images_sent(llm, *([image] for image in images))
    assert count == 5
    assert body.count("only the last 5 images are shown") == 2


def test_images_of_one_request_have_a_length_together() -> None:
    large = [png(n, size=1 << 20) for n in range(1, 4)]
    count, body = images_sent(transport("api.groq.com"), *([image] for image in large))
    assert count == 2
    assert "with later images over 4000000 bytes" in body


def test_a_marked_last_message_counts_too() -> None:
    llm = OpenAITransport(base_url="https://openrouter.ai/api/v1", model="anthropic/m", api_key="k")
    broken = ImageBlock("image/png", b"")
    count, body = images_sent(llm, [png(1), TextBlock("a")], [TextBlock("b"), broken])
    assert count == 1
    assert "an empty file" in body


def test_images_of_a_marked_last_message_count_among_all() -> None:
    encoder = RequestEncoder(Provider("p", cache_marks=("m",), images=ImageLimits(count=2)))
    history = [Message("user", [png(n), TextBlock("t")]) for n in (1, 2, 3)]
    body = encoder.body({"messages": []}, history, [], marks=True)
    assert body.count(b"base64,") == 2
