"""`run_command`: a command of the person's own, by `!` in the composer. Nobody is asked about it.

It runs with the environment of the person, in a process group that ends with it; cancelled, it ends
at once. Of long output the beginning and the end are kept.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass

from axio_tools_local.capture import Capture
from axio_tools_local.local import LocalWorkspace

__all__ = ("Ran", "run_command")

_FENCES = re.compile("`{3,}")


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that has ended, and what it has put out."""

    command: str
    output: str
    status: int | None

    @property
    def ending(self) -> str:
        """How it ended; "" if well."""
        return f"exit code {self.status}" if self.status else ""

    def for_person(self) -> str:
        """The command, its output, and how it ended."""
        lines = [f"$ {self.command}", self.output.removesuffix("\n"), self.ending]
        return "\n".join(filter(None, lines))

    def for_model(self) -> str:
        """The same, in words to be sent."""
        longest = max(map(len, _FENCES.findall(self.for_person())), default=2)
        fence = "`" * (longest + 1)
        shown = f"{fence}\n$ {self.command}\n{self.output.removesuffix(chr(10))}\n{fence}"
        return f"I ran this command:\n{shown}\n{self.ending or 'It ended well.'}"


async def run_command(
    command: str,
    root: str | os.PathLike[str] = ".",
    on_output: Callable[[str], object] = lambda text: None,
) -> Ran:
    """Run a command in the folder `root` and wait for its end. `on_output` is given each line as
    it comes. OSError or ValueError if it cannot be started."""
    workspace = LocalWorkspace(root, pass_variables=os.environ)
    capture = Capture()
    texts: list[str] = []

    def take(text: str) -> None:
        texts.append(text)
        on_output(text)

    shell = os.environ.get("SHELL") or "/bin/sh"
    async with workspace.run([shell, "-c", command]) as process:
        async for output in process:
            for _, text in capture.feed(output):
                take(text)
        for _, text in capture.close():
            take(text)
        return Ran(command, "".join(texts), process.exit_code)
