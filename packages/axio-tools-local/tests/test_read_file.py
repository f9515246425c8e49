from __future__ import annotations

import asyncio
import io
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, strategies as st

from axio.blocks import AudioBlock, ImageBlock, TextBlock, VideoBlock
from axio.exceptions import HandlerError
from axio.tool import Tool, options_of
from axio_tools_local.read_file import MAX_MEDIA_BYTES, read_file

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)


@pytest.fixture
def notes(folder: Path) -> Path:
    path = folder / "notes.txt"
    path.write_bytes(b"one\ntwo\r\nthree\x0cstill\xe2\x80\xa8three\nfour")
    return path


async def test_a_text_comes_back_as_it_is(notes: Path) -> None:
    assert await read_file("notes.txt") == "one\ntwo\r\nthree\x0cstill\u2028three\nfour"
    assert await read_file(str(notes)) == await read_file("notes.txt")


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        (1, 1, "one\n"),
        (2, 3, "two\r\nthree\x0cstill\u2028three\n"),
        (4, None, "four"),
        (None, 1, "one\n"),
        (3, 100, "three\x0cstill\u2028three\nfour"),
    ],
)
async def test_a_range_counts_from_one_and_includes_both_ends(
    notes: Path, start: int | None, end: int | None, text: str
) -> None:
    assert await read_file("notes.txt", start_line=start, end_line=end) == text


