"""The kind of media by its bytes, however its file was called."""

from __future__ import annotations

import codecs
import struct

import pytest
from hypothesis import given, strategies as st

from axio.media import ImageLimits, image_problem, image_size, media_problem

PNG = b"\x89PNG\r\n\x1a\n"


def png(width: int, height: int, size: int = 0) -> bytes:
    head = PNG + struct.pack(">I4sIIBBBBBI", 13, b"IHDR", width, height, 8, 2, 0, 0, 0, 0)
    return head + bytes(max(size - len(head), 0))


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0)


def jpeg(width: int, height: int, *, frame: int = 0xC0, before: bytes = b"") -> bytes:
    header = struct.pack(">BBHBHHB", 0xFF, frame, 17, 8, height, width, 3)
    return b"\xff\xd8\xff\xe0" + struct.pack(">H", 16) + bytes(14) + before + header + bytes(9)


def webp(kind: bytes, chunk: bytes) -> bytes:
    body = b"WEBP" + kind + struct.pack("<I", len(chunk)) + chunk
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp_lossy(width: int, height: int) -> bytes:
    return webp(b"VP8 ", b"\x10\x02\x00\x9d\x01\x2a" + struct.pack("<HH", width, height) + bytes(4))


def webp_lossless(width: int, height: int) -> bytes:
    return webp(b"VP8L", b"\x2f" + struct.pack("<I", width - 1 | (height - 1) << 14) + bytes(4))


def webp_extended(width: int, height: int) -> bytes:
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return webp(b"VP8X", bytes(4) + sides)


MAKERS = [png, gif, jpeg, webp_lossy, webp_lossless, webp_extended]


@pytest.mark.parametrize("make", MAKERS)
@given(width=st.integers(1, 1 << 14), height=st.integers(1, 1 << 14))
def test_the_size_of_an_image_is_read_from_its_header(make, width, height):  # type: ignore[no-untyped-def]
    if make is webp_lossy:
        width, height = width & 0x3FFF, height & 0x3FFF
    image = make(width, height)
    assert image_size(image) == (width, height)
    assert media_problem(image) is None


@pytest.mark.parametrize("frame", [0xC1, 0xC2, 0xC3, 0xC9, 0xCF])
def test_a_jpeg_of_any_process_has_a_size(frame: int) -> None:
    assert image_size(jpeg(640, 480, frame=frame)) == (640, 480)


@pytest.mark.parametrize(
    "before",
    [
        b"\xff\xfe\x00\x04hi",  # a comment
        b"\xff\xc4\x00\x05\x00\x00\x00",  # tables, whose marker looks like a frame's
        b"\xff\xd0\xff\x01",  # markers without a length
        b"\xff\xff\xff",  # padding
    ],
)
def test_what_stands_before_the_frame_of_a_jpeg_is_skipped(before: bytes) -> None:
    assert image_size(jpeg(640, 480, before=before)) == (640, 480)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"anything",
        PNG + b"no header",
        b"\xff\xd8\xff\xda" + bytes(20),
        b"\xff\xd8\xff\xd9" + bytes(20),
        b"RIFF\x00\x00\x00\x00WAVEfmt " + bytes(20),
        b"\xff\xd8\xff\xe0\x00\x00" + bytes(20),
    ],
)
def test_no_size_is_made_up(data: bytes) -> None:
    assert image_size(data) is None


@pytest.mark.parametrize("make", MAKERS)
def test_a_header_that_is_cut_off_has_no_size(make) -> None:  # type: ignore[no-untyped-def]
    image = make(300, 200)
    sizes = {image_size(image[:end]) for end in range(len(image) + 1)}
    assert sizes == {None, (300, 200)}


@given(st.binary(max_size=200), st.sampled_from([b"", PNG, b"\xff\xd8\xff", b"GIF89a", b"RIFF"]))
def test_no_bytes_are_too_odd(data: bytes, head: bytes) -> None:
    image_problem(head + data, ImageLimits(100, 100, 100))


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "an empty file"),
        (b" \r\n\t\n", "an empty file"),
        (b"<!DOCTYPE html><title>Not found</title>", "an HTML or XML page"),
        (b"\n  <html>", "an HTML or XML page"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><svg/>", "an HTML or XML page"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an HTML or XML page"),
        (b'{"message": "forbidden"}', "JSON text"),
        (b"{}", "JSON text"),
        (b' [\n {"a": 1}]', "JSON text"),
        (b"[]", "JSON text"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer"),
        (b"version http://git-media.io/v/2\n", "a Git LFS pointer"),
        (b"version https://hawser.github.com/spec/v1\n", "a Git LFS pointer"),
        (b'"not found"\n', "JSON text"),
        (b"null", "JSON text"),
        ("<html>".encode("utf-16"), "an HTML or XML page"),
        ('\n<?xml version="1.0"?>'.encode("utf-16"), "an HTML or XML page"),
        ('{"a": 1}'.encode("utf-16"), "JSON text"),
        (codecs.BOM_UTF16_BE + "<svg/>".encode("utf-16-be"), "an HTML or XML page"),
        (PNG, "a signature without content"),
        (b"\xff\xd8\xff", "a signature without content"),
        (b"\xff\xd8\xff\xe0", "a signature without content"),
        (b"\xff\xd8", "a signature without content"),
        (b"GIF87a", "a signature without content"),
        (b"RIFF\x04\x00\x00\x00WEBP", "a signature without content"),
        (b"RIFF\n\x00\x00\x00WAVE", "a signature without content"),
        (b"ID3", "a signature without content"),
    ],
)
def test_what_poses_as_media_is_named(data: bytes, what: str) -> None:
    assert media_problem(data) == what
    assert image_problem(data) == what


@pytest.mark.parametrize(
    "data",
    [
        b"anything",
        b"version 2",
        b"{binary",
        b"[binary",
        b"<3",
        b'"quoted" and more',
        b"nullable",
        b"\xff\xfe\x00",
        codecs.BOM_UTF16_LE + bytes(2000),
        b"\x00\x00",
        PNG + bytes(8),
        b"\xff\xd8\xff\xe0..",
        b"GIF89a....",
        b"ID3\x04\x00",
    ],
)
def test_what_may_be_media_is_believed(data: bytes) -> None:
    assert media_problem(data) is None


def test_an_image_over_a_limit_is_refused_and_the_limit_named() -> None:
    assert image_problem(png(8000, 1), ImageLimits(side=8000)) is None
    assert image_problem(png(1, 8001), ImageLimits(side=8000)) == (
        "1 x 8001 pixels, the limit is 8000 a side"
    )
    assert image_problem(png(100, 100), ImageLimits(pixels=10_000)) is None
    assert image_problem(png(100, 101), ImageLimits(pixels=10_000)) == (
        "100 x 101 pixels, the limit is 10000 in all"
    )
    assert image_problem(png(1, 1, size=300), ImageLimits(base64=400)) is None
    assert image_problem(png(1, 1, size=301), ImageLimits(base64=400)) == (
        "404 bytes in base64, the limit is 400"
    )
    assert image_problem(b"anything", ImageLimits(100, 1, 1)) is None
