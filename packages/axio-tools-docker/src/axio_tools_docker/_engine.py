"""The engine's API, as much of it as is needed. No other module knows which library speaks it.

Errors of the library and of its connections become those of `axio_tools_docker.errors` here.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import aiodocker
import aiohttp

from axio_tools_docker.errors import (
    ContainerGone,
    EngineError,
    EngineUnavailable,
    ImageUnavailable,
    NameInUse,
)
from axio_tools_local.workspace import Output

__all__ = ["Engine", "Execution", "Found", "aiodocker", "find_engine", "is_missing", "translated"]

_UNREACHABLE = 900  # the library's own "status" where there was no answer
_STREAMS = {1: "stdout", 2: "stderr"}
_ENDED = ("not running", "is dead", "stopped state", "has stopped", "marked for removal")
"""Words about a container, with one status or another."""
_HOW = (
    "start one (Debian: apt-get install docker.io, or podman), or name where it listens in "
    "DOCKER_HOST"
)


def find_engine() -> str | None:
    """Where an engine listens: `DOCKER_HOST`, or the first socket found of Docker or Podman."""
    if os.environ.get("DOCKER_HOST"):
        return os.environ["DOCKER_HOST"]
    runtime = os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
    for path in (
        "/var/run/docker.sock",
        f"{runtime}/docker.sock",
        Path.home() / ".docker/run/docker.sock",
        f"{runtime}/podman/podman.sock",
        "/run/podman/podman.sock",
    ):
        if Path(path).is_socket():
            return f"unix://{path}"
    return None


@dataclass(frozen=True, slots=True)
class Found:
    """A container or a volume that the engine has."""

    name: str
    labels: Mapping[str, str]
    id: str = ""
    state: str = ""
    """`"running"`, `"exited"`, `"created"`, ...; of a volume nothing."""


class Engine:
    """A connection to an engine; it belongs to one event loop, and is to be closed."""

    def __init__(self, url: str | None = None) -> None:
        address = url or find_engine()
        if address is None:
            raise EngineUnavailable(f"no Docker or Podman engine was found: {_HOW}")
        self.url = address
        with translated("connecting", address):
            try:
                self._docker: Any = aiodocker.Docker(url=address)  # it is typed in part only
            except ValueError as error:
                raise EngineUnavailable(f"{address} is no address of an engine: {error}") from None
            except OSError as error:
                raise EngineUnavailable(
                    f"the certificates for {address} cannot be read: {error} "
                    f"(DOCKER_CERT_PATH={os.environ.get('DOCKER_CERT_PATH', '')})"
                ) from None

    async def close(self) -> None:
        await self._docker.close()

    @property
    def can_end_input(self) -> bool:
        """False where a connection cannot be closed in one direction, as with TLS."""
        return not str(self._docker.docker_host).startswith("https:")

    async def ping(self) -> None:
        """Raise `EngineUnavailable` when it does not answer."""
        with translated("asking for the version", self.url):
            await self._docker.version()

    async def info(self) -> dict[str, Any]:
        """The engine's own words about itself."""
        with translated("asking about itself", self.url):
            facts = await self._docker.system.info()
        return facts if isinstance(facts, dict) else {}

    # ── images ────────────────────────────────────────────────────────────────────────────────

    async def has_image(self, name: str) -> bool:
        try:
            with translated(f"looking for the image {name}", self.url):
                await self._docker.images.inspect(name)
        except ImageUnavailable:
            return False
        return True

    async def pull(self, name: str) -> None:
        try:
            with translated("pulling", self.url):
                await self._docker.images.pull(name)
        except EngineUnavailable:
            raise
        except EngineError as error:
            raise ImageUnavailable(
                f"there is no image {name} here, and it cannot be pulled ({error}): "
                f"name another one, or load it (docker load, docker build -t {name})"
            ) from None

    async def build(self, context: IO[bytes], dockerfile: str, tag: str) -> None:
        """Build an image of a tar archive. `ImageUnavailable` when that fails."""
        try:
            with translated("building", self.url):
                await self._docker.images.build(
                    fileobj=context, path_dockerfile=dockerfile, tag=tag, encoding="identity"
                )
        except EngineUnavailable:
            raise
        except EngineError as error:
            raise ImageUnavailable(f"no image can be built of {dockerfile}: {error}") from None

    # ── containers and volumes ────────────────────────────────────────────────────────────────

    async def create(self, body: Mapping[str, Any], name: str) -> str:
        """Make a container, which does not run yet, and return its id."""
        with translated(f"making the container {name}", self.url):
            container = await self._docker.containers.create(dict(body), name=name)
        return str(container.id)

    async def start(self, container: str) -> None:
        with translated("starting the container", self.url):
            await self._handle(container).start()

    async def kill(self, container: str) -> None:
        with translated("ending the container", self.url):
            await self._handle(container).kill(signal="KILL")

    async def rename(self, container: str, name: str) -> None:
        """Give a container another name; `NameInUse` when another one has it."""
        with translated(f"naming the container {name}", self.url):
            await self._handle(container).rename(name)

    async def remove(self, container: str) -> None:
        """Remove a container with its nameless volumes, running or not, if it is there."""
        try:
            with translated("removing the container", self.url):
                await self._handle(container).delete(force=True, v=True)
        except ContainerGone:
            return

    async def find(self, name: str) -> Found | None:
        """The container of this name."""
        try:
            with translated(f"looking for the container {name}", self.url):
                facts = await self._handle(name).show()
        except ContainerGone:
            return None
        labels = facts["Config"].get("Labels") or {}
        return Found(name, labels, facts["Id"], facts["State"].get("Status", ""))

    async def containers(self, label: str) -> list[Found]:
        """All that have a label, also those that do not run."""
        with translated("listing containers", self.url):
            rows = await self._docker.containers.list(all=True, filters=_having(label))
        return [Found(_name_of(row), row["Labels"] or {}, row.id, row["State"]) for row in rows]

    async def volumes(self, label: str) -> list[Found]:
        with translated("listing volumes", self.url):
            rows = await self._docker.volumes.list(filters={"label": [label]})
        return [Found(row["Name"], row.get("Labels") or {}) for row in rows["Volumes"] or ()]

    async def create_volume(self, name: str, labels: Mapping[str, str]) -> None:
        with translated(f"making the volume {name}", self.url):
            await self._docker.volumes.create({"Name": name, "Labels": dict(labels)})

    async def has_volume(self, name: str) -> bool:
        try:
            with translated(f"looking for the volume {name}", self.url):
                await self._docker.volumes.get(name)
        except ContainerGone:
            return False
        return True

    async def remove_volume(self, name: str) -> None:
        """Remove a volume if it is there; `EngineError` while a container has it."""
        try:
            with translated(f"removing the volume {name}", self.url):
                await (await self._docker.volumes.get(name)).delete()
        except ContainerGone:
            return

    async def put(self, container: str, folder: str, archive: IO[bytes]) -> None:
        """Unpack a tar archive in a folder of a container, with the owners that it names."""
        with translated("putting files into the container", self.url):
            await self._handle(container).put_archive(folder, archive)

    async def executed(self, container: str) -> list[list[str]]:
        """The words of the programs that were started in a container and still run."""
        running = []
        with translated("asking for the commands", self.url):
            facts = await self._handle(container).show()
            for number in facts.get("ExecIDs") or ():
                command = await self._docker._query_json(f"exec/{number}/json")
                if command["Running"]:
                    process = command["ProcessConfig"]
                    running.append([process["entrypoint"], *process["arguments"]])
        return running

    async def allow_processes(self, container: str, limit: int) -> None:
        """Change the limit while the container runs. Not every engine can."""
        path = f"containers/{container}/update"
        body = json.dumps({"PidsLimit": limit})
        with translated("changing a limit", self.url):
            async with self._docker._query(path, method="POST", data=body):
                pass

    def _handle(self, container: str) -> Any:
        return self._docker.containers.container(container)

    @asynccontextmanager
    async def execute(
        self,
        container: str,
        argv: Sequence[str],
        *,
        user: str,
        environment: Mapping[str, str] | None = None,
        stdin: bool = False,
    ) -> AsyncIterator[Execution]:
        """Start a program in a container. On leaving the connection is closed; it may go on."""
        handle = self._handle(container)
        with translated("starting a command", self.url):
            execution = await handle.exec(
                cmd=list(argv),
                user=user,
                environment=dict(environment or {}),
                stdin=stdin,
                stdout=True,
                stderr=True,
                tty=False,
            )
            stream = execution.start(detach=False)
            await stream.__aenter__()
        transport = _transport_of(stream)
        try:
            yield Execution(execution, stream, self.url)
        finally:
            if transport is not None and transport.get_write_buffer_size() > 0:
                transport.abort()  # it would wait until that is read
            await stream.close()


