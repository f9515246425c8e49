"""`write_file`, `patch_file` and `edit_file`."""

from __future__ import annotations

import asyncio
import itertools
import os
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from axio_tools_local.edit_file import edit_file
from axio_tools_local.lines import replace_lines
from axio_tools_local.patch_file import patch_file
from axio_tools_local.write_file import write_file


def mode(path: str) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


# ── write_file ────────────────────────────────────────────────────────────────────────────────


async def test_it_creates_a_file_and_its_folders(folder: Path) -> None:
    assert await write_file("a/b/c.txt", "héllo\n") == "Wrote 7 bytes to a/b/c.txt"
    assert (folder / "a/b/c.txt").read_bytes() == "héllo\n".encode()
    assert mode("a/b/c.txt") == 0o644


async def test_a_mode_is_set_exactly_with_any_umask(folder: Path) -> None:
    old = os.umask(0o077)
    try:
        await write_file("plain", "")
        await write_file("tool", "", mode=0o755)
        await write_file("secret", "", mode=0o600)
    finally:
        os.umask(old)
    assert (mode("plain"), mode("tool"), mode("secret")) == (0o644, 0o755, 0o600)


async def test_an_existing_file_keeps_its_mode_unless_one_is_given(folder: Path) -> None:
    (folder / "run.sh").write_text("old")
    (folder / "run.sh").chmod(0o755)
    await write_file("run.sh", "new")
    assert mode("run.sh") == 0o755
    await write_file("run.sh", "newer", mode=0o640)
    assert mode("run.sh") == 0o640 and (folder / "run.sh").read_text() == "newer"


async def test_line_ends_of_a_windows_file_are_kept(folder: Path) -> None:
    (folder / "win.txt").write_bytes(b"a\r\nb\r\n")
    assert await write_file("win.txt", "x\ny\n") == "Wrote 6 bytes to win.txt"
    assert (folder / "win.txt").read_bytes() == b"x\r\ny\r\n"
    await write_file("win.txt", "x\r\ny\n")
    assert (folder / "win.txt").read_bytes() == b"x\r\ny\n"


async def test_a_link_stays_and_its_target_is_written(folder: Path) -> None:
    (folder / "target").write_text("old")
    (folder / "link").symlink_to("target")
    await write_file("link", "new")
    assert (folder / "link").is_symlink() and (folder / "target").read_text() == "new"


async def test_directories_and_pipes_are_refused(folder: Path) -> None:
    (folder / "sub").mkdir()
    os.mkfifo("pipe")
    with pytest.raises(IsADirectoryError):
        await write_file("sub", "text")
    with pytest.raises(OSError, match="not a regular file"):
        await write_file("pipe", "text")
    (folder / "file").touch()
    with pytest.raises(NotADirectoryError):
        await write_file("file/below", "text")


async def test_a_failure_leaves_the_old_content_and_nothing_else(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "file").write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("axio_tools_local.atomic.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        await write_file("file", "new")
    assert os.listdir() == ["file"] and (folder / "file").read_text() == "old"


async def test_a_reader_never_sees_half_a_file(folder: Path) -> None:
    contents = ["a" * 200_000, "b" * 300_000]
    await write_file("file", contents[0])
    done = asyncio.Event()

    async def write() -> None:
        for content in itertools.cycle(contents):
            if done.is_set():
                break
            await write_file("file", content)

    writing = asyncio.create_task(write())
    seen = [await asyncio.to_thread((folder / "file").read_text) for _ in range(40)]
    while set(seen) != set(contents) and not set(seen) - set(contents):
        seen.append(await asyncio.to_thread((folder / "file").read_text))
    done.set()
    await writing
    assert set(seen) == set(contents)
    assert os.listdir() == ["file"]


# ── patch_file ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("first", "last", "content", "result"),
    [
        (2, 3, "X\n", "1\nX\n4\n"),
        (2, 2, "X", "1\nX\n3\n4\n"),
        (1, 4, "X\nY", "X\nY\n"),
        (2, 3, "", "1\n4\n"),
        (1, 0, "X", "X\n1\n2\n3\n4\n"),
        (3, 2, "X", "1\n2\nX\n3\n4\n"),
        (5, 4, "X", "1\n2\n3\n4\nX\n"),
    ],
)
async def test_lines_are_replaced_inserted_and_deleted(
    folder: Path, first: int, last: int, content: str, result: str
) -> None:
    (folder / "f").write_text("1\n2\n3\n4\n")
    assert await patch_file("f", first, last, content) == f"{len(result)} bytes written to f"
    assert (folder / "f").read_text() == result


@pytest.mark.parametrize(
    ("first", "last"), [(0, 1), (-1, 2), (4, 2), (6, 6), (6, 5), (2, 5), (100, 100)]
)
async def test_lines_that_are_not_there_are_an_error_and_change_nothing(
    folder: Path, first: int, last: int
) -> None:
    (folder / "f").write_text("1\n2\n3\n4\n")
    with pytest.raises(ValueError, match=r"line must be >= |but the file has 4 lines"):
        await patch_file("f", first, last, "X")
    assert (folder / "f").read_text() == "1\n2\n3\n4\n"


async def test_a_last_line_without_newline_is_not_glued_to_what_follows(folder: Path) -> None:
    (folder / "f").write_text("1\n2")
    await patch_file("f", 3, 2, "3")
    assert (folder / "f").read_text() == "1\n2\n3\n"


async def test_windows_line_ends_mode_and_bytes_that_are_not_text_stay(folder: Path) -> None:
    (folder / "f").write_bytes(b"\xff1\r\n2\r\n3\r\n")
    (folder / "f").chmod(0o755)
    await patch_file("f", 2, 2, "a\nb")
    assert (folder / "f").read_bytes() == b"\xff1\r\na\r\nb\r\n3\r\n"
    assert mode("f") == 0o755


