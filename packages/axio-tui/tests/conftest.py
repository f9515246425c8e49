"""The real command in a process of its own, with an installed distribution that a test can script.

The distribution `acme` offers the transport `scripted`, which plays the turns in $SCRIPT, and
tools that can be stopped more or less easily. It is found the way every distribution is found.
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from support.plugs import put
from support.served import Served

PARTS = '''
import asyncio, json, os, subprocess, time
from dataclasses import dataclass, field
from pathlib import Path
from axio.events import *
from axio.exceptions import ProviderError
from axio.models import ModelRegistry, ModelSpec
from axio.tool import tool_options
from axio.types import StopReason, Usage


class Scripted:
    """Plays the lists in $SCRIPT: texts, [tool, arguments], seconds to wait, {"raise": ...}.

    {"until": tool} repeats the turn, with another call, until it is shown that tool.
    {"file": path} waits until there is such a file.
    """

    turns = 0

    async def stream(self, messages, tools, system):
        script = json.loads(os.environ["SCRIPT"])
        turn = script[min(Scripted.turns, len(script) - 1)]
        Scripted.turns += 1
        stop = StopReason.end_turn
        for index, item in enumerate(turn):
            if isinstance(item, str):
                yield TextDelta(index, item)
            elif isinstance(item, list):
                stop = StopReason.tool_use
                yield ToolUseStart(index, f"call_{Scripted.turns}_{index}", item[0])
                yield ToolInputDelta(
                    index, f"call_{Scripted.turns}_{index}", json.dumps(item[1]))
            elif isinstance(item, dict) and "until" in item:
                if item["until"] in [tool.name for tool in tools]:
                    continue
                Scripted.turns -= 1
                await asyncio.sleep(0.1)
                stop = StopReason.tool_use
                id = f"until_{time.monotonic_ns()}"
                yield ToolUseStart(index, id, "acme_look")
                yield ToolInputDelta(index, id, "{}")
                break
            elif isinstance(item, dict) and "file" in item:
                while not Path(item["file"]).exists():
                    await asyncio.sleep(0.02)
            elif isinstance(item, dict):
                raise {"runtime": RuntimeError}[item["raise"]](item["text"])
            else:
                await asyncio.sleep(item)
        yield IterationEnd(Scripted.turns, stop, Usage(10, 5))


class Prompts(Scripted):
    """Answers with what the model was told: how many messages, the last text, the tools."""

    async def stream(self, messages, tools, system):
        texts = [getattr(b, "text", "") for m in messages for b in m.content]
        yield TextDelta(0, json.dumps([texts, [t.name for t in tools], system]))
        yield IterationEnd(1, StopReason.end_turn, Usage(10, 5))


class Warming(Prompts):
    """Gets ready in the background."""

    async def warm(self, tools):
        Path(os.environ["HOME"], "warm").write_text(" ".join(tool.name for tool in tools))
        raise RuntimeError("never mind")


SPECS = [ModelSpec("small"), ModelSpec("large")]


@dataclass
class Classic:
    """Needs a session that others open, and models that are specs."""

    session: object = None
    model: ModelSpec = SPECS[0]
    models: ModelRegistry = field(default_factory=lambda: ModelRegistry(SPECS))

    async def stream(self, messages, tools, system):
        assert not self.session.closed
        yield TextDelta(0, f"{type(self.session).__name__} {self.model.id}")
        yield IterationEnd(1, StopReason.end_turn, Usage(10, 5))


@dataclass
class Fetching(Classic):
    """Finds out about its models by asking, and takes the first where the wanted one is missing."""

    models: ModelRegistry = field(default_factory=ModelRegistry)

    async def fetch_models(self):
        if os.environ.get("FAIL"):
            raise ProviderError("Fetching failed 401: {\\"error\\": \\"no such key\\"}")
        self.models = ModelRegistry(SPECS)
        self.model = self.models.get(self.model) or SPECS[0]


@tool_options(read_only=True)
async def acme_look() -> str:
    """Look at something."""
    return "one\\n\\x1b[2Jtwo"


@tool_options(examples=[
    ("make a file called a.txt", {"path": "a.txt"}),
    ("create the file docs/plan.md", {"path": "docs/plan.md"}),
    ("I need a new file todo.txt", {"path": "todo.txt"}),
    ("new file main.py please", {"path": "main.py"}),
])
async def acme_change(path: str) -> str:
    """Make a new file."""
    Path(path).write_text("changed")
    return "done"


@tool_options(read_only=True)
async def acme_child() -> str:
    """Run a program that takes long, in a session of its own."""
    process = await asyncio.create_subprocess_exec("sleep", "61", start_new_session=True)
    Path(os.environ["HOME"], "child").write_text(str(process.pid))
    try:
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return "done"


@tool_options(read_only=True)
async def acme_thread() -> str:
    """Sit in a thread."""
    await asyncio.to_thread(time.sleep, 600)
    return "done"


@tool_options(read_only=True)
async def acme_flood():
    """Write more than a pipe holds, after a while."""
    await asyncio.sleep(1)
    for _ in range(100):
        yield "x" * 10_000


@tool_options(read_only=True)
async def acme_ticks():
    """Write for two seconds."""
    for _ in range(20):
        await asyncio.sleep(0.1)
        yield "tick\\n"


@tool_options(read_only=True)
async def acme_block() -> str:
    """Block the event loop."""
    time.sleep(600)
    return "done"


@tool_options(read_only=True)
async def acme_hold() -> str:
    """Hold on to a cancellation."""
    while True:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            pass
'''
TOOLS = (
    "acme_look", "acme_change", "acme_child", "acme_thread", "acme_flood", "acme_ticks",
    "acme_block", "acme_hold",
)  # fmt: skip
TRANSPORTS = ("Scripted", "Prompts", "Classic", "Fetching", "Warming")
GROUPS = {
    "axio.transport": {name.lower(): f"acme_parts:{name}" for name in TRANSPORTS},
    "axio.tools": {name: f"acme_parts:{name}" for name in TOOLS},
}
BROKEN = {
    "axio.transport": {"broken": "acme_absent:Transport"},
    "axio.tools": {"broken": "acme_absent:t"},
}

STRANGE_PARTS = """
number = 7
async def look() -> str: ...
class Silent:
    pass
