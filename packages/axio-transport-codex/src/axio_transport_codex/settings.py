"""The settings dialog under its other name."""

from axio_transport_codex.tui import CodexSettingsScreen

__all__ = ("CodexSettingsScreen",)
