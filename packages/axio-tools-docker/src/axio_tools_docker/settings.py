"""Settings of a workspace in a container, and what the engine is asked for to get it.

All is closed unless it is opened by name: no network, no capabilities, no new privileges, a root
that cannot be written, and limits on what may be used up.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias, get_args

__all__ = ["Access", "Limits", "Settings"]

Access: TypeAlias = Literal["write", "read", "copy"]
"""A folder of this machine can be written to, only be read, or be copied at the start."""

# The main process ends the container when for a while nothing was run in it. That a process was
# started is seen from the number which the kernel gave out last; its own `sleep` takes one.
_IDLE = r"""
limit=$1 step=$2 left=$1 before=0
while [ "$left" -gt 0 ]; do
    sleep "$step"
    left=$((left - step))
    n=0
    for p in /proc/[0-9]*; do n=$((n + 1)); done
    read -r a b c d last < /proc/loadavg
    [ $n -le 3 ] && [ $((last - before)) -le 1 ] || left=$limit
    before=$last
done
"""
_LONGEST_STEP = 10  # seconds between two looks


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds for all that runs in a container together. None sets none."""

    memory_bytes: int | None = 2 << 30
    """Files in memory included. What would need more is killed."""
    processes: int | None = 512
    """Processes and threads at a time."""
    cpus: float | None = 2.0
    file_bytes: int | None = 2 << 30
    """Size of each file that is written."""
    open_files: int | None = 16_384
    """Of each process."""
    temporary_bytes: int | None = 512 << 20
    """All that lies in `/tmp`, which is in memory, and in the workspace when that is no folder of
    this machine. In such a folder, mounted or copied, the disk of the engine is the only bound."""

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"{name} must be more than 0, got {value}")


@dataclass(frozen=True, slots=True)
class Settings:
    """All that makes one container differ from another."""

    image: str
    dockerfile: str | None
    root: str | None
    access: Access
    workdir: str
    user: str
    network: str
    limits: Limits
    runtime: str | None
    read_only_root: bool
    capabilities: tuple[str, ...]
    new_privileges: bool
    environment: Mapping[str, str] = field(default_factory=dict)
    idle_seconds: int = 3600

    def __post_init__(self) -> None:
        if self.access not in get_args(Access):
            choices = ", ".join(get_args(Access))
            raise ValueError(f"access must be one of {choices}, got {self.access!r}")
        if not self.workdir.startswith("/") or self.workdir == "/":
            raise ValueError(f"workdir must be an absolute path below /, got {self.workdir!r}")
        if self.idle_seconds <= 0:
            raise ValueError(f"idle_seconds must be more than 0, got {self.idle_seconds}")

    @property
    def digest(self) -> str:
        """Equal for equal settings."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def is_copy(self) -> bool:
        return self.root is not None and self.access == "copy"

    @property
    def opened(self) -> list[str]:
        """The folders that belong to the container alone, and that every user of it may use."""
        return ["/tmp"] if self.root is not None and not self.is_copy else ["/tmp", self.workdir]

    def body(self, labels: Mapping[str, str], volume: str | None) -> dict[str, Any]:
        """The body of `POST /containers/create`. A copy lies in the `volume`."""
        limits = self.limits
        size = "" if limits.temporary_bytes is None else f",size={limits.temporary_bytes}"
        folders = ["/tmp"] if self.root is not None else ["/tmp", self.workdir]
        host: dict[str, Any] = {
            "Init": True,
            "NetworkMode": self.network,
            "CapDrop": ["ALL"],
            "CapAdd": list(self.capabilities),
            "SecurityOpt": [] if self.new_privileges else ["no-new-privileges"],
            "ReadonlyRootfs": self.read_only_root,
            "Tmpfs": dict.fromkeys(folders, f"rw,nosuid,nodev,exec,mode=1777{size}"),
            "Mounts": self._mounts(volume),
            "IpcMode": "private",
            "LogConfig": {"Type": "none"},
            "Ulimits": [{"Name": "core", "Soft": 0, "Hard": 0}],
        }
        if limits.memory_bytes is not None:
            host |= {"Memory": limits.memory_bytes, "MemorySwap": limits.memory_bytes}
        if limits.processes is not None:
            host["PidsLimit"] = limits.processes
        if limits.cpus is not None:
            host["NanoCpus"] = int(limits.cpus * 1e9)
        for name, limit in (("fsize", limits.file_bytes), ("nofile", limits.open_files)):
            if limit is not None:
                host["Ulimits"].append({"Name": name, "Soft": limit, "Hard": limit})
        if self.runtime is not None:
            host["Runtime"] = self.runtime
        step = max(1, min(_LONGEST_STEP, self.idle_seconds // 2))
        return {
            "Image": self.image,
            # What the image would start, and how it would be asked for its health, is not wanted.
            "Entrypoint": ["/bin/sh", "-c", _IDLE, "axio", str(self.idle_seconds), str(step)],
            "Cmd": [],
            "Healthcheck": {"Test": ["NONE"]},
            # Root, so that no command can end it; without a capability it may do no more than they.
            "User": "0:0",
            "WorkingDir": "/",
            "StopSignal": "SIGKILL",
            "Env": [f"{name}={value}" for name, value in self.variables.items()],
            "Labels": dict(labels),
            "HostConfig": host,
        }

    @property
    def variables(self) -> dict[str, str]:
        return {"HOME": "/tmp", **self.environment}

    def _mounts(self, volume: str | None) -> list[dict[str, Any]]:
        if self.root is None:
            return []
        if self.is_copy:
            fresh = {"NoCopy": True}  # nothing of the image
            mount = {"Type": "volume", "Source": volume, "Target": self.workdir}
            return [{**mount, "VolumeOptions": fresh}]
        read_only = self.access == "read"
        mount = {"Type": "bind", "Source": self.root, "Target": self.workdir}
        return [{**mount, "ReadOnly": read_only, "BindOptions": {"Propagation": "rprivate"}}]
