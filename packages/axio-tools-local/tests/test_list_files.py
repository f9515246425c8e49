from __future__ import annotations

import os
from pathlib import Path

import pytest

from axio_tools_local import list_files as module
from axio_tools_local.list_files import list_files


async def test_folders_come_first_and_both_by_name(folder: Path) -> None:
    for name in ("b.txt", "a.txt"):
        (folder / name).write_text("12345")
    for name in ("z", "c"):
        (folder / name).mkdir()
    lines = (await list_files()).split("\n")
    assert [line.split()[-1] for line in lines] == ["c/", "z/", "a.txt", "b.txt"]


async def test_a_line_has_mode_size_and_name(folder: Path) -> None:
    (folder / "run.sh").write_text("1234567")
    (folder / "run.sh").chmod(0o750)
    (folder / "src").mkdir(0o755)
    assert await list_files(".") == "drwxr-xr-x        - src/\n-rwxr-x---        7 run.sh"


async def test_equal_folders_are_listed_alike(folder: Path) -> None:
    for name, time in (("one", 1_600_000_000), ("two", 1_700_000_000)):
        (folder / name / "inner").mkdir(parents=True)
        (folder / name / "file").write_text("text")
        os.utime(folder / name / "file", (time, time))
    for n in range(300):  # after which a folder has another size on some file systems
        (folder / "two/inner" / str(n)).touch()
    assert await list_files("one") == await list_files("two")


async def test_links_are_followed_and_dangling_ones_marked(folder: Path) -> None:
    (folder / "real").mkdir()
    (folder / "to_folder").symlink_to("real")
    (folder / "to_nothing").symlink_to("missing")
    (folder / "to_itself").symlink_to("to_itself")
    lines = (await list_files()).split("\n")
    assert lines[0].endswith(" real/") and lines[1].endswith(" to_folder/")
    assert lines[2].endswith(" to_itself [broken symlink]")
    assert lines[3].endswith(" to_nothing [broken symlink]")


async def test_an_empty_directory_is_said_to_be_empty(folder: Path) -> None:
    assert await list_files() == "(empty directory)"


@pytest.mark.parametrize("name", ["missing", "file"])
async def test_what_is_not_a_directory_is_not_found(folder: Path, name: str) -> None:
    (folder / "file").touch()
    with pytest.raises(FileNotFoundError, match=name):
        await list_files(name)


async def test_names_fit_on_a_line_and_can_be_encoded(folder: Path) -> None:
    for name in (b"new\nline", b"\xff\xfe", b"esc\x1b[31m", "schön".encode()):
        (folder / os.fsdecode(name)).touch()
    result = await list_files()
    assert result.encode()
    names = {line.split(maxsplit=2)[-1] for line in result.split("\n")}
    assert names == {r"new\nline", r"\xff\xfe", r"esc\x1b[31m", "schön"}


async def test_a_very_large_directory_is_cut(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ENTRIES", 5)
    for n in range(5):
        (folder / str(n)).touch()
    assert len((await list_files()).split("\n")) == 5
    monkeypatch.setattr(module, "MAX_ENTRIES", 3)
    lines = (await list_files()).split("\n")
    assert len(lines) == 4 and lines[3] == "[... 2 more entries left out ...]"
