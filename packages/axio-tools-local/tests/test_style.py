"""A change keeps the style of a file: its encoding, its mark, its line ends."""

from __future__ import annotations

import codecs
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from axio_tools_local import changes, tree
from axio_tools_local.edit_file import edit_file
from axio_tools_local.lines import replace_lines
from axio_tools_local.patch_file import patch_file
from axio_tools_local.read_file import read_file
from axio_tools_local.replace import replace_text
from axio_tools_local.search_files import search_files
from axio_tools_local.style import Style
from axio_tools_local.write_file import write_file

WIDE = {
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}


# ── the mark ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def marked(folder: Path) -> Callable[[], bytes]:
    """Makes Form.vb, and tells what it holds."""
    (folder / "Form.vb").write_bytes(codecs.BOM_UTF8 + b"Dim a\r\nDim b\r\n")
    return (folder / "Form.vb").read_bytes


@pytest.mark.parametrize("content", ["Dim c\n", "\ufeffDim c\n"])
async def test_a_mark_stays_when_all_is_written_anew_and_is_not_doubled(
    marked: Callable[[], bytes], content: str
) -> None:
    assert await write_file("Form.vb", content) == "Wrote 10 bytes to Form.vb"
    assert marked() == codecs.BOM_UTF8 + b"Dim c\r\n"


async def test_a_mark_stays_when_the_first_line_is_changed(marked: Callable[[], bytes]) -> None:
    await patch_file("Form.vb", 1, 1, "Dim x")
    assert marked() == codecs.BOM_UTF8 + b"Dim x\r\nDim b\r\n"
    await patch_file("Form.vb", 1, 0, "Rem first")
    assert marked() == codecs.BOM_UTF8 + b"Rem first\r\nDim x\r\nDim b\r\n"
    await patch_file("Form.vb", 1, 3, "")
    assert marked() == codecs.BOM_UTF8
    await patch_file("Form.vb", 1, 0, "Dim y")
    assert marked() == codecs.BOM_UTF8 + b"Dim y\n"


@pytest.mark.parametrize("mark", ["", "\ufeff"])
async def test_the_text_at_the_mark_is_found_with_and_without_it(
    marked: Callable[[], bytes], mark: str
) -> None:
    await edit_file("Form.vb", f"{mark}Dim a\nDim", f"{mark}Dim ä\nDim")
    assert marked() == codecs.BOM_UTF8 + "Dim ä\r\nDim b\r\n".encode()


async def test_a_mark_is_no_part_of_the_text(marked: Callable[[], bytes]) -> None:
    assert await read_file("Form.vb", end_line=1) == "Dim a\r\n"
    assert await search_files("^Dim") == "Form.vb:1: Dim a\nForm.vb:2: Dim b"


async def test_a_mark_that_was_asked_for_is_written(folder: Path) -> None:
    await write_file("new.csv", "\ufeffa;b\n")
    assert (folder / "new.csv").read_bytes() == codecs.BOM_UTF8 + b"a;b\n"


# ── the encoding ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("encoding", WIDE)
async def test_a_wide_file_is_written_anew_in_its_encoding(folder: Path, encoding: str) -> None:
    (folder / "f").write_bytes(WIDE[encoding] + "Größe\r\n".encode(encoding))
    await write_file("f", "weiß 😀\n")
    assert (folder / "f").read_bytes() == WIDE[encoding] + "weiß 😀\r\n".encode(encoding)


@pytest.mark.parametrize("encoding", WIDE)
async def test_no_part_of_a_wide_file_is_changed(folder: Path, encoding: str) -> None:
    before = WIDE[encoding] + "eins\nzwei\n".encode(encoding)
    (folder / "f").write_bytes(before)
    with pytest.raises(ValueError, match=r"UTF-(16|32), not UTF-8; nothing was changed"):
        await patch_file("f", 1, 1, "one")
    with pytest.raises(ValueError, match=r"UTF-(16|32), not UTF-8; nothing was changed"):
        await edit_file("f", "eins", "one")
    assert (folder / "f").read_bytes() == before


async def test_a_file_with_nul_bytes_is_not_taken_for_text(folder: Path) -> None:
    before = "no mark\n".encode("utf-16-le")
    (folder / "f").write_bytes(before)
    with pytest.raises(ValueError, match="NUL bytes"):
        await patch_file("f", 1, 1, "x")
    with pytest.raises(ValueError, match="NUL bytes"):
        await edit_file("f", "n", "x")
    assert (folder / "f").read_bytes() == before


async def test_a_file_in_an_unknown_encoding_takes_ascii_only(folder: Path) -> None:
    before = "prix: 5 €\nété".encode("cp1252")
    (folder / "f").write_bytes(before)
    for wrong in ("6 €", "naïve"):
        with pytest.raises(ValueError, match="not UTF-8, so only ASCII text"):
            await edit_file("f", "5", wrong)
        with pytest.raises(ValueError, match="not UTF-8, so only ASCII text"):
            await patch_file("f", 1, 1, wrong)
    with pytest.raises(ValueError, match="not UTF-8, so only ASCII text"):
        await edit_file("f", "été", "summer")
    assert (folder / "f").read_bytes() == before
    await edit_file("f", "5", "6")
    assert (folder / "f").read_bytes() == "prix: 6 €\nété".encode("cp1252")
    await write_file("f", "été\n")
    assert (folder / "f").read_text("utf-8") == "été\n"


