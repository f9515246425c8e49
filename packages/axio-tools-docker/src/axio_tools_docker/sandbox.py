"""`DockerSandbox`: a container by its engine's own settings, with six tools of its own.

Programs of the 0.9 series run on it. Its defaults leave much open; `DockerWorkspace` is closed, and
works under all tools of axio-tools-local.
"""

from __future__ import annotations

import asyncio
import io
import os
import posixpath
import secrets
import shlex
import tarfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Self

from axio.tool import Tool
from axio_tools_docker import files, inside
from axio_tools_docker._engine import aiodocker, is_missing, translated
from axio_tools_docker.errors import EngineUnavailable
from axio_tools_docker.handlers import (
    HANDLERS,
    list_files,
    patch_file,
    read_file,
    run_python,
    shell,
    write_file,
)
from axio_tools_docker.values import create_body, parse_cpus, parse_device, parse_memory
from axio_tools_local.workspace import Entry

__all__ = [
    "DockerSandbox",
    "list_files",
    "parse_cpus",
    "parse_device",
    "parse_memory",
    "patch_file",
    "read_file",
    "run_python",
    "shell",
    "write_file",
]

_DEFAULT_URL = "unix:///var/run/docker.sock"
_KILL_SECONDS = 8.0  # for a program that ends others to start and to do it
_CODE_LOOKS = 500  # until the engine must have noticed that a program has ended
_OUTSIDE = "the sandbox is used outside of its async context manager: async with DockerSandbox()"


