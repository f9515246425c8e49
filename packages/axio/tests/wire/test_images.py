"""Images that a receiver would refuse: a note stands in their place, and the rest is untouched."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, strategies as st

from axio.blocks import ContentBlock, ImageBlock, TextBlock, ToolResultBlock, ToolUseBlock
from axio.media import ImageLimits, encoded_size
from axio.messages import Message
from axio.wire.images import NOTHING, Weight, fitted, note, taken
from support.pictures import png


def user(*content: ContentBlock) -> Message:
    return Message("user", list(content))


def shown(messages: list[Message]) -> list[ImageBlock]:
    found: list[ImageBlock] = []
    for message in messages:
        for block in message.content:
            parts = block.content if isinstance(block, ToolResultBlock) else [block]
            found += [part for part in parts if isinstance(part, ImageBlock)]
    return found


@pytest.mark.parametrize(
    ("image", "limits", "why"),
    [
        (png(size=400), ImageLimits(base64=399), "536 bytes in base64, the limit is 399"),
        (png(9000), ImageLimits(side=8000), "9000 x 10 pixels, the limit is 8000 a side"),
        (png(50, 50), ImageLimits(pixels=2000), "50 x 50 pixels, the limit is 2000 in all"),
        (ImageBlock("image/png", b""), ImageLimits(), "an empty file"),
        (ImageBlock("image/png", b"<html>"), ImageLimits(), "an HTML or XML page"),
    ],
)
def test_an_image_that_is_refused_is_a_note_that_says_why(
    image: ImageBlock, limits: ImageLimits, why: str
) -> None:
    words = TextBlock(f"[image/png, {len(image.data)} bytes, not shown: {why}]")
    result = ToolResultBlock("c", [TextBlock("shot"), image], True)
    assert taken([image, result], limits) == [
        words,
        ToolResultBlock("c", [TextBlock("shot"), words], True),
    ]
    assert fitted([user(image)], limits) == [user(words)]


def test_what_fits_stays_the_same_object() -> None:
    history = [
        user(png(), ToolResultBlock("c", "text"), ToolResultBlock("d", [png()])),
        Message("assistant", [ToolUseBlock("e", "draw", {}), png(9000)]),
        Message("system", [TextBlock("s")]),
    ]
    assert all(a is b for a, b in zip(fitted(history, ImageLimits(side=99)), history, strict=True))
    assert fitted(history, ImageLimits()) == history


def test_of_too_many_images_the_last_are_kept() -> None:
    first, second, third = png(1), png(2), png(3)
    history = [user(first), user(ToolResultBlock("c", [second, third]))]
    assert shown(fitted(history, ImageLimits(count=2))) == [second, third]
    assert shown(fitted(history, ImageLimits(count=1))) == [third]
    [lost] = fitted(history, ImageLimits(count=2))[0].content
    assert lost == TextBlock(note(first, "only the last 2 images are shown"))


def test_images_that_are_too_long_together_give_way_to_the_last() -> None:
    history = [user(png(1, size=300)), user(png(2, size=300)), user(png(3, size=30))]
    kept = shown(fitted(history, ImageLimits(total=500)))
    assert kept == shown(history)[1:]


def test_where_there_are_many_images_each_may_be_smaller_only() -> None:
    limits = ImageLimits(side=8000, many=2, many_side=2000)
    large, small = png(2560, 1440), png(1920, 1080)
    assert shown(fitted([user(large, small)], limits)) == [large, small]
    crowd = fitted([user(large, small), user(small)], limits)
    assert shown(crowd) == [small, small]
    [words, _] = crowd[0].content
    assert isinstance(words, TextBlock)
    assert "2560 x 1440 pixels, the limit is 2000 a side where there are over 2" in words.text


@pytest.mark.parametrize(
    ("limits", "over"),
    [
        (ImageLimits(), False),
        (ImageLimits(count=2), False),
        (ImageLimits(count=1), True),
        (ImageLimits(many=1), True),
        (ImageLimits(total=112), False),
        (ImageLimits(total=111), True),
        (ImageLimits(base64=1, side=1, pixels=1), False),
    ],
)
def test_a_weight_tells_whether_images_that_fit_alone_fit_together(
    limits: ImageLimits, over: bool
) -> None:
    weight = Weight.of([png(), ToolResultBlock("c", [png()]), TextBlock("t")])
    assert weight == Weight(2, 112)
    assert weight.exceeds(limits) is over


def test_no_images_weigh_nothing() -> None:
    assert Weight.of([TextBlock("t"), ToolResultBlock("c", "text")]) is NOTHING
    assert NOTHING + Weight(1, 4) == Weight(1, 4)


IMAGES = st.builds(png, st.integers(1, 60), st.integers(1, 60), st.integers(30, 90))
CONTENT = st.one_of(
    IMAGES,
    st.just(TextBlock("t")),
    st.lists(st.one_of(IMAGES, st.just(TextBlock("u"))), max_size=3).map(
        lambda parts: ToolResultBlock("c", list(parts))
    ),
)
LIMIT = st.none() | st.integers(1, 60)


@given(
    st.lists(st.lists(CONTENT, max_size=3).map(lambda content: Message("user", list(content)))),
    st.builds(
        ImageLimits,
        side=LIMIT,
        pixels=LIMIT.map(lambda limit: limit and limit * 30),
        base64=LIMIT.map(lambda limit: limit and limit + 40),
        count=LIMIT.map(lambda limit: limit and limit % 5),
        total=LIMIT.map(lambda limit: limit and limit * 10),
        many=st.none() | st.integers(1, 3),
        many_side=st.integers(1, 60),
    ),
)
def test_what_is_sent_keeps_every_limit(history: list[Message], limits: ImageLimits) -> None:
    before = [list(message.content) for message in history]
    sent = fitted(history, limits)
    images = shown(sent)
    assert [message.content for message in history] == before
    assert not Weight.of(b for m in sent for b in m.content).exceeds(
        ImageLimits(count=limits.count, total=limits.total)
    )
    for image in images:
        width, height = struct.unpack(">II", image.data[16:24])
        assert limits.side is None or max(width, height) <= limits.side
        assert limits.pixels is None or width * height <= limits.pixels
        assert limits.base64 is None or encoded_size(image.data) <= limits.base64
        if limits.many is not None and len(images) > limits.many:
            assert max(width, height) <= (limits.many_side or 0)
    assert fitted(sent, limits) == sent
