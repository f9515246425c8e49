"""Commands that have a screen of their own here; with more words they do as everywhere."""

from __future__ import annotations

from collections.abc import Mapping

from axio_tui.chat.commands import SlashCommand

__all__ = ("SCREEN_COMMANDS",)

SCREEN_COMMANDS: Mapping[str, SlashCommand] = {}