async def test_line_numbers_are_those_of_the_file(notes: Path) -> None:
    text = await read_file("notes.txt", start_line=3, line_numbers=True)
    assert text == "3\tthree\x0cstill\u2028three\n4\tfour"


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (0, None, "must be >= 1"),
        (-2, None, "must be >= 1"),
        (3, 2, "must be >= 3"),
        (5, 6, "4 lines"),
    ],
)
async def test_a_range_that_the_file_does_not_have_is_an_error(
    notes: Path, start: int, end: int | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        await read_file("notes.txt", start_line=start, end_line=end)


async def test_an_empty_file_is_empty_text(folder: Path) -> None:
    (folder / "empty").touch()
    assert await read_file("empty") == ""
    assert await read_file("empty", start_line=1, line_numbers=True) == ""


async def test_long_text_is_cut_and_says_so(folder: Path) -> None:
    (folder / "long").write_text("é" * 50_000)
    assert await read_file("long") == "é" * 32768 + "\n...[truncated]"
    assert await read_file("long", max_chars=3) == "ééé\n...[truncated]"
    assert await read_file("long", max_chars=50_000) == "é" * 50_000


async def test_of_a_huge_file_only_what_is_asked_for_is_read(folder: Path) -> None:
    (folder / "huge").write_bytes(b"first\nsecond\n")
    os.truncate("huge", 1 << 40)  # a terabyte of zeros, which are nowhere
    assert await read_file("huge", end_line=2) == "first\nsecond\n"
    assert str(await read_file("huge", max_chars=5)).startswith("first\n...")


async def test_lines_far_behind_are_found_across_chunks(folder: Path) -> None:
    (folder / "many").write_text("".join(f"line {n} é\n" for n in range(1, 300_001)))
    assert await read_file("many", start_line=299_999) == "line 299999 é\nline 300000 é\n"


@example(lines=[""], first=2, more=0, numbered=False, piece=1)
@given(
    lines=st.lists(st.text("aé\r \u2028", max_size=4), min_size=1, max_size=12),
    first=st.integers(1, 14),
    more=st.integers(0, 5),
    numbered=st.booleans(),
    piece=st.integers(1, 9),
)
def test_lines_are_the_same_however_the_file_is_read(
    lines: list[str], first: int, more: int, numbered: bool, piece: int
) -> None:
    text = "\n".join(lines)
    kept = text.split("\n") if text else []
    if text.endswith("\n"):
        kept.pop()
    numbers = range(first, min(first + more, len(kept)) + 1)
    wanted = "".join(
        f"{number}\t" * numbered + kept[number - 1] + "\n" * (number <= text.count("\n"))
        for number in numbers
    )
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        patch.setattr("axio_tools_local.read_file._CHUNK", piece)
        file = Path(place, "f")
        file.write_text(text, newline="")
        reading = read_file(
            str(file), start_line=first, end_line=first + more, line_numbers=numbered
        )
        if first > max(len(kept), 1):
            with pytest.raises(ValueError, match=f"the file has {len(kept)} lines"):
                asyncio.run(reading)
        else:
            assert asyncio.run(reading) == wanted


async def test_no_more_is_read_than_a_conversation_could_hold(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("axio_tools_local.read_file.MAX_CHARS", 1000)
    (folder / "endless").write_bytes(b"line\n" * 1000)
    os.truncate("endless", 1 << 40)
    for start, end in ((None, None), (300, None), (None, 10**9)):
        text = await read_file("endless", 10**15, start_line=start, end_line=end)
        assert text == ("line\n" * 1000)[:1000] + "\n...[truncated]"


async def test_a_file_of_the_kernel_that_has_nothing_to_say_is_empty(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where reading would wait, the file is empty for now, as the log of the kernel can be."""
    (folder / "log").touch()

    class Silent(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return None  # type: ignore[return-value] # as a raw stream does

    monkeypatch.setattr("axio_tools_local.local.open", lambda *_, **__: Silent(), raising=False)
    assert await read_file("log") == ""


async def test_what_is_not_text_is_shown_in_hex_or_refused(folder: Path) -> None:
    (folder / "cut.txt").write_bytes(b"caf\xc3")
    assert await read_file("cut.txt") == "Encoded binary data HEX: 636166c3"
    (folder / "data.bin").write_bytes(b"ab\xff\x00cd")
    assert await read_file("data.bin") == "Encoded binary data HEX: 6162ff006364"
    assert await read_file("data.bin", max_chars=2) == "Encoded binary data HEX: 6162"
    with pytest.raises(UnicodeDecodeError):
        await read_file("data.bin", binary_as_hex=False)


@pytest.mark.parametrize(
    ("name", "content", "kind", "media_type"),
    [
        # by extension, in any case
        ("a.PNG", b"anything", ImageBlock, "image/png"),
        ("a.jpg", b"anything", ImageBlock, "image/jpeg"),
        ("a.Mp3", b"anything", AudioBlock, "audio/mp3"),
        ("a.mpeg", b"anything", AudioBlock, "audio/mpeg"),
        ("a.pcm", b"anything", AudioBlock, "audio/pcm"),
        ("a.mov", b"anything", VideoBlock, "video/mov"),
        ("a.3gp", b"anything", VideoBlock, "video/3gpp"),
        # by content, against the name
        ("a.txt", PNG, ImageBlock, "image/png"),
        ("a", b"GIF89a....", ImageBlock, "image/gif"),
        ("photo.png", b"\xff\xd8\xff\xe0..", ImageBlock, "image/jpeg"),
        ("photo.gif", b"RIFF\0\0\0\0WEBPVP8 ", ImageBlock, "image/webp"),
        ("song.mp4", b"\0\0\0\x20ftypM4A ....", AudioBlock, "audio/m4a"),
        ("clip.m4a", b"\0\0\0\x20ftypqt  ....", VideoBlock, "video/mov"),
        ("clip.mpeg", b"\0\0\x01\xba....", VideoBlock, "video/mpg"),
        ("song.mpeg", b"ID3\x04....", AudioBlock, "audio/mpeg"),
        ("a", b"GIF87a....", ImageBlock, "image/gif"),
        ("b", b"RIFF....WAVEfmt ....", AudioBlock, "audio/wav"),
        ("c", b"RIFF....AVI LIST....", VideoBlock, "video/avi"),
        ("d", b"fLaC....", AudioBlock, "audio/flac"),
        ("e", b"OggS....", AudioBlock, "audio/ogg"),
        ("f", b"ID3\x04....", AudioBlock, "audio/mp3"),
        ("g", b"FLV\x01....", VideoBlock, "video/x-flv"),
        ("h", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11....", VideoBlock, "video/wmv"),
        ("i", b"\0\0\x01\xb3....", VideoBlock, "video/mpg"),
        ("j", b"\0\0\0\x20ftyp3gp5....", VideoBlock, "video/3gpp"),
        ("k", b"\0\0\0\x20ftypisom....", VideoBlock, "video/mp4"),
        ("voice.weba", b"\x1a\x45\xdf\xa3....", AudioBlock, "audio/webm"),
        ("clip.webm", b"\x1a\x45\xdf\xa3....", VideoBlock, "video/webm"),
    ],
)
async def test_media_come_as_blocks(
    folder: Path, name: str, content: bytes, kind: type, media_type: str
) -> None:
    (folder / name).write_bytes(content)
    result = await read_file(name)
    assert isinstance(result, list)
    label, block = result
    assert isinstance(label, TextBlock)
    assert name in label.text and f"{len(content)} bytes" in label.text
    assert block == kind(media_type, content)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        (
            "logo.png",
            b"<!doctype html><p>not found",
            "HTML or XML page, no image]\n<!doctype html>",
        ),
        ("icon.gif", b"<svg xmlns='x'/>", "HTML or XML page, no image]\n<svg"),
        ("a.mp3", b'{"error": "gone"}', 'JSON text, no audio]\n{"error": "gone"}'),
        (
            "b.webm",
            b"version https://git-lfs.github.com/spec/v1\noid x\n",
            "LFS pointer, no video]\n",
        ),
        ("c.jpeg", b"", "[c.jpeg is an empty file, no image]\n"),
        ("d.wav", b" \n", "an empty file, no audio]\n"),
        ("e.png", PNG[:8], "a signature without content, no image]\nEncoded binary data HEX: 8950"),
        ("f", b"GIF89a", "a signature without content, no image]\nGIF89a"),
    ],
)
async def test_what_poses_as_media_is_told_as_text(
    folder: Path, name: str, content: bytes, told: str
) -> None:
    (folder / name).write_bytes(content)
    assert told in str(await read_file(name))


async def test_media_that_are_too_large_are_only_named(folder: Path) -> None:
    (folder / "film.mp4").touch()
    os.truncate("film.mp4", MAX_MEDIA_BYTES + 1)
    result = await read_file("film.mp4")
    assert isinstance(result, list)
    (label,) = result
    assert isinstance(label, TextBlock)
    assert "too large" in label.text and "film.mp4" in label.text


async def test_a_pdf_is_recognised_by_its_content(folder: Path) -> None:
    (folder / "paper").write_bytes(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    assert "PDF document of 15 bytes" in str(await read_file("paper"))
    (folder / "not.pdf").write_text("plain words")
    assert await read_file("not.pdf") == "plain words"


async def test_a_missing_file_is_not_found(folder: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await read_file("missing")
    (folder / "link").symlink_to("missing")
    with pytest.raises(FileNotFoundError, match="broken symbolic link"):
        await read_file("link")


async def test_what_is_not_a_file_is_refused_at_once(folder: Path) -> None:
    with pytest.raises(IsADirectoryError, match="list_files"):
        await read_file(".")
    os.mkfifo("pipe")
    with pytest.raises(OSError, match="not a regular file"):
        await read_file("pipe")


async def test_the_tool_checks_its_arguments(notes: Path) -> None:
    tool = Tool(name="read_file", handler=read_file, **options_of(read_file))
    assert tool.read_only and tool.eager
    with pytest.raises(HandlerError, match="requires str"):
        await tool(filename=3)
    with pytest.raises(HandlerError, match="must be >= 1"):
        await tool(filename="notes.txt", start_line=0)