# ── generated ─────────────────────────────────────────────────────────────────────────────────

ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "latin-1", *WIDE])
TEXTS = st.text("aé€\n\r😀", max_size=12)


def bytes_of(text: str, encoding: str) -> bytes:
    return WIDE.get(encoding, b"") + text.encode(encoding, "replace")


@given(ENCODINGS, TEXTS, TEXTS, st.integers(1, 3), st.integers(0, 3))
def test_what_is_put_in_can_be_read_back_in_the_encoding_of_the_file(
    encoding: str, text: str, content: str, first: int, count: int
) -> None:
    before = bytes_of(text, encoding)
    try:
        after = replace_lines(before, first, first + count - 1, content)
    except ValueError:
        return
    style = Style.of(before)
    assert Style.of(after).mark == style.mark
    if style.encoding == "utf-8":
        after.decode()
    else:
        assert content.isascii()
    assert after.count(codecs.BOM_UTF8) == before.count(codecs.BOM_UTF8)


@given(ENCODINGS, TEXTS, TEXTS)
def test_an_edit_there_and_back_gives_the_file_again(encoding: str, text: str, new: str) -> None:
    before = bytes_of(f"{text}[old]{text}", encoding)
    new = f"<{new}>"
    try:
        after, count = replace_text(before, "[old]", new, False)
    except ValueError:
        assert encoding in WIDE or not new.isascii()
        return
    assert count == 1
    assert replace_text(after, new, "[old]", False) == (before, 1)


@given(ENCODINGS, TEXTS, TEXTS)
def test_a_file_written_anew_keeps_its_style(encoding: str, text: str, content: str) -> None:
    before = bytes_of(text, encoding)
    style = Style.of(before)
    after = style.encode(content)
    if style.encoding is not None:
        assert Style.of(after)[:2] == style[:2]
    decoded = after[len(style.mark) :].decode(style.encoding or "utf-8")
    assert decoded.replace("\r\n", "\n") == content.replace("\r\n", "\n")


# ── sizes ─────────────────────────────────────────────────────────────────────────────────────


async def test_a_file_that_is_too_large_for_memory_is_not_read(folder: Path) -> None:
    (folder / "huge").touch()
    os.truncate("huge", 1 << 40)  # a terabyte of zeros, which are nowhere
    with pytest.raises(ValueError, match=r"1099511627776 bytes, the limit .* nothing was changed"):
        await patch_file("huge", 1, 1, "x")
    with pytest.raises(ValueError, match="the limit for a change"):
        await edit_file("huge", "a", "b")
    assert (folder / "huge").stat().st_size == 1 << 40


async def test_the_limit_holds_for_a_file_that_says_it_is_empty(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "MAX_CHANGED_BYTES", 4)
    with pytest.raises(ValueError, match="the limit for a change is 4"):
        await edit_file("/proc/self/status", "Name", "x")
    (folder / "f").write_text("1234")
    await edit_file("f", "1", "5")
    assert (folder / "f").read_text() == "5234"


def test_lines_of_a_large_file_are_found_without_a_list_of_them() -> None:
    """A list of ten million lines has several hundred megabytes."""
    data = b"\n" * 10_000_000
    tracemalloc.start()
    try:
        after = replace_lines(data, 9_999_999, 9_999_999, "x")
        assert tracemalloc.get_traced_memory()[1] < 100_000_000
    finally:
        tracemalloc.stop()
    assert after == b"\n" * 9_999_998 + b"x\n\n"


async def test_a_line_without_end_is_searched_in_pieces(folder: Path) -> None:
    (folder / "f").write_text("a" * (5 * tree._PIECE_BYTES // 2) + "needle\nnext needle\n")
    found = (await search_files("needle")).split("\n")
    assert [line.split(":")[1] for line in found] == ["1", "2"]
    assert found[0].endswith("aaaneedle") and len(found[0]) < 400


@pytest.mark.parametrize(
    ("content", "old", "new"),
    [("a" * 1000, "a", "b" * 10**7), ("ab" * 30, "b", "c" * 40), ("x", "x", "y" * 2000)],
)
async def test_a_replacement_that_would_grow_too_large_is_refused_before_it_is_made(
    content: str, old: str, new: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("axio_tools_local.replace.MAX_CHANGED_BYTES", 1000)
    (folder / "f").write_text(content)
    size = len(content) + content.count(old) * (len(new) - len(old))
    with pytest.raises(ValueError, match=f"the file would have {size} bytes, the limit for"):
        await edit_file("f", old, new, replace_all=True)
    assert (folder / "f").read_text() == content
    assert "occurrence" in await edit_file("f", old, "z", replace_all=True)
