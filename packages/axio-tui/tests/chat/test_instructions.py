"""AGENTS.md of trusted folders, from the root down."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from hypothesis import given, strategies as st

from axio_tui.chat.instructions import LIMIT, instructions_of


def put(path: Path, data: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path.parent


def test_they_come_in_order_each_under_its_path(tmp_path: Path) -> None:
    root, inner = put(tmp_path / "AGENTS.md", "Use tabs.\r\n"), put(tmp_path / "a/AGENTS.md", "No.")
    (tmp_path / "b").mkdir()
    found = instructions_of([root, tmp_path / "b", inner])
    assert not found.problems
    assert found.text.index(f"## {root}/AGENTS.md\n\nUse tabs.\n") < found.text.index(
        f"## {inner}/AGENTS.md\n\nNo.\n"
    )


def test_without_any_there_is_nothing_to_say(tmp_path: Path) -> None:
    put(tmp_path / "AGENTS.md", " \n")
    assert instructions_of([tmp_path]).text == instructions_of([]).text == ""


def test_what_is_over_the_limit_is_cut_and_said(tmp_path: Path) -> None:
    root = put(tmp_path / "AGENTS.md", "a" * (LIMIT - 3))
    inner = put(tmp_path / "in/AGENTS.md", "bééééé")
    last = put(tmp_path / "in/in/AGENTS.md", "never")
    found = instructions_of([root, inner, last])
    assert "bé\n[cut here: the file has 11 bytes]" in found.text and "never" not in found.text
    assert [line.split(" is cut: ")[1][:20] for line in found.problems] == [
        "3 of 11 bytes are us",
        "0 of 5 bytes are use",
    ]


def test_a_huge_file_is_not_read_whole(tmp_path: Path) -> None:
    with (put(tmp_path / "AGENTS.md", "words\n") / "AGENTS.md").open("r+b") as file:
        file.truncate(1 << 40)
    found = instructions_of([tmp_path])
    assert len(found.text) < 2 * LIMIT and "1,099,511,627,776 bytes" in found.text


def test_bytes_that_are_no_text_are_said_and_controls_are_taken_out(tmp_path: Path) -> None:
    put(tmp_path / "AGENTS.md", b"one \xff two \x1b]0;title\x07 \xf3\xa0\x81\xa1three\n")
    found = instructions_of([tmp_path])
    assert "one \ufffd two  three" in found.text
    (line,) = found.problems
    assert line.startswith(f"{tmp_path}/AGENTS.md is not UTF-8")


def test_a_file_that_is_none_is_said(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "AGENTS.md")
    assert instructions_of([tmp_path]).problems == (
        f"{tmp_path}/AGENTS.md is left out: no regular file",
    )
    link = tmp_path / "in"
    link.mkdir()
    put(tmp_path / "secret", "s")
    (link / "AGENTS.md").symlink_to("../secret")
    assert "leads out of the folder" in instructions_of([link]).problems[0]


@given(st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_every_file_can_be_sent(data: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        put(Path(folder) / "AGENTS.md", data)
        text = instructions_of([Path(folder)]).text
    text.encode()
    assert all(c.isprintable() or c in "\n\t" or ord(c) > 127 for c in text)


def test_the_model_is_told_only_in_a_trusted_folder(axio: Any) -> None:
    put(axio.home / "AGENTS.md", "Speak like a pirate.")
    run = ("run", "--transport", "prompts", "--tools", "none", "hello")
    careful = axio(*run)
    assert careful.code == 0 and "pirate" not in careful.out
    assert careful.line.startswith(f"axio: left out: AGENTS.md in {axio.home}; --trust ")
    trusting = axio(*run, "--trust")
    assert not trusting.err and "Speak like a pirate." in json.loads(trusting.out.split("\n")[0])[2]
    axio("config", "trust")
    assert "pirate" in axio(*run).out
    assert json.loads(axio(*run, "--system", "Sing.").out.split("\n")[0])[2].startswith("Sing.\n#")
