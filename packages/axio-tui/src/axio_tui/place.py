"""The place where the tools of a run work: this machine, a sandbox on it, or a container."""

from __future__ import annotations

import dataclasses
import os
import shlex
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from glob import escape
from typing import TYPE_CHECKING, Any, get_args

from axio.tool import Tool
from axio_tui.errors import CommandError, WrongUse
from axio_tui_guards import Rule

if TYPE_CHECKING:  # loaded by the tools, and by a place that is asked for
    from axio_tools_local.workspace import Workspace

__all__ = ("PLACES", "Place", "place_of", "placed", "rules_of")

PLACES = {
    "none": "commands may do what you may",
    "workspace-write": "changes are for this folder alone, and there is no network",
    "read-only": "nothing is changed, and there is no network",
    "docker": "a container that sees this folder; docker:IMAGE takes another image",
}
"""The values of `--sandbox`, and what each means."""

_LOCAL_TOOLS = "axio_tools_local."


class Place:
    """Where the tools of a program work while its block lasts: in `first`, until that is changed.

    `sandbox` is its name, as `--sandbox` has it; `workspace` is None on this machine as it is.

    `on_change` is called when it is another one.
    """

    def __init__(self, first: str = "none") -> None:
        self._first = first
        self.sandbox = "none"
        self.workspace: Workspace | None = None
        self.on_change: Callable[[], object] = lambda: None
        self._open = AsyncExitStack()

    @property
    def files(self) -> Workspace:
        """Where the tools work, as a workspace in any case."""
        if self.workspace is not None:
            return self.workspace
        from axio_tools_local.local import LocalWorkspace  # Only where it is asked for.

        return LocalWorkspace()

    async def change(self, sandbox: str) -> None:
        """Work there from now on; what still runs in the place before is ended.

        Where that place cannot be had all stays as it was: `WrongUse` or `CommandError`.
        """
        if sandbox == self.sandbox:
            return
        opened = AsyncExitStack()
        workspace = await opened.enter_async_context(place_of(sandbox))
        before, self._open = self._open, opened
        self.sandbox, self.workspace = sandbox, workspace
        self.on_change()
        try:
            await before.aclose()
        except (OSError, RuntimeError) as error:  # an engine that has gone meanwhile
            raise CommandError(
                f"{sandbox} holds; the place before was not closed: {error}"
            ) from error

    async def __aenter__(self) -> Place:
        await self.change(self._first)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()


@asynccontextmanager
async def place_of(sandbox: str) -> AsyncIterator[Workspace | None]:
    """The workspace that `--sandbox` names, while the block lasts; None for this machine as it is.

    Raises `WrongUse` for what is no place, and `CommandError` for one that cannot be had here.
    """
    kind, colon, image = sandbox.partition(":")
    if kind == "docker" and (image or not colon):
        async with _container(image) as workspace:
            yield workspace
    elif sandbox == "none":
        yield None
    else:
        yield await _sandbox(sandbox)


async def _sandbox(level: Any) -> Workspace:
    from axio_tools_local.local import LocalWorkspace
    from axio_tools_local.sandbox import Level

    if level not in get_args(Level):
        there_is = ", ".join((*get_args(Level), "docker", "docker:IMAGE"))
        raise WrongUse(f"no sandbox {level!r}; there is: {there_is}")
    workspace = LocalWorkspace(sandbox=level)
    try:
        async with workspace.run(("/bin/sh", "-c", ":")) as running:
            async for _ in running:
                pass
    except OSError as error:
        raise CommandError(str(error)) from error
    return workspace


@asynccontextmanager
async def _container(image: str) -> AsyncIterator[Workspace]:
    """A container that sees the current folder under the name that it has here."""
    try:
        from axio_tools_docker.workspace import IMAGE, DockerWorkspace
    except ModuleNotFoundError as error:
        if error.name != "axio_tools_docker":
            raise
        raise WrongUse("--sandbox docker needs axio-tools-docker, which is not installed") from None
    folder = os.getcwd()
    try:
        workspace = DockerWorkspace(folder, workdir=folder, image=image or IMAGE)
        await workspace.__aenter__()
    except PermissionError:
        raise CommandError(
            f"{folder} belongs to root, and no command in a container runs as root: give it to "
            f"another user (chown -R 1000:1000 {shlex.quote(folder)}), or choose another --sandbox"
        ) from None
    except (OSError, ValueError) as error:
        raise CommandError(str(error)) from error
    try:
        yield workspace
    finally:
        await workspace.__aexit__(None, None, None)


def placed(
    tools: Iterable[Tool[Any]], place: Workspace | None, say: Callable[[str], None]
) -> list[Tool[Any]]:
    """Let the tools work in a place, and say which do not: those of others know nothing of it."""
    tools = list(tools)
    if place is None:
        return tools
    outside = [tool.name for tool in tools if not _is_local(tool)]
    if outside:
        say(f"outside of the sandbox: {', '.join(outside)}")
    return [dataclasses.replace(tool, context=place) if _is_local(tool) else tool for tool in tools]


def rules_of(sandbox: str, tools: Iterable[Tool[Any]]) -> list[Rule]:
    """In a container all but the folder is the container's own, and may be read unasked by the
    tools that work there."""
    if sandbox.partition(":")[0] != "docker":
        return []
    names = [escape(tool.name) for tool in tools if _is_local(tool)]
    return [Rule("allow", tool=name, path="/", access="read") for name in names]


def _is_local(tool: Tool[Any]) -> bool:
    return str(getattr(tool.handler, "__module__", "")).startswith(_LOCAL_TOOLS)
