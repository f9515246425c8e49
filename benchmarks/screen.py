"""The full screen, on a pseudo-terminal: CPU seconds, and ratios within one run.

    python -m benchmarks.screen [--seconds 15] [first] [open] [stream] [fence] [idle] [keys] [soak]

`soak` is named by itself: turn after turn of a minute for so many seconds, over 2,000 messages.

A program that is starved of the processor paints less, and so looks cheap: figures of a stream
count only where the lag of its event loop stays under 50 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import json
import os
import pty
import resource
import select
import statistics
import struct
import sys
import tempfile
import termios
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.screen_model import Talker, messages
from benchmarks.screen_plugins import compare, ready

ROUNDS = 3
RATE = 200


# ── the process that is measured ──────────────────────────────────────────────────────────────────


_seeded: list[float] = []
_painted: list[float] = []
"""CPU seconds when the history was there, and when its end was on the screen."""


def _watch_paints() -> None:
    """Note when the end of a conversation is on the screen for the first time."""
    from axio_tui.app.widgets.transcript import Transcript

    show = Transcript.show

    def shown(self: Transcript, conversation: Any) -> None:
        is_first = conversation.entries and conversation is not self.conversation
        show(self, conversation)
        if is_first:
            self.call_after_refresh(lambda: _painted.append(_cpu()))

    Transcript.show = shown  # type: ignore[method-assign]


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _rss() -> float:
    """In MB, now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def _empty() -> dict[str, float]:
    from textual.app import App, ComposeResult
    from textual.widgets import Static

    class Empty(App[None]):
        def compose(self) -> ComposeResult:
            yield Static("ready")

        def on_mount(self) -> None:
            self.call_after_refresh(self.exit)

    Empty().run()
    return {"cpu": _cpu()}


def _first() -> dict[str, float]:
    """Up to the first frame; what is opened afterwards is not in it."""
    from axio_tui.app.app import AgentApp

    class First(AgentApp):
        def _begin(self) -> None:
            self.exit()

    First(_opening(Talker(), 0)).run()
    return {"cpu": _cpu()}


def _opening(talker: Talker, count: int) -> Any:
    @asynccontextmanager
    async def open(ask: object, say: object) -> AsyncIterator[Any]:
        from axio.agent import Agent  # Late, as in the command: a first frame needs none of it.
        from axio_tools_local.local import LocalWorkspace
        from axio_tui.app.opening import Opened
        from axio_tui.chat.library import open_library
        from axio_tui.chat.session import ChatSession

        folder = Path(tempfile.mkdtemp(prefix="axio-bench-"))
        async with open_library(folder / "axio.db", folder) as library:
            first = await library.store()
            for message in messages(count):
                await first.append(message)
            first = await library.store(first.session_id)
            agent = Agent("Help.", talker)
            _seeded.append(_cpu())
            place = LocalWorkspace(folder)
            yield Opened(
                ChatSession(agent, first),
                lambda store: ChatSession(agent, store),
                library,
                place,
                lambda: "bench",
            )

    return open


def _in_app(count: int, work: Callable[..., Any]) -> dict[str, float]:
    from axio_tui.app.app import AgentApp

    talker = Talker()
    app = AgentApp(_opening(talker, count))
    result: dict[str, float] = {}

    async def job(pilot: object) -> None:
        await app.ready.wait()
        await asyncio.sleep(0.5)
        result.update(await work(app, talker))
        app.exit()

    async def main() -> None:
        try:
            await app.run_async(auto_pilot=job)
        finally:
            await app.close()

    asyncio.run(main())
    return result


def _open(count: int) -> dict[str, float]:
    """A session of so many messages is opened, up to the paint of its end: as the first one, with
    all that has to be imported for it, and again."""
    from axio_tui.app.app import AgentApp

    async def work(app: AgentApp, talker: Talker) -> dict[str, float]:
        cold = _painted[0] - _seeded[0]
        _painted.clear()
        (info,) = await app.opened.library.sessions()
        other = app.opened.make(await app.opened.library.store())
        await app.show_session(other)
        await asyncio.sleep(0.3)
        before = _cpu()
        await app.show_session(app.opened.make(await app.opened.library.store(info.session_id)))
        whole = _cpu() - before
        while not _painted:  # noqa: ASYNC110 - it comes in a moment
            await asyncio.sleep(0.01)
        found = {"cold": cold, "warm": _painted[0] - before, "whole": whole, "rss": _rss()}
        return found

    _watch_paints()
    return _in_app(count, work)


