"""Pictures of a prompt: told by content, sized by header, refused with the limit, kept."""

from __future__ import annotations

import os
import resource
import shlex
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given, strategies as st

from axio import Agent
from axio.blocks import ImageBlock, TextBlock
from axio.media import ImageLimits
from axio.messages import Message
from axio.models import Capability, ModelSpec
from axio.testing import StubTransport, make_text_response
from axio_tui.chat.attached import attached, drawn, pictures_of, words_of
from axio_tui.chat.composer import Pastes, Words, parse
from axio_tui.chat.drafts import Draft
from axio_tui.chat.entries import Note, User
from axio_tui.chat.export import to_markdown
from axio_tui.chat.mentions import MentionRefused, Unseen, attach
from axio_tui.chat.pictures import (
    MAX_BYTES,
    NoPicture,
    dropped_path,
    dropped_paths,
    dropped_pictures,
    picture_at,
    picture_in,
)
from axio_tui.chat.session import ChatSession
from axio_tui.chat.shelf import MemoryShelf
from axio_tui.chat.sight import check_pictures
from axio_tui.chat.stored import user_entry
from support.drawing import gif, jpeg, png, webp

ENDS = {"image/png": 24, "image/gif": 10, "image/jpeg": 17, "image/webp": 30}  # of the headers
KINDS = {"image/png": png, "image/gif": gif, "image/jpeg": jpeg, "image/webp": webp}


# ── content and header ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", KINDS)
def test_the_kind_is_that_of_the_content_and_the_size_that_of_the_header(kind: str) -> None:
    data = KINDS[kind](640, 480)
    picture = picture_in(data, "notes.txt")
    assert picture.block == ImageBlock(kind, data)  # type: ignore[arg-type]
    assert picture.told == f"notes.txt, 640x480, {len(data)} bytes"


@pytest.mark.parametrize("data", [b"", b"text", b"<svg/>", b"BM" + bytes(60), b"%PDF-1.7"])
def test_other_content_is_no_picture_whatever_its_name(data: bytes) -> None:
    with pytest.raises(NoPicture, match="no png, jpeg, gif or webp"):
        picture_in(data, "shot.png")


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_that_is_cut_in_its_header_is_broken(kind: str) -> None:
    whole = KINDS[kind](640, 480)
    for end in range(4, ENDS[kind]):
        with pytest.raises(NoPicture):
            picture_in(whole[:end], "cut")
    assert picture_in(whole, "whole").told.startswith("whole, 640x480")


def test_what_is_too_large_is_refused_with_the_limit() -> None:
    with pytest.raises(NoPicture, match=f"at most {MAX_BYTES:,} can be sent"):
        picture_in(png(more=MAX_BYTES), "big.png")
    with pytest.raises(NoPicture, match="60000x60000 pixels: at most 100,000,000"):
        picture_in(png(60_000, 60_000), "bomb.png")


def test_nothing_is_decompressed() -> None:
    bomb = png(9_000, 11_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "9000x11000" in picture_in(bomb, "bomb.png").told
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


@given(st.binary(max_size=80), st.sampled_from([b"", *(make() for make in KINDS.values())]))
def test_any_bytes_are_a_picture_or_refused(data: bytes, head: bytes) -> None:
    for bytes_ in (head + data, head[: len(data)] + data, data):
        try:
            picture = picture_in(bytes_, "x")
        except NoPicture:
            continue
        assert picture.block.data == bytes_


def test_a_file_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("missing", "pipe", ".", "a\0b"):
        with pytest.raises(NoPicture, match="cannot be read"):
            picture_at(f"{tmp_path}/{name}")


# ── paths that a terminal pastes ──────────────────────────────────────────────────────────────


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30))
def test_a_path_is_found_as_terminals_write_it(name: str) -> None:
    path = f"/pics/{name}"
    assert dropped_path(f"file://{quote(path)}\r\n") == path
    assert dropped_path(f"file://localhost{quote(path)} ") == path
    assert dropped_path(f"{shlex.quote(path)} ") == path


