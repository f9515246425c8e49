"""Files that a prompt mentions: found in an index, read into blocks, or refused."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import subprocess
import tempfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from axio.blocks import ImageBlock, TextBlock
from axio.messages import Message
from axio_tui.chat.attached import attached, typed_in, words_of
from axio_tui.chat.file_index import FileIndex, files_below
from axio_tui.chat.fuzzy import Ranking
from axio_tui.chat.mentions import MAX_TEXT, MentionRefused, attach


def chunk(kind: bytes, data: bytes) -> bytes:
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


PNG = (
    b"\x89PNG\r\n\x1a\n"
    + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    + chunk(b"IDAT", zlib.compress(b"\0\0"))
    + chunk(b"IEND", b"")
)


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x\n")


# ── the index ─────────────────────────────────────────────────────────────────────────────────


def test_what_git_ignores_is_not_in_the_index(tmp_path: Path) -> None:
    write(
        tmp_path,
        "src/calc.py",
        "src/calc.pyc",
        "build/out.py",
        "docs/build/page.md",
        "keep.log",
        "drop.log",
        "sub/only/here.tmp",
        "sub/there.tmp",
        "node_modules/calx.js",
        ".hidden/note.md",
        "two words.txt",
        "excluded.txt",
    )
    (tmp_path / ".gitignore").write_text("*.pyc\n/build/\n*.log\n!keep.log\n")
    (tmp_path / "sub/.gitignore").write_text("*.tmp\n!only/*.tmp\n")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / ".git/info").mkdir(exist_ok=True)
    (tmp_path / ".git/info/exclude").write_text("excluded.txt\n")
    ours = set(files_below(str(tmp_path)))
    git = subprocess.run(
        ["git", "-C", tmp_path, "ls-files", "-coz", "--exclude-standard"],
        check=True,
        capture_output=True,
    )
    theirs = set(git.stdout.decode().split("\0")) - {""}
    assert ours == {name for name in theirs if not name.startswith("node_modules/")}
    assert "sub/only/here.tmp" in ours and "two words.txt" in ours
    inner = set(files_below(str(tmp_path / "src")))
    assert inner == {"calc.py"}


@settings(max_examples=30)
@given(
    st.lists(
        st.sampled_from(["*.a", "!*.a", "d/", "/d", "d/*", "!d/e.a", "**/e.a", "e.*", "#", ""]),
        max_size=5,
    ),
    st.lists(st.sampled_from(["*.b", "!*.a", "e.a", "d/", "/f.b"]), max_size=3),
)
def test_the_index_is_what_git_would_add(outer: list[str], inner: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, "e.a", "f.b", "d/e.a", "d/f.b", "d/d/e.a", "d/d/g.c", "h/e.a", "h/d/f.b")
        (folder / ".gitignore").write_text("\n".join(outer))
        (folder / "d/.gitignore").write_text("\n".join(inner))
        subprocess.run(["git", "init", "-q", name], check=True)
        git = subprocess.run(
            ["git", "-C", name, "ls-files", "-coz", "--exclude-standard"],
            check=True,
            capture_output=True,
        )
        assert set(files_below(name)) == set(git.stdout.decode().split("\0")) - {""}


def test_secrets_links_to_folders_and_names_without_a_shape_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, "a.py", ".env", "id_rsa", "bad\x1b]0;t\x07name", "sub/b.py")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert set(files_below(str(tmp_path))) == {"a.py", "sub/b.py"}


async def test_the_index_is_made_once_for_many_who_wait(tmp_path: Path) -> None:
    write(tmp_path, "calc.py", "deep/er/calc.txt")
    index = FileIndex(tmp_path)
    assert index.best("calc") == []
    await asyncio.gather(*[index.refresh() for _ in range(5)])
    assert index.best("calc") == ["calc.py", "deep/er/calc.txt"]
    write(tmp_path, "calc2.py")
    await index.refresh()
    assert len(index) == 2  # still fresh


# ── ranking ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("query", "best"),
    [
        ("cal", ["calc.py", "a/calendar.md", "b/recall.py", "calls/x.py", "c_a/l.py"]),
        ("CALC", ["calc.py"]),
        ("ls/x", ["calls/x.py"]),
        ("clc", ["calc.py"]),
        ("zz", []),
    ],
)
def test_the_order_of_what_fits(query: str, best: list[str]) -> None:
    paths = ["c_a/l.py", "calls/x.py", "b/recall.py", "a/calendar.md", "calc.py"]
    assert Ranking(paths).best(query) == best


PATHS = st.lists(st.text("ab/.İß", min_size=1, max_size=6), unique=True)


@given(PATHS, st.text("ab/.İ", min_size=1, max_size=3))
def test_every_path_with_the_characters_in_their_order_is_found(
    paths: list[str], query: str
) -> None:
    def fits(path: str) -> bool:
        rest = iter(path.lower())
        return all(character in rest for character in query.lower())

    assert set(Ranking(paths).best(query, limit=1000)) == set(filter(fits, paths))


# ── what is sent ──────────────────────────────────────────────────────────────────────────────


async def test_a_text_is_sent_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "two words.md").write_text("a\n```\nb")
    result = await attach(["two words.md"], tmp_path)
    [block] = result.blocks
    assert isinstance(block, TextBlock)
    assert block.text == "\n\n[file two words.md, 3 lines]\n````\na\n```\nb\n````"


async def test_a_long_text_is_cut_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "long").write_text("é" * MAX_TEXT)
    [block] = (await attach(["long"], tmp_path)).blocks
    assert isinstance(block, TextBlock)
    assert f"the first {MAX_TEXT:,} of {2 * MAX_TEXT:,} bytes" in block.text
    assert block.text.count("é") == MAX_TEXT // 2


async def test_a_binary_file_is_named_and_not_sent(tmp_path: Path) -> None:
    for name, data in (("nul", b"a\0b"), ("latin", b"caf\xe9"), ("half", b"\xff" * 10)):
        (tmp_path / name).write_bytes(data)
        [block] = (await attach([name], tmp_path)).blocks
        assert isinstance(block, TextBlock) and f"[file {name} is binary" in block.text


async def test_a_picture_is_sent_only_to_a_model_that_sees(tmp_path: Path) -> None:
    (tmp_path / "dot.png").write_bytes(PNG)
    head, block = (await attach(["dot.png"], tmp_path, can_see=True)).blocks
    assert head == attached(f"image dot.png, 1x1, {len(PNG)} bytes")
    assert block == ImageBlock("image/png", PNG)
    with pytest.raises(MentionRefused, match="sees none"):
        await attach(["dot.png"], tmp_path)


async def test_what_lies_outside_or_is_secret_is_sent_only_if_the_person_agrees(
    tmp_path: Path,
) -> None:
    write(tmp_path, "work/.env", "other/notes", "work/a")
    (tmp_path / "work/link").symlink_to(tmp_path / "other/notes")
    asked: list[str] = []

    async def agree(question: str) -> bool:
        asked.append(question)
        return True

    for name in ("../other/notes", str(tmp_path / "other/notes"), "link", ".env"):
        with pytest.raises(MentionRefused):
            await attach([name], tmp_path / "work")
        assert len((await attach([name], tmp_path / "work", agree=agree)).blocks) == 1
    assert len(asked) == 4
    assert (await attach(["a", "./a"], tmp_path / "work", agree=agree)).notes == []
    assert len(asked) == 4


async def test_words_that_name_no_file_are_words(tmp_path: Path) -> None:
    result = await attach(["decorator"], tmp_path)
    assert result.blocks == [] and "names no file" in result.notes[0]


async def test_a_pipe_is_refused_without_waiting_and_a_folder_is_listed(tmp_path: Path) -> None:
    write(tmp_path, "sub/a", "sub/b/c")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(MentionRefused, match="pipe is no file that can be read"):
        await attach(["pipe"], tmp_path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        with pytest.raises(MentionRefused, match="socket cannot be read"):
            await attach(["socket"], tmp_path)
    [block] = (await attach(["sub"], tmp_path)).blocks
    assert isinstance(block, TextBlock) and "\na\nb/\n" in block.text


def test_a_person_sees_the_words_and_the_names_of_files() -> None:
    content = [
        TextBlock("look at @a"),
        attached("file a, 1 line", "secret"),
        TextBlock(" and more"),
    ]
    message = Message("user", [*content])
    assert words_of(message) == "look at @a\n[file a, 1 line] and more"
    assert typed_in(message) == "look at @a"
    typed = Message("user", [TextBlock("\n\n[file a, 1 line]\nwords of mine")])
    assert words_of(typed) == typed_in(typed) == "\n\n[file a, 1 line]\nwords of mine"
