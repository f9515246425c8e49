"""The text in the column `content`."""

from __future__ import annotations

import base64
import gzip

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
from axio.messages import Message
from axio_context_sqlite.payload import decode, encode
from axio_context_sqlite.store import (
    COMPRESS_THRESHOLD,
    compress_payload,
    decompress_payload,
)


def test_short_text_stays_readable() -> None:
    assert compress_payload("x" * 511) == "plain:" + "x" * 511


def test_long_text_becomes_base64_of_gzip_that_any_tool_can_read() -> None:
    text = "word " * 200
    payload = compress_payload(text)
    assert payload.startswith("gzip:")
    assert gzip.decompress(base64.b64decode(payload[5:])).decode() == text
    assert len(payload) < len(text) / 4


def test_the_threshold_counts_utf8_bytes_and_includes_itself() -> None:
    assert COMPRESS_THRESHOLD == 512
    assert compress_payload("x" * 512).startswith("gzip:")
    assert compress_payload("é" * 255).startswith("plain:")
    assert compress_payload("é" * 256).startswith("gzip:")


def test_gzip_of_release_096_is_read() -> None:
    written = "gzip:" + base64.b64encode(gzip.compress(b"some text")).decode()
    assert decompress_payload(written) == "some text"


def test_text_without_a_prefix_is_older_still_and_read_as_it_stands() -> None:
    assert (
        decompress_payload('[{"type": "text", "text": "hi"}]') == '[{"type": "text", "text": "hi"}]'
    )


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=3000), st.integers(1, 400))
def test_every_text_comes_back(text: str, times: int) -> None:
    for long in (text, text * times):
        assert decompress_payload(compress_payload(long)) == long


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_arguments = st.dictionaries(st.text(), _json, max_size=3)
_media = st.one_of(
    st.builds(ImageBlock, st.just("image/png"), st.binary()),
    st.builds(AudioBlock, st.just("audio/wav"), st.binary()),
    st.builds(VideoBlock, st.just("video/mp4"), st.binary()),
)
_text = st.builds(TextBlock, st.text(st.characters()))
_blocks: st.SearchStrategy[ContentBlock] = st.one_of(
    _text,
    _media,
    st.builds(ToolUseBlock, st.text(), st.text(), _arguments),
    st.builds(ToolResultBlock, st.text(), st.text() | st.lists(_text | _media), st.booleans()),
    st.builds(ReasoningBlock, st.text(), st.text(), _arguments),
)


@given(st.sampled_from(["user", "assistant", "system"]), st.lists(_blocks, max_size=5))
def test_every_message_comes_back_equal(role: str, content: list[ContentBlock]) -> None:
    message = Message(role, content)  # type: ignore[arg-type]
    encoded = encode(message)
    assert encoded.message is message
    stored = compress_payload(encoded.text)
    stored.encode()  # SQLite can hold it, surrogates and all
    assert decode(encoded.role, decompress_payload(stored)) == message


def test_what_json_changes_is_changed_at_once_and_not_only_after_a_restart() -> None:
    call = Message("assistant", [ToolUseBlock("1", "t", {"pair": (1, 2), "by": {3: "three"}})])
    (block,) = encode(call).message.content
    assert block == ToolUseBlock("1", "t", {"pair": [1, 2], "by": {"3": "three"}})


class _Unknown(ContentBlock):
    pass


@pytest.mark.parametrize("block", [_Unknown(), ToolUseBlock("1", "t", {"data": b"bytes"})])
def test_a_message_that_cannot_be_stored_is_refused(block: ContentBlock) -> None:
    with pytest.raises(TypeError):
        encode(Message("user", [block]))