class Execution:
    """A program that runs in a container, seen through its streams."""

    def __init__(self, execution: Any, stream: Any, url: str) -> None:
        self._execution = execution
        self._stream = stream
        self._url = url

    async def read(self) -> Output | None:
        """The next piece of output, as it comes; None when all who could write have ended."""
        with translated("reading output", self._url):
            message = await self._stream.read_out()
        return None if message is None else Output(_STREAMS[message.stream], message.data)

    async def write(self, data: bytes) -> None:
        with translated("writing input", self._url):
            await self._stream.write_in(data)

    def end_input(self) -> None:
        """Nothing more is to be read; the output goes on."""
        transport = _transport_of(self._stream)
        if transport is not None and transport.can_write_eof() and not transport.is_closing():
            transport.write_eof()

    async def exit_code(self) -> int | None:
        """None while it runs."""
        with translated("asking for an exit code", self._url):
            facts = await self._execution.inspect()
        return None if facts.get("Running") else facts.get("ExitCode")


def _transport_of(stream: Any) -> Any:
    """The connection below a stream, which the library keeps to itself."""
    connection = stream._resp.connection
    return None if connection is None else connection.transport


def is_missing(error: aiodocker.DockerError) -> bool:
    """True if there is no such container, image, volume or file."""
    return error.status == 404


