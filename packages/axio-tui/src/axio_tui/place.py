"""The place where the tools of a run work: this machine, a sandbox on it, or a container."""

from __future__ import annotations

import dataclasses
import os
import shlex
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from glob import escape
from typing import TYPE_CHECKING, Any, get_args

from axio.tool import Tool
from axio_tui.errors import CommandError, WrongUse
from axio_tui_guards import Rule

if TYPE_CHECKING:  # loaded by the tools, and by a place that is asked for
    from axio_tools_local.workspace import Workspace

__all__ = ("place_of", "placed", "rules_of")

_LOCAL_TOOLS = "axio_tools_local."


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
