"""The environment of a server that is started: little of this program's own, and what is named."""

from __future__ import annotations

import os
from collections.abc import Mapping

from axio_tools_mcp.config import MCPServerConfig

__all__ = ("environment_of",)

_ALWAYS = ("HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER")


def environment_of(config: MCPServerConfig, ours: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables that every server gets, those of `pass_variables`, and what `env` sets."""
    names = (*_ALWAYS, *config.pass_variables)
    return {**{name: ours[name] for name in names if name in ours}, **(config.env or {})}
