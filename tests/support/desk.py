"""`desk` opens the installed command in windows of tmux, over a model server, `model`, that the
test tells what to say.

Each test has a home of its own, with a folder `project` in it, where the command is started.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from support.model_server import ModelServer
from support.tmux import DEADLINE, Window

__all__ = ("AXIO", "Desk", "children_of", "desk", "model")

KEY = "sk-test-0123456789"
AXIO = str(Path(sys.executable).with_name("axio"))


def children_of(pid: int) -> list[int]:
    """The processes that it has started."""
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


@pytest.fixture
def model() -> Iterator[ModelServer]:
    with ModelServer() as model:
        yield model


@dataclass
class Desk:
    """Opens windows with the full screen, and looks at them."""

    axio: Any
    folder: Path
    windows: list[Window] = field(default_factory=list)

    @property
    def database(self) -> Path:
        """Where conversations are kept."""
        return Path(f"{self.axio.home}-data", "axio-tui/axio.db")

    def open(
        self,
        *args: str,
        wait: str = "F1 help",
        seconds: float = DEADLINE,
        command: tuple[str, ...] = (AXIO,),
        **given: Any,
    ) -> Window:
        """A window in which the command takes keys."""
        window = Window(self.axio, command)
        self.windows.append(window)
        window.start(*args, **{"folder": self.folder, **given})
        if wait:
            window.until(wait, seconds=seconds)
        return window

    def pid(self, window: Window) -> int:
        """The process of the command."""
        (shell,) = window("display", "-p", "-t", "a", "#{pane_pid}").split()
        return children_of(int(shell))[0]

    def until(self, condition: Callable[[], object], told: str = "it never came to be") -> None:
        """Return once the condition holds."""
        deadline = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < deadline, told
            time.sleep(0.05)

    def close(self) -> None:
        for window in self.windows:
            window.close()


@pytest.fixture
def desk(axio: Any, model: ModelServer) -> Iterator[Desk]:
    """For tests of axio-tui, whose fixture `axio` it needs."""
    axio.environment |= {
        "OPENAI_API_KEY": KEY,
        "OPENAI_BASE_URL": model.url,
        "AXIO_TRANSPORT": "openai-custom",
        "AXIO_MODEL": "scripted",
    }
    folder = axio.home / "project"
    folder.mkdir()
    desk = Desk(axio, folder)
    try:
        yield desk
    finally:
        desk.close()