class DockerSandbox:
    """`async with DockerSandbox() as sandbox: Agent(..., tools=sandbox.tools)`.

    `volumes` and `named_volumes` map a path in the container to a folder of the engine's machine
    and to the name of a volume, `ports` one in the container to one outside, `ulimits` a name to a
    value or to a pair of soft and hard. `network=False` is none. With the `name` of a container
    that is there, that one is used, and neither it nor its volumes are ever removed. Where the
    variable `DOCKER_HOST` is set it takes the place of the default `url`.
    """

    def __init__(
        self,
        url: str = _DEFAULT_URL,
        *,
        image: str = "python:latest",
        memory: str = "256m",
        cpus: str = "1.0",
        network: bool | str = False,
        workdir: str = "/workspace",
        volumes: Mapping[str, str] | None = None,
        named_volumes: Mapping[str, str] | None = None,
        volumes_remove: bool = False,
        env: Mapping[str, str] | None = None,
        user: str = "",
        name: str = "",
        remove: bool = True,
        read_only: bool = False,
        shm_size: str = "",
        cap_add: Sequence[str] | None = None,
        cap_drop: Sequence[str] | None = None,
        privileged: bool = False,
        ulimits: Mapping[str, int | tuple[int, int]] | None = None,
        tmpfs: Mapping[str, str] | None = None,
        ports: Mapping[int, int] | None = None,
        platform: str = "",
        extra_hosts: Mapping[str, str] | None = None,
        devices: Sequence[str] | None = None,
        dns: Sequence[str] | None = None,
    ) -> None:
        self.url = url
        self.image = image
        self.memory = memory
        self.cpus = cpus
        self.network = network
        self.workdir = workdir
        self.volumes = dict(volumes or {})
        self.named_volumes = dict(named_volumes or {})
        self.volumes_remove = volumes_remove
        self.env = dict(env or {})
        self.user = user
        self.name = name
        self.remove = remove
        self.read_only = read_only
        self.shm_size = shm_size
        self.cap_add = list(cap_add or ())
        self.cap_drop = list(cap_drop or ())
        self.privileged = privileged
        self.ulimits = dict(ulimits or {})
        self.tmpfs = dict(tmpfs or {})
        self.ports = dict(ports or {})
        self.platform = platform
        self.extra_hosts = dict(extra_hosts or {})
        self.devices = list(devices or ())
        self.dns = list(dns or ())
        self._client: Any = None
        self._container: Any = None
        self._made = False
        self._running = 0

    # ── opening and closing ───────────────────────────────────────────────────────────────────

    async def __aenter__(self) -> Self:
        self._client = aiodocker.Docker(url=self._address)
        try:
            try:
                await self._client.system.info()
            except Exception as error:
                raise EngineUnavailable(
                    f"Docker daemon not available at {self._address}: {error}"
                ) from error
            with translated("opening the sandbox", self._address):
                await self._open()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    async def _open(self) -> None:
        if self.name and await self._attach():
            return
        try:
            await self._client.images.inspect(self.image)
        except aiodocker.DockerError as error:
            if not is_missing(error):
                raise
            # The platform decides which image is pulled; a container takes that of its image.
            platform = {"platform": self.platform} if self.platform else {}
            await self._client.images.pull(self.image, **platform)
        self._container = await self._client.containers.create(
            config=create_body(self), name=self.name or None
        )
        self._made = True
        await self._container.start()

    async def _attach(self) -> bool:
        try:
            container = await self._client.containers.get(self.name)
        except aiodocker.DockerError as error:
            if not is_missing(error):
                raise
            return False
        state = (await container.show()).get("State", {})
        if not (state.get("Running") or state.get("Status") == "running"):
            await container.start()
        self._container = container
        return True

    async def _close(self) -> None:
        client, container, made = self._client, self._container, self._made
        self._client, self._container, self._made = None, None, False
        try:
            if made and self.remove:
                with translated("removing the container", self._address):
                    await container.delete(force=True)
            if made and self.volumes_remove:
                for name in self.named_volumes.values():
                    with translated(f"removing the volume {name}", self._address):
                        await (await client.volumes.get(name)).delete()
        finally:
            await client.close()

    @property
    def _address(self) -> str:
        """Where the engine listens: `url`, unless that is the default and the variable is set."""
        elsewhere = os.environ.get("DOCKER_HOST") if self.url == _DEFAULT_URL else None
        return elsewhere or self.url

    @property
    def container_id(self) -> str:
        return str(self._here().id)

    @property
    def tools(self) -> list[Tool[Any]]:
        """The six tools, which work in this sandbox."""
        self._here()
        return [Tool(name=handler.__name__, handler=handler, context=self) for handler in HANDLERS]

    def _here(self) -> Any:
        if self._container is None:
            raise RuntimeError(_OUTSIDE)
        return self._container

    def absolute(self, path: str) -> str:
        """A path in the container; a relative one starts at `workdir`."""
        return posixpath.join(self.workdir, path)

    # ── commands ──────────────────────────────────────────────────────────────────────────────

    async def exec(self, command: str, timeout: float = 30, stdin: str | None = None) -> str:
        """Run a command line, and return what it wrote and how it ended, as text.

        After `timeout` seconds it is ended, and what it has written so far is returned.
        """
        container = self._here()
        if stdin is not None:
            path = f"/tmp/axio-{secrets.token_hex(8)}"
            await self.write_file(path, stdin)
            command = f"(\n{command}\n) < {path}; code=$?; rm -f {path}; exit $code"
        said = {1: bytearray(), 2: bytearray()}
        self._running += 1
        try:
            code = await asyncio.wait_for(self._run(container, command, said), timeout)
            ending = f"\n[exit code: {code}]" if code else ""
        except TimeoutError:
            ending = f"{await self._end(container)}\n[timeout after {timeout}s]"
        except asyncio.CancelledError:
            await asyncio.shield(asyncio.ensure_future(self._end(container)))
            raise
        finally:
            self._running -= 1
        out, err = (said[number].decode("utf-8", "replace") for number in (1, 2))
        text = out + (f"\n[stderr]\n{err}" if err else "") + ending
        return text.strip() or "(no output)"

    async def _run(self, container: Any, command: str, said: dict[int, bytearray]) -> int | None:
        with translated("running a command", self._address):
            execution = await container.exec(
                cmd=["sh", "-c", command], stdout=True, stderr=True, tty=False
            )
            stream = execution.start(detach=False)
            try:
                while (message := await stream.read_out()) is not None:
                    said[message.stream] += message.data
            finally:
                await stream.close()
            for _ in range(_CODE_LOOKS):
                code: int | None = (await execution.inspect())["ExitCode"]
                if code is not None:
                    return code
                await asyncio.sleep(0.01)
        return None

    async def _end(self, container: Any) -> str:
        """End all commands; "" when that was done, else a remark that it was not."""
        if self._made and self._running == 1:
            with suppress(Exception):
                said = {1: bytearray(), 2: bytearray()}
                ending = self._run(container, inside.KILL_OTHERS, said)
                if await asyncio.wait_for(ending, _KILL_SECONDS) == 0:
                    return ""
                await container.restart(t=0)
                return "\n[the container was started again to end it]"
        return "\n[it may still run: other commands, or other users of the container, do]"

    async def _ask(self, command: str) -> tuple[int | None, bytes, bytes]:
        said = {1: bytearray(), 2: bytearray()}
        code = await self._run(self._here(), command, said)
        return code, bytes(said[1]), bytes(said[2])

    # ── files ─────────────────────────────────────────────────────────────────────────────────

    async def write_file(self, path: str, content: str | bytes, mode: int = 0o644) -> str:
        """Put a file into the container, with its folders; it belongs to the user of commands."""
        container = self._here()
        data = content.encode() if isinstance(content, str) else content
        info = tarfile.TarInfo(self.absolute(path).lstrip("/"))
        info.size, info.mode, info.mtime = len(data), mode, int(time.time())
        info.uid, info.gid = await self._owner()
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            tar.addfile(info, io.BytesIO(data))
        with translated(f"writing {path}", self._address):
            await container.put_archive(path="/", data=archive.getvalue())
        return f"Wrote {len(data)} bytes to {path}"

    async def _owner(self) -> tuple[int, int]:
        """The numbers of the user and the group of commands."""
        uid, _, gid = (self.user or "0").partition(":")
        if uid.isdigit():
            return int(uid), int(gid) if gid.isdigit() else int(uid)
        _, said, _ = await self._ask("id -u; id -g")
        first, second = said.split()[:2]
        return int(first), int(second)

    async def list_entries(self, path: str) -> list[Entry]:
        """The entries of a folder, in any order; no file is transferred for that."""
        name = shlex.quote(files.escaped(self.absolute(path)))
        code, said, words = await self._ask(f"set -- {name}\n{files.LIST}")
        if code != 0:
            raise files.error_of(words, self.absolute(path))
        return files.entries_of(said)

    async def read_file_bytes(self, path: str) -> bytes:
        with await self.get_archive(path) as tar:
            member = tar.next()
            if member is None or member.isdir():
                raise IsADirectoryError(f"{path} is a directory")
            file = tar.extractfile(member)
            if file is None:
                raise OSError(f"{path} is not a regular file")
            return file.read()

    async def get_archive(self, path: str) -> tarfile.TarFile:
        """A file, or a folder with all that is in it."""
        container = self._here()
        try:
            archive: tarfile.TarFile = await container.get_archive(path=self.absolute(path))
        except aiodocker.DockerError as error:
            if is_missing(error):
                raise FileNotFoundError(f"no such file or directory: {path}") from None
            with translated(f"reading {path}", self._address):
                raise
        return archive
