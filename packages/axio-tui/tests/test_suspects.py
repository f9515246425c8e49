"""Plug-ins that end the program, or hold it: they are named at the next start, and left out."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from axio.plugins import PluginError
from axio_tui import suspects
from axio_tui.config.paths import data_folder
from axio_tui.suspects import noted, try_suspects, watched
from support.plugs import WEATHER, WEATHER_GROUPS, put
from support.waiting import until

GROUPS = {"axio.tools": {"deadly": "deadly_parts:part", "fine": "fine_parts:part"}}
FINE = "async def part() -> str: ..."
ENDS = {
    "exit": "import os\nos._exit(0)",
    "crash": "import ctypes\nctypes.string_at(0)",
    "made": "import os\nclass part:\n    def __init__(self): os._exit(3)",
}
HOLDS = "import ctypes\nctypes.PyDLL(None).sleep(300)"
RUN = ("run", "--transport", "cloud", "hi")


@pytest.fixture
def deadly(axio: Any, tmp_path: Path) -> Callable[[str], object]:
    site = put(tmp_path / "site", "acme-weather", WEATHER_GROUPS, {"weather_parts": WEATHER})
    axio.environment["PYTHONPATH"] = f"{axio.acme}:{site}"
    put(site, "acme-deadly", GROUPS, {"fine_parts": FINE})
    return lambda text: (site / "deadly_parts.py").write_text(text)


def notes(axio: Any) -> list[str]:
    folder = Path(f"{axio.home}-data", "axio-tui", "loading")
    return sorted(one.read_text().partition("\n")[2] for one in folder.glob("*"))


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    "end", ["exit", *(pytest.param(end, marks=pytest.mark.heavy) for end in ("crash", "made"))]
)
def test_one_that_ends_the_program_does_it_once(axio: Any, deadly: Any, end: str) -> None:
    deadly(ENDS[end])
    assert axio(*RUN).out == ""
    assert "deadly" in notes(axio)
    done = axio(*RUN)
    assert done.code == 0 and "fine,read_file" not in done.out, done.err
    assert {"weather", "fine", "station_read"} <= {*done.out.split(": ")[1].split(",")}
    assert done.err.count("it ends the program when it is loaded") == 1
    assert "left out: axio.tools 'deadly' of acme-deadly 1.0" in done.err
    assert notes(axio) == ["deadly"], "the others are well"
    listed = axio("plugins", "deadly")
    assert listed.code == 1 and "broken: import: it ends the program" in listed.out
    deadly("async def part() -> str: ...  # mended")
    assert "deadly" in axio(*RUN).out and notes(axio) == []


@pytest.mark.timeout(240)
@pytest.mark.heavy  # it waits until the patience with it ends
async def test_one_that_holds_the_interpreter_does_it_once(axio: Any, deadly: Any) -> None:
    deadly(HOLDS)
    process = axio.start(*RUN)
    try:
        await until(lambda: "deadly" in notes(axio), "noted")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(60)
    done = axio(*RUN)
    assert done.code == 0 and "'deadly' of acme-deadly 1.0: import: it is not loaded" in done.err
    assert "fine" in done.out


def test_the_process_that_tries_them_ends_by_itself(axio: Any, deadly: Any, tmp_path: Path) -> None:
    deadly(HOLDS)
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "axio_tui.plugin_trial", "1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=axio.environment,
        cwd=tmp_path,
    ) as process:
        try:
            told, _ = process.communicate(b'[["axio.tools", "deadly"]]', timeout=60)
            assert process.returncode == -signal.SIGALRM, told
        finally:
            process.kill()


# ── notes ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EntryPoint]:
    site = put(tmp_path / "site", "acme-fine", {"axio.tools": GROUPS["axio.tools"]}, {})
    (site / "fine_parts.py").write_text(FINE)
    (site / "deadly_parts.py").write_text(ENDS["exit"])
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(suspects, "_guilty", None)
    yield EntryPoint("fine", "fine_parts:part", "axio.tools")


def test_a_note_lies_there_while_code_runs_and_accuses_nothing(fine: EntryPoint) -> None:
    folder = data_folder() / "loading"
    with noted(fine):
        assert [one.read_text() for one in folder.iterdir()] == ["axio.tools\nfine"]
        assert try_suspects() == {}
    assert [*folder.iterdir()] == []
    with pytest.raises(ZeroDivisionError):
        watched(fine, lambda: 1 // 0)
    assert [*folder.iterdir()] == []


def test_one_that_was_noted_by_chance_is_well(fine: EntryPoint) -> None:
    folder = data_folder() / "loading"
    folder.mkdir(parents=True)
    (folder / "left").write_text("axio.tools\nfine")
    (folder / "gone").write_text("axio.tools\nnot there any more")
    (folder / "empty").write_text("")
    (folder / "deadly").write_text("axio.tools\ndeadly")
    assert watched(fine, lambda: 3) == 3
    assert [one.name for one in folder.iterdir()] == ["deadly"]
    deadly = EntryPoint("deadly", "deadly_parts:part", "axio.tools")
    with pytest.raises(PluginError, match="it ends the program when it is loaded"):
        watched(deadly, lambda: 3)


def test_where_nothing_can_be_noted_code_runs_all_the_same(
    fine: EntryPoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    assert watched(fine, lambda: 3) == 3
