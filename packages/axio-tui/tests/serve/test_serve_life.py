"""One application a token: it goes on in the page that came last, and ends with the last one."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from axio_tui.errors import WrongUse
from axio_tui.serve import command
from support.served import PATIENCE, Served, is_alive, shown
from support.waiting import until

Serve = Callable[..., Served]

pytestmark = pytest.mark.timeout(300)


async def test_a_prompt_is_answered_and_a_page_that_is_loaded_again_shows_all(
    serve: Serve,
) -> None:
    served = serve()
    async with aiohttp.ClientSession() as http:
        place = await served.enter(http)
        first = await served.connect(http, place)
        await shown(first, "F1 help")
        await first.send_str(json.dumps(["stdin", "hello\r"]))
        await shown(first, "One.")
        (pid,) = served.applications()
        await first.close()
        second = await served.connect(http, place)
        again = await shown(second, "One.")
        assert "hello" in again and "\x1b[?1049h" in again
        third = await served.connect(http, place)  # another tab takes it over
        await shown(third, "F1 help")
        while (await second.receive(PATIENCE)).type is aiohttp.WSMsgType.BINARY:
            pass
        assert second.closed and served.applications() == [pid]


async def test_who_leaves_the_application_begins_another_with_the_next_page(serve: Serve) -> None:
    served = serve()
    async with aiohttp.ClientSession() as http:
        place = await served.enter(http)
        socket = await served.connect(http, place)
        await shown(socket, "F1 help")
        (pid,) = served.applications()
        await socket.send_str(json.dumps(["stdin", "\x11"]))  # Ctrl+Q
        while (await socket.receive(PATIENCE)).type is aiohttp.WSMsgType.BINARY:
            pass
        await until(lambda: not is_alive(pid), "gone")
        assert served.applications() == [] and served.process.poll() is None
        await shown(await served.connect(http, place), "F1 help")
        (other,) = served.applications()
        assert other != pid


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
async def test_no_application_outlives_the_server(serve: Serve, signum: signal.Signals) -> None:
    served = serve()
    async with aiohttp.ClientSession() as http:
        socket = await served.connect(http, await served.enter(http))
        await shown(socket, "F1 help")
        (pid,) = served.applications()
        served.process.send_signal(signum)
        code = 0 if signum != signal.SIGKILL else -signum
        assert served.process.wait(PATIENCE) == code
        await until(lambda: not is_alive(pid), "gone")
        if code == 0:
            assert served.process.stderr is not None and served.process.stderr.read() == b""


def words_of(pid: int) -> list[str]:
    """The command line of a process."""
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode().rstrip("\0").split("\0")


async def test_the_application_has_the_options_and_no_shell_reads_them(serve: Serve) -> None:
    hostile = "$(touch pwned); `touch pwned`"
    served = serve("--system", hostile, "--no-save")
    async with aiohttp.ClientSession() as http:
        socket = await served.connect(http, await served.enter(http))
        await shown(socket, "F1 help")
        (pid,) = served.applications()
        told = words_of(pid)
        assert told[-5:] == ["--transport", "scripted", "--system", hostile, "--no-save"]
        home = Path(os.readlink(f"/proc/{pid}/cwd"))
        assert not (home / "pwned").exists()


async def test_modules_of_the_folder_are_not_the_applications(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "axio_tui").mkdir()
    (tmp_path / "axio_tui/__init__.py").write_text("open('pwned', 'w')")
    served = serve()
    async with aiohttp.ClientSession() as http:
        await shown(await served.connect(http, await served.enter(http)), "F1 help")
    assert not (tmp_path / "pwned").exists()


async def test_there_is_no_shell_to_go_back_to_in_a_page(serve: Serve) -> None:
    served = serve()
    async with aiohttp.ClientSession() as http:
        socket = await served.connect(http, await served.enter(http))
        await shown(socket, "F1 help")
        await socket.send_str(json.dumps(["stdin", "\x1a"]))  # Ctrl+Z
        await shown(socket, "no shell")
        await socket.send_str(json.dumps(["stdin", "hello\r"]))
        await shown(socket, "One.")


async def test_a_size_that_changes_is_the_applications(serve: Serve) -> None:
    served = serve()
    async with aiohttp.ClientSession() as http:
        place = await served.enter(http)
        socket = await http.ws_connect(
            f"{place}ws?width=61&height=20", headers={"Origin": served.origin}
        )
        assert "\x1b[20;" in await shown(socket, "F1 help")
        await socket.send_str('["resize", {"width": 90, "height": 33}]')
        await shown(socket, "\x1b[33;")


# ── what is wrong ─────────────────────────────────────────────────────────────────────────────


def test_others_are_warned_of_in_one_line(axio: Any) -> None:
    process = axio.start("--serve", "--web-listen", "0.0.0.0:0")
    address = process.stdout.readline().decode()
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=PATIENCE)
    assert "http://" in address and process.returncode == 0
    (line,) = err.decode().splitlines()
    assert line.startswith("axio: warning: other machines reach ") and "not encrypted" in line


def test_loopback_is_not_warned_of(serve: Serve) -> None:
    served = serve(listen="127.0.0.1:0")
    served.process.send_signal(signal.SIGINT)
    assert served.process.wait(PATIENCE) == 0
    assert served.process.stderr is not None and served.process.stderr.read() == b""


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--web-listen", "8086"], "no address"),
        (["--web-listen", "no.such.host.invalid:80"], "no.such.host.invalid"),
        (["run", "hi"], "goes without run"),
    ],
)
def test_wrong_use_is_told_in_one_line(axio: Any, args: list[str], told: str) -> None:
    done = axio("--serve", *args)
    assert done.code == 2 and told in done.line


def test_a_port_that_is_taken_is_told_in_one_line(serve: Serve, axio: Any) -> None:
    served = serve()
    done = axio("--serve", "--web-listen", served.host)
    assert done.code == 1 and "Address already in use; --web-listen names another" in done.line


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"aiohttp": object(), "textual_serve": None}
    monkeypatch.setattr(command, "find_spec", there.get)
    with pytest.raises(WrongUse, match=r"needs textual-serve, .* pip install textual-serve$"):
        command.serve("localhost:0", ["--serve"], print)


def test_the_help_costs_no_server(axio: Any) -> None:
    done = axio("--help")
    assert "--web-listen HOST:PORT" in done.out and "default: localhost:8086" in done.out