async def test_form_feeds_and_unicode_separators_do_not_end_lines(folder: Path) -> None:
    (folder / "f").write_text("a\x0cb\u2028c\x85d\n2\n")
    await patch_file("f", 2, 2, "two")
    assert (folder / "f").read_text() == "a\x0cb\u2028c\x85d\ntwo\n"


async def test_a_missing_file_is_not_found(folder: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await patch_file("missing", 1, 1, "X")
    with pytest.raises(FileNotFoundError):
        await edit_file("missing", "a", "b")
    assert os.listdir() == []


@given(st.lists(st.text("ab\r\x0c"), max_size=6), st.booleans(), st.data())
def test_other_lines_stay_as_they_are(lines: list[str], final: bool, data: st.DataObject) -> None:
    text = "\n".join(lines) + ("\n" if final and lines and lines[-1] else "")
    encoded = text.encode()
    count = len([*encoded.split(b"\n")]) - (encoded.endswith(b"\n") or not encoded)
    first = data.draw(st.integers(1, count + 1))
    last = data.draw(st.integers(first - 1, count))
    content = data.draw(st.text("xy\n"))
    result = replace_lines(encoded, first, last, content)
    kept = encoded.split(b"\n")[:count]
    new = content.removesuffix("\n").split("\n") if content else []
    expected = [*kept[: first - 1], *(line.encode() for line in new), *kept[last:]]
    got = result.split(b"\n")
    if got and not got[-1]:
        got.pop()
    assert [line.rstrip(b"\r") for line in got] == [line.rstrip(b"\r") for line in expected]


# ── edit_file ─────────────────────────────────────────────────────────────────────────────────


async def test_text_that_stands_there_once_is_replaced(folder: Path) -> None:
    (folder / "f.py").write_text("a = 1\nb = 2\n")
    (folder / "f.py").chmod(0o700)
    assert await edit_file("f.py", "b = 2", "b = 3") == "Replaced 1 occurrence in f.py"
    assert (folder / "f.py").read_text() == "a = 1\nb = 3\n"
    assert mode("f.py") == 0o700


async def test_text_that_stands_there_often_needs_more_context_or_replace_all(
    folder: Path,
) -> None:
    (folder / "f").write_text("\nx\ny x\n")
    with pytest.raises(ValueError, match=r"2 times, at line 2, 3;"):
        await edit_file("f", "x", "z")
    (folder / "f").write_text("x\ny x\nx\n")
    with pytest.raises(ValueError, match=r"3 times, at line 1, 2, 3"):
        await edit_file("f", "x", "z")
    assert (folder / "f").read_text() == "x\ny x\nx\n"
    assert await edit_file("f", "x", "z", replace_all=True) == "Replaced 3 occurrences in f"
    assert (folder / "f").read_text() == "z\ny z\nz\n"


@pytest.mark.parametrize(
    ("old", "hint"),
    [
        ("def f():\n  return 1", "Lines 2 to 3 differ from it only in white space:\n"),
        ("def g():", "line most like its first one is line 2:\ndef f():"),
        ("nothing like it at all", "Nothing in the file is like its first line"),
        ("   \n  ", "nothing but white space"),
    ],
)
async def test_text_that_is_not_there_gets_a_hint(folder: Path, old: str, hint: str) -> None:
    (folder / "f").write_text("# head\ndef f():\n\treturn 1\n")
    with pytest.raises(ValueError, match="was not found") as error:
        await edit_file("f", old, "new")
    assert hint in str(error.value)


async def test_line_feeds_match_windows_line_ends_and_become_them(folder: Path) -> None:
    (folder / "f").write_bytes(b"a\r\nb\r\nc\r\n")
    await edit_file("f", "a\nb", "x\ny\nz")
    assert (folder / "f").read_bytes() == b"x\r\ny\r\nz\r\nc\r\n"


@pytest.mark.parametrize(
    ("old", "new", "said"), [("", "x", "old_text is empty"), ("a", "a", "are the same")]
)
async def test_edits_that_mean_nothing_are_refused(
    folder: Path, old: str, new: str, said: str
) -> None:
    (folder / "f").write_text("a")
    with pytest.raises(ValueError, match=said):
        await edit_file("f", old, new)


async def test_parallel_edits_of_one_file_all_arrive(folder: Path) -> None:
    names = [f"name{n:02}" for n in range(30)]
    (folder / "f").write_text("\n".join(names))
    await asyncio.gather(*(edit_file("f", name, name.upper()) for name in names))
    assert (folder / "f").read_text() == "\n".join(names).upper()


@pytest.mark.parametrize("stuck", ["_read", "_stat"])
async def test_a_cancel_is_heard_while_a_file_cannot_be_read(
    stuck: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a disk that does not answer; the next change does not wait for it."""
    (folder / "f").write_text("a\n")
    waiting, answers = threading.Event(), threading.Event()

    def does_not_answer(*_: object) -> bytes:
        waiting.set()
        answers.wait(30)
        return b"late"

    for change in (edit_file("f", "a", "b"), patch_file("f", 1, 1, "b")):
        with monkeypatch.context() as patch:
            patch.setattr(f"axio_tools_local.local.{stuck}", does_not_answer)
            task = asyncio.create_task(change)
            assert await asyncio.to_thread(waiting.wait, 10)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert not answers.is_set()
        await edit_file("f", "a", "aa")
        await edit_file("f", "aa", "a")
        answers.set()
        answers, waiting = threading.Event(), threading.Event()
    assert (folder / "f").read_text() == "a\n"
