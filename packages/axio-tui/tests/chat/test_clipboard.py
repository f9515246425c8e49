"""The image of the clipboard: from the program that is there, within limits, or none."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from pathlib import Path

import pytest

from axio_tui.chat import clipboard
from axio_tui.chat.clipboard import clipboard_image, programs_here
from axio_tui.chat.pictures import MAX_BYTES
from support.drawing import png

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="programs of X11 and Wayland")


class Desk:
    """A folder of programs that stand for those of a desktop."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "picture").write_bytes(png(3, 2))

    def program(self, name: str, *, kinds: str = "TARGETS image/png", get: str = "") -> None:
        get = get or f'cat "{self.folder}/picture"'
        listing = '*TARGETS*|"--list-types")'
        text = f'#!/bin/sh\ncase "$*" in {listing} echo "{kinds}";; *image*) {get};; esac\n'
        (self.folder / name).write_text(text)
        (self.folder / name).chmod(0o755)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("DISPLAY", ":99")
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-9")
    monkeypatch.setattr(clipboard, "PATIENCE", 30.0)
    return Desk(tmp_path)


@pytest.mark.parametrize("name", ["wl-paste", "xclip"])
async def test_the_image_is_what_the_program_gives(desk: Desk, name: str) -> None:
    desk.program(name)
    assert await clipboard_image() == png(3, 2)


async def test_a_clipboard_of_text_has_none(desk: Desk) -> None:
    desk.program("xclip", kinds="TARGETS UTF8_STRING text/plain", get="echo image/png")
    assert await clipboard_image() is None


async def test_one_without_its_display_is_not_asked(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.program("xclip")
    monkeypatch.delenv("DISPLAY")
    assert "xclip" not in [program.name for program in programs_here()]
    assert await clipboard_image() is None


async def test_one_that_fails_gives_way_to_the_next(desk: Desk) -> None:
    desk.program("wl-paste", get="echo half; exit 1")
    desk.program("xclip")
    assert await clipboard_image() == png(3, 2)


async def test_one_that_hangs_is_ended_with_its_children(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.program("xclip", get=f'echo $$ > "{desk.folder}/pid"; sleep 300')
    monkeypatch.setattr(clipboard, "PATIENCE", 8.0)
    assert await clipboard_image() is None
    deadline = time.monotonic() + 30
    pid = int((desk.folder / "pid").read_text())
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            await asyncio.sleep(0.05)
        pytest.fail("it is still there")


async def test_one_that_writes_without_end_is_read_to_the_limit(desk: Desk) -> None:
    desk.program("xclip", get=f'cat "{desk.folder}/picture" /dev/zero')
    data = await clipboard_image()
    assert data is not None and MAX_BYTES < len(data) < MAX_BYTES + (1 << 17)