@pytest.mark.parametrize(
    "text",
    ["", "hello", "a /b", "see /etc/passwd please", "/a\n/b", "https://h/x.png", "file://host/a"],
)
def test_other_words_are_no_path(text: str) -> None:
    assert dropped_path(text) is None


@given(st.text(max_size=60))
def test_any_paste_is_a_list_of_pictures_that_are_there(text: str) -> None:
    assert dropped_pictures(text) == []


def test_a_blank_needs_no_quotes_if_the_file_is_there(tmp_path: Path) -> None:
    path = tmp_path / "my shot.png"
    path.write_bytes(png())
    spellings = [str(path), shlex.quote(str(path)), str(path).replace(" ", "\\ "), path.as_uri()]
    for spelling in spellings:
        [picture] = dropped_pictures(f"{spelling}\r")
        assert picture.told.startswith("my_shot.png, 2x1, ")


def test_several_files_at_once_are_pictures_only_if_all_are(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / "b b.gif").write_bytes(gif())
    (tmp_path / "c.txt").write_text("text")
    two = f"{tmp_path}/a.png '{tmp_path}/b b.gif'"
    assert [one.block.media_type for one in dropped_pictures(two)] == ["image/png", "image/gif"]
    assert dropped_pictures(f"{two} {tmp_path}/c.txt") == []
    found = [*dropped_paths(f"look at {two} and {tmp_path}/c.txt")]
    assert found == [f"{tmp_path}/a.png", f"{tmp_path}/b b.gif"]


# ── placeholders ──────────────────────────────────────────────────────────────────────────────

NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)


@given(NAMES, st.text(max_size=20), st.text(max_size=20))
def test_a_placeholder_is_found_again_and_is_no_mention(name: str, before: str, after: str) -> None:
    pastes = Pastes()
    picture = picture_in(png(), name)
    placeholder = pastes.draw(picture, before + after)
    text = f"x {before} {placeholder} {after}"
    assert pastes.pictures_in(text)[placeholder] == picture.block
    assert pastes.whole(text) == text and "\n" not in placeholder
    words = parse(f"see {placeholder}")
    assert isinstance(words, Words) and words.mentions == ()


def test_pictures_are_numbered_in_a_text_and_an_equal_one_may_stand_twice() -> None:
    pastes = Pastes()
    first = pastes.draw(picture_in(png(), "a"))
    second = pastes.draw(picture_in(png(), "a"), first)
    third = pastes.draw(picture_in(gif(), "b"), f"{first} {second}")
    assert [one[:8] for one in (first, second, third)] == ["[image 1", "[image 2", "[image 3"]
    assert pastes.widen(first, 3, 4) == (0, len(first)), "it goes whole"
    other = Pastes()
    assert other.pictures_in(first) == {}, "words that look like one are none"
    assert other.draw(picture_in(png(), "a"), first)[:8] == "[image 2", "and are not taken for it"


def test_a_prompt_that_comes_back_has_its_pictures() -> None:
    pastes = Pastes()
    placeholder = pastes.draw(picture_in(png(), "a.png"))
    text = f"look at {placeholder} please"
    content = [TextBlock(text), *drawn(pastes.pictures_in(text).items())]
    message = Message.from_dict(Message("user", [*content]).to_dict())
    assert dict(pictures_of(message)) == pastes.pictures_in(text)
    again = Pastes()
    again.learn(message)
    assert again.pictures_in(text) == pastes.pictures_in(text)
    assert words_of(message) == text, "and is told once"
    entry = user_entry(message)
    assert entry.unnamed == () and len(entry.media) == 1
    assert to_markdown([entry]).count("a.png, 2x1") == 1


def test_a_picture_that_no_words_name_has_a_line_of_its_own() -> None:
    message = Message("user", [TextBlock("look"), ImageBlock("image/png", png())])
    assert user_entry(message).unnamed == (ImageBlock("image/png", png()),)
    named = Message("user", [TextBlock("look"), attached("image a"), ImageBlock("image/png", b"")])
    assert user_entry(named) == User("look\n[image a]", (ImageBlock("image/png", b""),))
    assert user_entry(named).unnamed == ()


