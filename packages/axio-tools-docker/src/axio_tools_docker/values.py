"""Sizes, shares and devices as people write them, and the request that is made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from axio_tools_docker.sandbox import DockerSandbox

__all__ = ["create_body", "parse_cpus", "parse_device", "parse_memory"]

_UNITS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def parse_memory(text: str) -> int:
    """Bytes: `256m` is 256 times 1024 times 1024. The units are k, m and g."""
    words = text.strip().lower().removesuffix("b")
    number, unit = (words[:-1], _UNITS[words[-1]]) if words[-1:] in _UNITS else (words, 1)
    try:
        size = int(float(number) * unit)
    except ValueError:
        raise ValueError(f"{text!r} is no size such as 512k, 256m or 1g") from None
    if size <= 0:
        raise ValueError(f"a size must be more than 0, got {text!r}")
    return size


def parse_cpus(text: str) -> int:
    """Billionths of a processor: `1.5` is 1,500,000,000."""
    try:
        share = int(float(text) * 1_000_000_000)
    except ValueError:
        raise ValueError(f"{text!r} is no number of processors such as 0.5 or 2") from None
    if share <= 0:
        raise ValueError(f"a number of processors must be more than 0, got {text!r}")
    return share


def parse_device(text: str) -> dict[str, str]:
    """`HOST`, `HOST:CONTAINER` or `HOST:CONTAINER:RIGHTS`; the rights are of r, w and m."""
    host, _, rest = text.partition(":")
    inside, _, rights = rest.partition(":")
    return {
        "PathOnHost": host,
        "PathInContainer": inside or host,
        "CgroupPermissions": rights or "rwm",
    }


def create_body(sandbox: DockerSandbox) -> dict[str, Any]:
    """The body of `POST /containers/create`. Anything that was not set is left to the engine."""
    mounted = {**sandbox.volumes, **sandbox.named_volumes}
    network = "none" if sandbox.network is False else sandbox.network
    limits = {
        name: value if isinstance(value, tuple) else (value, value)
        for name, value in sandbox.ulimits.items()
    }
    host: dict[str, Any] = {
        "Init": True,
        "Memory": parse_memory(sandbox.memory),
        "NanoCPUs": parse_cpus(sandbox.cpus),
    }
    optional = {
        "Binds": [f"{source}:{target}" for target, source in mounted.items()],
        "NetworkMode": network if isinstance(network, str) else None,
        "ReadonlyRootfs": sandbox.read_only,
        "ShmSize": parse_memory(sandbox.shm_size) if sandbox.shm_size else None,
        "CapAdd": list(sandbox.cap_add),
        "CapDrop": list(sandbox.cap_drop),
        "Privileged": sandbox.privileged,
        "Ulimits": [{"Name": n, "Soft": soft, "Hard": hard} for n, (soft, hard) in limits.items()],
        "Tmpfs": dict(sandbox.tmpfs),
        "PortBindings": {
            f"{inside}/tcp": [{"HostPort": str(outside)}]
            for inside, outside in sandbox.ports.items()
        },
        "ExtraHosts": [f"{name}:{address}" for name, address in sandbox.extra_hosts.items()],
        "Devices": [parse_device(device) for device in sandbox.devices],
        "Dns": list(sandbox.dns),
    }
    host |= {name: value for name, value in optional.items() if value}
    body: dict[str, Any] = {
        "Image": sandbox.image,
        "Cmd": ["sleep", "infinity"],
        "WorkingDir": sandbox.workdir,
        "Env": [f"{name}={value}" for name, value in sandbox.env.items()],
        "HostConfig": host,
    }
    if sandbox.ports:
        body["ExposedPorts"] = {f"{inside}/tcp": {} for inside in sandbox.ports}
    if sandbox.user:
        body["User"] = sandbox.user
    return body
