"""`DockerWorkspace`: a container under the tools of axio-tools-local."""

from __future__ import annotations

import os
import posixpath
import secrets
import stat
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Self

from axio_tools_docker import files, inside
from axio_tools_docker.command import Command
from axio_tools_docker.room import Room
from axio_tools_docker.settings import Access, Limits, Settings
from axio_tools_local.workspace import Entry

__all__ = ["DockerWorkspace"]

IMAGE = "python:3.13-slim"
_NOBODY = "1000:1000"  # in particular: not root


class DockerWorkspace:
    """`async with DockerWorkspace("project") as workspace: ...`: a container while the block lasts.

    `root` is a folder of this machine, which the container sees at `workdir`: it may change it
    (`access="write"`), read it (`"read"`), or has a copy, made at the start, that is thrown away
    (`"copy"`). Without a `root` the workspace is empty, in memory, and thrown away.

    Closed is what is not opened by name: the `network` (True, or the name of one), the system
    outside of `workdir` and `/tmp` (`read_only_root=False`), `capabilities`, `new_privileges`, and
    the `limits`. Commands run as `user`, which is the owner of the `root` that may be written, and
    never root unless that is said.

    `image` is any that has a shell; it is pulled when it is not there. A `dockerfile` takes its
    place: an image is built of its folder, and again when anything in that has changed. `runtime`
    is one that the engine knows, such as `runsc`. With a `name` the container is left when the
    block ends, and used again by the next one that asks for the same. A container in which nothing
    has run for `idle_seconds` ends.
    """

    python = "python3"

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        *,
        image: str = IMAGE,
        dockerfile: str | os.PathLike[str] | None = None,
        access: Access = "write",
        network: bool | str = False,
        limits: Limits | None = None,
        user: str | None = None,
        read_only_root: bool = True,
        capabilities: Sequence[str] = (),
        new_privileges: bool = False,
        environment: Mapping[str, str] | None = None,
        workdir: str = "/workspace",
        runtime: str | None = None,
        name: str | None = None,
        idle_seconds: int = 3600,
        url: str | None = None,
    ) -> None:
        path = None if root is None else os.path.realpath(root)
        self.settings = Settings(
            image=image,
            dockerfile=None if dockerfile is None else os.path.realpath(dockerfile),
            root=path,
            access=access,
            workdir=posixpath.normpath(workdir),
            user=user or _user_of(path, access),
            network=_network(network),
            limits=limits or Limits(),
            runtime=runtime,
            read_only_root=read_only_root,
            capabilities=tuple(capabilities),
            new_privileges=new_privileges,
            environment=dict(environment or {}),
            idle_seconds=idle_seconds,
        )
        self._url = url
        self._name = name
        self._room: Room | None = None

    @property
    def container(self) -> str:
        """The name of the container, inside of the block."""
        return self._open_room().container

    async def __aenter__(self) -> Self:
        room = Room(self.settings, url=self._url, name=self._name)
        await room.open()
        self._room = room
        return self

    async def __aexit__(self, *_: object) -> None:
        room, self._room = self._room, None
        if room is not None:
            await room.close()

    # ── the workspace ─────────────────────────────────────────────────────────────────────────

    @asynccontextmanager
    async def run(
        self,
        argv: Sequence[str],
        *,
        cwd: str = ".",
        stdin: bytes | None = None,
        timeout: float | None = None,
        script: str | None = None,
    ) -> AsyncIterator[Command]:
        path, parts = None, None
        if script is not None:
            path = f"/tmp/axio-{secrets.token_hex(8)}.py"
            parts = inside.parts_of(script)
            if parts is None:
                await self.write(path, script.encode("utf-8", "surrogateescape"))
        command = Command(
            self._open_room(),
            argv,
            cwd=self._absolute(cwd),
            stdin=stdin,
            timeout=timeout,
            script=path,
            parts=parts or (),
        )
        try:
            async with command:
                yield command
        except OSError:
            if path is not None and parts is None:
                with suppress(OSError):
                    await self.remove(path)
            raise

    async def read(self, path: str, offset: int = 0, size: int = -1) -> bytes:
        if size == 0:
            await self._ask(files.READ, path, "0", "1")
            return b""
        return await self._ask(files.READ, path, str(offset), str(size))

    async def write(self, path: str, data: bytes, mode: int | None = None) -> None:
        bits = "" if mode is None else f"{mode:o}"
        name = f".axio-{secrets.token_hex(8)}"
        tidy = (files.TIDY, files.escaped(self._absolute(path)), name)
        await self._ask(files.WRITE, path, bits, str(len(data)), name, stdin=data, tidy=tidy)

    async def remove(self, path: str) -> None:
        await self._ask(files.REMOVE, path)

    async def stat(self, path: str) -> Entry:
        return files.entry_of(posixpath.basename(path), await self._ask(files.STAT, path))

    async def list(self, path: str) -> list[Entry]:
        return files.entries_of(await self._ask(files.LIST, path))

    async def _ask(
        self,
        program: str,
        path: str,
        *arguments: str,
        stdin: bytes | None = None,
        tidy: Sequence[str] = (),
    ) -> bytes:
        """Run one of the programs for files, and return what it writes."""
        absolute = files.escaped(self._absolute(path))
        argv = ["/bin/sh", "-c", program, "sh", absolute, *arguments]
        data: dict[str, list[bytes]] = {"stdout": [], "stderr": []}
        room = self._open_room()
        async with Command(room, argv, cwd="/", stdin=stdin, tidy=tidy) as command:
            async for stream, piece in command:
                data[stream].append(piece)
        if command.exit_code != 0:
            raise files.error_of(b"".join(data["stderr"]), self._absolute(path))
        return b"".join(data["stdout"])

    def _absolute(self, path: str) -> str:
        return posixpath.join(self.settings.workdir, path).rstrip("/") or "/"

    def _open_room(self) -> Room:
        if self._room is None:
            raise RuntimeError(
                "a DockerWorkspace is used inside of its block: "
                "async with DockerWorkspace(...) as workspace"
            )
        return self._room


def _network(network: bool | str) -> str:
    if isinstance(network, str):
        return network
    return "default" if network else "none"


def _user_of(root: str | None, access: Access) -> str:
    """The user of commands, who may write to the folder where that is wanted, and is not root."""
    if root is None or access == "copy":
        return _NOBODY
    facts = os.stat(root)
    if not stat.S_ISDIR(facts.st_mode):
        raise NotADirectoryError(f"{root} is not a folder")
    if facts.st_uid != 0:
        return f"{facts.st_uid}:{facts.st_gid}"
    if access == "write" and not facts.st_mode & stat.S_IWOTH:
        raise PermissionError(
            f"{root} belongs to root, and commands run as a user that is not: give it to another "
            'user (chown 1000:1000), or choose access="copy", access="read" or user="0:0"'
        )
    return _NOBODY