async def test_a_draft_keeps_its_pictures_and_writes_each_once() -> None:
    shelf = MemoryShelf()
    draft = Draft(shelf)
    pictures = {"[image 1: a]": ImageBlock("image/png", png())}
    await draft.keep("see [image 1: a]", pictures)
    [item] = await shelf.items("draft picture")
    await draft.keep("see [image 1: a] too", pictures)
    assert [one.id for one in await shelf.items("draft picture")] == [item.id]
    again = Draft(shelf)
    assert await again.load() == "see [image 1: a] too" and again.pictures == pictures
    await again.keep("see", {})
    assert await shelf.items("draft picture") == []


# ── who sees them ─────────────────────────────────────────────────────────────────────────────


class Model:
    def __init__(self, *able: Capability, limits: ImageLimits | None = None) -> None:
        self.model = ModelSpec("m", frozenset({Capability.text, *able}))
        if limits is not None:
            self.image_limits = limits


def test_a_model_that_sees_nothing_is_sent_nothing() -> None:
    pictures = [("[image 1: a]", ImageBlock("image/png", png(9000, 10)))]
    check_pictures(pictures, Model(Capability.vision))  # type: ignore[arg-type]
    check_pictures([], Model())  # type: ignore[arg-type]
    with pytest.raises(Unseen, match="sees none"):
        check_pictures(pictures, Model())  # type: ignore[arg-type]
    small = Model(Capability.vision, limits=ImageLimits(side=8000))
    with pytest.raises(MentionRefused, match="the limit is 8000 a side"):
        check_pictures(pictures, small)  # type: ignore[arg-type]


async def test_a_mention_is_judged_by_content_too(tmp_path: Path) -> None:
    (tmp_path / "shot.txt").write_bytes(jpeg(3, 4))
    (tmp_path / "photo.png").write_text("<html>")
    (tmp_path / "broken.png").write_bytes(png()[:12])
    (tmp_path / "noise.png").write_bytes(b"\xff\x00" * 20)
    head, block = (await attach(["shot.txt"], tmp_path, can_see=True)).blocks
    assert block == ImageBlock("image/jpeg", jpeg(3, 4))
    assert head == attached(f"image shot.txt, 3x4, {len(jpeg(3, 4))} bytes")
    [text] = (await attach(["photo.png"], tmp_path, can_see=True)).blocks
    assert isinstance(text, TextBlock) and "<html>" in text.text
    for name, why in (("broken.png", "broken"), ("noise.png", "no png")):
        with pytest.raises(MentionRefused, match=why):
            await attach([name], tmp_path, can_see=True)


async def test_a_prompt_that_waits_is_stopped_where_the_model_sees_no_more() -> None:
    seeing, blind = (StubTransport([make_text_response("Seen.")]) for _ in range(2))
    able = frozenset({Capability.text, Capability.vision})
    seeing.model, blind.model = ModelSpec("eyes", able), ModelSpec("blind")  # type: ignore[attr-defined]
    agent = Agent(system="", transport=seeing)
    session = ChatSession(agent)
    await session.open()
    block = ImageBlock("image/png", png())
    for prompt in ([TextBlock("see [image 1: a]"), *drawn([("[image 1: a]", block)])], "and this"):
        await session.queue(prompt)
    await session.go_on_with(blind, Note("model", "another"))
    with pytest.raises(Unseen, match=r"^\[image 1: a\] is a picture, and this model sees none"):
        session.next()
    assert [one.state for one in session.inbox.waiting] == ["parked", "parked"]
    assert session.next() is None and not session.is_busy
    await session.go_on_with(seeing, Note("model", "the first"))
    session.inbox.unpark()
    stream = session.next()
    assert stream is not None
    assert [event async for event in stream]
    [stored, _] = await session.store.get_history()
    assert block in stored.content and [one.state for one in session.inbox.waiting] == ["queued"]
    await session.close()
