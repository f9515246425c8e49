"""`${VARIABLES}` in a configuration. Replaced when a server is connected, never in what is kept."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from axio_tools_mcp.config import OAUTH, MCPServerConfig
from axio_tools_mcp.errors import ConfigError

__all__ = ("expanded",)

_VARIABLE = re.compile(r"\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_ASKED = re.compile(r"\$\{(input|command):[^}]*\}")
_FOLDERS: dict[str, Callable[[], str]] = {
    "workspaceFolder": os.getcwd,
    "userHome": lambda: os.path.expanduser("~"),
}
_TEXTS = ("command", "args", "env", "url", "headers", "cwd", *OAUTH)


def expanded(
    config: MCPServerConfig, environment: Mapping[str, str] = os.environ
) -> MCPServerConfig:
    """The configuration with `${NAME}`, `${env:NAME}` and `${NAME:-default}` replaced in its texts.

    `${workspaceFolder}` is the working folder and `${userHome}` the home folder, where there are no
    variables of these names. `ConfigError` for a variable that is not set and has no default.
    """

    def replace(where: str) -> Callable[[re.Match[str]], str]:
        def value_of(found: re.Match[str]) -> str:
            name, default = found.groups()
            value = environment.get(name)
            if value is None and name in _FOLDERS:
                return _FOLDERS[name]()
            if default is not None:
                return value or default  # as in a shell: an empty one counts as none
            if value is None:
                raise ConfigError(
                    f"MCP server {config.name!r}: the variable {name} in its {where} is not set"
                )
            return value

        return value_of

    def expand(value: Any, where: str) -> Any:
        if isinstance(value, str):
            if asked := _ASKED.search(value):
                raise ConfigError(
                    f"MCP server {config.name!r}: nobody can be asked for {asked[0]} in its "
                    f"{where}; write ${{VARIABLE}} instead"
                )
            return _VARIABLE.sub(replace(where), value)
        if isinstance(value, list):
            return [expand(item, where) for item in value]
        if isinstance(value, dict):
            return {key: expand(item, where) for key, item in value.items()}
        return value

    return dataclasses.replace(
        config, **{name: expand(getattr(config, name), name) for name in _TEXTS}
    )
