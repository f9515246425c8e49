"""Discovery under the name that plug-ins know; `axio.plugins` does the work."""

from __future__ import annotations

from axio.plugins import (
    GUARDS_GROUP,
    SELECTOR_GROUP,
    TOOLS_GROUP,
    TOOLS_SETTINGS_GROUP,
    TRANSPORT_GROUP,
    TRANSPORT_SETTINGS_GROUP,
    ToolsPlugin,
    discover_guards,
    discover_selectors,
    discover_tools,
    discover_tools_by_package,
    discover_tools_plugins,
    discover_transport_settings,
    discover_transports,
)

__all__ = [
    "GUARDS_GROUP",
    "SELECTOR_GROUP",
    "TOOLS_GROUP",
    "TOOLS_SETTINGS_GROUP",
    "TRANSPORT_GROUP",
    "TRANSPORT_SETTINGS_GROUP",
    "ToolsPlugin",
    "discover_guards",
    "discover_selectors",
    "discover_tools",
    "discover_tools_by_package",
    "discover_tools_plugins",
    "discover_transport_settings",
    "discover_transports",
]