class Stern:
    def __init__(self):
        raise SystemExit(9)
"""
STRANGE = {
    "axio.tools": {
        "acme_look": "aardvark:look",
        "leaves": "aardvark_leaves:tool",
        "read_file": "aardvark:look",
    },
    "axio.transport": {
        "number": "aardvark:number",
        "silent": "aardvark:Silent",
        "stern": "aardvark:Stern",
    },
}


@pytest.fixture(scope="session")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that has the distribution `acme` installed."""
    return put(tmp_path_factory.mktemp("acme"), "acme", GROUPS, {"acme_parts": PARTS})


@dataclass
class Axio:
    """Starts `python -m axio_tui` with an environment of its own."""

    home: Path
    acme: Path
    environment: dict[str, str] = field(default_factory=dict)
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def _environment(self, script: Sequence[object] | None, extra: Mapping[str, str]) -> Any:
        scripted = {} if script is None else {"SCRIPT": json.dumps(script)}
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "XDG_DATA_HOME": f"{self.home}-data",
            "PYTHONPATH": str(self.acme),
            **scripted,
            **self.environment,
            **extra,
        }

    def start(
        self, *args: str | bytes, script: Sequence[object] | None = None, **options: Any
    ) -> subprocess.Popen[bytes]:
        """A process that leads a session, as a terminal's foreground job does its group."""
        extra = options.pop("env", {})
        options.setdefault("stdin", subprocess.DEVNULL)  # what is piped in belongs to the prompt
        for stream in ("stdout", "stderr"):
            options.setdefault(stream, subprocess.PIPE)
        process = subprocess.Popen(
            options.pop("command", [sys.executable, "-m", "axio_tui", *args]),
            env=self._environment(script, extra),
            cwd=self.home,
            start_new_session=True,
            **options,
        )
        self.started.append(process)
        return process

    def __call__(
        self,
        *args: str | bytes,
        script: Sequence[object] | None = None,
        input: bytes = b"",
        **options: Any,
    ) -> Done:
        options.setdefault("stdin", subprocess.PIPE)
        process = self.start(*args, script=script, **options)
        out, err = process.communicate(input, timeout=120)
        return Done(process.returncode, (out or b"").decode(), (err or b"").decode())


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The one line on stderr that says what went wrong."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        return lines[0]


@pytest.fixture
def axio(tmp_path: Path, acme: Path) -> Iterator[Axio]:
    command = Axio(tmp_path, acme)
    yield command
    for process in command.started:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait(25)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()


