"""A container as the workspace of an agent."""

from __future__ import annotations

from axio_tools_docker.sandbox import DockerSandbox
from axio_tools_docker.workspace import DockerWorkspace

__all__ = ["DockerSandbox", "DockerWorkspace"]

__version__ = "1.0.0a1"
