"""`engine_facts`: what the container engine of this machine is, without any container."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from axio_tools_docker._engine import Engine
from axio_tools_docker.errors import EngineError

__all__ = ("EngineError", "EngineFacts", "engine_facts")


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """An engine that answers. `runtimes` are names for `DockerWorkspace(runtime=...)`."""

    url: str
    name: str
    version: str
    runtimes: tuple[str, ...]
    is_rootless: bool


async def engine_facts(patience: float = 3.0) -> EngineFacts:
    """The engine that a workspace would use.

    Raises:
        EngineError: there is none, or it refuses.
        TimeoutError: it does not answer for so many seconds.
    """
    engine = Engine()
    try:
        async with asyncio.timeout(patience):
            facts = await engine.info()
    finally:
        await engine.close()
    runtimes = facts.get("Runtimes")
    options = facts.get("SecurityOptions")
    return EngineFacts(
        url=engine.url,
        name="Podman" if "podman" in engine.url else "Docker",
        version=str(facts.get("ServerVersion", "of a version that it does not tell")),
        runtimes=tuple(sorted(runtimes)) if isinstance(runtimes, dict) else (),
        is_rootless=any("rootless" in str(one) for one in options or ()),
    )
