"""Images over the limits of the API are left out of a request, with a note."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence

import pytest

from axio.blocks import ContentBlock, ImageBlock, TextBlock, ToolResultBlock
from axio.media import ImageLimits
from axio.messages import Message
from axio_transport_anthropic import AnthropicTransport
from support.pictures import png


def images_sent(*contents: Sequence[ContentBlock]) -> tuple[int, str]:
    """How many images a request holds, and the rest of it as text."""
    history = [Message("user", list(content)) for content in contents]
    body = json.dumps(AnthropicTransport(api_key="k").build_payload(history, [], "")["messages"])
    return body.count('"type": "image"'), body


@pytest.mark.parametrize(
    ("image", "why"),
    [
        (png(8001, 10), "8001 x 10 pixels"),
        (png(10, 10, 8 << 20), "bytes in base64"),
        (ImageBlock("image/png", b""), "an empty file"),
        (ImageBlock("image/png", b'{"error": 404}'), "JSON text"),
    ],
)
def test_an_image_that_would_be_refused_is_a_note(image: ImageBlock, why: str) -> None:
    for content in ([image], [ToolResultBlock("c", [TextBlock("shot"), image])]):
        count, body = images_sent(content, [png(10, 10)])
        assert count == 1
        assert why in body


def test_of_over_a_hundred_images_the_last_hundred_are_sent() -> None:
    assert images_sent(*([png(n + 1, 1)] for n in range(100)))[0] == 100
    count, body = images_sent(*([png(n + 1, 1)] for n in range(103)))
    assert count == 100
    assert body.count("only the last 100 images are shown") == 3


def test_large_images_are_left_out_only_where_there_are_over_twenty() -> None:
    large, small = png(2001, 10), png(2000, 10)
    assert images_sent([large], *([small] for _ in range(19)))[0] == 20
    assert images_sent([large], *([small] for _ in range(20)))[0] == 20


def test_the_limits_are_those_of_the_transport() -> None:
    class Small(AnthropicTransport):
        image_limits = ImageLimits(side=5)

    history = [Message("user", [png(10, 10)])]
    for transport in (Small(api_key="k"), copy.deepcopy(Small(api_key="k"))):
        assert '"image"' not in json.dumps(transport.build_payload(history, [], "")["messages"])
