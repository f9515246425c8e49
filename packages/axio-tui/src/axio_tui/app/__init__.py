"""The full-screen application, on Textual, which is imported when one of these names is used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from axio_tui.app.app import AgentApp
    from axio_tui.app.screens.roles import ModelRole, ModelRoleSelectScreen

    DB_PATH: Path
    """The file of conversations and of what is saved."""

__all__ = ("DB_PATH", "AgentApp", "ModelRole", "ModelRoleSelectScreen")

_MODULES = {
    "AgentApp": "axio_tui.app.app",
    "ModelRole": "axio_tui.app.screens.roles",
    "ModelRoleSelectScreen": "axio_tui.app.screens.roles",
}


def __getattr__(name: str) -> Any:
    if name == "DB_PATH":
        from axio_tui.config.paths import database_file

        return database_file()
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