async def _lags(found: list[float]) -> None:
    while True:
        before = time.perf_counter()
        await asyncio.sleep(0.02)
        found.append(time.perf_counter() - before - 0.02)


def _stream(count: int, seconds: float, fence: bool, keys: bool = False) -> dict[str, float]:
    from axio_tui.app.app import AgentApp

    async def work(app: AgentApp, talker: Talker) -> dict[str, float]:
        lags: list[float] = []
        probe = asyncio.create_task(_lags(lags))
        await app.runs.send(app.session, "talk")
        talking = asyncio.create_task(talker.talk(RATE, seconds, fence=fence))
        marks = [(time.perf_counter(), _cpu())]
        pressed = 0
        end = marks[0][0] + seconds
        step = seconds / 3
        while time.perf_counter() < end:
            if keys:
                from textual import events

                app.composer.area.post_message(events.Key("a", "a"))
                pressed += 1
            await asyncio.sleep(0.1)
            if time.perf_counter() - marks[-1][0] >= step:
                marks.append((time.perf_counter(), _cpu()))
        await talking
        probe.cancel()
        now = (time.perf_counter(), _cpu())
        marks.append(now)
        shares = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in pairwise(marks)]
        lags.sort()
        while app.runs.is_busy:  # noqa: ASYNC110 - it is over in a moment
            await asyncio.sleep(0.05)
        return {
            "core": (now[1] - marks[0][1]) / (now[0] - marks[0][0]),
            "first": shares[0],
            "last": shares[2] if len(shares) > 2 else shares[-1],
            "lag": lags[len(lags) // 2] * 1000,
            "rss": _rss(),
            "cpu": now[1] - marks[0][1],
            "keys": pressed,
        }

    return _in_app(count, work)


def _soak(count: int, seconds: float, turn: float, result: Path) -> dict[str, float]:
    """Turn after turn; each leaves its figures in `result`, so that one can look in between."""
    from axio_tui.app.app import AgentApp

    turns: list[dict[str, float]] = []

    async def work(app: AgentApp, talker: Talker) -> dict[str, float]:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            lags: list[float] = []
            probe = asyncio.create_task(_lags(lags))
            since, before = time.perf_counter(), _cpu()
            await app.runs.send(app.session, "talk")
            await talker.talk(RATE, turn, fence=False)
            while app.runs.is_busy:  # noqa: ASYNC110 - it is over in a moment
                await asyncio.sleep(0.05)
            probe.cancel()
            lags.sort()
            core = (_cpu() - before) / (time.perf_counter() - since)
            turns.append(
                {
                    "core": core,
                    "lag": lags[len(lags) // 2] * 1000,
                    "lag99": lags[len(lags) * 99 // 100] * 1000,
                    "rss": _rss(),
                }
            )
            await asyncio.to_thread(result.write_text, json.dumps(turns))
        return {"turns": len(turns), **_thirds(turns)}

    return _in_app(count, work)


def _thirds(turns: list[dict[str, float]]) -> dict[str, float]:
    """The middle of each figure in the first third of the turns, and in the last."""
    third = max(1, len(turns) // 3)
    parts = {"first": turns[:third], "last": turns[-third:]}
    return {
        f"{part} {name}": statistics.median(turn[name] for turn in some)
        for part, some in parts.items()
        for name in turns[0]
    }


def _idle(seconds: float) -> dict[str, float]:
    from axio_tui.app.app import AgentApp

    async def work(app: AgentApp, talker: Talker) -> dict[str, float]:
        await asyncio.sleep(1)
        before, since = _cpu(), time.perf_counter()
        await asyncio.sleep(seconds)
        return {"core": (_cpu() - before) / (time.perf_counter() - since)}

    return _in_app(200, work)


# ── its parent ────────────────────────────────────────────────────────────────────────────────────


def measured(*arguments: object) -> dict[str, float]:
    """Run a part in a process of its own, in a terminal of 110 columns; what it has measured."""
    with tempfile.NamedTemporaryFile("r", suffix=".json") as result:
        command = [sys.executable, "-m", "benchmarks.screen", "--part", result.name]
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ["TERM"] = "xterm-256color"
            os.execv(sys.executable, [*command, *map(str, arguments)])
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 34, 110, 0, 0))
        said, drawn = b"", 0
        try:
            while True:
                if select.select([terminal], [], [], 1)[0]:
                    try:
                        piece = os.read(terminal, 65536)
                        said, drawn = (said + piece)[-4000:], drawn + len(piece)
                    except OSError:  # it has ended
                        break
        finally:
            os.close(terminal)
            _, status = os.waitpid(pid, 0)
        text = result.read()
        if status or not text:
            raise RuntimeError(
                f"{' '.join(map(str, arguments))} ended with status {status}: {said!r}"
            )
        return {**json.loads(text), "drawn": drawn}


def _middle(name: str, *arguments: object) -> float:
    return statistics.median(measured(*arguments)[name] for _ in range(ROUNDS))


def _row(what: str, figure: str, goal: str) -> None:
    print(f"| {what} | {figure} | {goal} |", flush=True)


def _rows(parts: list[str], seconds: float) -> None:
    print("| what | measured | goal |\n|---|---|---|", flush=True)
    if "first" in parts:
        empty, first = _middle("cpu", "empty"), _middle("cpu", "first")
        ratio = f"{first / empty:.2f} ({first:.2f} / {empty:.2f} s)"
        _row("first frame, over an empty Textual application", ratio, "1.5")
    if "plugins" in parts:
        compare(_middle, _row)
    if "open" in parts:
        few, many = measured("open", 20), measured("open", 2000)
        _row("opening 2,000 messages over 20, CPU", _over(many, few, "cold", 1000, "ms"), "2")
        _row(
            "the same, in a process that has opened one", _over(many, few, "warm", 1000, "ms"), "-"
        )
        _row("the same, until all of it is there", _over(many, few, "whole", 1000, "ms"), "-")
        _row("the same, memory", _over(many, few, "rss", 1, "MB"), "1.3")
    for kind in ("stream", "fence"):
        if kind in parts:
            none = measured(kind, 0, seconds)
            many = measured(kind, 2000, seconds)
            lag = f"lag {many['lag']:.0f} ms, {many['drawn'] / 1e6:.1f} MB drawn"
            _row(
                f"{kind}, 200 deltas/s over 2,000 messages",
                f"{many['core']:.2f} core, {lag}",
                "0.5",
            )
            _row("the same, over an empty transcript", _over(many, none, "core", 1, "core"), "1.3")
            _row("its last third over its first", f"{many['last'] / many['first']:.2f}", "1.3")
    if "idle" in parts:
        _row("idle", f"{measured('idle', seconds)['core']:.2%} of a core", "1 %")
    if "keys" in parts:
        quiet, typed = measured("stream", 2000, seconds), measured("keys", 2000, seconds)
        each = (typed["cpu"] - quiet["cpu"]) / max(1, typed["keys"]) * 1000
        _row("a key while it streams", f"{each:.1f} ms CPU, lag {typed['lag']:.0f} ms", "30 ms")
    if "soak" in parts:
        found = measured("soak", 2000, seconds, min(60.0, seconds / 6))
        turns = f"{found['turns']:.0f} turns in {seconds:.0f} s, last third over first"
        for name, unit in (("core", ""), ("lag", " ms"), ("lag99", " ms"), ("rss", " MB")):
            one, other = found[f"last {name}"], found[f"first {name}"]
            figure = f"{one / other:.2f} ({one:.2f} / {other:.2f}{unit})"
            _row(f"{turns}: {name}", figure, "1.3")


def _over(
    one: dict[str, float], other: dict[str, float], name: str, factor: float, unit: str
) -> str:
    ratio = one[name] / other[name]
    return f"{ratio:.2f} ({one[name] * factor:.2f} / {other[name] * factor:.2f} {unit})"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.screen", description=__doc__)
    parser.add_argument("parts", nargs="*")
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--part", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part is None:
        all_parts = ["first", "plugins", "open", "stream", "fence", "idle", "keys"]
        _rows(options.parts or all_parts, options.seconds)
        return
    name, *rest = options.parts
    numbers = [float(text) for text in rest]
    found = {
        "empty": lambda: _empty(),
        "first": lambda: _first(),
        "ready": lambda: {"cpu": ready(_cpu)},
        "open": lambda: _open(int(numbers[0])),
        "stream": lambda: _stream(int(numbers[0]), numbers[1], False),
        "fence": lambda: _stream(int(numbers[0]), numbers[1], True),
        "keys": lambda: _stream(int(numbers[0]), numbers[1], False, keys=True),
        "idle": lambda: _idle(numbers[0]),
        "soak": lambda: _soak(int(numbers[0]), numbers[1], numbers[2], Path(options.part)),
    }[name]()
    Path(options.part).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
