"""Screens by the names that plug-ins know. Each dismisses a value."""

from __future__ import annotations

from axio_tui.app.screens.ask import QuitDialog
from axio_tui.app.screens.contract import (
    ModelSelectScreen,
    SelectorSelectScreen,
    SessionSelectScreen,
    ToolDetailScreen,
)
from axio_tui.app.screens.hub import PluginHubScreen
from axio_tui.app.screens.switches import (
    GuardSelectScreen,
    GuardToolsScreen,
    ToolSelectScreen,
    TransportSelectScreen,
)

__all__ = (
    "GuardSelectScreen",
    "GuardToolsScreen",
    "ModelSelectScreen",
    "PluginHubScreen",
    "QuitDialog",
    "SelectorSelectScreen",
    "SessionSelectScreen",
    "ToolDetailScreen",
    "ToolSelectScreen",
    "TransportSelectScreen",
)
