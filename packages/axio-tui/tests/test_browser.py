"""Pages that are opened for the person."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from axio_tui.browser import open_page

PAGE = "https://example.org/a?b=c&d=[e]"


def program(folder: Path) -> Path:
    file = folder / "browser"
    file.write_text(
        f'#!/bin/sh\necho noise; printf %s "$*" > {folder}/new; mv {folder}/new {folder}/opened\n'
    )
    file.chmod(0o755)
    return file


def opened(folder: Path) -> str:
    deadline = time.monotonic() + 30
    while not (folder / "opened").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return (folder / "opened").read_text()


@pytest.mark.parametrize(("more", "words"), [("", PAGE), (" --new %s", f"--new {PAGE}")])
def test_the_program_of_the_person_gets_the_page_as_one_word(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], more: str, words: str
) -> None:
    assert open_page(PAGE, {"BROWSER": f"{program(tmp_path)}{more}"})
    assert opened(tmp_path) == words
    assert capfd.readouterr() == ("", "")


def test_a_program_of_the_desktop_is_found_on_the_path(tmp_path: Path) -> None:
    program(tmp_path).rename(tmp_path / "xdg-open")
    assert open_page(PAGE, {"PATH": str(tmp_path)})
    assert opened(tmp_path) == PAGE


@pytest.mark.parametrize(
    ("url", "browser"),
    [
        ("file:///etc/passwd", "true"),
        ("javascript:alert(1)", "true"),
        ("--help", "true"),
        (PAGE, "/no/such/program"),
        (PAGE, "'unclosed"),
    ],
)
def test_what_is_no_page_or_cannot_be_opened_is_not(url: str, browser: str) -> None:
    assert not open_page(url, {"BROWSER": browser})


def test_where_there_is_no_browser_nothing_is_opened(tmp_path: Path) -> None:
    assert not open_page(PAGE, {"PATH": str(tmp_path)})