@pytest.fixture
def broken(axio: Axio, tmp_path: Path) -> None:
    """A second distribution, whose parts cannot be imported."""
    folder = put(tmp_path, "broken", BROKEN)
    axio.environment["PYTHONPATH"] = f"{axio.acme}:{folder}"


@pytest.fixture
def strange(axio: Axio, tmp_path: Path) -> None:
    """A second distribution: its parts have names of others, end the program, or are nothing."""
    modules = {"aardvark": STRANGE_PARTS, "aardvark_leaves": "import sys\nsys.exit(7)\n"}
    folder = put(tmp_path, "aardvark", STRANGE, modules)
    axio.environment["PYTHONPATH"] = f"{axio.acme}:{folder}"


class Terminal:
    """The command on a terminal: type with `send`, read with `until`."""

    def __init__(self, axio: Axio, *args: str, **options: Any) -> None:
        self._master: Any
        self._master, slave = pty.openpty()
        self.seen = ""
        for stream in ("stdin", "stdout", "stderr"):
            options.setdefault(stream, slave)
        # A child that leads a session takes the terminal it opens for its own, and with it Ctrl-C.
        name = os.ttyname(slave)
        self.process = axio.start(
            *args, preexec_fn=lambda: os.close(os.open(name, os.O_RDWR)), **options
        )
        os.close(slave)

    def send(self, text: str | bytes) -> None:
        os.write(self._master, text.encode() if isinstance(text, str) else text)

    def silent(self, seconds: float) -> bool:
        """True if nothing more comes for so long."""
        return not self.seen and not select.select([self._master], [], [], seconds)[0]

    def until(self, text: str, seconds: float = 40) -> str:
        """The output since the last call, up to and with `text`."""
        deadline = time.monotonic() + seconds
        while text not in self.seen:
            left = deadline - time.monotonic()
            ready = left > 0 and select.select([self._master], [], [], left)[0]
            assert ready, f"{text!r} did not come, only:\n{self.seen}"
            try:
                piece = os.read(self._master, 65536)
            except OSError:  # EIO: the other side is closed
                piece = b""
            assert piece, f"{text!r} did not come before the end, only:\n{self.seen}"
            self.seen += piece.decode("utf-8", "replace").replace("\r\n", "\n")
        before, _, self.seen = self.seen.partition(text)
        return before + text

    def end(self, seconds: float = 25) -> tuple[int, str]:
        """The exit code and what else came."""
        code = self.process.wait(seconds)
        with contextlib.suppress(OSError):
            while select.select([self._master], [], [], 0)[0]:
                piece = os.read(self._master, 65536)
                if not piece:
                    break
                self.seen += piece.decode("utf-8", "replace").replace("\r\n", "\n")
        return code, self.seen

    def has_line_mode(self) -> bool:
        """True if the terminal is in the mode in which a shell expects it."""
        flags = termios.tcgetattr(self._master)[3]
        return bool(flags & termios.ICANON and flags & termios.ECHO)

    def close(self) -> None:
        """Take the terminal away, as closing its window does."""
        if self._master is not None:
            os.close(self._master)
            self._master = None


@pytest.fixture
def terminal(axio: Axio) -> Iterator[Any]:
    opened: list[Terminal] = []

    def open_terminal(*args: str, **options: Any) -> Terminal:
        opened.append(Terminal(axio, *args, **options))
        return opened[-1]

    yield open_terminal
    for one in opened:
        one.close()


SERVING = """
import sys
from axio_tui.__main__ import main
from axio_tui.serve import command

command.GRACE = float(sys.argv.pop(1))
sys.exit(main())
"""


@pytest.fixture
def serve(axio: Axio) -> Iterator[Callable[..., Served]]:
    """Starts `axio --serve` with these arguments, at a port that is free. The application goes on
    without a page for longer than a slow machine takes to load one, or for `grace` seconds."""
    started: list[Served] = []

    def start(
        *args: str, script: Any = (("One.",),), listen: str = "localhost:0", grace: float = 300
    ) -> Served:
        process = axio.start(
            command=[
                *(sys.executable, "-P", "-c", SERVING, str(grace)),
                *("--serve", "--web-listen", listen, "--transport", "scripted", *args),
            ],
            script=script,
            env={"LC_ALL": "C.UTF-8"},
        )
        started.append(Served(process))
        return started[-1]

    try:
        yield start
    finally:
        for served in started:
            for pid in served.applications():
                with contextlib.suppress(OSError):
                    os.killpg(pid, signal.SIGKILL)
