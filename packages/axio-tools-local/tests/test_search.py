"""`search_files` and `glob_files`."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from axio_tools_local import glob_files as glob_module, look, search_files as search_module
from axio_tools_local.glob_files import glob_files
from axio_tools_local.search_files import search_files


@pytest.fixture
def tree(folder: Path) -> Path:
    files = {
        "README.md": "# Title\nneedle here\n",
        "src/app.py": "import os\n\ndef needle():\n    return 'Needle'\n",
        "src/deep/er/mod.c": "int needle;\r\n",
        "src/deep/er/mod.h": "int hay;\n",
        ".github/ci.yml": "run: needle\n",
        "build/out.py": "needle = 1\n",
        ".gitignore": "build/\n*.log\n",
        "x.log": "needle\n",
        ".git/config": "needle\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode())
    return folder


async def test_matching_lines_come_with_path_and_number(tree: Path) -> None:
    assert (await search_files("needle")).split("\n") == [
        "README.md:2: needle here",
        ".github/ci.yml:1: run: needle",
        "src/app.py:3: def needle():",
        "src/deep/er/mod.c:1: int needle;",
    ]


async def test_a_directory_a_file_or_a_kind_of_file_can_be_searched(tree: Path) -> None:
    assert await search_files("needle", "src/deep") == "src/deep/er/mod.c:1: int needle;"
    assert await search_files("needle", "README.md") == "README.md:2: needle here"
    assert await search_files("needle", files="*.py") == "src/app.py:3: def needle():"
    assert await search_files("needle", files="src/**/*.{c,h}") == (
        "src/deep/er/mod.c:1: int needle;"
    )
    absolute = await search_files("hay", str(tree / "src"))
    assert absolute == f"{tree}/src/deep/er/mod.h:1: int hay;"


async def test_patterns_are_regular_expressions_for_one_line(tree: Path) -> None:
    assert await search_files(r"^int \w+;$", "src") == (
        "src/deep/er/mod.c:1: int needle;\nsrc/deep/er/mod.h:1: int hay;"
    )
    assert await search_files("NEEDLE", "README.md") == "(no matches)"
    assert await search_files("NEEDLE", "README.md", ignore_case=True) != "(no matches)"


async def test_what_git_ignores_is_left_out_unless_asked_for(tree: Path) -> None:
    assert "build/" not in await search_files("needle")
    found = await search_files("needle", include_ignored=True)
    assert "build/out.py:1: needle = 1" in found and "x.log:1: needle" in found
    assert ".git/config" not in found


async def test_rules_of_the_repository_above_hold_below(tree: Path) -> None:
    (tree / "src/x.log").write_text("needle\n")
    assert "x.log" not in await search_files("needle", "src")


async def test_a_wrong_expression_says_what_is_wrong(tree: Path) -> None:
    with pytest.raises(ValueError, match=r"not a regular expression: missing \)"):
        await search_files("f(")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        await search_files("x", "nowhere")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        await glob_files("x", "nowhere")


async def test_binary_files_and_links_are_left_out(tree: Path) -> None:
    (tree / "junk").write_bytes(b"needle\0\xff")
    (tree / "latin").write_bytes(b"needle \xe9\n")
    (tree / "link").symlink_to("README.md")
    (tree / "loop").symlink_to(".")
    found = await search_files("needle", files="*")
    assert "junk" not in found and "link:" not in found and "loop" not in found
    assert "latin:1: needle \ufffd" in found


async def test_long_lines_are_shown_around_the_match(tree: Path) -> None:
    (tree / "min.js").write_text("a" * 100_000 + "needle" + "b" * 100_000)
    found = await search_files("needle", files="*.js")
    assert "aneedleb" in found and len(found) < 400


async def test_too_many_matches_are_cut_and_said_so(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_module, "MAX_MATCHES", 2)
    monkeypatch.setattr(glob_module, "MAX_FILES", 2)
    found = (await search_files("needle")).split("\n")
    assert len(found) == 3 and found[2] == "[only the first 2 are shown: narrow the search]"
    assert (await glob_files("*")).count("\n") == 2


async def test_an_expression_that_never_ends_is_stopped_and_blocks_no_other(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look, "_SECONDS", 1)
    (tree / "a").write_text("x\n")
    (tree / "b").write_text("a" * 60 + "!\n")
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.02)
            ticks += 1

    ticking = asyncio.create_task(tick())
    start = time.monotonic()
    found = await search_files(r"(a+)+$|x", files="[ab]")
    ticking.cancel()
    assert time.monotonic() - start < 20  # the expression alone would take ages
    assert found == "a:1: x\n[stopped after 1 s; there may be more: narrow the search]"
    assert ticks > 10


async def test_files_are_found_by_name_at_any_depth(tree: Path) -> None:
    assert await glob_files("mod.*") == "src/deep/er/mod.c\nsrc/deep/er/mod.h"
    assert await glob_files("mod.[!c]", "src/deep") == "src/deep/er/mod.h"
    assert await glob_files("out.py") == "(no files)"
    assert await glob_files("out.py", include_ignored=True) == "build/out.py"


async def test_a_pattern_with_a_slash_is_for_the_whole_path(tree: Path) -> None:
    assert await glob_files("src/*.py") == "src/app.py"
    assert await glob_files("./src/*.py") == "src/app.py"
    assert await glob_files("src/**/mod.c") == "src/deep/er/mod.c"
    assert await glob_files("**/*.md") == "README.md"
    assert await glob_files("er/*") == "(no files)"


async def test_odd_names_are_found_and_shown(tree: Path) -> None:
    (tree / os.fsdecode(b"odd\n\xff.md")).write_text("needle\n")
    assert r"odd\n\xff.md:1: needle" in await search_files("needle", files="odd*")
    assert await glob_files("odd*") == r"odd\n\xff.md"


@pytest.mark.parametrize("name", ["\ud83d", "a\udfff", "\ud83d/\ude00"])
async def test_half_of_a_character_in_a_name_is_said_in_a_few_words(
    name: str, folder: Path
) -> None:
    for looking in (
        search_files("x", directory=name),
        search_files("x", files=name),
        glob_files(name),
        glob_files("*", directory=name),
    ):
        with pytest.raises(ValueError, match="half of a character stands"):
            await looking