def _having(label: str) -> str:
    return json.dumps({"label": [label]})


def _name_of(row: Any) -> str:
    names = row["Names"] or [row.id]
    return str(names[0]).lstrip("/")


@contextmanager
def translated(doing: str, url: str) -> Iterator[None]:
    """Raise what the library raises in the block as an error of this package."""
    try:
        yield
    except aiodocker.DockerError as error:
        raise _error(doing, url, error.status, str(error.message).strip()) from error
    except (aiohttp.ClientError, ConnectionError) as error:
        raise EngineUnavailable(
            f"the connection to the engine at {url} broke while {doing}: {error}"
        ) from error


def _error(doing: str, url: str, status: int, message: str) -> EngineError:
    if status == _UNREACHABLE:
        if "Permission denied" in message:
            return EngineUnavailable(
                f"this user may not use the engine at {url}: join the group that owns the socket "
                "(docker), or run the engine as this user (rootless)"
            )
        if "[SSL:" in message:
            return EngineUnavailable(
                f"the engine at {url} and this program do not trust each other, see "
                f"DOCKER_CERT_PATH: {' '.join(message.split())}"
            )
        return EngineUnavailable(f"no engine answers at {url}: {_HOW}")
    text = f"{doing}: {' '.join(message.split())}"
    if "HTTP request to an HTTPS server" in text:
        return EngineUnavailable(
            f"the engine at {url} wants TLS: set DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH to the "
            "folder with ca.pem, cert.pem and key.pem"
        )
    if status == 404 and "no such image" in message.lower():
        return ImageUnavailable(text)
    if status == 404 or any(words in message for words in _ENDED):
        return ContainerGone(text)
    if status == 409 and "name" in message and "in use" in message:
        return NameInUse(text)
    return EngineError(text)
