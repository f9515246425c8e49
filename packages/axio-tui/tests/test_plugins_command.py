"""`axio plugins`, over plug-ins that are whole and that are broken in every way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.plugs import BROKEN_GROUPS, BROKEN_MODULES, WEATHER, WEATHER_GROUPS, put


@pytest.fixture
def weather(axio: Any, tmp_path: Path) -> None:
    site = put(tmp_path / "site", "acme-weather", WEATHER_GROUPS, {"weather_parts": WEATHER}, "2.1")
    axio.environment["PYTHONPATH"] = f"{axio.acme}:{site}"


@pytest.fixture
def broken(weather: None, axio: Any, tmp_path: Path) -> None:
    plugins = dict(BROKEN_GROUPS["axio.tools.settings"])
    for slow in ("closehangs", "inithangs", "toolshang"):  # each would take ten seconds more
        del plugins[slow]
    groups = {**BROKEN_GROUPS, "axio.tools.settings": plugins}
    put(tmp_path / "site", "acme-broken", groups, BROKEN_MODULES)


@pytest.mark.usefixtures("weather")
def test_plug_ins_are_listed_with_what_they_come_from(axio: Any) -> None:
    done = axio("plugins")
    assert done.code == 0 and done.err == ""
    lines = [line.split() for line in done.out.splitlines()]
    assert ["axio.tools"] in lines and ["axio.selector"] in lines
    for name in ("weather", "stations", "cloud", "no-storms", "only-weather"):
        assert [name, "acme-weather", "2.1", "ready"] in lines, done.out
    shell = next(line for line in lines if line[0] == "shell")
    assert shell[1] == "axio-tools-local" and shell[3] == "ready"


@pytest.mark.timeout(240)
@pytest.mark.usefixtures("broken")
def test_each_that_is_broken_is_told_with_its_step(axio: Any) -> None:
    done = axio("plugins", "--json")
    assert done.code == 0 and done.err == ""
    found = {(one["group"], one["name"], one["distribution"]): one for one in json.loads(done.out)}
    errors = {
        name: (one["state"], one["error"])
        for (_, name, whose), one in found.items()
        if whose == "acme-broken"
    }
    assert errors["exits"] == ("broken", "import: SystemExit: 4")
    assert errors["interrupts"] == ("broken", "import: KeyboardInterrupt")
    assert errors["hangs"] == ("broken", "import: it took more than 10 s")
    assert errors["constructorhangs"] == ("broken", "constructor: it took more than 10 s")
    assert errors["initblocks"] == (
        "broken",
        "init: it has blocked the application for 10 s",
    )
    assert errors["toolsraise"] == ("broken", "all_tools: RuntimeError: all_tools")
    assert errors["closeraises"] == ("broken", "close: RuntimeError: close")
    assert errors["initisnotasync"] == ("broken", "init: TypeError: it is not async")
    assert errors["ollama"] == ("skipped", "the name is for a part of axio itself")
    state, error = errors["read_file"]
    assert state == "skipped" and error.startswith("axio.tools 'read_file' of axio-tools-local")
    assert found["axio.tools", "weather", "acme-weather"]["state"] == "ready"


@pytest.mark.usefixtures("broken")
def test_the_exit_code_tells_of_those_that_were_named(axio: Any) -> None:
    assert axio("plugins", "weather", "stations").code == 0
    done = axio("plugins", "axio.tools:raises", "weather")
    assert done.code == 1 and "broken: import: RuntimeError: import" in done.out
    assert "stations" not in done.out
    done = axio("plugins", "nope")
    assert done.code == 2 and done.line == "axio: error: no plug-in 'nope' is installed"


@pytest.mark.usefixtures("weather")
def test_plug_ins_work_in_a_run(axio: Any) -> None:
    told = axio("run", "--transport", "cloud", "hi", env={"AXIO_SELECTOR_ACTIVE": "only-weather"})
    assert told.out.splitlines()[0] == "cloud-1 in eu: station_read,weather"
    named = axio("run", "--transport", "cloud", "--tools", "weather,station_read", "hi")
    assert named.out.splitlines()[0] == "cloud-1 in eu: station_read,weather"
    call = [[["acme_change", {"path": "storm.txt"}]], ["Done."]]
    done = axio("run", "--yes", "--transport", "scripted", "go", script=call)
    assert done.code == 0 and not (axio.home / "storm.txt").exists()
    assert "denied: no storms" in done.out
    env = {"AXIO_GUARDS_DISABLED": "no-storms"}
    axio("run", "--yes", "--transport", "scripted", "go", script=call, env=env)
    assert (axio.home / "storm.txt").exists()


LOUD = """
import os
print("imported")

class Loud:
    def __init__(self):
        print("made")

    async def __call__(self) -> str:
        print("called")
        return "quiet"

class Leaks:
    def __init__(self):
        raise ValueError("login failed, password=" + os.environ["WORD"])
"""


def test_what_plug_ins_print_is_no_part_of_the_output_for_programs(
    axio: Any, tmp_path: Path
) -> None:
    groups = {"axio.tools": {"loud": "loud_parts:Loud", "leaks": "loud_parts:Leaks"}}
    site = put(tmp_path / "site", "acme-loud", groups, {"loud_parts": LOUD})
    env = {"PYTHONPATH": f"{axio.acme}:{site}", "WORD": "hunter2hunter2"}
    script = [[["loud", {}]], ["Done."]]
    for form in ("json", "stream-json"):
        options = ("--yes", "--transport", "scripted", "--format", form)
        done = axio("run", *options, "go", script=script, env=env)
        lines = [json.loads(line) for line in done.out.splitlines()]
        assert done.code == 0 and (len(lines) == 1) == (form == "json"), done.err
        assert [done.err.count(word) for word in ("imported", "made", "called")] == [1, 1, 1]
        assert "'leaks' of acme-loud 1.0" in done.err and "hunter2" not in done.err


@pytest.mark.timeout(240)
@pytest.mark.usefixtures("broken")
def test_a_run_goes_on_without_those_that_are_broken(axio: Any) -> None:
    done = axio("run", "--transport", "cloud", "hi")
    assert done.code == 0
    names = done.out.splitlines()[0].partition(": ")[2].split(",")
    assert {"weather", "station_read", "acme_fine", "read_file"} <= {*names}
    for words in ("'exits' of acme-broken 1.0: import: SystemExit: 4", "'initblocks'", "'hangs'"):
        assert done.err.count(words) == 1, done.err


@pytest.mark.timeout(240)
@pytest.mark.usefixtures("weather")
def test_one_that_is_switched_off_is_not_used_until_it_is_switched_on(axio: Any) -> None:
    def tools() -> list[str]:
        done = axio("run", "--transport", "cloud", "hi")
        assert done.code == 0, done.err
        return str(done.out).splitlines()[0].partition(": ")[2].split(",")

    assert {"weather", "station_read"} <= set(tools())
    done = axio("plugins", "--disable", "weather", "--disable", "stations")
    assert done.code == 0 and "weather is switched off in this folder" in done.err
    assert not {"weather", "station_read"} & set(tools())
    assert "weather  acme-weather 2.1  off" in axio("plugins", "weather").out
    axio("plugins", "--enable", "weather")
    assert "weather" in tools() and "station_read" not in tools()
